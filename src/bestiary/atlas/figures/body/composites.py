"""Models made of models: towers side by side, chains, and what reads what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bestiary.atlas.figures.body.boxes import ACROSS, FULL_WIDTH, Said, across, box
from bestiary.atlas.figures.body.ledger import Ledger
from bestiary.atlas.figures.body.pieces import Anchor, Elements, Piece, captioned, column, label, line
from bestiary.atlas.figures.body.rows import Flow, in_row
from bestiary.atlas.figures.body.terms import BY
from bestiary.atlas.figures.body.towers import embedding, entered, flowing, head_pieces, reading, stack_piece, tower
from bestiary.atlas.figures.body.words import said_of, told_of
from bestiary.atlas.figures.svg import PALE, element
from bestiary.atlas.figures.text import width
from bestiary.spec import Detector, DualEncoder, EncoderDecoder, Pyramid, as_heads_see, map_sides

_FRAME = 16.0


def under(path: str, name: str) -> str:
    """Return the path of a part of what stands at a path."""
    return f"{path}.{name}".removeprefix(".")


def named(piece: Piece, text: str) -> Piece:
    """Return a tower with its name below what it reads."""
    return captioned(piece, text, max(0.0, piece.axis - ACROSS))


def framed(inside: Piece, name: str, notes: Sequence[str] = (), closed: bool = False) -> Piece:
    """Return a part of a larger model in a frame, with its name and what else is said of it at the foot.

    What is read comes to where the part begins, or to the frame where it says no place; to ``closed`` ones not at all.
    """
    said = " · ".join(notes)
    wide = max(inside.width, width(name, 11.5, bold=True), width(said, 10)) + 2 * _FRAME
    foot = 26.0 + (14 if notes else 0)
    high = inside.height + _FRAME + foot

    def draw(x: float, y: float) -> Elements:
        frame = element("rect", class_="pale", x=x, y=y, width=wide, height=high, rx=10, fill="none", stroke=PALE)
        under = y + _FRAME + inside.height + 18
        texts = [label(x + _FRAME, under, name, 11.5, font_weight="bold")]
        if notes:
            texts.append(label(x + _FRAME, under + 14, said))
        return [frame, *inside.draw(x + _FRAME, y + _FRAME), *texts]

    anchors = [anchor.moved(_FRAME, _FRAME) for anchor in inside.anchors]
    anchors = [anchor for anchor in anchors if anchor.name != "frame"]
    edge = Anchor("frame", 0, high - foot / 2)
    if not closed and not any(anchor.name == "in" for anchor in anchors):
        anchors.append(edge._replace(name="in"))
    anchors.append(edge)
    return Piece(wide, high, inside.axis + _FRAME, draw, tuple(anchors), leave=inside.outlet(_FRAME, _FRAME))


def pair(spec: EncoderDecoder, path: str, ledger: Ledger) -> Piece:
    """Return an encoder and a decoder side by side, and what the decoder reads of the encoder."""
    left = tower(spec.encoder, under(path, "encoder"), spec.dim, spec, ledger)
    right = tower(spec.decoder, under(path, "decoder"), spec.dim, spec, ledger)
    if spec.heads:
        right = column([right, *head_pieces(spec.heads, under(path, "heads"), as_heads_see(spec), ledger)])
    return in_row([named(flowing(left), "encoder"), named(flowing(right), "decoder")], [Flow(0, 1, "cross")])


def dual(spec: DualEncoder, path: str, ledger: Ledger, lay: Any) -> Piece:
    """Return two towers side by side, and above them what compares their vectors."""
    sides = [named(lay(getattr(spec, name), under(path, name), ledger), f"{name} tower") for name in ("text", "image")]
    both = in_row(sides, [])
    heads = [
        box(
            said := said_of(head, spec.dim),
            ledger.claim(place := under(path, f"heads.{name}"), said),
            told=told_of(place, head),
        )
        for name, head in spec.heads.items()
    ]
    above = column(heads) if heads else None
    if above is None:
        return both
    rise = above.height + 26
    lefts = (0.0, both.width - sides[1].width)
    outs = [side.outlet(left, rise + both.height - side.height) for side, left in zip(sides, lefts, strict=True)]
    first = (outs[0][0] + outs[1][0] - above.width) / 2

    def draw(x: float, y: float) -> Elements:
        drawn = [*above.draw(x + first, y), *both.draw(x, y + rise)]
        for out, edge in zip(outs, (first, first + above.width), strict=True):
            points = (out, (out[0], above.height / 2), (edge, above.height / 2))
            drawn += line(*((x + dx, y + dy) for dx, dy in points), arrow=True)
        return drawn

    return Piece(both.width, both.height + rise, both.axis, draw)


def pyramid(spec: Pyramid, path: str, ledger: Ledger) -> Piece:
    """Return tiers side by side: each reads the smaller map that the one before it leaves."""
    sides = map_sides(spec)
    columns: list[Piece] = []
    for index, tier in enumerate(spec.tiers):
        place = under(path, f"tiers.{index}")
        pieces = embedding(spec.embed, under(path, "embed"), spec.dim, ledger) if index == 0 else []
        if ledger.holds(f"{place}.queries"):
            said = Said("convolution", "Queries of all windows", ("told by the whole map",))
            pieces.append(reading(box(said, ledger.claim(f"{place}.queries", said), told=f"{place}.queries")))
        pieces.append(stack_piece(tier.stack, f"{place}.stack", tier.dim, tier, ledger))
        merge = getattr(tier, "merge", None)
        if merge is not None:
            said = said_of(merge, tier.dim)
            amount = ledger.claim(f"{place}.merge", said)
            pieces.append(across(box(said, amount, FULL_WIDTH, told_of(f"{place}.merge", merge))))
        if index == len(spec.tiers) - 1:
            pieces += head_pieces(spec.heads, under(path, "heads"), as_heads_see(spec), ledger)
        name = f"tier {index + 1}: {tier.dim:,} wide" + f", {sides[index]} {BY} {sides[index]} places"
        columns.append(named(_joining(flowing(column(pieces))), name))
    return in_row(columns, [Flow(index, index + 1, "join") for index in range(len(columns) - 1)])


def _joining(piece: Piece) -> Piece:
    """Return a piece whose stream begins a little below it, where another one's joins it."""

    def draw(x: float, y: float) -> Elements:
        stream, foot = x + piece.axis, y + piece.height
        return [*line((stream, foot + 12), (stream, foot)), *piece.draw(x, y)]

    anchors = (*piece.anchors, Anchor("join", piece.axis, piece.height + 12))
    return Piece(piece.width, piece.height + 12, piece.axis, draw, anchors, leave=piece.outlet(0, 0))


