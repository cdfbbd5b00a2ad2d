"""Parts side by side, and what flows from one to another: up, over, and down to where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bestiary.atlas.figures.body.boxes import BESIDE
from bestiary.atlas.figures.body.pieces import Elements, Piece, head, line
from bestiary.atlas.figures.svg import INK, element, number

BETWEEN = 46.0
"""Between two parts that stand side by side: room for what flows from one to the other."""
_LANE = 9.0
"""Between two lines that flow beside each other."""
_OVER = 15.0
"""How far above a part what leaves it turns."""


@dataclass(frozen=True)
class Flow:
    """What leaves one part of a row and is read in another, at all places of a name."""

    start: int
    end: int
    to: str = "in"


def in_row(pieces: Sequence[Piece], flows: Sequence[Flow]) -> Piece:
    """Return pieces side by side, their feet on one line, with lines for what flows between them."""
    flows = [flow for flow in flows if any(anchor.name == flow.to for anchor in pieces[flow.end].anchors)]
    lefts = _lefts(pieces, flows)
    tops = _tops(flows, pieces)
    high = max([*(piece.height for piece in pieces), *tops])
    wide = lefts[-1] + pieces[-1].width

    def draw(x: float, y: float) -> Elements:
        foot = y + high
        drawn: Elements = []
        for piece, left in zip(pieces, lefts, strict=True):
            drawn += piece.draw(x + left, foot - piece.height)
        for index, (flow, top) in enumerate(zip(flows, tops, strict=True)):
            start, end = pieces[flow.start], pieces[flow.end]
            lane = x + lefts[flow.end] - BETWEEN / 2 - _LANE * _before(flow, flows[:index])
            out = start.outlet(x + lefts[flow.start], foot - start.height)
            drawn += _drawn(flow, out, foot - top, lane, end, (x + lefts[flow.end], foot - end.height))
        return drawn

    led = {(flow.end, flow.to) for flow in flows}
    anchors = tuple(
        anchor.moved(left, high - piece.height)
        for index, (piece, left) in enumerate(zip(pieces, lefts, strict=True))
        for anchor in piece.anchors
        if (index, anchor.name) not in led and not (index and anchor.name == "in")
    )
    last = pieces[-1]
    leave = last.outlet(lefts[-1], high - last.height)
    return Piece(wide, high, pieces[0].axis, draw, anchors, leave=leave)


def _lefts(pieces: Sequence[Piece], flows: Sequence[Flow]) -> list[float]:
    lefts: list[float] = []
    left = 0.0
    for index, piece in enumerate(pieces):
        lanes = sum(flow.end == index for flow in flows)
        left += (BETWEEN + _LANE * max(0, lanes - 1) if lanes else BETWEEN / 2) if index else 0
        lefts.append(left)
        left += piece.width
    return lefts


def _tops(flows: Sequence[Flow], pieces: Sequence[Piece]) -> list[float]:
    """Return how high above the feet each flow passes over the parts between, none on another one's line."""
    tops: list[float] = []
    for index, flow in enumerate(flows):
        top = max(piece.height for piece in pieces[flow.start : flow.end]) + _OVER
        beside = [tops[at] for at in range(index) if flows[at].start < flow.end and flow.start < flows[at].end]
        while any(abs(top - other) < _LANE for other in beside):
            top += _LANE
        tops.append(top)
    return tops


def _before(flow: Flow, others: Sequence[Flow]) -> int:
    return sum(other.end == flow.end for other in others)


def _drawn(
    flow: Flow, out: tuple[float, float], over: float, lane: float, end: Piece, place: tuple[float, float]
) -> Elements:
    ends = [(place[0] + anchor.x, place[1] + anchor.y) for anchor in end.anchors if anchor.name == flow.to]
    heights = [y for _, y in ends]
    drawn = line(out, (out[0], over), (lane, over))
    drawn += line((lane, min(over, *heights)), (lane, max(over, *heights)))
    for x, y in ends:
        if flow.to == "cross":
            drawn += _hopping(lane, x - BESIDE, (x, y))
        else:
            drawn += line((lane, y), (x, y), arrow=flow.to != "join")
    return drawn


def _hopping(lane: float, stream: float, end: tuple[float, float]) -> Elements:
    """Return an arrow that hops over a stream."""
    x, y = end
    path = f"M{number(lane)} {number(y)}H{number(stream - 5)}a5 5 0 0 1 10 0H{number(x)}"
    drawn = element("path", class_="ink", d=path, fill="none", stroke=INK, stroke_width=1.2)
    return [drawn, *head((lane, y), end)]
