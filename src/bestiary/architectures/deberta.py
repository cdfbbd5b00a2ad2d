"""DeBERTa: an encoder whose attention keeps contents and distances apart (He et al. 2020, 2021).

The paper's enhanced mask decoder, which runs the last layer twice while pretraining, is said in no published config and
done by no reader of checkpoints, so it is not here.
"""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Blank,
    BucketTable,
    Classifier,
    ContentMap,
    DisentangledAttention,
    DistanceTable,
    DistanceVectors,
    InputConvolution,
    Layer,
    LayerNorm,
    Learned,
    LMHead,
    Norm,
    OwnMap,
    PositionMap,
    Residual,
    RoundedLayerNorm,
    Stack,
    Tokens,
    Transform,
    Transformer,
)

BOTH = ("c2p", "p2c")
"""Content to position and position to content: the two scores of He et al. 2020, section 3.1, beside content's own."""


def deberta(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 0,
    *,
    span: int | None = None,
    scores: tuple[str, ...] = BOTH,
    absolute: bool = False,
    activation: Activation = "gelu",
    eps: float = 1e-7,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """DeBERTa (He et al. 2020). Keys have no bias; distances beyond ``span`` (``length`` unless said) are alike.

    ``scores`` names the terms beside content's own. ``absolute`` adds learned positions to the embedding, which the
    published models do without.
    """
    norm = RoundedLayerNorm(eps)
    to_position = OwnMap(bias=False) if "c2p" in scores else None
    attention = DisentangledAttention(
        heads, "qvo", to_position, OwnMap() if "p2c" in scores else None, dropout=attention_dropout
    )
    layer = _layer(attention, MLP(hidden, activation), norm, dropout)
    table = DistanceTable(span or length, dropout=dropout, length=length)
    position = Learned(length) if absolute else None
    embed = Tokens(vocab, types, position, norm, dropout=dropout)
    return Transformer(dim, embed, _stack(layer, (), depth, table))


def deberta_v2(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 0,
    *,
    span: int | None = None,
    buckets: int | None = 256,
    shared_maps: bool = True,
    normed: bool = True,
    kernel: int | None = None,
    groups: int = 1,
    kernel_activation: Activation = "tanh",
    scores: tuple[str, ...] = BOTH,
    absolute: bool = False,
    activation: Activation = "gelu",
    eps: float = 1e-7,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """DeBERTa v2 and v3 (He et al. 2021): distances in logarithmic buckets up to ``span``, vectors of them normed.

    ``shared_maps`` reads queries and keys off these vectors by the same matrices as off contents. ``kernel`` adds to
    the first layer's output a convolution of its input, as in the 900M and 1.5B models of v2.
    """
    norm = LayerNorm(eps)
    own: PositionMap = ContentMap() if shared_maps else OwnMap()
    to_position, from_position = (own if score in scores else None for score in BOTH)
    attention = DisentangledAttention(heads, "qkvo", to_position, from_position, dropout=attention_dropout)
    layer = _layer(attention, MLP(hidden, activation), norm, dropout)
    table_norm, farthest = norm if normed else None, span or length
    table: DistanceVectors = DistanceTable(farthest, table_norm, dropout, length)
    if buckets is not None:
        table = BucketTable(buckets, farthest, table_norm, dropout, length)
    embed = Tokens(vocab, types, Learned(length) if absolute else None, norm, dropout=dropout)
    after: Layer = ()
    if kernel is not None:
        convolution = InputConvolution(kernel, groups, kernel_activation, dropout)
        after = (Residual(convolution, norm, "post"), Residual(Blank()))
    return Transformer(dim, embed, _stack(layer, after, depth, table))


def _layer(attention: DisentangledAttention, mlp: MLP, norm: Norm, dropout: float) -> Layer:
    return tuple(Residual(op, norm, "post", dropout=dropout) for op in (attention, mlp))


def _stack(layer: Layer, after: Layer, depth: int, table: DistanceVectors) -> Stack:
    """Return the stack: padding enters the first layer as zero, and ``after`` follows that layer."""
    first = (Residual(Blank()), *layer, *after)
    return Stack((first,) + (layer,) * (depth - 1), position=table)


def masked_lm(spec: Transformer, labels: int) -> Heads:
    """The masked-language-model head: a transform, then the token table with a bias."""
    mlp = spec.at("stack.layers[0].mlp.op")
    return {"lm": LMHead(bias=True, transform=Transform(mlp.activation, LayerNorm(spec.at("embed.norm.eps"))))}


def classify_first(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the first token's vector through a GELU layer of the head's own."""
    return {"classifier": Classifier(labels, "first", Transform("gelu"), dropout=spec.at("embed.dropout"))}
