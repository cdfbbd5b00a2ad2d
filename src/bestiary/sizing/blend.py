"""Two spec trees laid over each other: where they differ, and every tree between them.

``blend`` walks two trees side by side and asks, at each place where they differ, whose value to take. Asking nobody's
gives the first tree, everybody's the second: what finds the differences is also what applies them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, cast

from bestiary.spec import (
    Cell,
    Layer,
    Level,
    Named,
    Node,
    Normed,
    Parallel,
    Repeat,
    Residual,
    Stack,
    branch_names,
    own_layers,
)


@dataclass(frozen=True)
class Site:
    """A place where two trees differ. Layers are not told apart: equal differences of several layers are one."""

    path: str
    old: Any
    new: Any
    owner: type[Node] | None = field(default=None, compare=False)
    """The kind of node whose field differs."""
    layers: tuple[int, ...] | None = field(default=None, compare=False)
    """The layers of the second tree that it concerns; ``None`` outside of layers."""
    depth: int = field(default=0, compare=False)
    """How many layers that stack has in the second tree."""


@dataclass(frozen=True)
class Where:
    """A path that the walk has come along, and the layers it stands for; ``None`` outside of layers."""

    path: str = ""
    layers: tuple[int, ...] | None = None
    depth: int = 0
    taken: tuple[str, ...] = ()
    """Fields of the branch whose op stands here: the op's own of that name are reached through ``op``."""

    def under(self, name: str) -> Where:
        """Return the place one name further."""
        name = f"op.{name}" if name in self.taken else name
        return Where(f"{self.path}.{name}".removeprefix("."), self.layers, self.depth)


ROOT = Where()
Take = Callable[[Site], bool]


def sites(old: Node, new: Node) -> list[Site]:
    """Return where two trees differ, in the order of the tree, each site once for all the layers it concerns."""
    found: dict[Site, Site] = {}

    def note(site: Site) -> bool:
        before = found.get(site, site)
        if site.layers is None or before.layers is None:
            found[site] = before
        elif site.layers:  # a layer that the second tree lacks goes with the change of depth
            found[site] = dataclasses.replace(before, layers=tuple(sorted({*before.layers, *site.layers})))
        return False

    blend(old, new, note)
    return list(found.values())


def blend(old: Any, new: Any, take: Take, where: Where = ROOT, owner: type[Node] | None = None) -> Any:
    """Return ``old`` with the value of ``new`` at each site that ``take`` accepts."""
    if old == new:
        return new
    if isinstance(old, Node) and type(old) is type(new):
        return _RULES.get(type(old), _fields)(old, new, take, where)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return _named(cast(Mapping[str, Any], old), cast(Mapping[str, Any], new), take, where)
    if _level_by_level(old, new):
        pairs = enumerate(zip(cast("tuple[Any, ...]", old), cast("tuple[Any, ...]", new), strict=True))
        return tuple(
            blend(before, after, take, dataclasses.replace(where, path=f"{where.path}[{index}]"), owner)
            for index, (before, after) in pairs
        )
    there = take(Site(where.path or "model", old, new, owner, where.layers, where.depth))
    return cast(Any, new if there else old)


def _level_by_level(old: Any, new: Any) -> bool:
    """Tell whether two values are levels, or cells of a level, as many on either side."""
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return False
    parts = (*cast("tuple[Any, ...]", old), *cast("tuple[Any, ...]", new))
    return len(parts) == 2 * len(cast("tuple[Any, ...]", old)) and all(isinstance(part, Level | Cell) for part in parts)


def _fields(old: Any, new: Any, take: Take, where: Where) -> Any:
    owner: type[Node] = type(cast(Node, old))
    names = tuple(field.name for field in dataclasses.fields(old))
    places = {name: where.under(name) for name in names}
    if isinstance(old, Residual | Normed):  # a branch's op takes the branch's path
        places["op"] = dataclasses.replace(where, taken=(*where.taken, *names))
    return old.replace(
        **{name: blend(getattr(old, name), getattr(new, name), take, places[name], owner) for name in names}
    )


def _named(old: Mapping[str, Any], new: Mapping[str, Any], take: Take, where: Where) -> Any:
    blended = {
        name: blend(old.get(name), new.get(name), take, where.under(name)) for name in dict.fromkeys((*old, *new))
    }
    return Named({name: value for name, value in blended.items() if value is not None})


def _parallel(old: Parallel, new: Parallel, take: Take, where: Where) -> Parallel:
    return Parallel(_branches(old.ops, new.ops, take, where))


def _branches(old: tuple[Any, ...], new: tuple[Any, ...], take: Take, where: Where) -> tuple[Any, ...]:
    """Blend branches of one name; what only one side has is a site of its own, in its place."""
    names = branch_names(old), branch_names(new)
    blended: list[Any] = []
    for tag, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if tag == "equal":
            steps = zip(names[0][a:b], old[a:b], new[c:d], strict=True)
            blended += [blend(before, after, take, where.under(name)) for name, before, after in steps]
        else:
            removed = zip(names[0][a:b], old[a:b], strict=True)
            added = zip(names[1][c:d], new[c:d], strict=True)
            blended += [blend(branch, None, take, where.under(name)) for name, branch in removed]
            blended += [blend(None, branch, take, where.under(name)) for name, branch in added]
    return tuple(branch for branch in blended if branch is not None)


def _stack(old: Stack, new: Stack, take: Take, where: Where) -> Stack:
    """Blend the number and sharing of layers as one site, then layer by layer, the shorter stack repeated."""
    shapes = _shape(old), _shape(new)
    reshape = shapes[0] != shapes[1] and blend(*shapes, take, where.under("layers"), Stack) == shapes[1]
    count = len(own_layers(new))
    most = max(len(own_layers(old)), count)
    befores, afters = _repeated(own_layers(old), most), _repeated(own_layers(new), most)
    together: dict[tuple[Layer, Layer], list[int]] = {}
    for index, pair in enumerate(zip(befores, afters, strict=True)):
        together.setdefault(pair, []).append(index)
    blended: dict[int, Layer] = {}
    for (before, after), indices in together.items():
        place = Where(where.under("layers[*]").path, tuple(index for index in indices if index < count), count)
        blended |= dict.fromkeys(indices, before if before == after else _branches(before, after, take, place))
    layers = iter([blended[index] for index in range(most)])
    return Stack(
        tuple(
            item.replace(layers=tuple(next(layers) for _ in item.layers)) if isinstance(item, Repeat) else next(layers)
            for item in (new if reshape else old).layers
        ),
        blend(old.norm, new.norm, take, where.under("norm"), Stack),
        blend(old.position, new.position, take, where.under("position"), Stack),
    )


def _shape(stack: Stack) -> int | str:
    """Say how many layers a stack has and how often those with shared weights run: ``12``, ``1 run 12 times``."""
    if not any(isinstance(item, Repeat) for item in stack.layers):
        return len(stack.layers)
    return " + ".join(
        f"{len(item.layers)} run {item.times} times" if isinstance(item, Repeat) else "1" for item in stack.layers
    )


def _repeated(layers: tuple[Layer, ...], count: int) -> tuple[Layer, ...]:
    """Continue the pattern of the layers (the shortest whose repetition gives them) up to ``count``."""
    if len(layers) == count:
        return layers
    fits = (p for p in range(1, len(layers) + 1) if all(layer == layers[i % p] for i, layer in enumerate(layers)))
    period = next(fits)
    return tuple(layers[index % period] for index in range(count))


_RULES: dict[type[Node], Callable[[Any, Any, Take, Where], Any]] = {Stack: _stack, Parallel: _parallel}
