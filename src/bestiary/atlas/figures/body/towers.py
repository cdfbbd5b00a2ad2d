"""Towers: an embedding at the bottom, layers above it in frames, heads at the top."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from bestiary.atlas.figures.body.boxes import ACROSS, BESIDE, FULL_WIDTH, OP_WIDTH, Said, across, bar, box
from bestiary.atlas.figures.body.branches import layer_pieces
from bestiary.atlas.figures.body.folds import Drawn, Group, grouped, layers_of
from bestiary.atlas.figures.body.ledger import Inside, Ledger, Shares
from bestiary.atlas.figures.body.pieces import GAP, Anchor, Elements, Piece, column, line, panel, plus
from bestiary.atlas.figures.body.reads import said_embedding
from bestiary.atlas.figures.body.terms import BY, plural
from bestiary.atlas.figures.body.words import said_norm, said_of, told_of
from bestiary.sizing.inside import parts_of
from bestiary.spec import (
    ConvolvedPosition,
    EmbeddingPosition,
    Model,
    Node,
    Norm,
    ScorePosition,
    Stack,
    Tokens,
    as_heads_see,
)

_RISE = 16.0
"""How far the stream goes on above what it passes last."""


def tower(spec: Any, path: str, dim: int, model: Model, ledger: Ledger) -> Piece:
    """Return what has an embedding and a stack, and perhaps heads: a transformer, or one side of a pair."""
    first, *others = embedding(spec.embed, _under(path, "embed"), dim, ledger)
    pieces = [entered(first), *others]
    pieces.append(stack_piece(spec.stack, _under(path, "stack"), dim, model, ledger))
    pieces += head_pieces(getattr(spec, "heads", {}), _under(path, "heads"), as_heads_see(model), ledger)
    return column(pieces)


def entered(piece: Piece) -> Piece:
    """Return a box that what comes from elsewhere leads into."""
    return dataclasses.replace(piece, anchors=(*piece.anchors, Anchor("in", 0, piece.height / 2)))


def flowing(piece: Piece) -> Piece:
    """Return a piece with the stream through it, which goes on above it."""

    def draw(x: float, y: float) -> Elements:
        stream = x + piece.axis
        return [*line((stream, y + _RISE + piece.height), (stream, y), arrow=True), *piece.draw(x, y + _RISE)]

    anchors = tuple(anchor.moved(0, _RISE) for anchor in piece.anchors)
    return Piece(piece.width, piece.height + _RISE, piece.axis, draw, anchors)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}".removeprefix(".")


def embedding(node: Node, path: str, dim: int, ledger: Ledger) -> list[Piece]:
    """Return an embedding: its tables, what is added to their vectors, and the norm of the sum."""
    position, norm = getattr(node, "position", None), getattr(node, "norm", None)
    types = getattr(node, "types", 0)
    added: list[Piece] = []
    place = len(ledger.rows)
    if types:
        said = Said("embedding", plural(types, "segment type"))
        added.append(_added(box(said, ledger.claim(f"{path}.types", said), told=f"{path}.types")))
    if isinstance(position, EmbeddingPosition | ConvolvedPosition):
        wide = node.width or dim if isinstance(node, Tokens) else dim
        said = said_of(position, wide)
        amount = ledger.claim(f"{path}.position", said)
        added.append(_added(box(said, amount, told=told_of(f"{path}.position", position))))
    normed: list[Piece] = []
    if isinstance(norm, Norm) and ledger.holds(f"{path}.norm"):
        said = said_norm(norm)
        normed.append(across(bar(said, ledger.claim(f"{path}.norm", said), FULL_WIDTH, f"{path}.norm")))
    said = said_embedding(node, dim)
    first = across(box(said, ledger.claim(path, said), FULL_WIDTH, told_of(path, node)))
    ledger.move_last(place)
    return [first, *added, *normed]


def _added(inside: Piece) -> Piece:
    """Return a box beside the stream whose vectors are added to it."""

    def draw(x: float, y: float) -> Elements:
        stream, middle = x + ACROSS, y + inside.height / 2
        return [
            *line((stream + BESIDE, middle), (stream + 6.5, middle), arrow=True),
            *plus(stream, middle),
            *inside.draw(stream + BESIDE, y),
        ]

    return Piece(ACROSS + BESIDE + inside.width, inside.height, ACROSS, draw)


def stack_piece(stack: Stack, path: str, dim: int, model: Model, ledger: Ledger, inside: Inside | None = None) -> Piece:
    """Return a stack: groups of layers in frames, the norm behind the last, and what all scores share beside them."""

    def counted(part: Stack) -> Iterable[tuple[str, int]]:
        return parts_of(part, dim, model)

    groups = grouped(stack)
    drawn = [layer for group in groups for layer in layers_of(group)]
    shares = ledger.layers(path, stack, [layer.places for layer in drawn], inside or counted)
    index = {id(layer): place for place, layer in enumerate(drawn)}
    pieces = [_group(group, shares, index, dim) for group in groups]
    for place, number in shares.left().items():
        said = Said("other", place.rsplit(".", 1)[-1])
        pieces.append(_added(box(said, ledger.note(place, said, number))))
    if ledger.holds(f"{path}.layers"):
        said = Said("other", "All layers together")
        pieces.append(across(box(said, ledger.claim(f"{path}.layers", said), FULL_WIDTH)))
    whole = column(pieces)
    if stack.position is not None:
        whole = _with_position(whole, stack.position, path, dim, ledger)
    if stack.norm is not None:
        said = said_norm(stack.norm)
        bar_ = across(bar(said, ledger.claim(f"{path}.norm", said), FULL_WIDTH, told_of(f"{path}.norm", stack.norm)))
        whole = column([whole, bar_])
    return whole


def _group(group: Group, shares: Shares, index: Mapping[int, int], dim: int) -> Piece:
    pieces: list[Piece] = []
    for item in group.items:
        if isinstance(item, Group):
            pieces.append(_group(item, shares, index, dim))
        else:
            inner = _layer(item, shares, index[id(item)], dim)
            pieces.append(inner if len(group.items) == 1 else panel(inner))
    inside = column(pieces)
    badge = f"{group.times} {BY}" if group.times > 1 else ""
    return panel(inside, badge, "the same weights each time" if group.shared else "")


def _layer(drawn: Drawn, shares: Shares, group: int, dim: int) -> Piece:
    pieces = layer_pieces(drawn.layer, dim, lambda part, said: shares.claim(group, drawn, part, said))
    return column(pieces, GAP + 2)


def _with_position(layers: Piece, position: ScorePosition, path: str, dim: int, ledger: Ledger) -> Piece:
    """Return layers above the position that their scores share, with a line from it to each that asks."""
    said = said_of(position, dim)
    inner = box(said, ledger.claim(f"{path}.position", said), told=told_of(f"{path}.position", position))
    low = Piece(ACROSS + BESIDE + OP_WIDTH, inner.height, ACROSS, lambda x, y: inner.draw(x + ACROSS + BESIDE, y))
    both = column([low, layers], GAP + 4)
    right, middle = both.axis + BESIDE + OP_WIDTH, both.height - inner.height / 2
    asked = [anchor for anchor in both.anchors if anchor.name == "score"]

    def draw(x: float, y: float) -> Elements:
        lane = x + right + 7
        drawn = both.draw(x, y)
        top = min((anchor.y for anchor in asked), default=middle)
        drawn += line((x + right, y + middle), (lane, y + middle), (lane, y + top), dashed=True)
        for anchor in asked:
            drawn += line((lane, y + anchor.y), (x + right, y + anchor.y), dashed=True)
        return drawn

    return Piece(both.width, both.height, both.axis, draw, both.anchors)


def head_pieces(heads: Mapping[str, Node], path: str, model: Model, ledger: Ledger) -> list[Piece]:
    """Return heads above each other, each reading the stream's end."""
    return [_head(name, node, f"{path}.{name}", model, ledger) for name, node in heads.items()]


def _head(name: str, node: Node, path: str, model: Model, ledger: Ledger) -> Piece:
    said = said_of(node, model.dim)
    said = dataclasses.replace(said, kind="head")
    return reading(box(said, ledger.claim(path, said), told=told_of(path, node)))


def reading(inner: Piece) -> Piece:
    """Return a box beside the stream that reads it and adds nothing to it."""

    def draw(x: float, y: float) -> Elements:
        stream, middle = x + ACROSS, y + inner.height / 2
        return [
            *line((stream, middle), (stream + BESIDE, middle), arrow=True),
            *inner.draw(stream + BESIDE, y),
        ]

    return Piece(ACROSS + BESIDE + inner.width, inner.height, ACROSS, draw)
