"""LLaMA, a pre-norm decoder with RMSNorm, rotary positions and gated MLPs (Touvron et al. 2023), and its variations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    GLU,
    Activation,
    Attention,
    Causal,
    Classifier,
    HeadNorm,
    LayerNorm,
    LMHead,
    OwnHeadNorm,
    Parallel,
    QKNorm,
    QKNormAttention,
    RampScaling,
    Residual,
    RMSNorm,
    Rotary,
    RotaryScaling,
    ScaledTokens,
    Stack,
    Tokens,
    Transformer,
    Window,
    ZeroCenteredNorm,
    own_layers,
    swap,
)


def llama(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    length: int = 2048,
    kv_heads: int | None = None,
    eps: float = 1e-6,
    *,
    head_dim: int | None = None,
    base: float = 10000.0,
    scaling: RotaryScaling | None = None,
    activation: Activation = "silu",
    tied: bool = False,
    attention_bias: bool = False,
    mlp_bias: bool = False,
    attention_dropout: float = 0.0,
) -> Transformer:
    """LLaMA (Touvron et al. 2023) and the many decoders that keep its shape."""
    norm = RMSNorm(eps)
    attention = Attention(
        heads,
        kv_heads=None if kv_heads == heads else kv_heads,
        head_dim=None if head_dim is not None and head_dim * heads == dim else head_dim,
        bias="qkvo" if attention_bias else "",
        position=Rotary(base, scaling=scaling, length=length),
        mask=(Causal(),),
        dropout=attention_dropout,
    )
    layer = (Residual(attention, norm), Residual(GLU(hidden, activation, bias=mlp_bias), norm))
    return Transformer(dim, Tokens(vocab), Stack((layer,) * depth, norm), {"lm": LMHead(tied=tied)})


_NO_BIASES = {"attention_bias": False, "mlp_bias": False}


@varies(llama, vocab=128256, length=131072, eps=1e-5, base=500000.0, fixed={"scaling": None})
def llama3_1(
    model: Transformer, *, factor: float = 8.0, trained: int = 8192, low: float = 1.0, high: float = 4.0
) -> Transformer:
    """Llama 3.1 (Llama Team 2024): LLaMA whose slow rotations are slowed further, past ``trained`` positions."""
    return model.at("stack.layers[*].attn.position.scaling", RampScaling(factor, trained, low, high))


@varies(llama, length=32768, eps=1e-5, fixed=_NO_BIASES)
def mistral(model: Transformer, *, window: int | None = 4096) -> Transformer:
    """Mistral (Jiang et al. 2023): LLaMA with grouped heads, each of which sees the last ``window`` tokens only.

    Later sizes have no window.
    """
    return model if window is None else windowed_layers(model, window, range(len(model.stack.layers)))


@varies(llama, vocab=151936, length=32768, base=1000000.0, fixed=_NO_BIASES)
def qwen2(model: Transformer, *, window: int | None = None, windowed: Sequence[int] = ()) -> Transformer:
    """Qwen2 (Yang et al. 2024): LLaMA with grouped heads and biases on queries, keys and values.

    ``windowed`` names the layers, if any, that see the last ``window`` tokens only.
    """
    model = model.at("stack.layers[*].attn.bias", "qkv")
    return model if window is None else windowed_layers(model, window, windowed)


@varies(llama, vocab=151936, length=40960, head_dim=128, base=1000000.0, fixed={"mlp_bias": False})
def qwen3(model: Transformer, *, window: int | None = None, windowed: Sequence[int] = ()) -> Transformer:
    """Qwen3 (Yang et al. 2025): Qwen2 whose queries and keys are normalized in each head, instead of biased."""
    model = normed_heads(model, HeadNorm(model.at("stack.norm")))
    return model if window is None else windowed_layers(model, window, windowed)


@varies(llama, vocab=50304, length=4096, eps=1e-5, fixed=_NO_BIASES)
def stablelm(
    model: Transformer, *, fraction: float = 0.25, attention_bias: bool = False, qk_norm: bool = False,
    parallel: bool = False, dropout: float = 0.0,
) -> Transformer:  # fmt: skip
    """Stable LM (Bellagente et al. 2024): LLaMA with LayerNorm and rotary positions on a quarter of each head.

    Stable LM 2 12B also runs attention and MLP in ``parallel`` and normalizes queries and keys, each head by itself.
    """
    eps = model.at("stack.norm.eps")
    model = swap(model, RMSNorm, LayerNorm(eps)).at("stack.layers[*].attn.bias", "qkv" if attention_bias else "")
    model = model.at("stack.layers[*].attn.position.fraction", fraction)
    if qk_norm:
        model = normed_heads(model, OwnHeadNorm(LayerNorm(eps, bias=False)))
    attention, mlp = own_layers(model.stack)[0]
    layer = (attention, mlp.replace(dropout=dropout))
    if parallel:
        layer = (Residual(Parallel((attention.op, mlp.op)), attention.norm),)
    return model.replace(stack=model.stack.replace(layers=(layer,) * len(model.stack.layers)))


@varies(
    llama, vocab=256000, length=8192, head_dim=256, activation="gelu_tanh", tied=True, fixed={"mlp_bias": False}
)  # fmt: skip
def gemma(model: Transformer) -> Transformer:
    """Gemma (Gemma Team 2024): LLaMA with GELU gates, wide heads, scaled token vectors and gains around one."""
    model = swap(model, RMSNorm, lambda norm: ZeroCenteredNorm(norm.eps))
    return model.replace(embed=ScaledTokens(model.at("embed.vocab")))


def windowed_layers(model: Transformer, window: int, layers: Sequence[int]) -> Transformer:
    """Return a decoder of equal layers in which those of these numbers see the last ``window`` tokens only."""
    wide, chosen = own_layers(model.stack)[0], set(layers)
    near = (wide[0].at("mask", (Causal(), Window(window))), *wide[1:])
    mixed = tuple(near if index in chosen else wide for index in range(len(model.stack.layers)))
    return model.replace(stack=model.stack.replace(layers=mixed))


def normed_heads(model: Transformer, norm: QKNorm) -> Transformer:
    """Return a model whose attentions normalize queries and keys."""

    def normed(node: Attention) -> QKNormAttention:
        return QKNormAttention(**{field.name: getattr(node, field.name) for field in fields(node)}, qk_norm=norm)

    return swap(model, Attention, normed)


def tag_tokens(spec: Transformer, labels: int) -> Heads:
    """A label for each token, behind dropout of a tenth."""
    return {"tags": Classifier(labels, "every", dropout=0.1)}


def tag_tokens_alike(spec: Transformer, labels: int) -> Heads:
    """The same behind the dropout that the layers have (Stable LM)."""
    return {"tags": Classifier(labels, "every", dropout=own_layers(spec.stack)[0][-1].dropout)}
