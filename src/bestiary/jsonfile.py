"""Strict JSON from files that nobody vouches for: bounded, no key twice, no NaN, one sentence when it is wrong."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from bestiary.errors import BestiaryError
from bestiary.untrusted import SHOWN_LETTERS, SHOWN_NAMES, mistaken_for, quoted, regular_file

MEBIBYTE = 1 << 20
CONFIG_LIMIT = 4 * MEBIBYTE  # the largest published config.json stay below a tenth of this
DEPTH = 32  # the deepest published configurations and tokenizers nest about ten levels
VALUES = 5_000_000  # a tokenizer.json of 262,144 words with its merges holds about two million

Trail: TypeAlias = "tuple[Trail, str] | None"  # the way to a value: the way to its container, and its key there


class Fault(NamedTuple):
    """What stands in the parsed document in place of a value that JSON or we do not allow."""

    sentence: str


def read_json(path: str | os.PathLike[str], *, limit: int = CONFIG_LIMIT, depth: int = DEPTH) -> dict[str, Any]:
    """Return the object in a JSON file of at most ``limit`` bytes and ``depth`` levels.

    Raises BestiaryError, naming file, field and remedy, for a file that is missing, empty, too large, not UTF-8, not
    JSON (a web page, a git-lfs pointer), not an object, nested too deeply, or has a key twice or a number that is not
    finite. Pass a larger ``limit`` for a tokenizer or an index of shards.
    """
    path = regular_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BestiaryError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    if len(data) > limit:
        raise BestiaryError(f"{path} is larger than {limit:,} bytes, more than such a file ever needs; replace it")
    return parse_json(data, str(path), depth=depth)


def parse_json(data: bytes, where: str, *, depth: int = DEPTH) -> dict[str, Any]:
    """Return the object that the JSON in ``data`` holds; errors as in `read_json`, calling the source ``where``."""
    if mistake := mistaken_for(data if data.strip() else b""):
        raise BestiaryError(f"{where} {mistake}")
    if data.count(b",") + data.count(b"{") + data.count(b"[") > VALUES:
        raise BestiaryError(f"{where} holds more than {VALUES:,} values; replace it with the published file")
    faults: list[Fault] = []
    document = _decode(data, where, depth, faults)
    if not isinstance(document, dict | Fault):
        raise BestiaryError(f"{where} holds a JSON {_kind(document)}; it must hold an object, {{...}}")
    if _deeper_than(document, depth):
        raise BestiaryError(f"{where} {_too_deep(depth)}")
    if faults or isinstance(document, Fault):
        sentences = list(islice(_faults_in(document), SHOWN_NAMES)) + ["and others"] * (len(faults) > SHOWN_NAMES)
        raise BestiaryError(f"{where}: {'; '.join(sentences)}; correct the file")
    return document


def _decode(data: bytes, where: str, depth: int, faults: list[Fault]) -> Any:
    """Parse; a value that is not allowed becomes a Fault in its place, so that its path can be told afterwards."""

    def fault(sentence: str) -> Fault:
        faults.append(Fault(sentence))
        return faults[-1]

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Fault:
        table = dict(pairs)
        if len(table) == len(pairs):
            return table
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        return fault(f"has the key {quoted(twice)} more than once")

    def finite(digits: str) -> float | Fault:
        number = float(digits)
        return number if math.isfinite(number) else fault(f"is {digits[:20]}, which no float holds")

    def constant(word: str) -> Fault:
        return fault(f"is {word}, which JSON does not have")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_float=finite, parse_constant=constant)
    except UnicodeDecodeError as error:
        raise BestiaryError(f"{where} is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, column {error.colno:,}"
        raise BestiaryError(f"{where} is not JSON: {error.msg} at {place}; download it again or correct it") from None
    except RecursionError:
        raise BestiaryError(f"{where} {_too_deep(depth)}") from None
    except ValueError:  # Python refuses integers of more than 4,300 digits
        raise BestiaryError(f"{where} holds an integer of thousands of digits; correct it") from None


def _too_deep(depth: int) -> str:
    return f"nests deeper than {depth} levels; flatten it or replace it with the published file"


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(index), item) for index, item in enumerate(value))


def _deeper_than(document: Any, depth: int) -> bool:
    level = [document]
    for _ in range(depth):
        inside = (part.values() if isinstance(part, dict) else part for part in level)
        level = [item for part in inside for item in part if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _faults_in(document: Any) -> Iterator[str]:
    """Walk without recursion and say of every Fault which field it is; trails are linked, so that none is copied."""
    stack: list[tuple[Trail, Any]] = [(None, document)]
    while stack:
        trail, value = stack.pop()
        if isinstance(value, Fault):
            yield f"{_field(trail)} {value.sentence}"
        stack.extend(reversed([((trail, key), item) for key, item in _children(value)]))


def _field(trail: Trail) -> str:
    keys: list[str] = []
    while trail is not None:
        trail, key = trail
        keys.append(key[:SHOWN_LETTERS])
    return quoted(".".join(reversed(keys))) if keys else "the object"


def _kind(document: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(document)]
