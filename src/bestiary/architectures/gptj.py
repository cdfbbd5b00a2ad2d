"""GPT-J and GPT-NeoX: decoders whose rotary positions turn a part of each head (Wang and Komatsuzaki 2021)."""

from __future__ import annotations

import math

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    Classifier,
    LayerNorm,
    LMHead,
    Normed,
    Parallel,
    Residual,
    Rotary,
    RotaryScaling,
    Stack,
    Tokens,
    Transformer,
    own_layers,
)


def gptj(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 2048,
    rotated: int = 64,
    *,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    embedding_dropout: float = 0.0,
    tied: bool = False,
) -> Transformer:
    """GPT-J (Wang and Komatsuzaki 2021): attention and MLP side by side on one norm, biases only in MLPs and scores.

    The first ``rotated`` coordinates of each head are turned.
    """
    norm = LayerNorm(eps)
    position = Rotary(fraction=turned_share(rotated, max(1, dim // heads)), length=length)
    attention = Attention(heads, bias="", position=position, mask=(Causal(),), dropout=attention_dropout)
    layer = (Residual(Parallel((attention, MLP(hidden, activation))), norm, dropout=dropout),)
    embed = Tokens(vocab, dropout=embedding_dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"lm": LMHead(tied=tied, bias=True)})


def gpt_neox_serial(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 2048,
    fraction: float = 0.25,
    *,
    base: float = 10000.0,
    scaling: RotaryScaling | None = None,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    tied: bool = False,
    attention_bias: bool = True,
) -> Transformer:
    """GPT-NeoX's code with one branch after the other, as many models trained with it have them (RedPajama)."""
    norm = LayerNorm(eps)
    attention = Attention(
        heads,
        bias="qkvo" if attention_bias else "",
        position=Rotary(base, fraction, scaling, length),
        mask=(Causal(),),
        dropout=attention_dropout,
    )
    layer = (Residual(attention, norm, dropout=dropout), Residual(MLP(hidden, activation), norm, dropout=dropout))
    embed = Tokens(vocab, dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"lm": LMHead(tied=tied)})


@varies(gpt_neox_serial)
def gpt_neox(model: Transformer) -> Transformer:
    """GPT-NeoX (Black et al. 2022): attention and MLP side by side, each behind a norm of its own."""
    return normed_side_by_side(model)


def normed_side_by_side(model: Transformer) -> Transformer:
    """Put the two branches of every layer side by side, each behind the norm that it had."""
    layer = own_layers(model.stack)[0]
    ops = tuple(Normed(branch.op, branch.norm) for branch in layer if branch.norm is not None)
    side_by_side = (Residual(Parallel(ops), dropout=layer[-1].dropout),)
    return model.replace(stack=model.stack.replace(layers=(side_by_side,) * len(model.stack.layers)))


def turned_share(rotated: int, head_dim: int) -> float:
    """Return the fraction of a head that is ``rotated`` coordinates, though a division rounds down."""
    share = rotated / head_dim
    return share if int(head_dim * share) == rotated else math.nextafter(share, 2.0)


def tag_tokens(spec: Transformer, labels: int) -> Heads:
    """A label for each token, behind dropout of 0.1, the reference's default."""
    return {"tags": Classifier(labels, "every", dropout=0.1)}
