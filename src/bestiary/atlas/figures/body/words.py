"""What a box says of a node: its name, its sizes, and what acts inside."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from bestiary.atlas.figures.body.boxes import Pill, Said
from bestiary.spec import (
    GLU,
    MLP,
    Alibi,
    Attention,
    BlockSparse,
    Causal,
    Classifier,
    CoarseAlibi,
    CrossAttention,
    DisentangledAttention,
    EmbeddingPosition,
    Experts,
    KeyAlibi,
    Learned,
    LMHead,
    MemorySpan,
    Node,
    Norm,
    Picture,
    Prefix,
    RelativeAttention,
    Rotary,
    ScorePosition,
    T5Bias,
    TopK,
    TwoStreamAttention,
    Window,
    WindowedAttention,
    Windows,
)
from bestiary.spec.show import brief

ARROW, BY = "\u2192", "\u00d7"


def spoken(name: str) -> str:
    """Return the name of a class as words: ``QueryBiases`` is query biases, ``T5Bias`` T5 bias, ``MLP`` MLP."""
    parts = re.findall(r"[A-Z0-9]+(?![a-z])|[A-Z][a-z]+|[a-z0-9]+", name)
    parts = [part if part.isupper() or part[1:2].isdigit() else part.lower() for part in parts]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a number with what it counts: 1 head, 12 heads."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sizes(node: Node, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the plain fields of a node that are not at their default, as words."""
    said: list[str] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if field.name in but or value is None or isinstance(value, Node | tuple | Mapping):
            continue
        if field.default is not dataclasses.MISSING and value == field.default:
            continue
        name = field.name.replace("_", " ")
        if value is True:
            said.append(name)
        elif value is not False:
            said.append(f"{name} {_plain(value)}")
    return tuple(said)


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def kind_of(node: Any) -> str:
    """Return the tint of a node that has no words of its own, by what its class is."""
    names = {each.__name__ for each in type(node).__mro__}
    for kind, among in _KINDS.items():
        if names & among:
            return kind
    return "attention" if "Attention" in type(node).__name__ else "other"


_KINDS = {
    "norm": {"Norm", "QKNorm"},
    "position": {"EmbeddingPosition", "ScorePosition", "Rotary", "MapSines", "Distances", "ConvolvedPosition"},
    "embedding": {
        "Embedding", "AlignmentEmbedding", "TimeEmbedding", "TimeVector", "Condition", "Codebook", "Gaussian",
        "Queries",
    },
    "head": {"Head", "Summary"},
    "attention": {"Attention", "CrossAttention", "RowAttention", "GatedAttention", "PointAttention", "Windows"},
    "mlp": {"MLP", "GLU", "OneMap", "Connector"},
    "experts": {"Experts"},
    "convolution": {
        "ResBlock", "GainBlock", "Stage", "ScaledStage", "DilatedStage", "InvertedStage", "Resample", "Stem",
        "InputConvolution", "Merging", "Strided", "ConvNet", "NormFreeNet", "FilmNet", "Level",
    },
}  # fmt: skip


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


def masks(node: Any) -> tuple[str, ...]:
    """Return which keys a query may see, as words."""
    return tuple(_mask(mask) for mask in getattr(node, "mask", ()))


def _mask(mask: Node) -> str:
    if isinstance(mask, Causal | Prefix | MemorySpan):
        return {"Causal": "causal", "Prefix": "causal after a prefix", "MemorySpan": "as far as memory"}[
            type(mask).__name__
        ]
    if isinstance(mask, Window):
        return f"window {mask.size:,}"
    if isinstance(mask, BlockSparse):
        return f"sparse blocks of {mask.block}, {mask.random} random"
    if isinstance(mask, Picture):
        return {"PictureRow": "rows", "PictureColumn": "columns", "PictureWindow": "squares"}[type(mask).__name__]
    return " ".join((spoken(type(mask).__name__).lower(), *sizes(mask)))


def heads_of_attention(node: Any, dim: int) -> tuple[str, ...]:
    """Return how many heads there are, how wide, and how many of keys where these are fewer."""
    heads, wide = node.heads, getattr(node, "head_dim", None) or dim // max(1, node.heads)
    keys = getattr(node, "kv_heads", None)
    said = [f"{plural(heads, 'head')} {BY} {wide:,}"]
    if keys is not None and keys != heads:
        said.append(plural(keys, "key-value head"))
    return tuple(said)


_MAIN = ("heads", "kv_heads", "head_dim", "bias", "mask", "position", "dropout", "scale", "qk_norm", "memory")


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
    details = (*heads_of_attention(node, dim), *masks(node), *sizes(node, _MAIN))
    return Said("attention", spoken(type(node).__name__), details, tuple(pills))


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
    return Said(
        "attention", "Attention in windows", (f"{node.side} {BY} {node.side}", shift, *inner.details), inner.pills
    )


def _learned(node: Any, dim: int) -> Said:
    return Said("position", f"{spoken(type(node).__name__)} positions", (f"{node.length:,} {BY} {dim:,}",))


def _position(node: Any, dim: int) -> Said:
    name = _said_position(node) or spoken(type(node).__name__)
    return Said("position", name[:1].upper() + name[1:], () if _said_position(node) else sizes(node), ())


def _classified(node: Any, dim: int) -> Said:
    return Said("head", "Classifier", (plural(node.labels, "label"), f"from {node.source.replace('_', ' ')}"))


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
    MLP: _mlp,
    GLU: _glu,
    Experts: _experts,
    Learned: _learned,
    EmbeddingPosition: _position,
    ScorePosition: _position,
    Rotary: _position,
    Norm: lambda node, dim: said_norm(node),
    Classifier: _classified,
    LMHead: _lm_head,
}
