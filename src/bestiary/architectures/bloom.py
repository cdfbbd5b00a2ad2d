"""BLOOM, MPT and Falcon: decoders of 2022 and 2023, two of them with penalties that grow with distance."""

from __future__ import annotations

from bestiary.architectures.gptj import normed_side_by_side
from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Activation,
    Alibi,
    Attention,
    BoundedAttention,
    Causal,
    Classifier,
    CoarseAlibi,
    KeyAlibi,
    LayerNorm,
    LMHead,
    Parallel,
    Residual,
    Rotary,
    RotaryScaling,
    Stack,
    Tokens,
    Transformer,
    own_layers,
)


def bloom(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 250880,
    *,
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    tied: bool = True,
) -> Transformer:
    """BLOOM (Le Scao et al. 2022): a norm on the embedding, and penalties that each key brings along."""
    norm = LayerNorm(eps)
    layer = (
        Residual(Attention(heads, mask=(Causal(),), dropout=attention_dropout), norm, dropout=dropout),
        Residual(MLP(hidden, "gelu_tanh_short"), norm, dropout=dropout),
    )
    return Transformer(dim, Tokens(vocab, norm=norm), Stack((layer,) * depth, norm, KeyAlibi()), {"lm": LMHead(tied)})


def mpt(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 50432,
    *,
    scale: float | None = None,
    bound: float | None = None,
    halvings: float = 8.0,
    eps: float = 1e-5,
    dropout: float = 0.0,
    tied: bool = True,
) -> Transformer:
    """MPT (MosaicML 2023): penalties that grow with distance, and no biases anywhere.

    StoryWriter has flatter penalties (``halvings``) and holds what it projects within ``bound``.
    """
    norm = LayerNorm(eps, bias=False)
    attention = Attention(heads, bias="", mask=(Causal(),), scale=scale, dropout=dropout)
    if bound is not None:
        attention = BoundedAttention(heads, bias="", mask=(Causal(),), scale=scale, dropout=dropout, bound=bound)
    layer = (
        Residual(attention, norm, dropout=dropout),
        Residual(MLP(hidden, "gelu", bias=False), norm, dropout=dropout),
    )
    return Transformer(dim, Tokens(vocab), Stack((layer,) * depth, norm, Alibi(halvings)), {"lm": LMHead(tied)})


def falcon_serial(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 50304,
    length: int = 2048,
    kv_heads: int | None = None,
    *,
    alibi: bool = True,
    base: float = 10000.0,
    scaling: RotaryScaling | None = None,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    bias: bool = True,
    tied: bool = True,
) -> Transformer:
    """Falcon-RW (Penedo et al. 2023): branches one after the other, and coarse penalties for distance (``alibi``).

    Behind rotary positions the released code drops nothing of the attention's probabilities.
    """
    norm = LayerNorm(eps)
    attention = Attention(
        heads,
        kv_heads=None if kv_heads == heads else kv_heads,
        bias="qkvo" if bias else "",
        position=None if alibi else Rotary(base, scaling=scaling, length=length),
        mask=(Causal(),),
        dropout=attention_dropout if alibi else 0.0,
    )
    layer = (
        Residual(attention, norm, dropout=attention_dropout),
        Residual(MLP(hidden, activation, bias), norm, dropout=dropout),
    )
    stack = Stack((layer,) * depth, norm, CoarseAlibi() if alibi else None)
    return Transformer(dim, Tokens(vocab), stack, {"lm": LMHead(tied)})


@varies(falcon_serial, vocab=65024, kv_heads=1, alibi=False, bias=False)
def falcon(model: Transformer) -> Transformer:
    """Falcon (Almazrouei et al. 2023), as its 7B has it: attention and MLP side by side on one norm.

    One head of keys and values for all queries unless ``kv_heads`` says more.
    """
    attention, mlp = own_layers(model.stack)[0]
    layer = (mlp.replace(op=Parallel((attention.op, mlp.op))),)
    return model.replace(stack=model.stack.replace(layers=(layer,) * len(model.stack.layers)))


@varies(falcon_serial, vocab=65024, kv_heads=8, alibi=False, bias=False)
def falcon_two_norms(model: Transformer) -> Transformer:
    """Falcon (Almazrouei et al. 2023), as its 40B and 180B have it: attention and MLP each behind a norm of its own."""
    return normed_side_by_side(model)


def tag_tokens(spec: Transformer, labels: int) -> Heads:
    """A label for each token, behind the dropout of the layers."""
    return {"tags": Classifier(labels, "every", dropout=spec.at("stack.layers[0]")[-1].dropout)}
