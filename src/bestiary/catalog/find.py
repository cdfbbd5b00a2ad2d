"""Finding models: one by any of its names, or all that fit a pattern and filters."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, TypedDict, Unpack, get_args

from bestiary.catalog.index import Catalog, Row, packaged
from bestiary.catalog.schema import TINY, Access, Entry, Form, plain
from bestiary.errors import BestiaryError, UnknownModel, nearest


class Filters(TypedDict, total=False):
    """What a list of models can be narrowed by; ``license`` is that of the weights.

    ``since`` and ``until`` take a date or ``2019``, ``2019-07``, ``2019-07-26``, and include it whole. ``params`` takes
    a range or a number that is rounded (`ranges.fits`), and keeps models of which one published size fits it.
    ``purpose`` keeps those that `licenses.may` answers with a plain yes: ``commercial``, ``modify``, ``redistribute``
    or ``research``.
    """

    form: str
    family: str
    lab: str
    license: str
    objective: str
    task: str
    modality: str
    access: str
    since: str | date
    until: str | date
    params: str | int
    purpose: str
    runnable: bool


_WORDS: dict[str, Callable[[Row], tuple[str, ...]]] = {
    "form": lambda row: (row.form,),
    "family": lambda row: (row.family,),
    "lab": lambda row: row.labs,
    "license": lambda row: (row.license,),
    "objective": lambda row: row.objectives,
    "task": lambda row: row.tasks,
    "modality": lambda row: row.modality,
    "access": lambda row: (row.access,),
}
_SUBJECTS = {"lab": "labs", "license": "licenses", "objective": "objectives", "task": "tasks", "modality": "modalities"}
_CLOSED: dict[str, tuple[str, ...]] = {"form": get_args(Form), "access": get_args(Access)}
_COLUMNS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.slug,
    "family": lambda row: row.family,
    "published": lambda row: row.published,
    "form": lambda row: row.form,
    "parameters": lambda row: row.sizes[0].total if row.sizes else None,
    "license": lambda row: row.license,
    "access": lambda row: row.access,
}
_SHORT = {"date": "published", "params": "parameters"}
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


def entry(name: str, catalog: Catalog | None = None) -> Entry:
    """Return the record of a model by its slug, name or alias, whatever its case, spaces and hyphens.

    Raises ``BestiaryError`` with the nearest names when there is none.
    """
    catalog = catalog or packaged()
    if name in catalog:
        return catalog[name]
    wanted = plain(name)
    for row in catalog.rows.values():
        if wanted in (plain(row.slug), plain(row.name), *map(plain, row.aliases)):
            return catalog[row.slug]
    known = [known for row in catalog.rows.values() for known in (row.slug, row.name, *row.aliases)]
    remedy = nearest(name, known) or "; bestiary list shows them all"
    raise UnknownModel(f"the catalog has no model '{name}'{remedy}")


def parse_name(name: str, catalog: Catalog | None = None) -> tuple[Entry, str]:
    """Return the entry and the size that ``gpt-2:xl`` names; without a size, the entry's first one.

    The size ``tiny`` exists for every entry whose architecture is known, or has a stand-in. Raises ``BestiaryError``
    naming the sizes.
    """
    model, _, size = name.partition(":")
    found = entry(model, catalog)
    if not found.runnable and not (found.stand_in and size.lower() == TINY):
        remedy = f"; {found.slug}:{TINY} is a stand-in" if found.stand_in else ""
        raise BestiaryError(f"{found.slug} has no size to build: its architecture is undisclosed{remedy}")
    sizes = list(dict.fromkeys([*found.sizes, TINY])) if found.runnable else [TINY]
    if size and size.lower() not in sizes:
        raise BestiaryError(f"{found.slug} has no size '{size}'; use one of {', '.join(sizes)}{nearest(size, sizes)}")
    return found, size.lower() or sizes[0]


def list_models(pattern: str = "*", catalog: Catalog | None = None, **filters: Unpack[Filters]) -> list[str]:
    """Return the slugs of the models with a name or alias like ``*bert*``, in alphabetical order, narrowed by filters.

    Raises ``BestiaryError`` for a filter or a filter's word that does not exist, with the nearest ones.
    """
    catalog = catalog or packaged()
    tests = [_test(key, value, catalog) for key, value in filters.items() if value is not None]
    return [row.slug for row in catalog.rows.values() if _is_like(row, pattern) and all(test(row) for test in tests)]


def ordered(slugs: Iterable[str], by: str = "name", catalog: Catalog | None = None) -> list[str]:
    """Return models in the order of a column, ``-date`` for the newest first; what has no value comes last.

    ``parameters`` are the exact ones of the default size. Raises ``BestiaryError`` for a column that does not exist.
    """
    column = by.removeprefix("-")
    column = _SHORT.get(column, column)
    if column not in _COLUMNS:
        words = (*_COLUMNS, *_SHORT)
        remedy = nearest(column, words) or f"; use one of {', '.join(words)}"
        raise BestiaryError(f"no column is called '{column}'{remedy}")
    catalog = catalog or packaged()
    value = _COLUMNS[column]
    rows = sorted((catalog.rows[slug] for slug in slugs), key=lambda row: row.slug)
    known = [row for row in rows if value(row) is not None]
    known.sort(key=value, reverse=by.startswith("-"))
    return [row.slug for row in (*known, *(row for row in rows if value(row) is None))]


def _is_like(row: Row, pattern: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in (row.slug, row.name, *row.aliases))


def _test(key: str, value: Any, catalog: Catalog) -> Callable[[Row], bool]:
    if key in _WORDS:
        word = _known_word(key, str(value), catalog)
        return lambda row: word in _WORDS[key](row)
    if key == "since":
        first, _ = _days(key, value)
        return lambda row: row.published >= first
    if key == "until":
        _, last = _days(key, value)
        return lambda row: row.published <= last
    if key == "runnable":
        return lambda row: row.runnable is bool(value)
    if key == "params":
        from bestiary.catalog.ranges import fits

        return fits(str(value))
    if key == "purpose":
        return _allows(value, catalog)
    raise BestiaryError(f"'{key}' is no filter{nearest(key, Filters.__annotations__)}")


def _allows(purpose: Any, catalog: Catalog) -> Callable[[Row], bool]:
    from bestiary.catalog.licenses import known_purpose, may

    purpose = known_purpose(purpose)
    return lambda row: may(catalog[row.slug], purpose, catalog).verdict == "yes"


def _known_word(key: str, word: str, catalog: Catalog) -> str:
    """Return a filter's word as the catalog spells it."""
    spellings = {plain(known): known for row in catalog.rows.values() for known in _WORDS[key](row)}
    spellings |= {plain(known): known for known in _CLOSED.get(key, ())}
    if key in _SUBJECTS:
        vocabulary: Mapping[str, Any] = getattr(catalog.vocabulary, _SUBJECTS[key])
        for known, meaning in vocabulary.items():
            for spelling in (known, meaning.name, *getattr(meaning, "aliases", ())):
                spellings[plain(spelling)] = known
    if plain(word) not in spellings:
        known_words = sorted(set(spellings.values()))
        remedy = nearest(word, known_words) or f"; use one of {', '.join(known_words)}"
        raise BestiaryError(f"no {key} is called '{word}'{remedy}")
    return spellings[plain(word)]


def _days(key: str, value: str | date) -> tuple[date, date]:
    """Return the first and the last day of a year, a month or a day."""
    if isinstance(value, date):
        return value, value
    if found := _DATE.fullmatch(value):
        year, month, day = (int(part) if part else None for part in found.groups())
        try:
            last = date(year or 0, month or 12, 1)
            last = last.replace(day=day or monthrange(last.year, last.month)[1])
            return date(last.year, month or 1, day or 1), last
        except ValueError:
            pass
    raise BestiaryError(f"{key} is '{value}', no date; write 2019, 2019-07 or 2019-07-26")
