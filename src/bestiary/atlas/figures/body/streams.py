"""Two streams side by side, an alignment and pairs of residues, and the model that folds proteins with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from bestiary.atlas.figures.body.boxes import ACROSS, BESIDE, FULL_WIDTH, OP_WIDTH, Amount, Said, across, bar, box
from bestiary.atlas.figures.body.composites import framed, under
from bestiary.atlas.figures.body.folds import Drawn, Group, grouped, layers_of
from bestiary.atlas.figures.body.ledger import Inside, Ledger, Shares
from bestiary.atlas.figures.body.pieces import GAP, Anchor, Elements, Piece, column, label, line, panel, plus
from bestiary.atlas.figures.body.rows import Flow, in_row
from bestiary.atlas.figures.body.terms import BY, plural
from bestiary.atlas.figures.body.towers import entered, flowing, head_pieces, stack_piece
from bestiary.atlas.figures.body.words import said_norm, said_of, told_of
from bestiary.sizing.folding import refining
from bestiary.spec import (
    FoldingModel,
    Model,
    Residual,
    RowAttention,
    Stack,
    StructureModule,
    adds_to,
    branch_names,
    reads,
)

_OTHER = ACROSS + BESIDE + OP_WIDTH + BESIDE
"""Where the stream of pairs is, from the left of a branch."""
Claim = Callable[[str, Said], Amount]


def folding(spec: FoldingModel, path: str, ledger: Ledger) -> Piece:
    """Return a folding model: what it reads, what refines alignment and pairs, and the structure made of them."""
    parts = [framed(_read(spec, path, ledger), "what is read", (f"alignment {spec.dim} wide, pairs {spec.pair}",))]
    if spec.templates is not None:
        place, width = under(path, "templates"), spec.templates.width
        counted = _counted(spec.dim, width, spec)
        stack = stack_piece(spec.templates.stack, f"{place}.stack", width, spec, ledger, counted)
        enter = _box(Said("embedding", "Pairs of templates"), f"{place}.pairs", ledger)
        said = Said("attention", "Attention of pairs to templates", said_of(spec.templates.attention, width).details)
        leave = [_box(said, f"{place}.attention", ledger)]
        if spec.templates.angles is not None:
            angles = Said("embedding", "Torsion angles", ("more rows of the alignment",))
            leave.append(_box(angles, f"{place}.angles", ledger, [f"{place}.up", f"{place}.down"]))
        tower = flowing(column([entered(enter), stack, *leave]))
        parts.append(framed(tower, "templates", (f"pairs {width} wide",)))
    place = under(path, "extra")
    rows = _box(Said("embedding", "Extra rows", (f"up to {spec.extra.rows:,}",)), f"{place}.input", ledger)
    extra = two_streams(spec.extra.stack, f"{place}.stack", (spec.extra.width, spec.pair), spec, ledger, [rows])
    extra = dataclasses.replace(extra, leave=(extra.axis - ACROSS + _OTHER, 0))  # it informs the pairs alone
    parts.append(framed(extra, "extra alignment", (f"rows {spec.extra.width} wide, pairs {spec.pair}",)))
    trunk = two_streams(spec.trunk, under(path, "trunk"), (spec.dim, spec.pair), spec, ledger, [])
    parts.append(framed(trunk, "trunk", (f"alignment {spec.dim} wide, pairs {spec.pair}",)))
    parts.append(framed(_structure(spec, path, ledger), "structure", (f"{spec.single} wide",)))
    return in_row(parts, [Flow(index, index + 1) for index in range(len(parts) - 1)])


def _box(said: Said, path: str, ledger: Ledger, places: list[str] | None = None) -> Piece:
    return across(box(said, ledger.claim(path, said, places), FULL_WIDTH, path))


def _bar(text: str, path: str, ledger: Ledger) -> Piece:
    said = Said("norm", text)
    return across(bar(said, ledger.claim(path, said), FULL_WIDTH, path))


def _read(spec: FoldingModel, path: str, ledger: Ledger) -> Piece:
    embed, again = said_of(spec.embed, spec.dim), said_of(spec.recycling, spec.dim)
    passes = Said(
        "other", "What an earlier pass found", (f"added {plural(spec.recycling.times, 'time')}", *again.details)
    )
    first = _box(Said("embedding", embed.name, embed.details), under(path, "embed"), ledger)
    return flowing(column([first, _box(passes, under(path, "recycling"), ledger)]))


def _structure(spec: FoldingModel, path: str, ledger: Ledger) -> Piece:
    node, place = spec.structure, under(path, "structure")
    single = Said("embedding", "Vectors of single residues", (f"{spec.dim} to {spec.single}",))
    pieces = [entered(_box(single, under(path, "single"), ledger))]
    pieces += [_bar("LayerNorm of residues", f"{place}.norm", ledger)]
    pieces += [_bar("LayerNorm of pairs", f"{place}.pair_norm", ledger)]
    pieces.append(_box(Said("mlp", "Map of what enters"), f"{place}.input", ledger))
    pieces.append(panel(_refined(node, place, ledger), f"{node.times} {BY}", "the same weights each time"))
    angles = Said("mlp", "Torsion angles", (f"hidden {node.hidden}", plural(node.depth, "block")))
    pieces.append(_box(angles, f"{place}.angles", ledger))
    pieces += head_pieces(spec.heads, under(path, "heads"), spec, ledger)
    return flowing(column(pieces))


def _refined(node: StructureModule, place: str, ledger: Ledger) -> Piece:
    asked = node.attention
    details = (f"{asked.heads} heads {BY} {asked.head_dim}", f"{asked.points} points, {asked.value_points} of values")
    return column(
        [
            _box(Said("attention", "Attention to points in space", details), f"{place}.attention", ledger),
            _bar("LayerNorm", f"{place}.attention_norm", ledger),
            _box(Said("mlp", "MLP", (plural(node.transitions, "transition"),)), f"{place}.transitions", ledger),
            _bar("LayerNorm", f"{place}.transitions_norm", ledger),
            _box(Said("other", "Update of frames"), f"{place}.update", ledger),
        ]
    )


def two_streams(
    stack: Stack, path: str, widths: tuple[int, int], model: Model, ledger: Ledger, before: list[Piece]
) -> Piece:
    """Return a stack that refines two streams: the alignment runs at the left, the pairs at the right."""
    groups = grouped(stack)
    drawn = [layer for group in groups for layer in layers_of(group)]
    shares = ledger.layers(path, stack, [layer.places for layer in drawn], _counted(*widths, model))
    index = {id(layer): place for place, layer in enumerate(drawn)}
    pieces = [*map(entered, before), *(_group(group, shares, index, widths) for group in groups)]
    inside = column(pieces)
    rise = 30.0

    def draw(x: float, y: float) -> Elements:
        left, right, foot = x + inside.axis, x + inside.axis - ACROSS + _OTHER, y + rise + inside.height
        names = [label(left + 8, y + 12, "alignment"), label(right - 8, y + 12, "pairs", text_anchor="end")]
        return [
            *line((left, foot), (left, y), arrow=True),
            *line((right, foot), (right, y), arrow=True),
            *names,
            *inside.draw(x, y + rise),
        ]

    high = inside.height + rise
    moved = tuple(anchor.moved(0, rise) for anchor in inside.anchors)
    anchors = moved if before else (*moved, Anchor("in", inside.axis, high))
    return Piece(inside.width, high, inside.axis, draw, anchors)


def _counted(dim: int, pair: int, model: Model) -> Inside:
    """Return what counts the parts of a stack on streams of these widths."""

    def inside(stack: Stack) -> Iterable[tuple[str, int]]:
        return ((path.removeprefix("."), number) for path, number in refining("", stack, dim, pair, model))

    return inside


def _group(group: Group, shares: Shares, index: dict[int, int], widths: tuple[int, int]) -> Piece:
    pieces: list[Piece] = []
    for item in group.items:
        if isinstance(item, Group):
            pieces.append(_group(item, shares, index, widths))
        else:
            pieces.append(_layer(item, shares, index[id(item)], widths))
    return panel(column(pieces), f"{group.times} {BY}" if group.times > 1 else "")


def _layer(drawn: Drawn, shares: Shares, group: int, widths: tuple[int, int]) -> Piece:
    def claim(part: str, said: Said) -> Amount:
        return shares.claim(group, drawn, part, said)

    names = branch_names(drawn.layer)
    branches = [_branch(name, branch, widths, claim) for name, branch in zip(names, drawn.layer, strict=True)]
    return column(branches, GAP)


def _branch(name: str, branch: Residual, widths: tuple[int, int], claim: Claim) -> Piece:
    """Return a branch between the streams: from the one that it reads to the one that it adds to."""
    source, target = (_OTHER if side == "pairs" else ACROSS for side in (reads(branch.op), adds_to(branch.op)))
    said = said_of(branch.op, widths[target == _OTHER])
    op = box(said, claim(name, said), OP_WIDTH, told_of(name, branch.op))
    items = [op]
    if branch.norm is not None:
        norm = said_norm(branch.norm)
        items.insert(0, bar(norm, claim(f"{name}_norm", norm), OP_WIDTH, told_of(f"{name}_norm", branch.norm)))
    inside = column(items, 4)
    fork, merge = inside.height - min(9.0, items[0].height / 2), op.height / 2
    left, right = ACROSS + BESIDE, ACROSS + BESIDE + OP_WIDTH

    def draw(x: float, y: float) -> Elements:
        into, out = (left if source == ACROSS else right), (left if target == ACROSS else right)
        inner = x + target + (6.5 if target == ACROSS else -6.5)
        drawn = line((x + source, y + fork), (x + into, y + fork), arrow=True)
        drawn += [*line((x + out, y + merge), (inner, y + merge), arrow=True), *plus(x + target, y + merge)]
        if isinstance(branch.op, RowAttention):
            drawn += line((x + _OTHER, y + merge), (x + right, y + merge), dashed=True, arrow=True)
        return drawn + inside.draw(x + left, y)

    return Piece(_OTHER + ACROSS, inside.height, ACROSS, draw)
