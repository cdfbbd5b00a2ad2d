"""Key tables: one line for each kind of tensor says our name, theirs and the ops between, for reading and for writing.

    stack.layers.{i}.attn.{q,k,v}.weight = [transformer.]h.{i}.attn.c_attn.weight | T | split

``{i}`` is any number. ``{e}`` on their side counts the rows of our tensor: theirs is a tensor for each, which ``stack``
lays one on another. ``{q,k,v}`` stands for several tensors: as many on the other side, or one that ``split`` cuts.
``[prefix.]`` is there in some files and not in others, and ``[one./other.]`` may be either; the first is written where
the model has a head beside its body.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from bestiary.weights.ops import Op, op

_BRACES = re.compile(r"\{([a-z_0-9]+(?:,[a-z_0-9]+)+)\}")


@dataclass(frozen=True)
class Line:
    """One line of a key table."""

    ours: str
    theirs: str
    ops: tuple[Op, ...]


@dataclass(frozen=True)
class Transfer:
    """Some of our tensors, the tensors of the file that hold them, and the ops between."""

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    ops: tuple[Op, ...]


@cache
def parse(table: str) -> tuple[Line, ...]:
    """Read a key table; blank lines and what follows ``#`` are skipped."""
    lines: list[Line] = []
    for text in table.splitlines():
        text = text.split("#")[0].strip()
        if text:
            ours, right = (side.strip() for side in text.split("=", 1))
            theirs, *ops = (part.strip() for part in right.split("|"))
            lines.append(Line(ours, theirs, tuple(op(words) for words in ops)))
    return tuple(lines)


def transfers(table: str, names: Collection[str]) -> list[Transfer]:
    """Return the transfers that fill the given names of ours; ``theirs`` keep their optional prefixes in brackets.

    Where a line has ``{e}``, ``names`` must be the tensors by name, whose rows it counts.
    """
    found: list[Transfer] = []
    for line in parse(table):
        alternatives = _alternatives(line.ours)
        theirs = _alternatives(line.theirs)
        for index in _indices(alternatives[0], names):
            ours = tuple(name.replace("{i}", index) for name in alternatives)
            if not all(name in names for name in ours):
                continue  # a bias that this spec does not have
            fused = 1 in (len(theirs), len(ours))  # several of ours are one of theirs, or one of several of theirs
            pairs = [(ours, tuple(theirs))] if fused else [((o,), (t,)) for o, t in zip(ours, theirs, strict=True)]
            found += [
                Transfer(mine, _counted([name.replace("{i}", index) for name in its], mine, names), line.ops)
                for mine, its in pairs
            ]
    return found


def _counted(theirs: list[str], ours: tuple[str, ...], names: Collection[str]) -> tuple[str, ...]:
    """Write out ``{e}`` as many times as our tensor has rows."""
    if "{e}" not in theirs[0]:
        return tuple(theirs)
    rows = len(names[ours[0]]) if isinstance(names, Mapping) else 1
    return tuple(name.replace("{e}", str(row)) for name in theirs for row in range(rows))


def spellings(name: str) -> tuple[str, ...]:
    """Return the ways to write a name of theirs: with each of its optional prefixes, then without."""
    match = re.fullmatch(r"([^\[]*)\[([^\]]+)\](.*)", name)
    if not match:
        return (name,)
    before, prefixes, after = match.groups()
    return (*(before + prefix + after for prefix in prefixes.split("/")), before + after)


def nested(part: str, table: str, prefix: str = "") -> str:
    """Return the key table of a model that is a part of another: ours are under its name, theirs behind a prefix."""
    lines = (line.split("=", 1) for line in table.splitlines() if line.split("#")[0].strip())
    return "\n".join(f"{part}.{ours.strip()} = {prefix}{theirs.strip()}" for ours, theirs in lines)


def head_patterns(table: str) -> list[re.Pattern[str]]:
    """Return patterns of the names that hold heads: such tensors are left out when another head is asked for."""
    return [
        _pattern(spelling)
        for line in parse(table)
        if line.ours.startswith("heads.") or ".heads." in line.ours
        for name in _alternatives(line.theirs)
        for spelling in spellings(name)
    ]


def _alternatives(name: str) -> list[str]:
    """Write out the braces of a name: ``{q,k}.{weight,bias}`` gives four."""
    parts = _BRACES.split(name)
    options: Sequence[list[str]] = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*options)]


def _indices(name: str, names: Collection[str]) -> list[str]:
    if "{i}" not in name:
        return [""] if name in names else []
    pattern = _pattern(name)
    return [match[1] for match in map(pattern.fullmatch, names) if match]


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name).replace(re.escape("{i}"), r"(\d+)"))


Aliases = Mapping[str, str]
"""Tensors of theirs that repeat one of ours, by pattern, or that hold nothing to learn (mapped to ``""``)."""
