"""The house rules that no linter knows: what imports what, and which words may stand where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "bestiary"
FIRST_SCREEN = 40  # lines

KNOWN_MODELS = (
    "bart bert bloom clip deberta falcon gemma gpt llama mistral mpt neox opt pegasus qwen swin t5 whisper xlnet"
)
NOT_ONLY_MODELS = {"transformer", "diffusion"}
"""The 2017 model gave its name to the kind, and to our top node; the way of training of 2015 to all who follow it."""

# One letter of each stands in brackets, so that this file does not find itself.
REGISTRY_HOSTS = (r"[p]ypi\.org", r"[p]ythonhosted\.org", r"[n]pmjs\.", r"[d]eb\.debian\.", r"[d]ownload\.pytorch\.")
LOCAL_PATHS = (r"(?<![\w./-])/[w]ork/", r"\.\./[s]hared\b", r"/opt/([w]heels|[p]ypi)\b", r"/[r]oot/", r"/tmp/[b]rief")


def repository_files() -> Iterator[Path]:
    """Yield the files of the repository: all but what git, the environments and the tools keep."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not name.startswith((".", "__"))]
        made = (ROOT / "build", ROOT / "dist", ROOT / "web" / "node_modules")
        folders[:] = [name for name in folders if Path(folder, name) not in made]
        yield from (Path(folder, name) for name in names if name != ".git")  # a file where the tree is one of several


def catalog_names() -> set[str]:
    """Return every slug, name and alias of the catalog, in lower case."""
    names: set[str] = set()
    for path in (PACKAGE / "catalog" / "entries").glob("*.toml"):
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        names |= {path.stem, entry["name"].lower(), *(alias.lower() for alias in entry.get("aliases", ()))}
    return names


def loaded_by(statement: str, *libraries: str) -> set[str]:
    """Return which of ``libraries`` a fresh Python holds after ``statement``."""
    code = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & set({libraries!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def places(pattern: str, files: list[Path]) -> list[str]:
    """Return "file:line: text" wherever ``pattern`` matches, whatever the case."""
    expression = re.compile(pattern, re.IGNORECASE)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if expression.search(line)
    ]


def test_modules_know_no_model() -> None:
    files = sorted((PACKAGE / "nn").rglob("*.py"))
    assert files
    names = (catalog_names() | set(KNOWN_MODELS.split())) - NOT_ONLY_MODELS
    word = "|".join(re.escape(name) for name in sorted(names))
    assert places(rf"(?<![a-z0-9])({word})(?![a-z0-9])", files) == []


def test_import_is_light() -> None:
    assert loaded_by("import bestiary", "torch", "numpy", "rich", "click") == set()


@pytest.mark.parametrize("part", ["spec", "architectures", "catalog", "sizing"])
def test_description_needs_no_tensors(part: str) -> None:
    every_module = (
        f"import bestiary.{part} as part, pkgutil, importlib\n"
        "for module in pkgutil.walk_packages(part.__path__, part.__name__ + '.'): importlib.import_module(module.name)"
    )
    assert loaded_by(every_module, "torch", "numpy") == set()


def test_readme_opens_with_the_two_commands() -> None:
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN]
    assert [command for command in ("make demo", "make test") if command not in "\n".join(screen)] == []


def test_readme_names_only_real_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets


def test_nothing_names_a_registry_or_a_workplace() -> None:
    assert places("|".join(REGISTRY_HOSTS + LOCAL_PATHS), list(repository_files())) == []
