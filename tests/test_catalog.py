"""The catalog's reader refuses what is wrong by file, line and remedy, all of a file at once."""

from __future__ import annotations

import copy
import functools
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from small_catalog import SIZE, catalog_of, entry_text, write_catalog

from bestiary.catalog import errata, lint
from bestiary.catalog.fit import misfits
from bestiary.catalog.index import HOME
from bestiary.catalog.lines import key_lines
from bestiary.catalog.read import read, read_entry
from bestiary.catalog.schema import Entry
from bestiary.errors import BestiaryError

GOOD = entry_text("Alpha")
CHECKPOINT = (
    '[[checkpoints]]\nhub = "a/b"\nsize = "bsae"\ndialect = "bert"\nfrom = "paper"\nat = "x"\nsure = "stated"\n'
)


SPOILED = {
    "a form that is none": (
        '"encoder"',
        '"encodr"',
        "entries/a.toml:8: facts.form is 'encodr'; use one of encoder, decoder, ",
        "did you mean 'encoder'",
    ),
    "an unknown key": ("[facts]", "[facts]\nfamly = 1", "a.toml:4: facts has the unknown key 'famly'", "'family'"),
    "an unknown key at the top": ("summary", "sumary", "a.toml:2: the file has the unknown key 'sumary'", "'summary'"),
    "a fact that is missing": ("corpus = ", "corpsu = ", "a.toml:3: facts lacks 'corpus'"),
    "a source that is missing": (
        'is = "Tests", from = "paper"',
        'is = "Tests"',
        "a.toml:11:",
        "lacks 'from'; name its source",
    ),
    "a place that is missing": (
        'is = "Tests", from = "paper", at = "§1"',
        'is = "Tests", from = "paper"',
        "lacks 'at'",
    ),
    "an empty place": (
        'is = "Tests", from = "paper", at = "§1"',
        'is = "Tests", from = "paper", at = " "',
        "a.toml:11:",
    ),
    "a degree of sureness that is none": (
        'at = "§1"\nsure = "stated"\n[sizes',
        'at = "§1"\nsure = "quite"\n[sizes',
        "'quite'",
    ),
    "a wrong type": ("is = 1000", 'is = "many"', "a.toml:13: facts.tokens is 'many'; use one of undisclosed"),
    "a number that cannot be": ("is = 1000", "is = -1", "a.toml:13: facts.tokens is -1: expected `int` >= 1"),
    "a text where a list belongs": ('["google"]', "3", "a.toml:6: facts.labs is 3: expected"),
    "a fact that is no table": (
        "family = {",
        "family = 3 #",
        "a.toml:4: facts.family is 3; write a table with the keys from",
    ),
    "a word of no vocabulary": (
        '["google"]',
        '["gogle"]',
        "a.toml:6: facts.labs names 'gogle'",
        "did you mean 'google'",
    ),
    "a source of no bibliography": (
        'from = "paper"\nat = "§1"\nsure = "stated"\n[sizes',
        'from = "papre"\nat = "§1"\nsure = "stated"\n[sizes',
        "a.toml:19: architecture cites 'papre'",
        "'paper'",
    ),
    "a license that does not parse": (
        'weights_license = { is = "MIT"',
        'weights_license = { is = "MIT, or so"',
        "a.toml:16: facts.weights_license 'MIT, or so' does not parse",
    ),
    "a license that is unknown": (
        'weights_license = { is = "MIT"',
        'weights_license = { is = "Apache-2"',
        "is not in vocabulary/licenses.toml; did you mean",
    ),
    "a size without arguments": (
        f"{{ {SIZE} }}",
        "{}",
        "a.toml:23: sizes.base.arguments is {}: expected `object` of length >= 1",
    ),
    "a size without source": (
        f'{{ {SIZE} }}\nfrom = "paper"',
        f"{{ {SIZE} }}",
        "a.toml:22: sizes.base lacks from; say where",
    ),
    "heads that do not divide": ("heads = 4", "heads = 5", "a.toml:23: sizes.base does not build", "5"),
    "an argument of another architecture": (
        "vocab = 100",
        "vocab = 100, patch = 3",
        "sizes.base does not build",
        "'patch'",
    ),
    "an argument that is missing": (", vocab = 100", "", "sizes.base does not build", "vocab"),
    "an architecture that is unknown": ('function = "bert"', 'function = "bart2"', "'bart2'"),
    "no sizes": ("[sizes.base]", "[other]", "unknown key 'other'"),
    "a parent that is missing": (
        "[architecture]",
        '[parents.b]\nedge = ["data"]\nfrom = "paper"\nat = "x"\nsure = "stated"\n[architecture]',
        "a.toml:17: parents.b names no entry",
    ),
    "an edge of no kind": (
        "[architecture]",
        '[parents.a]\nedge = ["data", "wieghts"]\nfrom = "paper"\nat = "x"\nsure = "stated"\n[architecture]',
        "a.toml:18: parents.a.edge is 'wieghts'; use one of",
        "'weights'",
    ),
    "a checkpoint of no size": (
        "[sizes.base]",
        f"{CHECKPOINT}[sizes.base]",
        "checkpoints[0].size is 'bsae', no size here; did you mean 'base'",
    ),
    "a count that is none": (
        "[sizes.base]",
        '[sizes.base]\nstated = { is = "125 million", from = "paper", at = "x", sure = "stated" }',
        "a.toml:23: sizes.base.stated is '125 million', no count",
    ),
    "the slug in the file": ("name =", 'slug = "a"\nname =', "a.toml:1: the file's name is the slug"),
    "broken TOML": ("[facts]", "[facts", "a.toml:3: this is not TOML"),
    "a key twice": (
        "[facts]",
        '[facts]\nfamily = { is = "B" }',
        "a.toml:5: this is not TOML: cannot overwrite a value",
    ),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_spoiled_entry_is_refused_by_file_line_and_remedy(tmp_path: Path, spoiled: str) -> None:
    old, new, *expected = SPOILED[spoiled]
    assert GOOD.count(old) >= 1
    findings = lint.lint(folder=write_catalog(tmp_path, a=GOOD.replace(old, new, 1)))
    assert findings
    for part in expected:
        assert any(part in str(finding) for finding in findings), [str(finding) for finding in findings]
    with pytest.raises(BestiaryError, match=r"^entries/a\.toml:\d+: "):
        read(tmp_path)


def test_a_good_entry_reads_with_nothing_to_find(tmp_path: Path) -> None:
    reading = read(write_catalog(tmp_path, a=GOOD))
    entry = reading.entries["a"]
    assert (entry.slug, entry.name, entry.runnable, entry.function("base")) == ("a", "Alpha", True, "bert")
    assert entry.facts.published.value == date(2020, 1, 1)
    assert entry.facts.corpus.value == "undisclosed"
    assert entry.sizes["base"].arguments["heads"] == 4
    assert read_entry(tmp_path / "entries" / "a.toml", reading) == entry
    with pytest.raises(AttributeError):
        entry.name = "Omega"  # pyright: ignore[reportAttributeAccessIssue]


def test_all_problems_of_a_file_come_in_one_go_and_the_error_counts_them(tmp_path: Path) -> None:
    text = GOOD.replace('"encoder"', '"encodr"').replace("is = 1000", "is = 1.5").replace('"Tests"', '""')
    folder = write_catalog(tmp_path, a=text)
    assert [finding.line for finding in lint.lint(folder=folder)] == [8, 11, 13]
    with pytest.raises(BestiaryError, match=r"a\.toml:8: .*\(and 2 more; bestiary lint lists them\)"):
        read(folder)


def test_a_child_is_no_older_than_its_parent(tmp_path: Path) -> None:
    child = entry_text("Child", "2018-10-11", {"a": ["architecture"]})
    (finding,) = lint.lint(folder=write_catalog(tmp_path, a=GOOD, child=child))
    assert str(finding).startswith(
        "entries/child.toml:5: child was published 2018-10-11, before its parent a (2020-01-01)"
    )


def test_parents_go_in_no_circle(tmp_path: Path) -> None:
    links = {"a": "b", "b": "c", "c": "a"}
    texts = {slug: entry_text(slug.upper(), parents={parent: ["data"]}) for slug, parent in links.items()}
    (finding,) = lint.lint(folder=write_catalog(tmp_path, **texts))
    assert "parents go in a circle" in finding.message
    assert any(f"{way} -> " in finding.message for way in ("a -> b", "b -> c", "c -> a"))
    assert finding.line == 17


@pytest.mark.parametrize("alias", ["Alpha", "al-PHA", "A", "al_pha"])
def test_no_two_entries_claim_one_name(tmp_path: Path, alias: str) -> None:
    other = entry_text("Beta").replace("summary", f'aliases = ["{alias}"]\nsummary')
    (finding,) = lint.lint(folder=write_catalog(tmp_path, a=GOOD, b=other))
    assert str(finding).startswith(f"entries/b.toml:2: '{alias}' is already a name of a")


def test_a_broken_vocabulary_is_told_before_what_follows_from_it(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path, a=GOOD)
    (folder / "vocabulary" / "labs.toml").write_text('[google]\nnme = "Google"\n')
    first = lint.lint(folder=folder)[0]
    assert (first.file, first.line) == ("vocabulary/labs.toml", 2)


def test_strict_lint_wants_every_source_used_and_nothing_from_memory(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path, a=GOOD.replace('sure = "stated"', 'sure = "memory"', 1))
    with (folder / "sources.bib").open("a") as file:
        file.write("\n@misc{idle, title = {Idle}}\n")
    assert lint.lint(folder=folder) == []
    unused, memory = lint.lint(strict=True, folder=folder)
    assert (unused.file, unused.line) == ("sources.bib", 6)
    assert "no entry cites 'idle'" in unused.message
    assert (memory.line, memory.message) == (4, "facts.family is from memory; open a source that states it")


def test_strict_lint_wants_access_in_keeping_with_the_license(tmp_path: Path) -> None:
    barred = GOOD.replace('weights_license = { is = "MIT"', 'weights_license = { is = "CC-BY-NC-4.0"')
    folder = write_catalog(tmp_path, a=barred)
    assert lint.lint(folder=folder) == []
    (finding,) = lint.lint(strict=True, folder=folder)
    assert finding.file == "entries/a.toml"
    assert finding.line == 14
    assert "facts.access is 'open-weights', but 'CC-BY-NC-4.0' keeps commercial use out" in finding.message


def test_lines_are_found_in_every_corner_of_toml() -> None:
    text = 'a = """\nb = 1\n"""\n# c = 1\n[t]\nlist = [\n  1,\n  2,\n]\n"x.y" = { is = [1], k = "v" }\n'
    text += "[t.u]\n[[r]]\ns = 1\n\n[[r]]\ns = 2\n"
    lines = key_lines(text)
    assert lines["a",] == 1
    assert ("b",) not in lines
    assert ("c",) not in lines
    assert [lines[path] for path in [("t",), ("t", "list"), ("t", "x.y", "k"), ("t", "u")]] == [5, 6, 10, 11]
    assert [lines[path] for path in [("r", 0), ("r", 0, "s"), ("r", 1), ("r", 1, "s")]] == [12, 13, 15, 16]


def test_errata_are_rows_with_their_evidence(tmp_path: Path) -> None:
    wrong = (
        '[[errata]]\nfield = "date"\npaper = "05/2020"\nours = "2020-01-01"\nwhy = "W."\nfrom = "paper"\nat = "§2"\n'
    )
    own = '[[errata_own]]\nsize = "base"\nstated = "1M"\ncomputed = 1234567\nwhy = "V."\nfrom = "paper"\nat = "T1"\n'
    shelf = catalog_of(tmp_path, a=entry_text("Alpha", more=wrong + own), b=entry_text("Beta"))
    assert errata.errata(catalog=shelf) == [
        ("a", "catalog of 2023", "date", "05/2020", "2020-01-01", "W.", "paper", "§2"),
        ("a", "own paper", "parameters of base", "1M", "1,234,567", "V.", "paper", "T1"),
    ]
    assert errata.errata("b", shelf) == []


def test_every_line_of_the_packaged_entries_is_found() -> None:
    for path in (HOME / "entries").glob("*.toml"):
        text = path.read_text(encoding="utf-8").splitlines()
        for keys, line in key_lines("\n".join(text)).items():
            assert not keys or str([key for key in keys if isinstance(key, str)][-1]) in text[line - 1], (path, keys)


def all_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside nested tables and arrays."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from all_paths(part, (*path, key))


@pytest.mark.parametrize(
    "wrong", [True, 7, 1.5, "", "word", [], [3], ["data"], {}, {"is": 3}, date(2020, 1, 1)], ids=str
)
def test_the_check_and_the_converter_agree_on_every_value_put_anywhere(wrong: Any) -> None:
    good = tomllib.loads((HOME / "entries" / "alpaca.toml").read_text(encoding="utf-8")) | {"slug": "alpaca"}
    assert list(misfits(good, Entry)) == []
    for path in all_paths(good):
        raw: Any = copy.deepcopy(good)
        table = functools.reduce(lambda at, key: at[key], path[:-1], raw)
        table[path[-1]] = wrong
        try:
            msgspec.convert(raw, Entry)
            accepted = True
        except msgspec.ValidationError:
            accepted = False
        assert accepted is (list(misfits(raw, Entry)) == []), path


def test_a_notebook_shows_an_entry_escaped(tmp_path: Path) -> None:
    shelf = catalog_of(tmp_path, a=entry_text("Al<script>", application='"<b>&\'x"'))
    html = shelf["a"]._repr_html_()
    assert "Al&lt;script&gt;" in html
    assert "&lt;b&gt;&amp;" in html
    assert "<script>" not in html
    assert "stated: paper, §1" in html
    assert "1,000" in html


def test_the_packaged_catalog_reads_with_nothing_to_find() -> None:
    assert [str(finding) for finding in lint.lint(strict=True)] == []