def detector(spec: Detector, path: str, ledger: Ledger, lay: Any) -> Piece:
    """Return a network of convolutions, an encoder of its map and a decoder of queries, side by side."""
    net = framed(lay(spec.net, under(path, "net"), ledger), "network of convolutions")
    project = Said("convolution", "Map to the width", (f"{spec.net.dim:,} to {spec.dim:,}",))
    low = entered(across(box(project, ledger.claim(under(path, "project"), project), FULL_WIDTH)))
    sines = said_of(spec.position, spec.dim)
    places = across(box(Said("position", sines.name, ("on queries and keys of each layer",)), None, FULL_WIDTH))
    left = column([low, places, stack_piece(spec.encoder, under(path, "encoder"), spec.dim, spec, ledger)])
    asked = Said("embedding", f"{spec.queries} queries of objects", (f"{spec.queries} {BY} {spec.dim}",))
    queries = across(box(asked, ledger.claim(under(path, "queries"), asked), FULL_WIDTH))
    heads = head_pieces(spec.heads, under(path, "heads"), spec, ledger)
    right = column([queries, stack_piece(spec.decoder, under(path, "decoder"), spec.dim, spec, ledger), *heads])
    return in_row(
        [net, named(flowing(left), "encoder"), named(flowing(right), "decoder")], [Flow(0, 1), Flow(1, 2, "cross")]
    )
