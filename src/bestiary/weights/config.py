"""Config translation: every key of a foreign ``config.json`` is read, pinned to the values we can obey, or waived."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import SHOWN_NAMES, listed, quoted

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """A positive whole number, read into an argument of the architecture."""

    argument: str
    default: int | None = None


@dataclass(frozen=True)
class Number:
    """A finite number."""

    argument: str
    default: float | None = None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    argument: str
    default: bool | None = None


@dataclass(frozen=True)
class Word:
    """One of the words that we know, by what it means to us; the first that means a thing is written."""

    argument: str
    words: Mapping[str, Any]
    default: str | None = None


@dataclass(frozen=True)
class Pin:
    """A key whose only values that we obey are these. The first is what its absence means, so it is not written."""

    values: tuple[Any, ...]
    reason: str


@dataclass(frozen=True)
class Waive:
    """A key that says nothing of the architecture; it is carried along and written back."""


@dataclass(frozen=True)
class Part:
    """The config of a model that is a part of this one: ``read`` and ``write`` are its own dialect's."""

    argument: str
    read: Callable[[Mapping[str, Any], str], Arguments]
    """Of the inner config and a name for it in messages, the arguments of the part, its architecture among them."""
    write: Callable[[Arguments], dict[str, Any]]
    carry: Callable[[Mapping[str, Any]], dict[str, Any]]
    """What the inner config holds that says nothing of the architecture."""


@dataclass(frozen=True)
class Derive:
    """Keys that only make sense together: ``read`` gives arguments from the whole config, ``write`` keys from them."""

    keys: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Arguments]
    write: Callable[[Arguments], dict[str, Any]]


Row = Size | Number | Flag | Word | Pin | Waive | Part
WAIVE = Waive()

ACTIVATIONS: dict[str, str] = {
    "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_fast",
    "gelu_python": "gelu", "gelu_python_tanh": "gelu_tanh", "gelu_accurate": "gelu_tanh",
    "relu": "relu", "relu2": "relu_squared", "silu": "silu", "swish": "silu", "tanh": "tanh",
    "quick_gelu": "quick_gelu",
}  # fmt: skip


def read(rows: Mapping[str, Row], derived: tuple[Derive, ...], config: Mapping[str, Any], where: str) -> Arguments:
    """Return the architecture's arguments that a config gives; raise ``BestiaryError`` with all that is wrong in it."""
    known = {*rows, *(key for row in derived for key in row.keys)}
    unknown = [key for key in config if key not in known]
    faults = [
        f"{quoted(key)} is a key that we do not know{nearest(key, known) or '; remove it'}"
        for key in unknown[:SHOWN_NAMES]
    ]
    arguments: Arguments = {}
    for key, row in rows.items():
        faults += _read_key(key, row, config, arguments)
    if faults:
        raise BestiaryError(f"{where}: {listed(faults + unknown[SHOWN_NAMES:], '; ')}")
    for row in derived:
        try:
            arguments |= row.read(config)
        except BestiaryError as error:
            raise BestiaryError(f"{where}: {error}") from None
    return arguments


def _read_key(key: str, row: Row, config: Mapping[str, Any], arguments: Arguments) -> list[str]:
    """Read the value at a key into the arguments; return what is wrong."""
    if isinstance(row, Waive):
        return []
    if isinstance(row, Pin):
        return _pinned(key, row, config)
    if isinstance(row, Part):
        return _nested(key, row, config, arguments)
    value = config.get(key, row.default)
    if value is None:
        value = row.default
    if value is None:
        return [f"'{key}' is missing; add it"] if key not in config else [f"'{key}' is null; give a value"]
    fault = _fault(key, row, value)
    if fault:
        return [fault]
    arguments[row.argument] = _meant(row, value)
    return []


def _nested(key: str, row: Part, config: Mapping[str, Any], arguments: Arguments) -> list[str]:
    """Read an inner config into the arguments; older files repeat some of its keys in one more, which are then meant.

    Return what is wrong.
    """
    inner, again = config.get(key) or {}, config.get(f"{key}_dict") or {}
    if not isinstance(inner, Mapping) or not isinstance(again, Mapping):
        return [f"'{key}' is {shown(inner)}; give the config of that part"]
    try:
        arguments[row.argument] = row.read({**inner, **again}, f"'{key}'")
    except BestiaryError as error:
        return [str(error)]
    return []


