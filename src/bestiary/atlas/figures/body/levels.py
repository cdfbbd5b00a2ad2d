"""Maps that shrink and grow: U-Nets and autoencoders, levels going down at the left and up at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bestiary.atlas.figures.body.boxes import Said, bar, box
from bestiary.atlas.figures.body.ledger import Ledger
from bestiary.atlas.figures.body.pieces import Anchor, Elements, Piece, label, line
from bestiary.atlas.figures.body.terms import BY, plural
from bestiary.atlas.figures.body.words import said_norm, said_of, told_of
from bestiary.atlas.figures.svg import PALE, element
from bestiary.spec import (
    GLU,
    MLP,
    Attend,
    Autoencoder,
    CrossAttention,
    DiscreteAutoencoder,
    JoinedAttention,
    Node,
    walk,
)

LEVEL_WIDTH = 244.0
_ACROSS = 46.0
"""Between the two sides."""
_DOWN = 16.0
"""Between a level and the next."""


def stacked(pieces: Sequence[Piece], gap: float = 4) -> Piece:
    """Return pieces of one width one above the other, the first at the top."""
    tops: list[float] = []
    top = 0.0
    for piece in pieces:
        tops.append(top)
        top += piece.height + gap

    def draw(x: float, y: float) -> Elements:
        return [each for piece, dy in zip(pieces, tops, strict=True) for each in piece.draw(x, y + dy)]

    wide = max(piece.width for piece in pieces)
    return Piece(wide, top - gap, wide / 2, draw)


def u_net(spec: Any, path: str, ledger: Ledger) -> Piece:
    """Return a U-Net: what each level keeps on the way down is read opposite, on the way up."""
    inside = f"{path}." if path else ""
    maps = _sides_of(spec.down, spec.size)
    left = [_level(level, f"{inside}down[{index}]", side, ledger) for index, (level, side) in enumerate(maps)]
    middle = _level(spec.middle, f"{inside}middle", maps[-1][1], ledger) if hasattr(spec, "middle") else None
    ups = list(zip(spec.up, [side for _, side in reversed(maps)], strict=False))
    right = [_level(level, f"{inside}up[{index}]", side, ledger) for index, (level, side) in enumerate(ups)]
    enter = [_bar("convolution", f"Convolution from {plural(spec.channels, 'channel')}", f"{inside}enter", ledger)]
    leave = [_bar("convolution", f"Convolution to {plural(spec.out, 'channel')}", f"{inside}leave", ledger)]
    if getattr(spec, "norm", None) is not None:
        leave.append(_bar("norm", said_norm(spec.norm).name, f"{inside}norm", ledger))
    told = [(f"{inside}time", spec.time), *((f"{inside}conditions[{n}]", one) for n, one in enumerate(spec.conditions))]
    foot = [_told(place, node, spec.dim, ledger) for place, node in told]
    sides = Sides(stacked(enter), left, list(reversed(right)), stacked(leave))
    return u_shape(sides, middle, foot, skips=True)


def _told(path: str, node: Node, dim: int, ledger: Ledger) -> Piece:
    said = said_of(node, dim)
    said = Said("embedding", f"{said.name}, told to every block", said.details, ())
    return box(said, ledger.claim(path, said), _WIDE, told_of(path, node))


def autoencoder(spec: Autoencoder | DiscreteAutoencoder, path: str, ledger: Ledger) -> Piece:
    """Return an autoencoder: down to a code, and up again."""
    inside = f"{path}." if path else ""
    sides = _sides_of(spec.encoder.levels, spec.size)
    left = _tower(sides, f"{inside}encoder", ledger)
    ups = list(zip(spec.decoder.levels, [side for _, side in reversed(sides)], strict=False))
    right = _tower(ups, f"{inside}decoder", ledger)
    enter = [
        _bar(
            "convolution",
            f"Convolution from {plural(spec.encoder.channels, 'channel')}",
            f"{inside}encoder.enter",
            ledger,
        )
    ]
    leave = [
        _bar("convolution", f"Convolution to {plural(spec.decoder.out, 'channel')}", f"{inside}decoder.leave", ledger),
    ]
    if ledger.holds(f"{inside}decoder.norm"):
        leave.append(_bar("norm", "Norm", f"{inside}decoder.norm", ledger))
    places = ("encoder.norm", "encoder.leave", "enter", "code", "leave", "decoder.enter")
    code = _code(spec)
    amount = ledger.claim(f"{inside}code", code, [f"{inside}{place}" for place in places])
    middle = box(code, amount, LEVEL_WIDTH)
    return u_shape(Sides(stacked(enter), left, list(reversed(right)), stacked(leave)), middle, [], skips=False)


def _code(spec: Autoencoder | DiscreteAutoencoder) -> Said:
    if isinstance(spec, DiscreteAutoencoder):
        return Said("embedding", "Words", (f"one of {spec.dim:,} at each place",))
    said = said_of(spec.code, spec.dim)
    return Said("embedding", said.name, (*said.details, f"{plural(spec.dim, 'channel')} at each place"))


def _tower(levels: Sequence[tuple[Any, int]], path: str, ledger: Ledger) -> list[Piece]:
    return [_level(level, f"{path}.levels[{index}]", side, ledger) for index, (level, side) in enumerate(levels)]


def _sides_of(levels: Sequence[Any], size: int) -> list[tuple[Any, int]]:
    """Return levels on the way down, each with how high and wide its maps are."""
    sides: list[tuple[Any, int]] = []
    for level in levels:
        early = hasattr(level, "enter")  # such a level halves before its cells, others behind them
        size = max(1, size // 2) if early else size
        sides.append((level, size))
        if not early and getattr(level, "resample", None) is not None:
            size = max(1, size // 2)
    return sides


def _level(level: Any, path: str, side: int, ledger: Ledger) -> Piece:
    """Return a level: its blocks, what attends in it, and how it is resampled, in a frame."""
    bars: list[Piece] = []
    if ledger.holds(f"{path}.enter"):
        bars.append(_bar("convolution", "Halved by a convolution", f"{path}.enter", ledger))
    if ledger.holds(f"{path}.told"):
        bars.append(_bar("norm", "Scaled and shifted as told", f"{path}.told", ledger))
    bars.append(_bar("convolution", plural(len(level.cells), "block"), f"{path}.cells[*].res", ledger))
    attends = [cell.attend for cell in level.cells if cell.attend is not None]
    if attends:
        bars.append(_bar("attention", _attends(attends), f"{path}.cells[*].attend", ledger))
    resample = getattr(level, "resample", None)
    if resample is not None:
        how = "Halved" if "Down" in _resampling(resample) else "Doubled"
        bars.append(_bar("convolution", how, f"{path}.resample", ledger, f"{how}: {_resampling(resample)}"))
    if ledger.holds(f"{path}.leave"):
        bars.append(_bar("convolution", "Doubled by a convolution", f"{path}.leave", ledger))
    return _framed(stacked(bars), f"{level.dim:,} wide, {side} {BY} {side}", any(map(_reads_text, attends)))


def _reads_text(attend: Attend) -> bool:
    return any(isinstance(node, CrossAttention | JoinedAttention) for _, node in walk(attend))


def _resampling(node: Any) -> str:
    inner = getattr(node, "resample", None)
    return type(inner if inner is not None else node).__name__


def _attends(attends: Sequence[Attend]) -> str:
    """Return what attends behind the blocks of a level, in few words."""
    nodes = [node for _, node in walk(attends[0])]
    joined = any(isinstance(node, JoinedAttention) for node in nodes)
    names = ["attention with text" if joined else "attention"]
    names += ["cross"] if any(isinstance(node, CrossAttention) for node in nodes) else []
    names += ["MLP"] if any(isinstance(node, MLP | GLU) for node in nodes) else []
    return f"{len(attends)} {BY} {', '.join(names)}"


def _bar(kind: str, text: str, path: str, ledger: Ledger, told: str = "") -> Piece:
    said = Said(kind, text)
    return bar(said, ledger.claim(path, said), LEVEL_WIDTH - 16, told or path)


def _framed(inside: Piece, title: str, told: bool) -> Piece:
    high = inside.height + 30

    def draw(x: float, y: float) -> Elements:
        frame = element("rect", class_="pale", x=x, y=y, width=LEVEL_WIDTH, height=high, rx=6, fill="none", stroke=PALE)
        return [frame, label(x + 8, y + 15, title, 10.5, font_weight="bold"), *inside.draw(x + 8, y + 22)]

    anchors = (Anchor("told", 0, high / 2),) if told else ()
    return Piece(LEVEL_WIDTH, high, LEVEL_WIDTH / 2, draw, anchors)


class Sides(NamedTuple):
    """What goes down at the left and up at the right, with what stands above either side."""

    enter: Piece
    left: list[Piece]
    right: list[Piece]
    leave: Piece

    def tops(self, first: float) -> tuple[list[float], float]:
        """Return where each row of levels begins, and where the last one ends."""
        tops: list[float] = []
        top = first + _DOWN
        for index in range(max(len(self.left), len(self.right))):
            tops.append(top)
            top += max(side[index].height for side in (self.left, self.right) if index < len(side)) + _DOWN
        return tops, top


_OTHER = LEVEL_WIDTH + _ACROSS
"""Where the right side begins."""
_WIDE = 2 * LEVEL_WIDTH + _ACROSS


def u_shape(sides: Sides, middle: Piece | None, foot: list[Piece], skips: bool) -> Piece:
    """Return levels going down at the left and up at the right, those of one size opposite each other."""
    first = max(sides.enter.height, sides.leave.height) + 10
    tops, bottom = sides.tops(first)
    high = bottom + (middle.height + _DOWN if middle else 0)
    feet = stacked(foot, 6) if foot else None

    def draw(x: float, y: float) -> Elements:
        drawn = _side(sides.left, tops, x, y, y + first, down=True)
        drawn += _side(sides.right, tops, x + _OTHER, y, y + first, down=False)
        a, b = x + LEVEL_WIDTH / 2, x + _OTHER + LEVEL_WIDTH / 2
        drawn += line((b, y + first - sides.leave.height), (b, y), arrow=True)
        drawn += sides.enter.draw(x + 8, y + first - sides.enter.height)
        drawn += sides.leave.draw(x + _OTHER + 8, y + first - sides.leave.height)
        if skips:
            for top in tops[: min(len(sides.left), len(sides.right))]:
                level = y + top + 11
                drawn += line((x + LEVEL_WIDTH, level), (x + _OTHER, level), dashed=True, arrow=True)
        ends = ((a, _end(sides.left, tops, y)), (b, _end(sides.right, tops, y)))
        drawn += _turn(ends, middle, x, y + bottom)
        return drawn + (feet.draw(x, y + high) if feet else [])

    whole = high + (feet.height if feet else -_DOWN)
    anchors = [Anchor("in", 8, first - sides.enter.height / 2)]
    anchors += [anchor.moved(0, top) for piece, top in zip(sides.left, tops, strict=False) for anchor in piece.anchors]
    if foot and not any(anchor.name == "told" for anchor in anchors):
        anchors.append(Anchor("told", 0, whole - foot[-1].height / 2))
    if middle:
        anchors.append(Anchor("code", (_WIDE - LEVEL_WIDTH) / 2, bottom + 0.8 * middle.height))
    leave = (_OTHER + LEVEL_WIDTH / 2, 0.0)
    return Piece(_WIDE, whole, LEVEL_WIDTH / 2, draw, tuple(anchors), enter=(8, first), leave=leave)


def _side(levels: Sequence[Piece], tops: Sequence[float], x: float, y: float, above: float, down: bool) -> Elements:
    """Draw the levels of a side, and arrows from each to the next."""
    drawn: Elements = []
    middle = x + LEVEL_WIDTH / 2
    for level, top in zip(levels, tops, strict=False):
        between = ((middle, above), (middle, y + top))
        drawn += [*line(*(between if down else between[::-1]), arrow=True), *level.draw(x, y + top)]
        above = y + top + level.height
    return drawn


def _end(levels: Sequence[Piece], tops: Sequence[float], y: float) -> float:
    return y + tops[len(levels) - 1] + levels[-1].height


def _turn(ends: tuple[tuple[float, float], ...], middle: Piece | None, x: float, top: float) -> Elements:
    """Draw what stands between the two sides at the bottom, or the line from one to the other."""
    (a, left), (b, right) = ends
    if middle is None:
        return line((a, left), (a, top - 4), (b, top - 4), (b, right), arrow=True)
    at, level = x + (_WIDE - LEVEL_WIDTH) / 2, top + middle.height / 2
    return [
        *line((a, left), (a, level), (at, level), arrow=True),
        *line((at + LEVEL_WIDTH, level), (b, level), (b, right), arrow=True),
        *middle.draw(at, top),
    ]
