"""Attention with normalized queries and keys, and norms around one, against slow derivations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bestiary.nn import Context, build
from bestiary.nn.attention import Attention
from bestiary.nn.qk_norm import QKNormAttention
from bestiary.spec import (
    GLU,
    Causal,
    HeadNorm,
    JointNorm,
    LayerNorm,
    OwnHeadNorm,
    QKNorm,
    Residual,
    RMSNorm,
    Rotary,
    ScaledTokens,
    Stack,
    Transformer,
    ZeroCenteredNorm,
)
from bestiary.spec import Attention as AttentionNode
from bestiary.spec import QKNormAttention as QKNormAttentionNode

EXACT = 1e-12
ROUNDED = 1e-6
"""RMSNorm takes its vector in float32 whatever the dtype."""
EPS = 1e-3
HEADS, SHARED, WIDTH = 4, 2, 6


def context(tokens: int) -> Context:
    return Context(torch.arange(tokens)[None], tokens)


def rms(x: list[float], gain: Tensor) -> Tensor:
    size = math.sqrt(sum(value**2 for value in x) / len(x) + EPS)
    return torch.tensor([value / size for value in x], dtype=torch.float64) * gain


def centered(x: list[float], gain: Tensor) -> Tensor:
    mean = sum(x) / len(x)
    size = math.sqrt(sum((value - mean) ** 2 for value in x) / len(x) + EPS)
    return torch.tensor([(value - mean) / size for value in x], dtype=torch.float64) * gain


def normed(kind: QKNorm, projected: Tensor, gain: Tensor) -> Tensor:
    """Normalize one token's queries or keys by the definition of each kind."""
    heads = projected.unflatten(-1, (-1, WIDTH))
    if isinstance(kind, HeadNorm):
        return torch.cat([rms(head.tolist(), gain) for head in heads])
    if isinstance(kind, OwnHeadNorm):
        return torch.cat([centered(head.tolist(), own) for head, own in zip(heads, gain, strict=True)])
    return centered(projected.tolist(), gain)


KINDS = {
    "head": (HeadNorm(RMSNorm(EPS)), ROUNDED),
    "own": (OwnHeadNorm(LayerNorm(EPS, bias=False)), EXACT),
    "joint": (JointNorm(LayerNorm(EPS, bias=False)), EXACT),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bias", ["", "qkv"])
@torch.no_grad()
def test_queries_and_keys_are_normalized_as_each_kind_says(name: str, bias: str) -> None:
    torch.manual_seed(0)
    kind, tolerance = KINDS[name]
    fields = {"heads": HEADS, "kv_heads": SHARED, "head_dim": WIDTH, "bias": bias, "mask": (Causal(),)}
    attention = QKNormAttention(QKNormAttentionNode(**fields, qk_norm=kind), 8).double()
    for parameter in attention.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    x = torch.randn(2, 5, 8).double()
    for side in (attention.q, attention.k):
        plain = torch.nn.functional.linear(x, side.weight, side.bias)
        gain = next(parameter for path, parameter in side.norm.named_parameters() if path.endswith("weight"))
        expected = torch.stack([torch.stack([normed(kind, token, gain) for token in row]) for row in plain])
        assert (side(x) - expected).abs().max() < tolerance


@torch.no_grad()
def test_what_follows_is_plain_attention() -> None:
    torch.manual_seed(0)
    fields = {"heads": HEADS, "head_dim": WIDTH, "mask": (Causal(),), "position": Rotary()}
    node = QKNormAttentionNode(**fields, qk_norm=OwnHeadNorm(LayerNorm(EPS)))
    ours, plain = QKNormAttention(node, 8).double(), Attention(AttentionNode(**fields), 8).double()
    for parameter in ours.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    plain.v, plain.o = ours.v, ours.o
    plain.q, plain.k = ours.q, ours.k  # projections are all that differs
    x = torch.randn(2, 5, 8).double()
    assert torch.equal(ours(x, context(5)), plain(x, context(5)))


def test_fresh_gains_are_one_and_offsets_none() -> None:
    attention = QKNormAttentionNode(HEADS, head_dim=WIDTH, qk_norm=OwnHeadNorm(LayerNorm()))
    layer = (Residual(attention, ZeroCenteredNorm()), Residual(GLU(5), ZeroCenteredNorm()))
    model = build(Transformer(8, ScaledTokens(9), Stack((layer,), ZeroCenteredNorm())), seed=0)
    norm = model.stack.layers[0].attn.q.norm
    assert torch.equal(norm.weight, torch.ones(HEADS, WIDTH))
    assert torch.equal(norm.bias, torch.zeros(HEADS, WIDTH))
    assert not model.stack.norm.gain.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_the_gain_around_one_is_applied_before_rounding(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = build(Transformer(8, ScaledTokens(9), Stack(((Residual(GLU(5)),),), ZeroCenteredNorm(EPS))), seed=0)
    norm = model.to(dtype).stack.norm
    norm.gain.data = torch.randn(8).to(dtype)
    x = torch.randn(3, 8).to(dtype)
    expected = torch.stack([rms(row.tolist(), 1 + norm.gain.double()) for row in x])
    assert (norm(x) - expected).abs().max() <= expected.abs().max() * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_scaled_tokens_round_the_root_of_the_width(dtype: torch.dtype) -> None:
    model = build(Transformer(10, ScaledTokens(9), Stack(((Residual(GLU(5)),),))), seed=0).to(dtype)
    ids, given = torch.tensor([[3, 4]]), torch.randn(1, 2, 10).to(dtype)
    root = torch.tensor(math.sqrt(10)).to(dtype)
    looked_up = model.embed(Context(torch.arange(2)[None], 2, input_ids=ids, table=model.embed.tokens.weight))
    assert torch.equal(looked_up, model.embed.tokens(ids) * root)
    assert torch.equal(model.embed(Context(torch.arange(2)[None], 2), given), given)