def carried(rows: Mapping[str, Row], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config and those of its parts hold that says nothing of the architecture."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        row = rows.get(key)
        if isinstance(row, Waive):
            kept[key] = value
        elif isinstance(row, Part) and isinstance(value, Mapping):
            kept[key] = row.carry({**value, **(config.get(f"{key}_dict") or {})})
    return kept


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two configs as one; where both have a key the second's value stands, but parts are merged."""
    both = {
        key: merged(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
    }
    return {**below, **above, **both}


def _meant(row: Row, value: Any) -> Any:
    """Return what a value means to us. JSON has no whole numbers of its own: a rate of 0 is the number 0.0."""
    if isinstance(row, Number):
        return float(value)
    return row.words[value] if isinstance(row, Word) else value


def optional_size(config: Mapping[str, Any], key: str) -> int | None:
    """Return the positive whole number at a key, or ``None`` where the key is absent or null."""
    value = config.get(key)
    if value is not None and (type(value) is not int or value < 1):
        raise BestiaryError(f"'{key}' is {shown(value)}; give a positive whole number or null")
    return value


def sizes(config: Mapping[str, Any], key: str, count: int | None = None) -> tuple[int, ...]:
    """Return the positive whole numbers at a key: a list, or one number for each of ``count``."""
    value = config.get(key)
    many: list[Any] = [value] * count if count and type(value) is int else value if isinstance(value, list) else []
    if not many or len(many) != (count or len(many)) or any(type(each) is not int or each < 1 for each in many):
        raise BestiaryError(f"'{key}' is {shown(value)}; give a list of {count or 'some'} positive whole numbers")
    return tuple(many)


def either_size(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """Return the positive whole number that stands at one of several names of one thing, or at several alike."""
    found = {name: size for name in names if (size := optional_size(config, name)) is not None}
    if not found:
        raise BestiaryError(f"'{names[0]}' is missing; add it")
    if len(set(found.values())) > 1:
        raise BestiaryError(f"{' and '.join(map(repr, found))} name one thing, but differ; remove one")
    return next(iter(found.values()))


def write(rows: Mapping[str, Row], derived: tuple[Derive, ...], arguments: Arguments) -> dict[str, Any]:
    """Return the config that says the architecture's arguments."""
    config: dict[str, Any] = {}
    for key, row in rows.items():
        if isinstance(row, Word):
            config[key] = next(word for word, meaning in row.words.items() if meaning == arguments[row.argument])
        elif isinstance(row, Part):
            config[key] = row.write(arguments[row.argument])
        elif not isinstance(row, Waive | Pin):
            config[key] = arguments[row.argument]
    for row in derived:
        config |= row.write(arguments)
    return config


def _pinned(key: str, row: Pin, config: Mapping[str, Any]) -> list[str]:
    value = config.get(key, row.values[0])
    if any(value == allowed and type(value) is type(allowed) for allowed in row.values):
        return []
    return [f"'{key}' is {shown(value)}, but {row.reason}; only {shown(row.values[0])} can be loaded"]


def _fault(key: str, row: Row, value: Any) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(row, Size):
        if not whole or value < 1:
            return f"'{key}' is {shown(value)}; give a positive whole number"
    elif isinstance(row, Number):
        if not is_number(value):
            return f"'{key}' is {shown(value)}; give a number"
    elif isinstance(row, Flag):
        if not isinstance(value, bool):
            return f"'{key}' is {shown(value)}; give true or false"
    elif isinstance(row, Word) and (not isinstance(value, str) or value not in row.words):
        return f"'{key}' is {shown(value)}; give one of {', '.join(row.words)}{nearest(str(value), row.words)}"
    return None


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a number that a float can hold: JSON writes integers of any length."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def shown(value: Any) -> str:
    """Return a value as JSON spells it, or as Python does, cut short."""
    text = json.dumps(value, default=repr) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
