"""Nodes of structure prediction: alignments and pairs of residues refined together, and a structure made of them.

Two streams run through a stack of residual branches: an alignment, ``[rows, residues, width]``, and pairs of residues,
``[residues, residues, width]``. Each op here says which of the two it reads and which it adds to (Jumper et al. 2021,
supplement 1.6). Attention is that of queries and keys along one axis of one stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bestiary.spec.heads import Head
from bestiary.spec.models import Model
from bestiary.spec.node import Named, Node
from bestiary.spec.ops import MLP, Op
from bestiary.spec.stacks import Stack, own_layers


@dataclass(frozen=True)
class AlignmentOp(Op):
    """Any op that adds to the alignment."""


@dataclass(frozen=True)
class PairOp(Op):
    """Any op that adds to the pairs."""


@dataclass(frozen=True)
class GatedAttention(Node):
    """Attention whose output each query gates; what it attends along is its user's to say (supplement, algorithm 7).

    Queries, keys and values have no bias, gate and output have.
    """

    heads: int
    head_dim: int


@dataclass(frozen=True)
class RowAttention(AlignmentOp):
    """Residues of one row attend to each other, scores biased by the pairs (supplement, algorithm 7)."""

    slot: ClassVar[str] = "row"

    attention: GatedAttention


@dataclass(frozen=True)
class ColumnAttention(AlignmentOp):
    """The rows of the alignment attend to each other at one residue (supplement, algorithm 8)."""

    slot: ClassVar[str] = "column"

    attention: GatedAttention


@dataclass(frozen=True)
class GlobalColumnAttention(AlignmentOp):
    """The same with one query for the whole column, their mean, and one head of keys (supplement, algorithm 19)."""

    slot: ClassVar[str] = "column"

    attention: GatedAttention


@dataclass(frozen=True)
class OuterProductMean(PairOp):
    """Each pair of columns tells its pair: the mean over rows of an outer product (supplement, algorithm 10)."""

    slot: ClassVar[str] = "outer"

    hidden: int


@dataclass(frozen=True)
class TriangleProduct(PairOp):
    """Any update of a pair by the other two edges of each triangle that it is in, multiplied."""

    hidden: int


@dataclass(frozen=True)
class TriangleOutgoing(TriangleProduct):
    """By the edges that leave its two residues (supplement, algorithm 11)."""

    slot: ClassVar[str] = "outgoing"


@dataclass(frozen=True)
class TriangleIncoming(TriangleProduct):
    """By the edges that reach its two residues (supplement, algorithm 12)."""

    slot: ClassVar[str] = "incoming"


@dataclass(frozen=True)
class TriangleAttention(PairOp):
    """Any update of a pair by attention, scores biased by the third edge of each triangle."""

    attention: GatedAttention


@dataclass(frozen=True)
class TriangleStart(TriangleAttention):
    """Among the pairs that start at the same residue (supplement, algorithm 13)."""

    slot: ClassVar[str] = "start"


@dataclass(frozen=True)
class TriangleEnd(TriangleAttention):
    """Among the pairs that end at the same residue (supplement, algorithm 14)."""

    slot: ClassVar[str] = "end"


@dataclass(frozen=True)
class PairMLP(MLP):
    """The MLP of the pairs (supplement, algorithm 15)."""

    slot: ClassVar[str] = "pair_mlp"


@dataclass(frozen=True)
class AlignmentEmbedding(Node):
    """Target and alignment to the two streams, with how far apart two residues are, up to ``reach`` (algorithms 3, 4).

    ``target`` and ``alignment`` count the features of a residue, and of a residue in a row.
    """

    target: int = 22
    alignment: int = 49
    reach: int = 32


@dataclass(frozen=True)
class Recycling(Node):
    """What an earlier pass found, added to the streams: distances in ``bins`` up to ``last`` angstroms (algorithm 32).

    ``times`` is how often the model reads its own output.
    """

    bins: int = 15
    first: float = 3.25
    last: float = 20.75
    times: int = 3


@dataclass(frozen=True)
class TemplateAngles(Node):
    """Torsion angles of templates as more rows of the alignment (supplement, algorithm 2, line 7)."""

    features: int = 57


@dataclass(frozen=True)
class Templates(Node):
    """Known structures of relatives: pairs of their own, ``width`` wide, to which the pairs attend (algorithms 16, 17).

    Distances come in ``bins`` from ``first`` to ``last`` angstroms.
    """

    width: int
    stack: Stack
    attention: GatedAttention
    angles: TemplateAngles | None = None
    bins: int = 39
    first: float = 3.25
    last: float = 50.75

    @property
    def features(self) -> int:
        """Count the features of a pair: its bin, masks, both residues' kinds, and a direction."""
        return self.bins + 2 * 22 + 5


@dataclass(frozen=True)
class ExtraAlignment(Node):
    """More rows, as cheaply as may be: ``width`` wide, they only inform the pairs (algorithm 18).

    ``rows`` is how many are read at most.
    """

    width: int
    stack: Stack
    features: int = 25
    rows: int = 1024


