"""The bibliography as readers want it: plain titles and names, and where to find each source."""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize

from bestiary.catalog.bibliography import Source

_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307"}
_ACCENTS |= {"v": "\u030c", "c": "\u0327", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a"}
_LETTERS = {"o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ss": "ß", "ae": "æ", "AE": "Æ", "aa": "å", "AA": "Å", "i": "i"}
_ACCENTED = re.compile(r"\\(?:(['`^\"~=.])|([vcuHkr])(?=[\s{]))\s*\{?\\?([A-Za-z])\}?")
_LETTER = re.compile(r"\\(ss|ae|AE|aa|AA|[oOlLi])(?![A-Za-z])\s*(?:\{\})?")
_COMMAND = re.compile(r"\\[A-Za-z]+\s*")
_WEB = re.compile(r"https?://[^\s<>\"\\]+")
SHOWN_AUTHORS = 3
"""Of a long list; the rest are counted."""


class Reference(NamedTuple):
    """One source, ready to be shown; ``url`` is an address on the web or empty."""

    key: str
    title: str
    authors: str
    year: str
    venue: str
    note: str
    url: str
    is_paper: bool


def reference(source: Source) -> Reference:
    """Return a record of the bibliography as it is shown."""
    fields = {name: plain(value) for name, value in source.fields.items()}
    venue = fields.get("journal") or fields.get("booktitle") or fields.get("institution") or ""
    if not venue and "eprint" in fields:
        venue = f"arXiv {fields['eprint']}"
    return Reference(
        source.key, fields["title"], authors(source.fields.get("author", "")), fields.get("year", ""), venue,
        fields.get("note", ""), _address(source.fields), source.is_paper,
    )  # fmt: skip


def plain(text: str) -> str:
    """Return a field of BibTeX as text: accents as letters, no braces and no commands."""
    text = _ACCENTED.sub(lambda found: normalize("NFC", found[3] + _ACCENTS[found[1] or found[2]]), text)
    text = _LETTER.sub(lambda found: _LETTERS[found[1]], text)
    text = text.replace("\\&", "&").replace("\\%", "%").replace("\\_", "_").replace("\\$", "$").replace("\\#", "#")
    text = _COMMAND.sub("", text).replace("{", "").replace("}", "").replace("~", " ").replace("--", "–")
    return " ".join(text.split())


def authors(field: str) -> str:
    """Return the names of a field of authors, the first few of many."""
    names = [_name(name) for name in re.split(r"\s+and\s+", field.strip()) if name]
    if names and names[-1] == "others":
        return f"{', '.join(names[: min(SHOWN_AUTHORS, len(names) - 1)])} and others"
    if len(names) > SHOWN_AUTHORS + 1:
        return f"{', '.join(names[:SHOWN_AUTHORS])} and {len(names) - SHOWN_AUTHORS} others"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _name(text: str) -> str:
    if text.startswith("{"):
        return plain(text)
    last, comma, first = text.partition(",")
    return plain(f"{first.strip()} {last.strip()}" if comma else text)


def _address(fields: dict[str, str]) -> str:
    """Return where a source is on the web; what is no such address is dropped, so that a link cannot run anything."""
    if re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}", fields.get("eprint", "")):
        return f"https://arxiv.org/abs/{fields['eprint']}"
    found = _WEB.search(fields.get("url", "")) or _WEB.search(fields.get("howpublished", ""))
    if found:
        return found[0].rstrip("}")
    return f"https://doi.org/{fields['doi']}" if re.fullmatch(r"10\.[\w./()-]+", fields.get("doi", "")) else ""
