"""The strict reader: the catalog's folder to records, or every problem in it with its file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from bestiary.catalog import rules
from bestiary.catalog.bibliography import Source, read_bibliography
from bestiary.catalog.fit import Problem, misfits
from bestiary.catalog.lines import key_lines, line_of
from bestiary.catalog.schema import HOME, Entry, License, Vocabulary, Word
from bestiary.errors import BestiaryError

Kind = TypeVar("Kind")


class Finding(NamedTuple):
    """Something wrong in a file of the catalog. As text: ``entries/roberta.toml:14: what, and the remedy``."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Reading:
    """What a folder holds: all that could be read, and all that is wrong with it."""

    entries: dict[str, Entry]
    vocabulary: Vocabulary
    sources: dict[str, Source]
    findings: list[Finding] = field(default_factory=list[Finding])


def read(folder: Path = HOME) -> Reading:
    """Return the entries, vocabularies and sources of a folder; raise ``BestiaryError`` if anything is wrong there."""
    reading = survey(folder)
    if reading.findings:
        first, *others = reading.findings
        more = f" (and {len(others)} more; bestiary lint lists them)" if others else ""
        raise BestiaryError(f"{first}{more}")
    return reading


def survey(folder: Path = HOME) -> Reading:
    """Return all that can be read in a folder together with every problem found, causes first."""
    causes: list[Finding] = []  # a broken vocabulary makes every entry look wrong, so it is told first
    vocabulary = _read_vocabulary(folder, causes)
    sources = _read_sources(folder, causes)
    paths = sorted((folder / "entries").glob("*.toml"))
    known = rules.Known(vocabulary, sources.keys(), [path.stem for path in paths])
    findings: list[Finding] = []
    entries: dict[str, Entry] = {}
    for path in paths:
        if entry := _read_entry(path, folder, known, findings):
            entries[entry.slug] = entry
    for slug, problems in rules.across(entries):
        path = folder / "entries" / f"{slug}.toml"
        findings += _locate(path, folder, path.read_text(encoding="utf-8"), problems)
    return Reading(entries, vocabulary, sources, causes + sorted(findings))


def read_entry(path: Path, reading: Reading) -> Entry:
    """Return the entry in one file, judged by the vocabularies, sources and entries of a reading.

    Raises ``BestiaryError`` with the first problem and the number of the others.
    """
    findings: list[Finding] = []
    known = rules.Known(reading.vocabulary, reading.sources.keys(), list(reading.entries))
    entry = _read_entry(path, path.parent.parent, known, findings)
    if entry is None or findings:
        more = f" (and {len(findings) - 1} more in this file)" if findings[1:] else ""
        raise BestiaryError(f"{findings[0]}{more}")
    return entry


def _read_entry(path: Path, folder: Path, known: rules.Known, findings: list[Finding]) -> Entry | None:
    def judge(raw: dict[str, Any]) -> Iterable[Problem]:
        yield from rules.of_slug(path.stem, raw)
        yield from misfits(raw | {"slug": path.stem}, Entry)

    entry = _read_toml(path, folder, Entry, judge, findings, slug=path.stem)
    if entry:
        findings += _locate(path, folder, path.read_text(encoding="utf-8"), rules.within(entry, known))
    return entry


def _read_vocabulary(folder: Path, findings: list[Finding]) -> Vocabulary:
    words: dict[str, Any] = {}
    for subject in Vocabulary.__struct_fields__:
        kind = dict[str, License] if subject == "licenses" else dict[str, Word]
        path = folder / "vocabulary" / f"{subject}.toml"
        words[subject] = _read_toml(path, folder, kind, lambda raw, kind=kind: misfits(raw, kind), findings) or {}
    return Vocabulary(**words)


def _read_sources(folder: Path, findings: list[Finding]) -> dict[str, Source]:
    try:
        return read_bibliography(folder / "sources.bib")
    except FileNotFoundError:
        findings.append(Finding("sources.bib", 1, "the file is missing; add it with the record of each source"))
    except BestiaryError as error:
        file, line, message = str(error).split(":", 2)
        findings.append(Finding(file, int(line), message.strip()))
    return {}


def _read_toml(
    path: Path,
    folder: Path,
    kind: type[Kind],
    judge: Callable[[dict[str, Any]], Iterable[Problem]],
    findings: list[Finding],
    **extra: str,
) -> Kind | None:
    """Return a TOML file as a record, or ``None`` after adding to the findings what is wrong with it."""
    try:
        text = path.read_bytes().decode()
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)", str(error))
        message = str(error).replace(where[0], "") if where else str(error)
        line = int(where[1]) if where else 1
        findings.append(Finding(_name(path, folder), line, f"this is not TOML: {message[0].lower()}{message[1:]}"))
        return None
    except (OSError, UnicodeDecodeError) as error:
        findings.append(Finding(_name(path, folder), 1, f"the file cannot be read as UTF-8 text: {error}"))
        return None
    found = _locate(path, folder, text, judge(raw))
    findings += found
    return None if found else msgspec.convert(raw | extra, kind)


def _locate(path: Path, folder: Path, text: str, problems: Iterable[Problem]) -> list[Finding]:
    found = list(problems)
    lines = key_lines(text) if found else {}
    return [Finding(_name(path, folder), line_of(problem.path, lines), problem.sentence) for problem in found]


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
