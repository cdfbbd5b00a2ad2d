"""What a model may be used for: its own terms and those it inherits, with the chain of reasons. Not legal advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import UNDISCLOSED, Entry, License, Parent, Purpose, Record, Verdict
from bestiary.errors import BestiaryError, nearest

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

Covered: TypeAlias = Literal["weights", "data", "output"]
Licenses: TypeAlias = Mapping[str, License]

_CLOSED = frozenset({"api-only", "unreleased"})
_SEVERITY: tuple[Verdict, ...] = ("no", "unknown", "conditional", "yes")
_SAYS: dict[Verdict, str] = {"no": "does not allow", "conditional": "limits", "yes": "allows"}
_ACTS: dict[Purpose, str] = {
    "commercial": "commercial use",
    "modify": "modification",
    "redistribute": "redistribution",
    "research": "research",
}
_STEPS: dict[str, str] = {
    "weights": "starts from",
    "distilled": "learned from",
    "data": "was trained on data of",
}
_FOLLOWS: dict[tuple[Covered, str], str] = {
    ("weights", "weights"): "weights",
    ("weights", "distilled"): "distilled",
    ("weights", "data"): "distilled",  # data that a model wrote are its output
    ("data", "weights"): "weights",
    ("data", "distilled"): "distilled",
    ("data", "data"): "data",
    ("output", "distilled"): "distilled",
    ("output", "data"): "distilled",
}
"""Which of the ways a license may follow leads from what it covers, along an edge, to a child's weights."""


class Answer(Record, frozen=True):
    """Whether a model may be used for a purpose, the reasons, the gravest first, and the conditions to keep."""

    verdict: Verdict
    reasons: tuple[str, ...]
    conditions: tuple[str, ...] = ()


class _Clause(NamedTuple):
    verdict: Verdict
    reason: str
    conditions: tuple[str, ...] = ()


class _Term(NamedTuple):
    """The license on something of a model, and the sentence parts that lead down from there to the model asked for."""

    holder: Entry
    covered: Covered
    license: str
    way: tuple[str, ...] = ()


def may(entry: Entry, purpose: Purpose, catalog: Catalog | None = None) -> Answer:
    """Return whether the terms on a model's weights, code and data, its own and inherited, allow a purpose.

    Terms are inherited along the edges weights, distilled and data, as far as the license follows them. The gravest
    clause decides: no, then unknown, then conditional; where anything is undisclosed the answer is never yes. Terms
    that the catalog does not hold, those of a corpus above all, are not considered. Raises ``BestiaryError`` for an
    unknown purpose.
    """
    purpose = known_purpose(purpose)
    catalog = packaged() if catalog is None else catalog
    licenses = catalog.vocabulary.licenses
    clauses = [_own_weights(entry, purpose, licenses), _own_code(entry, purpose, licenses)]
    clauses += [
        _judge(entry, term, purpose, licenses) for term in _bound(entry, catalog) if term.way or term.covered == "data"
    ]
    clauses.sort(key=lambda clause: _SEVERITY.index(clause.verdict))
    verdict = clauses[0].verdict
    kept = [condition for clause in clauses for condition in clause.conditions] if verdict != "no" else []
    return Answer(verdict, tuple(dict.fromkeys(clause.reason for clause in clauses)), tuple(dict.fromkeys(kept)))


def known_purpose(word: str) -> Purpose:
    """Return a word as the purpose that it names; raises ``BestiaryError`` where it names none."""
    for purpose in PURPOSES:
        if word == purpose:
            return purpose
    raise BestiaryError(f"'{word}' is no purpose; use one of {', '.join(PURPOSES)}{nearest(word, PURPOSES)}")


def _own_weights(entry: Entry, purpose: Purpose, licenses: Licenses) -> _Clause:
    facts, access = entry.facts, entry.facts.access.value
    if facts.weights_license.value != "none" or access not in _CLOSED:
        return _clause(f"{entry.name}'s weights are", facts.weights_license.value, purpose, licenses)
    closed = f"{entry.name}'s weights were never released"
    if access == "unreleased" or purpose in ("modify", "redistribute"):
        return _Clause("no", f"{closed}.")
    (terms,) = _on_output(entry)
    clause = _clause(f"{closed}; what its service writes is", terms.license, purpose, licenses)
    return clause._replace(verdict="conditional") if clause.verdict == "yes" else clause


def _own_code(entry: Entry, purpose: Purpose, licenses: Licenses) -> _Clause:
    if entry.facts.code_license.value == "none":
        return _Clause("yes", f"No licensed code came with {entry.name}; Bestiary's own is under Apache-2.0.")
    return _clause(f"{entry.name}'s code is", entry.facts.code_license.value, purpose, licenses)


def _bound(entry: Entry, catalog: Catalog) -> Iterator[_Term]:
    """Yield the terms that bind a model's weights: its own, those of data that came with it, and all it inherits."""
    facts, licenses = entry.facts, catalog.vocabulary.licenses
    yield _Term(entry, "weights", facts.weights_license.value)
    if facts.data_license and "data" in _ways(facts.data_license.value, licenses):
        yield _Term(entry, "data", facts.data_license.value)
    for slug, link in entry.parents.items():
        if not _STEPS.keys() & set(link.edge):
            continue
        parent = catalog[slug]
        for term in (*_bound(parent, catalog), *_on_output(parent)):
            covered = "weights" if term.way else term.covered  # what was inherited binds the parent's weights
            ways = _ways(term.license, licenses)
            edge = next((edge for edge in link.edge if _FOLLOWS.get((covered, edge)) in ways), None)
            if edge and not (term.license == "none" and term.holder.facts.access.value in _CLOSED):
                yield term._replace(way=(_step(edge, parent, link), *term.way))


def _on_output(entry: Entry) -> Iterator[_Term]:
    """Yield the terms on what a model writes; a service whose terms are not recorded leaves them undisclosed."""
    if entry.facts.output_license:
        yield _Term(entry, "output", entry.facts.output_license.value)
    elif entry.facts.access.value == "api-only":
        yield _Term(entry, "output", UNDISCLOSED)


def _ways(key: str, licenses: Licenses) -> tuple[str, ...]:
    if key in licenses:
        return licenses[key].follows
    return ("weights", "data", "distilled") if key == UNDISCLOSED else ("weights",)


def _step(edge: str, parent: Entry, link: Parent) -> str:
    return f"{_STEPS[edge]} {parent.name} ({link.source}: {link.at})"


def _judge(entry: Entry, term: _Term, purpose: Purpose, licenses: Licenses) -> _Clause:
    verb = "is" if term.covered == "output" else "are"
    if not term.way:
        return _clause(f"{term.holder.name}'s own {term.covered} {verb}", term.license, purpose, licenses)
    return _clause(
        f"{entry.name} {', which '.join(term.way)}, whose {term.covered} {verb}", term.license, purpose, licenses
    )


def _clause(beginning: str, key: str, purpose: Purpose, licenses: Licenses) -> _Clause:
    """Return a license's answer as a sentence; the first of its conditions is the one that limits."""
    if key == UNDISCLOSED:
        return _Clause("unknown", f"{beginning} under terms that are undisclosed.")
    if key == "none":
        return _Clause("no", f"{beginning} without a license, and that grants nothing.")
    terms = licenses[key]
    verdict = terms.grants(purpose)
    limit = "" if verdict == "yes" else f": {terms.conditions[0]}"
    reason = f"{beginning} under {key}, which {_SAYS[verdict]} {_ACTS[purpose]}{limit}."
    return _Clause(verdict, reason, terms.conditions)
