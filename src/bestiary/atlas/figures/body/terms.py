"""Words that boxes are written with: of a class, of a number, of fields, masks and heads."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from bestiary.spec import BlockSparse, Causal, MemorySpan, Node, Picture, Prefix, Window

ARROW, BY = "\u2192", "\u00d7"


def spoken(name: str) -> str:
    """Return the name of a class as words: ``QueryBiases`` is query biases, ``T5Bias`` T5 bias, ``MLP`` MLP."""
    parts = re.findall(r"[A-Z0-9]+(?![a-z])|[A-Z][a-z]+|[a-z0-9]+", name)
    parts = ["convolution" if part == "Conv" else part for part in parts]
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
        if (
            field.name in (*but, "eps")
            or field.name.endswith("dropout")
            or value is None
            or isinstance(value, Node | tuple | Mapping)
        ):
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
    "norm": {"Norm", "QKNorm", "MapNorm", "BatchNorm", "FrozenBatchNorm"},
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
    said = [f"{plural(heads, 'head')} {BY} {wide:,}" if wide else plural(heads, "head")]
    if keys is not None and keys != heads:
        said.append(plural(keys, "key-value head"))
    return tuple(said)
