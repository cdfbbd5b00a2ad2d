"""All the ways in which raw TOML misfits a record, each with its path: a converter alone stops at the first."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin

import msgspec

from bestiary.catalog.lines import dotted
from bestiary.catalog.schema import KeyPath
from bestiary.errors import nearest


class Problem(NamedTuple):
    """A sentence about the value at a path of a file."""

    path: KeyPath
    sentence: str


def misfits(value: Any, kind: Any, path: KeyPath = ()) -> Iterator[Problem]:
    """Yield what keeps a TOML value from converting to ``kind``: nothing where ``msgspec.convert`` succeeds."""
    kind = _without_none(kind)
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        yield from _record_misfits(value, kind, path)
    elif origin is dict and isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            yield from misfits(part, get_args(kind)[1], (*path, key))
    elif origin is tuple and isinstance(value, list) and _is_record(get_args(kind)[0]):
        for number, part in enumerate(cast("list[Any]", value)):
            yield from misfits(part, get_args(kind)[0], (*path, number))
    else:
        yield from _leaf_misfits(value, kind, path)


def _record_misfits(value: Any, kind: Any, path: KeyPath) -> Iterator[Problem]:
    where = dotted(path) or "the file"
    if not isinstance(value, dict):
        yield Problem(path, f"{where} is {_shown(value)}; write a table with the keys {_keys(kind)}")
        return
    table = cast("dict[str, Any]", value)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in table.keys() - fields.keys():
        hint = nearest(key, fields) or f"; use {_keys(kind)}"
        yield Problem((*path, key), f"{where} has the unknown key '{key}'{hint}")
    for key, field in fields.items():
        if key in table:
            yield from misfits(table[key], field.type, (*path, key))
        elif field.required:
            yield Problem(path, f"{where} lacks '{key}'; {_REMEDIES.get(key, 'add it')}")


_REMEDIES = {
    "from": "name its source, a key of sources.bib",
    "at": "say where in the source it stands",
    "sure": "say whether it is stated, derived, estimated, disputed or memory",
    "is": 'give the value, or "undisclosed" if nobody published it',
}


def _leaf_misfits(value: Any, kind: Any, path: KeyPath) -> Iterator[Problem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        choices = list(_choices(kind))
        words = cast("list[Any]", value if isinstance(value, list) else [value])
        wrong = [word for word in words if word not in choices]
        if choices and wrong and isinstance(wrong[0], str):
            remedy = f"use one of {', '.join(choices)}{nearest(wrong[0], choices)}"
            yield Problem(path, f"{dotted(path)} is '{wrong[0]}'; {remedy}")
        else:
            said = str(error).split(" - at `")[0]
            yield Problem(path, f"{dotted(path)} is {_shown(value)}: {said[0].lower()}{said[1:]}")


def _choices(kind: Any) -> Iterator[str]:
    """Yield the words that a field is limited to; a field that takes other strings too has none."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif get_origin(kind) in (Union, UnionType, Annotated, tuple):
        for option in get_args(kind):
            yield from _choices(option)


def _without_none(kind: Any) -> Any:
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) in (Union, UnionType) and len(options) == 1:
        return options[0]
    return kind


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _keys(kind: Any) -> str:
    return ", ".join(field.encode_name for field in msgspec.structs.fields(kind))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
