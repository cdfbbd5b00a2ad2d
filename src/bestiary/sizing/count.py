"""Parameters in closed form: an exact sum over the spec, without building anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bestiary.sizing.layers import owned
from bestiary.sizing.parts import parts_of
from bestiary.sizing.table import html, text
from bestiary.spec import Experts, Model, Named, Node, Stack, walk

EMBEDDING = (
    "embed.tokens", "embed.types", "embed.tasks", "embed.position", "embed.extra", "embed.mask", "embed.project",
    "embed.target", "embed.queries", "embed.tables", "embed.projections", "embed.times",
    "embed.rows", "embed.columns", "embed.places", "embed.starts", "embed.padding",
)  # fmt: skip
"""What counts as embedding: the tables that are looked up (tokens, segment types, tasks, positions, the steps of
episodes, the extra tokens of images, the vectors of padding and those that masks, targets, queries, texts and pictures
begin with) and the projections of narrow tables. The norm of an embedding, the map of patches, which multiplies, and
an output matrix that is not tied to the token table do not: Kaplan et al. 2020, section 1.3, leave out vocabulary and
positions, and narrow tables came after."""


@dataclass(frozen=True)
class Count:
    """How many parameters a model has. Weights that are shared count once; buffers do not count."""

    total: int
    active: int
    """Those that one token passes through: of a mixture of experts, only the chosen ones."""
    embedding: int
    """Those of ``EMBEDDING``."""
    non_embedding: int
    heads: tuple[str, ...]
    """The heads that were counted, by name."""
    parts: Mapping[str, int]
    """Module to parameters in the order of the tree, the layers of a stack summed: ``stack.layers[*].attn``."""

    def __str__(self) -> str:
        return text(self._rows())

    def _repr_html_(self) -> str:
        return html(self._rows(), ("module", "parameters"), sums=3)

    def _rows(self) -> list[tuple[str, str]]:
        sums = {"embedding": self.embedding, "non-embedding": self.non_embedding, "total": self.total}
        return [(name, f"{number:,}") for name, number in (*self.parts.items(), *sums.items())]


def count(spec: Model) -> Count:
    """Count the parameters of a model with the heads that it has; exact for every spec that ``check`` accepts."""
    parts = {path: number for path, number in parts_of(spec, spec.dim, spec) if number}
    total = sum(parts.values())
    embedding = sum(number for path, number in parts.items() if path.endswith(EMBEDDING))
    heads: Mapping[str, Node] = getattr(spec, "heads", {})
    return Count(total, total - _idle(spec), embedding, total - embedding, tuple(heads), Named(parts))


def _idle(spec: Model) -> int:
    """Count the parameters of experts that a token is not sent to."""
    towers = (spec, getattr(spec, "encoder", None), getattr(spec, "decoder", None))
    stacks = [stack for stack in (getattr(tower, "stack", None) for tower in towers) if isinstance(stack, Stack)]
    return sum(
        times * (op.experts - op.router.chosen) * sum(number for _, number in parts_of(op.expert, spec.dim, spec))
        for stack in stacks
        for layer, times in owned(stack).items()
        for _, op in walk(layer)
        if isinstance(op, Experts)
    )
