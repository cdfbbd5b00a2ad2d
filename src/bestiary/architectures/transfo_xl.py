"""Transformer-XL, a decoder that remembers earlier segments (Dai et al. 2019), and Gopher, which keeps its scores."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Activation,
    AdaptiveLMHead,
    AdaptiveTokens,
    Causal,
    LayerNorm,
    LMHead,
    Placement,
    QueryBiases,
    RelativeAttention,
    Residual,
    RMSNorm,
    SineDistances,
    Stack,
    TiedRelativeAttention,
    Tokens,
    Transformer,
    Window,
    ZeroMemory,
)


def transfo_xl(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    *,
    head_dim: int | None = None,
    width: int | None = None,
    cutoffs: tuple[int, ...] = (),
    divisor: int = 1,
    own: tuple[int, ...] = (0,),
    square: bool = True,
    own_biases: bool = True,
    memory: int | None = None,
    same_length: bool = True,
    clamp: int | None = None,
    placement: Placement = "post",
    tied: bool = True,
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
) -> Transformer:
    """Transformer-XL (Dai et al. 2019): a causal decoder with relative scores, a memory, and an adaptive softmax.

    Tokens after each of ``cutoffs`` have tables narrower by ``divisor`` than those before; with a divisor of 1 there is
    one table. ``own`` names the bands that the output projects by matrices of its own; with ``square`` a band as wide
    as the model is projected too. With ``own_biases`` each layer has its own biases of queries. With ``same_length`` a
    token sees as many keys as the memory is long, itself included.
    """
    norm = LayerNorm(eps)
    attention = (RelativeAttention if own_biases else TiedRelativeAttention)(
        heads,
        head_dim=None if head_dim is None or head_dim * heads == dim else head_dim,
        distances=SineDistances(clamp=clamp),
        memory=None if memory is None else ZeroMemory(memory),
        mask=(Causal(), Window(memory)) if same_length and memory else (Causal(),),
        dropout=attention_dropout,
    )
    layer = (
        Residual(attention, norm, placement, dropout=dropout),
        Residual(MLP(hidden, "relu", dropout=dropout), norm, placement, dropout=dropout),
    )
    if divisor == 1:
        embed, own = Tokens(vocab, scaled=True, dropout=dropout), ()
    else:
        widths = [(width or dim) // divisor**band for band in range(len(cutoffs) + 1)]
        projected = tuple(None if width == dim and not square else width for width in widths)
        embed = AdaptiveTokens(vocab, cutoffs, projected, dropout)
    stack = Stack((layer,) * depth, position=None if own_biases else QueryBiases())
    return Transformer(dim, embed, stack, {"lm": AdaptiveLMHead(cutoffs, tied, own)})


def gopher(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    *,
    head_dim: int | None = None,
    activation: Activation = "gelu",
    bias: bool = True,
    tied: bool = True,
    eps: float = 1e-6,
) -> Transformer:
    """Gopher (Rae et al. 2021) and Chinchilla (Hoffmann et al. 2022): pre-norm, RMSNorm, Transformer-XL's scores.

    Gopher's section on models names two changes to GPT-2 and no nonlinearity or bias, so GELU and the MLPs' biases are
    GPT-2's; the norm's smallest number is a stand-in.
    The stated counts need the map of distances in every layer and an output that reads the token table.
    """
    norm = RMSNorm(eps)
    attention = RelativeAttention(
        heads, head_dim=None if head_dim is None or head_dim * heads == dim else head_dim, mask=(Causal(),)
    )
    layer = (Residual(attention, norm), Residual(MLP(hidden, activation, bias=bias), norm))
    return Transformer(dim, Tokens(vocab), Stack((layer,) * depth, norm), {"lm": LMHead(tied=tied)})
