"""Whole models: which parts stand beside which, and what flows between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bestiary.atlas.figures.body.boxes import ACROSS, FULL_WIDTH, Said, across, box
from bestiary.atlas.figures.body.ledger import Ledger
from bestiary.atlas.figures.body.pieces import Elements, Piece, captioned, column, head, line, panel
from bestiary.atlas.figures.body.towers import flowing, head_pieces, stack_piece, tower
from bestiary.atlas.figures.body.words import said_of, told_of
from bestiary.atlas.figures.svg import INK, element, number
from bestiary.spec import EncoderDecoder, Model, Node, Stack, Transformer, as_heads_see

_BETWEEN = 54.0
"""Between two parts that stand side by side: room for what flows from one to the other."""


def whole(spec: Model, ledger: Ledger) -> Piece:
    """Return a model with all that it has; what no box has claimed at the end stands in one of its own."""
    piece = laid(spec, "", spec, ledger)
    rest = [place for place, number in ledger.left.items() if number]
    if rest:
        said = Said("other", "Beside these", tuple(rest))
        piece = column([piece, across(box(said, ledger.claim("", said), FULL_WIDTH))])
    return piece


def laid(node: Any, path: str, model: Model, ledger: Ledger) -> Piece:
    """Return a node of any kind: by its own layout where it has one, else as boxes within boxes."""
    for kind in type(node).__mro__:
        if kind in _LAYOUTS:
            return _LAYOUTS[kind](node, path, ledger)
    return _nested(node, path, node if isinstance(node, Model) else model, ledger)


def _transformer(spec: Transformer, path: str, ledger: Ledger) -> Piece:
    return flowing(tower(spec, path, spec.dim, spec, ledger))


def _pair(spec: EncoderDecoder, path: str, ledger: Ledger) -> Piece:
    """Return an encoder and a decoder side by side, and what the decoder reads of the encoder."""
    dot = f"{path}." if path else ""
    left = tower(spec.encoder, f"{dot}encoder", spec.dim, spec, ledger)
    right = tower(spec.decoder, f"{dot}decoder", spec.dim, spec, ledger)
    if spec.heads:
        right = column([right, *head_pieces(spec.heads, f"{dot}heads", as_heads_see(spec), ledger)])
    return reading(named(flowing(left), "encoder"), named(flowing(right), "decoder"))


def named(piece: Piece, text: str) -> Piece:
    """Return a tower with its name below what it reads."""
    return captioned(piece, text, piece.axis - ACROSS)


def reading(left: Piece, right: Piece) -> Piece:
    """Return two parts of which the right one's cross-attentions read what leaves the left one."""
    top = 18.0
    high = max(left.height + top, right.height)
    start = left.width + _BETWEEN
    asked = [anchor for anchor in right.anchors if anchor.name == "cross"]

    def draw(x: float, y: float) -> Elements:
        foot = y + high
        lane = x + left.width + _BETWEEN / 2
        out = left.outlet(x, foot - left.height)
        drawn = [*left.draw(x, foot - left.height), *right.draw(x + start, foot - right.height)]
        if not asked:
            return drawn
        ends = [(x + start + anchor.x, foot - right.height + anchor.y) for anchor in asked]
        over = out[1] - top
        lowest, highest = max(end[1] for end in ends), min(end[1] for end in ends)
        drawn += line(out, (out[0], over), (lane, over), (lane, lowest if lowest > over else highest))
        stream = x + start + right.axis
        for end in ends:
            drawn += _hopping(lane, stream, end)
        return drawn

    return Piece(start + right.width, high, left.axis, draw)


def _hopping(lane: float, stream: float, end: tuple[float, float]) -> Elements:
    x, y = end
    path = f"M{number(lane)} {number(y)}H{number(stream - 5)}a5 5 0 0 1 10 0H{number(x)}"
    return [
        element("path", class_="ink", d=path, fill="none", stroke=INK, stroke_width=1.2),
        *head((lane, y), end),
    ]


def _nested(node: Any, path: str, model: Model, ledger: Ledger) -> Piece:
    """Return a node as a frame around its parts, or as a box where it has none."""
    inner: list[Piece] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        inner += _parts(field.name, value, f"{path}.{field.name}".removeprefix("."), model, ledger)
    said = said_of(node, model.dim)
    if not inner:
        amount = ledger.claim(path, said) if path else None
        return across(box(said, amount, FULL_WIDTH, told_of(path, node)))
    title = " · ".join((said.name, *said.details))
    return panel(column(inner), title=title)


def _parts(name: str, value: Any, path: str, model: Model, ledger: Ledger) -> list[Piece]:
    if isinstance(value, Stack):
        return [stack_piece(value, path, model.dim, model, ledger)]
    if isinstance(value, Model):
        return [panel(laid(value, path, value, ledger), title=name)]
    if isinstance(value, Mapping):
        return head_pieces(value, path, as_heads_see(model), ledger)
    if isinstance(value, tuple) and any(isinstance(each, Node) for each in value):
        return [
            _nested(each, f"{path}[{index}]", each if isinstance(each, Model) else model, ledger)
            for index, each in enumerate(value)
        ]
    if isinstance(value, Node):
        return [_leaf(name, value, path, model, ledger)]
    return []


def _leaf(name: str, value: Node, path: str, model: Model, ledger: Ledger) -> Piece:
    said = said_of(value, model.dim)
    return across(box(said, ledger.claim(path, said), FULL_WIDTH, told_of(path, value)))


_LAYOUTS: dict[type, Callable[[Any, str, Ledger], Piece]] = {
    Transformer: _transformer,
    EncoderDecoder: _pair,
}
