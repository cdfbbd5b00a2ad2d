"""What one architecture changed from another, and what each change costs in parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bestiary.sizing.blend import Site, blend, sites
from bestiary.sizing.count import count
from bestiary.sizing.table import html, text
from bestiary.spec import Model, Node, Residual, walk
from bestiary.spec.show import brief

_WIDEST = 48
"""Characters of a value that a table shows; a longer node is shown by its kind."""


@dataclass(frozen=True)
class Change:
    """One difference, however many layers it occurs in."""

    path: str
    """Where: ``embed.vocab``, ``stack.layers[*].mlp``, or ``every LayerNorm.eps`` where all nodes of a kind agree."""
    old: Any
    """A field's value, a node or a branch, ``None`` where there was none; for ``layers``, their number and sharing."""
    new: Any
    parameters: int
    """What the model gains by this change, those before it in the list being made already."""


@dataclass(frozen=True)
class Difference:
    """All that distinguishes two models, in the order of the tree."""

    changes: tuple[Change, ...]

    @property
    def parameters(self) -> int:
        """The second model's parameters less the first's: exactly the sum over the changes."""
        return sum(change.parameters for change in self.changes)

    def __str__(self) -> str:
        return text([*self._rows(), ("", "", _signed(self.parameters))]) if self.changes else "no changes"

    def _repr_html_(self) -> str:
        if not self.changes:
            return "<p>no changes</p>"
        return html([*self._rows(), ("sum", "", _signed(self.parameters))], ("path", "change", "parameters"), sums=1)

    def _rows(self) -> list[tuple[str, str, str]]:
        return [
            (change.path, f"{shown(change.old)} -> {shown(change.new)}", _signed(change.parameters))
            for change in self.changes
        ]


def diff(a: Model, b: Model) -> Difference:
    """Return what changes ``a`` into ``b``.

    Parameters are attributed by making the changes one after another, in the order of the tree, and counting after
    each: the sum is exact, but where two changes multiply (a wider model with a larger vocabulary) the later one
    bears their product.
    """
    changes: list[Change] = []
    made: set[Site] = set()
    before = count(a).total
    for path, places in _grouped(sites(a, b), a, b):
        made.update(places)
        after = count(blend(a, b, made.__contains__)).total
        changes.append(Change(path, places[0].old, places[0].new, after - before))
        before = after
    return Difference(tuple(changes))


def _grouped(found: list[Site], a: Model, b: Model) -> Iterator[tuple[str, list[Site]]]:
    """Yield each change's path and sites: one site, or those of all nodes of a kind where they change alike."""
    alike: dict[tuple[str, Any, Any], list[Site]] = {}
    for site in found:
        for claim in _claims(site):
            alike.setdefault((claim, site.old, site.new), []).append(site)
    told: set[Site] = set()
    for site in found:
        if site not in told:
            path, places = _label(site), [site]
            for claim, holds in _claims(site).items():
                group = alike[claim, site.old, site.new]
                if len(group) > 1 and holds(_nodes(a), _nodes(b)):
                    path, places = f"every {claim}", group
                    break
            told.update(places)
            yield path, places


Holds = Callable[[list[Node], list[Node]], bool]
"""Whether a claim about the nodes of both trees is true."""


def _claims(site: Site) -> dict[str, Holds]:
    """Return what a site may be an instance of: every node of a kind replaced, or one field of a kind changed."""
    old, new, owner, name = site.old, site.new, site.owner, site.path.rsplit(".", 1)[-1]
    claims: dict[str, Holds] = {}
    if isinstance(old, Node) and isinstance(new, Node):
        kind = type(old)
        claims[kind.__name__] = lambda before, after: (
            all(node == old for node in before if type(node) is kind) and kind not in map(type, after)
        )
    if owner is not None and name in {field.name for field in dataclasses.fields(owner)}:
        claims[f"{owner.__name__}.{name}"] = lambda before, after: (
            all(getattr(node, name) == old for node in before if type(node) is owner)
            and all(getattr(node, name) == new for node in after if type(node) is owner)
        )
    return claims


def _nodes(model: Model) -> list[Node]:
    return [node for _, node in walk(model)]


def _label(site: Site) -> str:
    """Return a site's path with the layers it concerns: ``[*]`` all, ``[1::2]`` every second, ``[0,3,4]`` these."""
    layers = site.layers
    if layers is None or len(layers) == site.depth:
        return site.path
    first, last, step = layers[0], layers[-1], layers[1] - layers[0] if len(layers) > 1 else 1
    strided = layers == tuple(range(first, last + 1, step))
    if len(layers) == 1:
        chosen = str(first)
    elif strided:
        stop = "" if last + step >= site.depth else str(last + 1)
        chosen = f"{first or ''}:{stop}" + (f":{step}" if step > 1 else "")
    else:
        chosen = ",".join(map(str, layers))
    return site.path.replace("[*]", f"[{chosen}]")


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def shown(value: Any) -> str:
    """Return a change's old or new value as a table shows it."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value or "''"
    written = brief(value.op if isinstance(value, Residual) else value)
    return written if len(written) <= _WIDEST else f"{type(value).__name__}(...)"
