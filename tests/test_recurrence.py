"""Recurrence from segment to segment, two streams and shifted scores, against references and slow derivations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from comparison import apart, kept, perturbed, targets, texts
from references import Row
from references.recurrent import POSITIONS, xlnet
from torch import Tensor
from transformers import XLNetModel

from bestiary import nn, spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn.context import Context
from bestiary.sizing import count
from bestiary.weights.load import load_weights

SMALL = make("xlnet", dim=16, depth=2, heads=4, hidden=24, vocab=50)
RELATIVE = spec.RelativeAttention(2, memory=spec.Memory())
SWITCHES: dict[str, dict[str, Any]] = {
    "all remembered": {"mem_len": None},
    "some remembered": {"mem_len": 5, "clamp_len": 4},
    "some of a segment remembered": {"mem_len": 7, "reuse_len": 3},
    "one direction": {"attn_type": "uni", "mem_len": 6},
    "as many keys for each": {"attn_type": "uni", "same_length": True, "mem_len": 6},
    "half the batch backwards": {"bi_data": True},
}


GIVEN = [
    (name, given)
    for name, switches in SWITCHES.items()
    # In one direction the reference fails to add a mask for each text to one for all.
    for given in (("tokens",) if "attn_type" in switches else ("tokens", "padded", "streams"))
]


@pytest.mark.parametrize(("switches", "given"), GIVEN)
@torch.no_grad()
def test_three_segments_as_the_reference(switches: str, given: str, tmp_path: Path) -> None:
    reference = perturbed(Row("XLNetLMHeadModel", lambda random: xlnet(random, **SWITCHES[switches])), 0)
    reference.save_pretrained(tmp_path)
    model, _ = load_weights(tmp_path)
    theirs, ours = None, None
    for _ in range(3):
        keep = kept(9, "right")[torch.tensor([0, 1, 2, 1])]
        inputs = {"token_type_ids": torch.randint(0, 3, keep.shape)}
        inputs |= {"attention_mask": keep} if given != "tokens" else {}
        inputs |= targets(keep) if given == "streams" else {}
        ids = texts(reference.config, keep)
        expected, found = reference(ids, mems=theirs, **inputs), model(ids, mems=ours, **inputs)
        assert apart(expected.logits, found.logits) < 1e-10
        theirs, ours = expected.mems, found.mems
        for one, other in zip(theirs, ours, strict=True):
            assert one.shape == other.shape
            assert apart(one, other) < 1e-10


@torch.no_grad()
def test_answers_of_two_streams_are_those_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = perturbed(Row("XLNetLMHeadModel", xlnet), 1)
    reference.save_pretrained(tmp_path)
    model, _ = load_weights(tmp_path)
    ids = texts(reference.config, kept(6, None))
    settings = {"max_new_tokens": 5, "eos_token_id": None, "pad_token_id": 0}
    monkeypatch.setattr(XLNetModel, "positional_embedding", staticmethod(POSITIONS))
    expected = reference.float().generate(ids, do_sample=False, use_mems=False, **settings)
    assert torch.equal(generate(model, ids, **settings), expected)
    padded = torch.nn.functional.pad(ids, (2, 3))
    mask = torch.nn.functional.pad(torch.ones_like(ids), (2, 3))
    assert torch.equal(generate(model, padded, mask, **settings)[:, 11:], expected[:, 6:])


def test_what_two_streams_refuse() -> None:
    model = nn.build(SMALL, seed=0)
    ids = torch.arange(6)[None]
    with pytest.raises(BestiaryError, match="give mems, no cache"):
        model(ids, past_key_values=nn.Cache())
    mirrored = model.spec.at("stack.layers[*].attn.distances", spec.MirroredDistances())
    with pytest.raises(BestiaryError, match="an even number"):
        nn.build(mirrored, seed=0)(ids)
    plain = nn.build(model.spec.replace(embed=spec.Tokens(50)), seed=0)
    with pytest.raises(BestiaryError, match="no vector for targets"):
        plain(ids, target_mapping=torch.zeros(1, 1, 6))
    assert model.train()(ids).mems is None
    assert len(model(ids, use_mems=True).mems) == 2


def slow_scores(op: Any, q: Tensor, k: Tensor, past: int) -> Tensor:
    """The four terms of Dai et al. 2019, section 3.3, one query, key and head at a time."""
    heads, tokens, width = q.shape
    scores = torch.zeros(heads, tokens, len(k[0]), dtype=q.dtype)
    dim = op.r.in_features
    for head in range(heads):
        u, v = op.content_bias[head], op.distance_bias[head]
        wr = op.r.weight[head * width : (head + 1) * width]
        for i in range(tokens):
            for j in range(len(k[0])):
                angles = (past + i - j) / 10000 ** (torch.arange(0, dim, 2) / dim)
                r = wr @ torch.cat((angles.sin(), angles.cos())).to(q.dtype)
                query = q[head, i]
                scores[head, i, j] = query @ k[head, j] + query @ r + u @ k[head, j] + v @ r
    return scores * width**-0.5


@pytest.mark.parametrize("mask", [(), (spec.Causal(),)])
@torch.no_grad()
def test_relative_scores_are_the_four_terms(mask: tuple[spec.Mask, ...]) -> None:
    node = spec.RelativeAttention(2, head_dim=6, mask=mask, memory=spec.Memory())
    layer = make("gpt2", dim=10, depth=1, heads=2, hidden=8, vocab=20)
    op = nn.build(layer.at("stack.layers[*].attn", node).replace(embed=spec.Tokens(20)), seed=0).double()
    op = op.stack.layers[0].attn
    for parameter in op.parameters():
        parameter.normal_()
    past, tokens = 3, 5
    x = torch.randn(1, past + tokens, 10).double()
    context = Context(torch.arange(tokens)[None], past + tokens)
    q, k, v = (project(x).unflatten(-1, (2, 6)).transpose(1, 2)[0] for project in (op.q, op.k, op.v))
    scores = slow_scores(op, q[:, past:], k, past)
    if mask:
        later = torch.arange(past + tokens) > past + torch.arange(tokens)[:, None]
        scores = scores.masked_fill(later, -torch.inf)
    expected = op.o((scores.softmax(-1) @ v).transpose(0, 1).flatten(1))
    assert apart(expected, op(x, context)[0]) < 1e-6  # sines are of float32


REFUSED = {
    "heads do not divide": ("stack.layers[0].attn.heads", 5),
    "which is odd": ("dim", 15),
    "must all have the same memory": ("stack.layers[0].attn.memory", spec.Memory(3)),
    "stands alone in its branch": ("stack.layers[*].mlp", spec.Parallel((spec.MLP(3), RELATIVE))),
    "an attention with a memory": ("stack.layers[1].attn", spec.Residual(spec.Normed(RELATIVE, spec.RMSNorm()))),
    "clamp is 0": ("stack.layers[0].attn.distances", spec.SineDistances(clamp=0)),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_check_refuses(sentence: str) -> None:
    with pytest.raises(BestiaryError, match=sentence):
        spec.check(SMALL.at(*REFUSED[sentence]))


def test_shown_written_and_made_small() -> None:
    large = make("xlnet", dim=1024, depth=24, heads=16, hidden=4096, memory=384)
    assert count(large).total == 360_268_800 + 32_000  # what the reference's base model has, and the bias of the scores
    assert spec.from_json(spec.to_json(large)) == large
    assert "(q + s) @ same_or_other_segment.T" in spec.flat(large)
    small = spec.tiny(large)
    assert (small.dim, small.at("stack.layers[0].attn.heads")) == (64, 4)
    assert small.at("stack.layers[*].attn.memory") == (spec.Memory(128),) * 2
    window = (spec.Causal(), spec.Window(384))
    assert spec.tiny(large.at("stack.layers[*].attn.mask", window)).at("stack.layers[0].attn.mask")[1] == spec.Window(
        128
    )