@dataclass(frozen=True)
class PointAttention(Node):
    """Attention that also measures distances between points, each in its residue's frame (algorithm 22).

    What it computes does not change when all frames move together.
    """

    heads: int = 12
    head_dim: int = 16
    points: int = 4
    value_points: int = 8


@dataclass(frozen=True)
class StructureModule(Node):
    """Frames of residues, refined ``times`` times with the same weights, and torsion angles (algorithm 20).

    ``hidden`` is the width of the network of angles, which has ``depth`` blocks; ``transitions`` counts the MLPs
    between attention and the update of frames. Lengths are in units of ``scale`` angstroms.
    """

    attention: PointAttention
    times: int = 8
    transitions: int = 1
    hidden: int = 128
    depth: int = 2
    scale: float = 10.0
    dropout: float = 0.1


@dataclass(frozen=True)
class FoldHead(Head):
    """Any head that reads what a structure is made of."""


@dataclass(frozen=True)
class Distogram(FoldHead):
    """How far apart two residues are, in ``bins`` (supplement, 1.9.8)."""

    bins: int = 64


@dataclass(frozen=True)
class LocalConfidence(FoldHead):
    """How well each residue's neighborhood will fit the truth, in ``bins`` of lDDT (supplement, algorithm 29)."""

    bins: int = 50
    hidden: int = 128


@dataclass(frozen=True)
class MaskedResidues(FoldHead):
    """What stands where the alignment was masked: ``letters`` (supplement, 1.9.9)."""

    letters: int = 23


@dataclass(frozen=True)
class ResolvedAtoms(FoldHead):
    """Which of a residue's ``atoms`` an experiment would have seen (supplement, 1.9.10)."""

    atoms: int = 37


@dataclass(frozen=True)
class AlignedError(FoldHead):
    """How far off one residue is seen from another's frame, in ``bins`` up to ``last`` angstroms (supplement, 1.9.7).

    It gives the predicted TM-score.
    """

    bins: int = 64
    last: float = 31.0


def _no_heads() -> Mapping[str, Head]:
    return Named()


@dataclass(frozen=True)
class FoldingModel(Model):
    """A structure from an alignment (Jumper et al. 2021). ``dim`` is the width of the alignment.

    ``pair`` is that of the pairs, ``single`` that of the vector of each residue from which the structure is made.
    ``rows`` is how many rows of the alignment are read at most, templates included, and ``length`` how many residues
    were trained on at once; nothing stops there.
    """

    pair: int
    single: int
    embed: AlignmentEmbedding
    recycling: Recycling
    templates: Templates | None
    extra: ExtraAlignment
    trunk: Stack
    structure: StructureModule
    heads: Mapping[str, Head] = field(default_factory=_no_heads)
    rows: int = 512
    length: int = 384

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


def reads(op: Op) -> Literal["rows", "pairs"]:
    """Return which stream an op reads: the outer product alone reads one and adds to the other."""
    return "rows" if isinstance(op, OuterProductMean) else adds_to(op)


def adds_to(op: Op) -> Literal["rows", "pairs"]:
    """Return which stream an op adds to."""
    return "pairs" if isinstance(op, PairOp | PairMLP) else "rows"


def _whole(node: FoldingModel, spec: Model) -> Iterator[str]:
    refined = [("trunk", node.trunk), ("extra.stack", node.extra.stack)]
    if node.templates is not None:
        refined.append(("templates.stack", node.templates.stack))
    for name, stack in refined:
        branches = [branch for layer in own_layers(stack) for branch in layer]
        distinct = {id(branch): branch for branch in branches}.values()
        if any(type(branch.op) not in (*_UPDATES, MLP, PairMLP) for branch in distinct):
            yield f"{name} refines an alignment and pairs: its ops are those of this room, MLP and PairMLP"
        if any(branch.norm is None or branch.placement != "pre" or branch.scale != 1.0 for branch in distinct):
            yield f"every branch of {name} norms what it reads, and adds what it makes as it is"
        if name.startswith("templates") and any(adds_to(branch.op) == "rows" for branch in distinct):
            yield "templates have pairs and no rows to refine: take ops on pairs"
    if any(not isinstance(head, FoldHead) for head in node.heads.values()):
        yield "heads of a structure read pairs and residues; take Distogram, LocalConfidence and their like"


def _inside(node: Node, spec: Model) -> Iterator[str]:
    if not isinstance(spec, FoldingModel):
        yield f"{type(node).__name__} reads pairs of residues, which a FoldingModel alone has"


_UPDATES: tuple[type[Op], ...] = (
    RowAttention, ColumnAttention, GlobalColumnAttention, OuterProductMean, TriangleOutgoing, TriangleIncoming,
    TriangleStart, TriangleEnd,
)  # fmt: skip
_HEADS: tuple[type[Head], ...] = (Distogram, LocalConfidence, MaskedResidues, ResolvedAtoms, AlignedError)
RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    FoldingModel: _whole,
    **dict.fromkeys((*_UPDATES, PairMLP, *_HEADS), _inside),
}
