"""Other lists of models against the catalog, and the corrections to the 2023 one as a table and as a letter."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from command_line import bestiary, table
from reference_counts import registry
from small_catalog import catalog_of, entry_text

from bestiary.catalog import missing
from bestiary.catalog.errata import errata
from bestiary.errors import BestiaryError

POINT = (
    '[[checkpoints]]\nhub = "o/n"\nsize = "base"\ndialect = "openai-gpt"\nfrom = "paper"\nat = "x"\nsure = "stated"\n'
)


def test_a_name_is_held_disposed_of_or_missing(tmp_path: Path) -> None:
    text = entry_text("Alpha", more=POINT).replace("summary", 'aliases = ["The First"]\nsummary', 1)
    catalog = catalog_of(tmp_path, a=text)
    (tmp_path / "dispositions.toml").write_text(
        '"Gamma 2" = { is = "alias", why = "of Alpha", on = 2024-01-02 }\n'
        '"*_part" = { is = "part", why = "of it", on = 2024-01-02 }\n'
    )
    names = ["ALPHA", "the-first", "openai-gpt", "gamma-2", "x_part", "Beta"]
    rows = missing.compare(names, catalog, tmp_path)
    assert [(row.state, row.entry) for row in rows] == [
        ("held", "a"), ("held", "a"), ("held", "a"), ("alias", None), ("part", None), ("missing", None),
    ]  # fmt: skip
    assert (rows[3].why, rows[3].on) == ("of Alpha", date(2024, 1, 2))


def test_lists_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# names\nBERT  # of 2018\n\nGPT-2\nBERT\n")
    assert missing.read_list(path) == ["BERT", "GPT-2"]
    for text, fragment in ((b"", "holds no names"), (b"\xff\xfe\x00", "no text"), (b"x" * 201, "no list of models")):
        path.write_bytes(text)
        with pytest.raises(BestiaryError, match=fragment):
            missing.read_list(path)


def test_the_lists_that_come_with_the_catalog() -> None:
    assert list(missing.lists()) == ["earlier", "figures", "paper", "since", "transformers"]
    paper = missing.read_list(missing.lists()["paper"])
    assert len(paper) == 77
    assert missing.read_list(missing.lists()["transformers"]) == registry()


@pytest.mark.parametrize("name", ["paper", "earlier", "figures", "since"])
def test_nothing_of_these_is_missing_without_a_word(name: str) -> None:
    rows = missing.compare(missing.read_list(missing.lists()[name]))
    assert [row.name for row in rows if row.state == "missing"] == []


def test_a_disposition_is_of_something_that_has_no_entry() -> None:
    held = {row.name for row in missing.compare(missing.dispositions()) if row.state == "held"}
    assert held == set()


def test_the_verb_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("BERT\nRoBERTTa\nresnet\n")
    done = bestiary("missing", str(path))
    assert done.code == 1
    rows = {row["name"]: row for row in table(done.out)}
    assert rows["RoBERTTa"]["is"] == "missing"
    assert rows["RoBERTTa"]["why"] == "did you mean roberta?"
    assert (rows["resnet"]["is"], rows["resnet"]["since"]) == ("out-of-scope", "2026-11-24")
    assert "3 names: 1 held, 1 disposed of, 1 missing" in done.err
    everything = json.loads(bestiary("missing --all --json", str(path)).out)
    assert everything[0]["entry"] == "bert"
    path.write_text("BERT\n")
    assert bestiary("missing", str(path)).code == 0


def test_the_verb_refuses_what_is_no_list() -> None:
    done = bestiary("missing papr")
    assert done.code == 2
    assert "did you mean 'paper'" in done.err


def test_errata_as_table_json_and_letter() -> None:
    done = bestiary("errata roberta")
    rows = table(done.out)
    assert {row["field"] for row in rows} == {row.field for row in errata("roberta") if "own" not in row.wrong_in}
    assert done.err == f"{len(rows)} corrections\n"
    assert json.loads(bestiary("errata roberta --json").out)[0]["slug"] == "roberta"
    letter = bestiary("errata --markdown roberta").out
    assert "## RoBERTa" in letter
    assert "- **lab**: “UW/Google” should be “Facebook AI (Meta) and the University of Washington”." in letter
    assert "author block" in letter


def test_a_letter_holds_every_correction() -> None:
    letter = bestiary("errata --all --markdown").out
    assert letter.count("\n- **") == len(errata())
    assert len(errata("t5")) > len(table(bestiary("errata t5").out))


def test_markdown_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    row = errata("roberta")[0]._replace(why="a *b* | <c> [d](e)\nf")
    monkeypatch.setattr("bestiary.catalog.errata.errata", lambda slug=None: [row])
    assert r"a \*b\* \| \<c\> \[d\](e) f" in bestiary("errata --markdown").out
