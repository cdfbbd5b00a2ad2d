"""What is wrong with the catalog's files, all of it at once, as a table of findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bestiary.catalog.lines import dotted, key_lines, line_of
from bestiary.catalog.read import Finding, Reading, survey
from bestiary.catalog.schema import HOME, Entry, sourced


def lint(strict: bool = False, folder: Path = HOME) -> list[Finding]:
    """Return the findings in a catalog's folder causes first; none means that it reads.

    ``strict`` also wants every source used, no statement that rests on memory, access in keeping with the license, and
    every entry to run: one whose architecture is undisclosed, as a labelled stand-in.
    """
    reading = survey(folder)
    findings = [*reading.findings]
    if strict:
        findings += _unused_sources(reading)
        findings += (finding for entry in reading.entries.values() for finding in _from_memory(entry, folder))
        findings += (finding for entry in reading.entries.values() for finding in _without_twin(entry))
        findings += (
            finding for entry in reading.entries.values() for finding in _freer_than_its_license(entry, reading, folder)
        )
    return findings


def _unused_sources(reading: Reading) -> Iterator[Finding]:
    used = {record.source for entry in reading.entries.values() for _, record in sourced(entry)}
    used |= {entry.cite for entry in reading.entries.values() if entry.cite}
    for key, source in reading.sources.items():
        if key not in used:
            yield Finding("sources.bib", source.line, f"no entry cites '{key}'; cite it or delete the record")


def _without_twin(entry: Entry) -> Iterator[Finding]:
    if not entry.runnable and not entry.stand_in:
        yield Finding(f"entries/{entry.slug}.toml", 1, "nothing runs; add a [stand_in] with like and why")


def _freer_than_its_license(entry: Entry, reading: Reading, folder: Path) -> Iterator[Finding]:
    access, terms = entry.facts.access.value, entry.facts.weights_license.value
    known = reading.vocabulary.licenses.get(terms)
    if access in ("open-weights", "gated-weights") and known and known.commercial == "no":
        path = folder / "entries" / f"{entry.slug}.toml"
        line = line_of(("facts", "access"), key_lines(path.read_text(encoding="utf-8")))
        message = f"facts.access is '{access}', but '{terms}' keeps commercial use out; write 'research-weights'"
        yield Finding(f"entries/{path.name}", line, message)


def _from_memory(entry: Entry, folder: Path) -> Iterator[Finding]:
    path = folder / "entries" / f"{entry.slug}.toml"
    weak = [place for place, record in sourced(entry) if getattr(record, "sure", None) == "memory"]
    lines = key_lines(path.read_text(encoding="utf-8")) if weak else {}
    for place in weak:
        message = f"{dotted(place)} is from memory; open a source that states it"
        yield Finding(f"entries/{path.name}", line_of(place, lines), message)
