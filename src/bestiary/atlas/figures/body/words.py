"""What a box says of a node: its name, its sizes, and what acts inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bestiary.atlas.figures.body.boxes import Pill, Said
from bestiary.atlas.figures.body.terms import ARROW, BY, heads_of_attention, kind_of, masks, plural, sizes, spoken
from bestiary.spec import (
    GLU,
    MLP,
    AdaptiveLMHead,
    Alibi,
    Attention,
    Blank,
    Classifier,
    CoarseAlibi,
    ColumnAttention,
    CrossAttention,
    DisentangledAttention,
    EmbeddingPosition,
    Experts,
    GatedAttention,
    GlobalColumnAttention,
    GlobalQueryAttention,
    KeyAlibi,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    LMHead,
    Modulated,
    Node,
    Norm,
    Patches,
    PlaceMean,
    Queries,
    RelativeAttention,
    Rotary,
    RowAttention,
    ScorePosition,
    Summary,
    T5Bias,
    TopK,
    TriangleAttention,
    TriangleProduct,
    TwoStreamAttention,
    WindowedAttention,
    Windows,
)
from bestiary.spec.show import brief


def said_of(node: Node, dim: int) -> Said:
    """Return what a box says of a node that acts on vectors ``dim`` wide."""
    for kind in type(node).__mro__:
        if kind in _WORDS:
            return _WORDS[kind](node, dim)
    return Said(kind_of(node), spoken(type(node).__name__), sizes(node), _pills(node))


def told_of(path: str, node: Any) -> str:
    """Return what is shown by pointing at a box: where it stands, and the Python that makes it."""
    return f"{path}: {brief(node)}"


def said_norm(norm: Norm) -> Said:
    """Return what the bar of a norm says."""
    return Said("norm", _NORMS.get(type(norm).__name__, spoken(type(norm).__name__)))


_NORMS = {
    "LayerNorm": "LayerNorm",
    "RoundedLayerNorm": "LayerNorm",
    "RMSNorm": "RMSNorm",
    "RescaleNorm": "RMSNorm",
    "ShiftedRMSNorm": "RMSNorm, mean taken out",
    "ZeroCenteredNorm": "RMSNorm, gain 1 + g",
    "GroupNorm": "GroupNorm",
}


def _pills(node: Node) -> tuple[Pill, ...]:
    """Return the parts of a node that are nodes without parts of their own."""
    found: list[Pill] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        nodes = (value,) if isinstance(value, Node) else value if isinstance(value, tuple) else ()
        found += [_pill(each) for each in dict.fromkeys(nodes) if isinstance(each, Node)]
    return tuple(dict.fromkeys(found))


def _pill(node: Node) -> Pill:
    where = ""
    said = _said_position(node) or (said_norm(node).name if isinstance(node, Norm) else None)
    if said is None:
        inner = said_of(node, 0)
        said = ", ".join((inner.name, *inner.details))
    return Pill(kind_of(node), said + where)


def _said_position(node: Node) -> str | None:
    if isinstance(node, Rotary):
        part = "" if node.fraction == 1 else f"{node.fraction:.0%} of "
        scaling = f", {spoken(type(node.scaling).__name__).lower()}" if node.scaling else ""
        return f"rotary on {part}q, k{scaling}"
    if isinstance(node, T5Bias):
        return f"T5 bias on scores: {node.buckets} buckets"
    if isinstance(node, Alibi | KeyAlibi | CoarseAlibi):
        return "ALiBi on scores"
    return None


_MAIN = ("heads", "kv_heads", "head_dim", "bias", "mask", "position", "dropout", "scale", "qk_norm", "memory", "width")


def _attention(node: Any, dim: int) -> Said:
    pills = [_pill(value) for name in ("position", "distances") if (value := getattr(node, name, None)) is not None]
    if qk_norm := getattr(node, "qk_norm", None):
        shared = {"HeadNorm": "each head", "OwnHeadNorm": "each head", "JointNorm": "all heads"}[type(qk_norm).__name__]
        pills.append(Pill("norm", f"{said_norm(qk_norm.norm).name} on queries, keys: {shared}"))
    if memory := getattr(node, "memory", None):
        pills.append(Pill("other", ", ".join(("memory", *sizes(memory))).replace("length ", "")))
    if norm := getattr(node, "read_norm", None):
        pills.append(Pill("norm", f"{said_norm(norm).name} on what is read"))
    for name in ("to_position", "from_position"):
        if getattr(node, name, None) is not None:
            pills.append(Pill("position", {"to": "content to position", "from": "position to content"}[name[:-9]]))
    aside = (f"to vectors {node.width:,} wide",) if getattr(node, "width", None) else ()
    details = (*heads_of_attention(node, dim), *masks(node), *sizes(node, _MAIN), *aside)
    return Said("attention", _ATTENTIONS.get(type(node).__name__) or spoken(type(node).__name__), details, tuple(pills))


_ATTENTIONS = {
    "CrossAttention": "Cross-attention",
    "CrossWidthAttention": "Cross-attention",
    "NormedWidthAttention": "Cross-attention",
    "PlacedCrossAttention": "Cross-attention, told places",
    "PlacedAttention": "Attention, told places",
    "QKNormAttention": "Attention",
    "TwoStreamAttention": "Two-stream attention",
}


def _mlp(node: Any, dim: int) -> Said:
    return Said("mlp", "MLP", (_narrowing(dim, node.hidden), _activation(node.activation)))


def _glu(node: Any, dim: int) -> Said:
    return Said("mlp", "Gated MLP", (_narrowing(dim, node.hidden), f"{_activation(node.activation)} gate"))


def _narrowing(dim: int, hidden: int) -> str:
    return f"{dim:,} {ARROW} {hidden:,} {ARROW} {dim:,}" if dim else f"hidden {hidden:,}"


def _activation(name: str) -> str:
    known = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "quick_gelu": "quick GELU", "relu_squared": "squared ReLU"}
    return known.get(name, "GELU" if name.startswith("gelu") else name)


def _experts(node: Experts, dim: int) -> Said:
    inner = said_of(node.expert, dim)
    router = node.router
    kept = sizes(router, ("k",) if isinstance(router, TopK) else ())
    details = (f"{router.chosen} of {node.experts} experts for each token", *inner.details, *kept)
    return Said("experts", "Mixture of experts", details)


def _windows(node: Any, dim: int) -> Said:
    inner = said_of(node.attention, dim)
    shift = f"shifted by {node.shift}" if node.shift else "not shifted"
    name = "Global attention in windows" if isinstance(node.attention, GlobalQueryAttention) else "Attention in windows"
    return Said("attention", name, (f"{node.side} {BY} {node.side}", shift, *inner.details), inner.pills)


def _learned(node: Any, dim: int) -> Said:
    name = {"Learned": "Learned positions", "LearnedBlocks": "Learned positions of blocks"}.get(type(node).__name__)
    after = {"LearnedByMask": ("of what is not masked",), "LearnedAfterPadding": ("after padding",)}
    details = (f"{node.length:,} {BY} {dim:,}", *after.get(type(node).__name__, ()))
    return Said("position", name or "Learned positions", details)


def _position(node: Any, dim: int) -> Said:
    said = _said_position(node)
    if said is not None:
        return Said("position", said[:1].upper() + said[1:])
    name = spoken(type(node).__name__)
    if name.startswith("Sinusoidal"):
        length = (f"{node.length:,} {BY} {dim:,}",) if getattr(node, "length", None) else ()
        return Said("position", "Sinusoidal positions", length)
    return Said("position", name, sizes(node))


def _classified(node: Any, dim: int) -> Said:
    return Said("head", "Classifier", (plural(node.labels, "label"), f"from {node.source.replace('_', ' ')}"))


def _folded(node: Any, dim: int) -> Said:
    return Said("attention", spoken(type(node).__name__), (*heads_of_attention(node.attention, dim), "gated"))


def _queries(node: Any, dim: int) -> Said:
    return Said("embedding", "Learned queries", (f"{node.count} {BY} {dim:,}",))


def _patches(node: Any, dim: int) -> Said:
    extra = (f"{plural(node.extra, 'learned vector')} before them",) if node.extra else ()
    kept = sizes(node, ("image", "patch", "channels", "extra", "dropout"))
    pixels = f"{node.patch} {BY} {node.patch} pixels of {node.image} {BY} {node.image}"
    return Said("embedding", "Patches", (pixels, *extra, *kept))


def _modulated(node: Any, dim: int) -> Said:
    inner = said_of(node.op, dim)
    told = Pill("embedding", "shift, scale and gate told by the time step")
    return dataclasses.replace(inner, pills=(*inner.pills, told))


def _summary(node: Any, dim: int) -> Said:
    said = Said("head", spoken(type(node).__name__), sizes(node), _pills(node))
    return dataclasses.replace(said, name=_SUMMARIES.get(type(node).__name__, said.name))


_SUMMARIES = {
    "EndSummary": "Vector of the end token",
    "HighestSummary": "Vector of the highest token",
    "FirstSummary": "First vector",
    "LastSummary": "Last vector",
    "ProbeSummary": "Vector of a probe",
    "AttentionSummary": "Vector of an attention",
    "PlaceMean": "Mean of all places",
}


def _bands(node: Any, dim: int) -> Said:
    pills = (Pill("embedding", "matrices tied to the token tables"),) if node.tied else ()
    return Said("head", "Token scores in bands", (plural(len(node.cutoffs) + 1, "band"),), pills)


def _lm_head(node: Any, dim: int) -> Said:
    pills = (Pill("embedding", "matrix tied to the token table"),) if node.tied else ()
    details = ("linear map, " + _activation(node.transform.activation),) if node.transform else ()
    return Said("head", "Token scores", details, pills)


_WORDS: dict[type, Callable[[Any, int], Said]] = {
    Attention: _attention,
    CrossAttention: _attention,
    RelativeAttention: _attention,
    TwoStreamAttention: _attention,
    DisentangledAttention: _attention,
    WindowedAttention: _attention,
    Windows: _windows,
    Blank: lambda node, dim: Said("other", "What stands at padding is taken out"),
    MLP: _mlp,
    GLU: _glu,
    Experts: _experts,
    Learned: _learned,
    LearnedByMask: _learned,
    LearnedAfterPadding: _learned,
    LearnedBlocks: _learned,
    EmbeddingPosition: _position,
    ScorePosition: _position,
    Rotary: _position,
    Norm: lambda node, dim: said_norm(node),
    Classifier: _classified,
    LMHead: _lm_head,
    AdaptiveLMHead: _bands,
    Patches: _patches,
    Queries: _queries,
    RowAttention: _folded,
    ColumnAttention: _folded,
    GlobalColumnAttention: _folded,
    TriangleAttention: _folded,
    GatedAttention: lambda node, dim: Said("attention", "Gated attention", heads_of_attention(node, dim)),
    TriangleProduct: lambda node, dim: Said("convolution", spoken(type(node).__name__), sizes(node)),
    Modulated: _modulated,
    Summary: _summary,
    PlaceMean: _summary,
}
