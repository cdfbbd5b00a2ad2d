"""The atlas's script: that what ships was built from the sources beside it, and what these may not do."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEB = ROOT / "web"
BUNDLE = ROOT / "src" / "bestiary" / "atlas" / "static" / "atlas.js"
BESIDES = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
"""What the bundle depends on beside its sources."""

MARKUP = r"\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|setHTML|srcdoc"
CODE = r"\beval\b|\bnew Function\b|\bFunction\(|javascript:|setAttribute\(\s*[\"'`]on"
REQUESTS = r"\bfetch\b|XMLHttpRequest|sendBeacon|WebSocket|EventSource|\bimport\(|serviceWorker"
HOSTS = r"https?://|[\"'`]//"


def sources() -> list[Path]:
    return sorted((WEB / "src").glob("*.ts"))


def found(pattern: str, files: list[Path]) -> list[str]:
    return [
        f"{path.name}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_the_bundle_was_built_from_these_sources() -> None:
    files = {f"src/{path.name}": path for path in sources()} | {name: WEB / name for name in BESIDES}
    checksum = hashlib.sha256()
    for name in sorted(files):
        checksum.update(name.encode() + b"\0" + files[name].read_bytes() + b"\0")
    head = BUNDLE.read_text(encoding="utf-8").partition("\n")[0]
    assert checksum.hexdigest() in head, "web/ has changed since the bundle was built: run `make web`"


@pytest.mark.parametrize("pattern", [MARKUP, CODE, REQUESTS, HOSTS], ids=["markup", "code", "requests", "hosts"])
def test_the_script_writes_text_and_asks_nobody(pattern: str) -> None:
    assert len(sources()) > 10
    assert found(pattern, [*sources(), BUNDLE]) == []


def test_the_bundle_is_a_classic_script() -> None:
    text = BUNDLE.read_text(encoding="utf-8")
    assert text.rstrip().endswith("})();") and not re.search(r"^\s*(import|export)\s", text, re.MULTILINE)


def test_the_lock_pins_what_builds_it_and_names_no_host() -> None:
    lock, package = (
        json.loads((WEB / name).read_text(encoding="utf-8")) for name in ("package-lock.json", "package.json")
    )
    assert "dependencies" not in package  # nothing but our own code reaches a reader
    for name, version in package["devDependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry and "resolved" not in entry for path, entry in lock["packages"].items() if path)
    assert "://" not in json.dumps(lock)
