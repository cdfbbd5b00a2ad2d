"""A copy of the catalog whose every text carries what would run if a page took text for markup."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bestiary.catalog.index import HOME

PWN = "globalThis.pwned=1"
PAYLOADS = (
    f"<script>{PWN}</script>",
    f"</script><script>{PWN}</script>",
    f"<img src=x onerror={PWN}>",
    f"\"><img src=x onerror='{PWN}'>",
    f"'><svg onload={PWN}>",
    f"<svg><script>{PWN}</script></svg>",
    f"<svg><animate onbegin={PWN} attributeName=x dur=1s>",
    f"</title><script>{PWN}</script>",
    f"</textarea><script>{PWN}</script>",
    f"</pre><img src=x onerror={PWN}>",
    f'<iframe src="javascript:parent.{PWN}"></iframe>',
    f"<iframe srcdoc='<script>parent.{PWN}</script>'></iframe>",
    f'<a href="javascript:{PWN}">here</a>',
    f"javascript:{PWN}",
    f"<details open ontoggle={PWN}>",
    f"<input autofocus onfocus={PWN}>",
    f"<body onload={PWN}>",
    f"<math><mtext><img src=x onerror={PWN}></mtext></math>",
    f'<base href="javascript:{PWN}//">',
    f'<meta http-equiv=refresh content="0;url=javascript:{PWN}">',
    f"<style>@import 'javascript:{PWN}';</style>",
    f'" autofocus onfocus={PWN} x="',
    f"' onmouseover={PWN} x='",
    f"`-({PWN})-`",
    f"${{{PWN}}}",
    f"{{{{ {PWN} }}}}",
    f"{{% for x in [1] %}}{PWN}{{% endfor %}}",
    f'\\";{PWN};//',
    f"*/{PWN};/*",
    f"<!--><img src=x onerror={PWN}>-->\u2028{PWN}",
)
FREE = {"name", "summary", "aliases", "at", "notes", "why", "paper", "ours", "application", "corpus", "conditions"}
"""Keys whose values are text as somebody wrote it; the others are keys of vocabularies, dates and numbers."""


KEYS = {"from", "sure", "counts"}
"""Keys beside a text whose values are words of ours."""


def write_spoiled(folder: Path) -> Path:
    """Write the catalog with a payload before each text: over the entries, each kind of text gets every payload."""
    shutil.copytree(
        HOME, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__", "index.jsonl")
    )
    paths = [*sorted((folder / "entries").glob("*.toml")), *sorted((folder / "vocabulary").glob("*.toml"))]
    for index, path in enumerate(paths):
        spoiled = _spoiled(tomllib.loads(path.read_text(encoding="utf-8")), _rounds(index), False)
        lines = (f"{json.dumps(key)} = {_toml(value)}\n" for key, value in spoiled.items())
        path.write_text("".join(lines), encoding="utf-8")
    bibliography = folder / "sources.bib"
    bibliography.write_text(_spoiled_titles(bibliography.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def _rounds(start: int) -> Iterator[str]:
    while True:
        yield PAYLOADS[start % len(PAYLOADS)]
        start += 1


def _spoiled(value: Any, payloads: Iterator[str], free: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _family(one) if key == "family" else _spoiled(one, payloads, key in FREE or (free and key not in KEYS))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_spoiled(one, payloads, free) for one in value]
    if free and isinstance(value, str) and value != "undisclosed":
        return f"{next(payloads)} {value}"
    return value


def _family(fact: dict[str, str]) -> dict[str, str]:
    """A family is the same text in all its members."""
    return fact | {"is": f"{PAYLOADS[sum(fact['is'].encode()) % len(PAYLOADS)]} {fact['is']}"}


def _spoiled_titles(text: str) -> str:
    """Spoil the titles of a bibliography, but for payloads that BibTeX's own braces and backslashes would end."""
    whole = [one for one in PAYLOADS if not set("{}\\%") & set(one)]
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        key, _, title = line.partition("= {")
        if key.strip() == "title" and title:
            lines[index] = f"{key}= {{{whole[index % len(whole)]} {title}"
    return "".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value)
