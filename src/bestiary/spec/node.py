"""What every node of a spec is: an immutable, comparable, hashable value that can be edited into another one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


@dataclass(frozen=True)
class Node:
    """A choice in an architecture. One class is one behavior; ``None`` in a field means that the thing is absent."""

    slot: ClassVar[str] = ""
    """The name that a residual branch takes from its op, in paths and in parameter names: ``attn``, ``mlp`` ..."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; an unknown field raises ``TypeError`` as in ``dataclasses``."""
        return dataclasses.replace(self, **changes)

    @overload
    def at(self, path: str, /) -> Any: ...
    @overload
    def at(self, path: str, value: Any, /) -> Self: ...
    def at(self, path: str, /, *value: Any) -> Any:
        """Read or replace what a path names: ``spec.at("stack.layers[*].mlp", GLU(2048))``. See ``spec.edit``."""
        from bestiary.spec import edit

        return edit.put(self, path, value[0]) if value else edit.get(self, path)

    def __str__(self) -> str:
        from bestiary.spec.show import tree

        return tree(self)

    def _repr_html_(self) -> str:
        from bestiary.spec.folded import tree_html

        return tree_html(self)


class Named(Mapping[str, Value], Generic[Value]):
    """An immutable, hashable mapping that keeps its order: the heads of a model by name."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Value] | None = None) -> None:
        self._items: dict[str, Value] = dict(items or {})

    def __getitem__(self, name: str) -> Value:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
