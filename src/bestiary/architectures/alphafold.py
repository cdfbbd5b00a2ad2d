"""AlphaFold 2: a structure from an alignment of relatives (Jumper et al. 2021)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    AlignedError,
    AlignmentEmbedding,
    ColumnAttention,
    Distogram,
    ExtraAlignment,
    FoldingModel,
    GatedAttention,
    GlobalColumnAttention,
    Layer,
    LayerNorm,
    LocalConfidence,
    MaskedResidues,
    OuterProductMean,
    PairMLP,
    PointAttention,
    Recycling,
    Residual,
    ResolvedAtoms,
    RowAttention,
    Stack,
    StructureModule,
    TemplateAngles,
    Templates,
    TriangleEnd,
    TriangleIncoming,
    TriangleOutgoing,
    TriangleStart,
)

_NORM = LayerNorm()
_MULTIPLY = 4  # an MLP's hidden units over its width; half of it in templates


def alphafold(
    dim: int = 256,
    pair: int = 128,
    single: int = 384,
    depth: int = 48,
    heads: int = 8,
    head_dim: int = 32,
    pair_heads: int = 4,
    extra_dim: int = 64,
    extra_depth: int = 4,
    extra_head_dim: int = 8,
    template_dim: int = 64,
    template_depth: int = 2,
    outer: int = 32,
    point_heads: int = 12,
    hidden: int = 128,
    rows: int = 512,
    extra_rows: int = 5120,
    *,
    templates: bool = True,
    aligned_error: bool = False,
    times: int = 8,
    recycles: int = 3,
    dropout: float = 0.15,
    pair_dropout: float = 0.25,
) -> FoldingModel:
    """AlphaFold 2 (Jumper et al. 2021) as models 1 and 2 are; models 3 to 5 read no ``templates``.

    Each of the five was trained further with a head of ``aligned_error``. ``heads`` of ``head_dim`` attend in the
    alignment, ``pair_heads`` in the pairs, ``point_heads`` in the structure.
    """
    pairs = _pairs(pair, pair, GatedAttention(pair_heads, head_dim), _MULTIPLY * pair, pair_dropout)
    layers = {
        width: (
            Residual(RowAttention(attention), _NORM, dropout=dropout),
            Residual(column(attention), _NORM),
            Residual(MLP(_MULTIPLY * width, "relu"), _NORM),
            Residual(OuterProductMean(outer), _NORM),
            *pairs,
        )
        for width, attention, column in (
            (dim, GatedAttention(heads, head_dim), ColumnAttention),
            (extra_dim, GatedAttention(heads, extra_head_dim), GlobalColumnAttention),
        )
    }
    known = _templates(template_dim, template_depth, pair_heads, pair_dropout) if templates else None
    model = FoldingModel(
        dim, pair, single, AlignmentEmbedding(), Recycling(times=recycles), known,
        ExtraAlignment(extra_dim, Stack((layers[extra_dim],) * extra_depth), rows=extra_rows),
        Stack((layers[dim],) * depth),
        StructureModule(PointAttention(point_heads), times, hidden=hidden), rows=rows,
    )  # fmt: skip
    return model.with_heads((with_aligned_error if aligned_error else published)(model, 0))


def _pairs(pair: int, product: int, attention: GatedAttention, hidden: int, dropout: float) -> Layer:
    return (
        Residual(TriangleOutgoing(product), _NORM, dropout=dropout),
        Residual(TriangleIncoming(product), _NORM, dropout=dropout),
        Residual(TriangleStart(attention), _NORM, dropout=dropout),
        Residual(TriangleEnd(attention), _NORM, dropout=dropout),
        Residual(PairMLP(hidden, "relu"), _NORM),
    )


def _templates(width: int, depth: int, heads: int, dropout: float) -> Templates:
    """Templates have attention before products, and heads as the code has them: the supplement says 64 wide."""
    attention = GatedAttention(heads, max(1, width // heads))
    outgoing, incoming, start, end, mlp = _pairs(width, width, attention, _MULTIPLY // 2 * width, dropout)
    stack = Stack(((start, end, outgoing, incoming, mlp),) * depth, _NORM)
    return Templates(width, stack, attention, TemplateAngles())


def published(spec: Any, labels: int) -> Heads:
    """The heads that all five models were trained with."""
    return {
        "distogram": Distogram(),
        "confidence": LocalConfidence(hidden=spec.structure.hidden),
        "residues": MaskedResidues(),
        "resolved": ResolvedAtoms(),
    }


def with_aligned_error(spec: Any, labels: int) -> Heads:
    """Those, and the errors seen from each residue, to which the five were trained further."""
    return {**published(spec, labels), "error": AlignedError()}
