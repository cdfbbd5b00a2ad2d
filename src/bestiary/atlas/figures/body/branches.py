"""A residual branch beside its stream: the op, the norm where its placement puts it, and the scale of what is added."""

from __future__ import annotations

from collections.abc import Callable

from bestiary.atlas.figures.body.boxes import ACROSS, BESIDE, FULL_WIDTH, OP_WIDTH, Amount, Said, across, bar, box
from bestiary.atlas.figures.body.pieces import Anchor, Elements, Piece, column, line, plus
from bestiary.atlas.figures.body.terms import kind_of
from bestiary.atlas.figures.body.words import said_norm, said_of, told_of
from bestiary.spec import (
    Blank,
    CrossAttention,
    Experts,
    ImageAttention,
    JoinedAttention,
    LatentAttention,
    Layer,
    Node,
    Normed,
    Nothing,
    Parallel,
    Residual,
    Scale,
    branch_names,
)

Claim = Callable[[str, Said], Amount]
"""Gives a box the parameters of the part of a layer that it shows."""
_READ_ASIDE = (CrossAttention, ImageAttention, LatentAttention, JoinedAttention)
_CLOSE = 4.0
"""Between what stands on one branch."""


def layer_pieces(layer: Layer, dim: int, claim: Claim) -> list[Piece]:
    """Return the branches of a layer, the first below."""
    named = zip(branch_names(layer), layer, strict=True)
    return [piece for name, branch in named for piece in _branch(name, branch, dim, claim)]


def _branch(name: str, branch: Residual, dim: int, claim: Claim) -> list[Piece]:
    """Return a branch, and behind it the norm that stands on the stream, if one does."""
    norm = branch.norm
    items: list[Piece] = []
    if norm is not None and branch.placement in ("pre", "both") and not isinstance(branch.op, Nothing):
        items.append(_norm(f"{name}_norm", norm, claim))
    op = _op(name, branch.op, dim, claim)
    if not isinstance(branch.op, Nothing):
        items.append(op)
    if isinstance(branch.scale, Scale):
        said = Said(
            "other", f"times {said_of(branch.scale, dim).name[:1].lower()}{said_of(branch.scale, dim).name[1:]}"
        )
        items.append(bar(said, claim(f"{name}_scale", said), told=told_of(name, branch.scale)))
    elif branch.scale != 1:
        items.append(bar(Said("other", f"times {branch.scale:.4g}"), None))
    if norm is not None and branch.placement in ("output", "both"):
        items.append(_norm(f"{name}_post_norm" if branch.placement == "both" else f"{name}_norm", norm, claim))
    looks_aside = isinstance(branch.op, _READ_ASIDE)
    asks = not looks_aside and kind_of(branch.op) == "attention"
    pieces = [_beside(column(items, _CLOSE), items, looks_aside, asks)] if items else []
    if norm is not None and (branch.placement == "post" or isinstance(branch.op, Nothing)):
        said = said_norm(norm)
        pieces.append(across(bar(said, claim(f"{name}_norm", said), FULL_WIDTH, told_of(f"{name}_norm", norm))))
    return pieces


def _beside(inside: Piece, items: list[Piece], looks_aside: bool, asks: bool) -> Piece:
    """Return what stands on a branch, with the lines from the stream and back to it."""
    high = inside.height
    first, last = items[0], items[-1]
    fork = high - min(9.0, first.height / 2)
    merge = min(9.0, last.height / 2) if len(items) == 1 else last.height / 2
    if len(items) == 1 and first.height <= 18:
        fork, merge = high - 4, 4.0
    axis = ACROSS

    def draw(x: float, y: float) -> Elements:
        stream, left = x + axis, x + axis + BESIDE
        return [
            *line((stream, y + fork), (left, y + fork), arrow=True),
            *line((left, y + merge), (stream + 6.5, y + merge), arrow=True),
            *plus(stream, y + merge),
            *inside.draw(left, y),
        ]

    op = next((item for item in items if item.height > 18), last)
    top = _top_of(op, items, high)
    anchors: list[Anchor] = []
    if asks:
        anchors.append(Anchor("score", axis + BESIDE + OP_WIDTH, top + op.height / 2))
    if looks_aside:
        where = 0.5 if len(items) == 1 else 0.78
        anchors.append(Anchor("cross", axis + BESIDE, top + op.height * where))
    return Piece(axis + BESIDE + inside.width, high, axis, draw, tuple(anchors))


def _top_of(op: Piece, items: list[Piece], high: float) -> float:
    bottom = high
    for item in items:
        bottom -= item.height
        if item is op:
            return bottom
        bottom -= _CLOSE
    return 0.0


def _norm(path: str, norm: Node, claim: Claim, wide: float = OP_WIDTH) -> Piece:
    said = said_of(norm, 0)
    return bar(said, claim(path, said), wide, told_of(path, norm))


def _op(name: str, op: Node, dim: int, claim: Claim, wide: float = OP_WIDTH) -> Piece:
    if isinstance(op, Parallel):
        return _parallel(name, op, dim, claim, wide)
    if isinstance(op, Normed):
        norm = _norm(f"{name}.norm", op.norm, claim, wide)
        return column([norm, _op(f"{name}.op", op.op, dim, claim, wide)], _CLOSE)
    if isinstance(op, Blank | Nothing):
        return bar(said_of(op, dim), None, wide, told_of(name, op))
    said = said_of(op, dim)
    below = 12 if isinstance(op, _READ_ASIDE) else 0  # for the line that leads into it
    return box(said, claim(name, said), wide, told_of(name, op), slabs=isinstance(op, Experts), below=below)


def _parallel(name: str, op: Parallel, dim: int, claim: Claim, wide: float) -> Piece:
    """Return ops side by side, their feet on one line."""
    each = (wide - 8 * (len(op.ops) - 1)) / len(op.ops)
    pieces = [
        _op(f"{name}.{part}", one, dim, claim, each) for part, one in zip(branch_names(op.ops), op.ops, strict=True)
    ]
    high = max(piece.height for piece in pieces)

    def draw(x: float, y: float) -> Elements:
        return [
            drawn
            for index, piece in enumerate(pieces)
            for drawn in piece.draw(x + index * (each + 8), y + high - piece.height)
        ]

    return Piece(wide, high, wide / 2, draw)
