"""The catalog as flat tables says what the records say, and every export can be read back to the same."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from command_line import bestiary

from bestiary import __version__, api
from bestiary.atlas.exports import tables, texts
from bestiary.catalog import packaged, table
from bestiary.catalog.bibliography import read_bibliography
from bestiary.catalog.cite import sources_of
from bestiary.catalog.licenses import may
from bestiary.catalog.schema import HOME


def test_each_model_has_a_row_and_each_published_size() -> None:
    catalog = packaged()
    assert [row.slug for row in table.rows()] == list(catalog)
    published = [(slug, name) for slug, entry in catalog.items() for name in entry.sizes if name != "tiny"]
    assert [(row.slug, row.size) for row in table.sizes()] == published


def test_a_row_says_what_the_record_says() -> None:
    row = next(row for row in table.rows() if row.slug == "roberta")
    assert (row.name, row.family, str(row.published), row.labs) == ("RoBERTa", "BERT", "2019-07-26", ("meta", "uw"))
    assert (row.size, row.parameters, row.stated) == ("base", 124_645_632, "125M")
    assert (row.smallest, row.largest, row.sizes, row.checkpoints) == (124_645_632, 355_359_744, 2, 2)
    assert row.parents == ("bert: architecture, successor", "gpt-2: architecture")
    assert (row.tokens, row.cite, row.errata) == (2_097_152_000_000, "liu2019roberta", 4)
    assert row.summary.startswith("BERT trained again with care: ten times the text")
    closed = next(row for row in table.rows() if row.slug == "gpt-4")
    assert (closed.size, closed.parameters, closed.smallest, closed.sizes) == (None, None, None, 0)


def test_rows_answer_what_the_licenses_answer() -> None:
    for row in table.rows():
        entry = packaged()[row.slug]
        answers = {may(entry, purpose).verdict == getattr(row, purpose) for purpose in ("commercial", "research")}
        assert answers == {True}, row.slug


def test_a_size_carries_the_arguments_that_make_it() -> None:
    row = next(row for row in table.sizes() if row.slug == "roberta" and row.size == "large")
    assert json.loads(row.arguments) == packaged()["roberta"].sizes["large"].arguments
    assert (row.function, row.checkpoint) == ("roberta", "FacebookAI/roberta-large")
    exact = api.count("roberta:large")
    assert (row.total, row.embedding, row.non_embedding) == (exact.total, exact.embedding, exact.non_embedding)


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    path = tmp_path / "bestiary.db"
    assert bestiary(f"export --format sqlite --out {path}").code == 0
    return sqlite3.connect(path)


def test_the_database_holds_the_catalog_and_refers_to_itself(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    referring = [row[2] for row in database.execute("PRAGMA foreign_key_list(parents)")]
    assert sorted(referring) == ["models", "models", "sources"]
    counts = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("models", "sizes")}
    assert counts == {"models": len(packaged()), "sizes": len(table.sizes())}
    roberta = "SELECT parameters, published, labs, tokens FROM models WHERE slug = 'roberta'"
    assert database.execute(roberta).fetchone() == (124645632, "2019-07-26", '["meta", "uw"]', 2097152000000)
    closed = "SELECT parameters, tokens, runnable FROM models WHERE slug = 'gpt-4'"
    assert database.execute(closed).fetchone() == (None, None, 0)
    fact = "SELECT value, source, sure FROM facts WHERE model = 'roberta' AND field = 'weights_license'"
    assert database.execute(fact).fetchone() == ("MIT", "fairseq-code", "stated")
    kin = "SELECT edge FROM parents WHERE child = 'roberta' AND parent = 'bert' ORDER BY edge"
    assert database.execute(kin).fetchall() == [("architecture",), ("successor",)]


def test_the_database_is_searched(database: sqlite3.Connection) -> None:
    found = database.execute("SELECT slug FROM models_fts WHERE models_fts MATCH 'rotary'").fetchall()
    assert ("llama",) in found
    assert ("bert",) not in found


def test_the_database_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    made: list[bytes] = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.db"
        line = ["-m", "bestiary.cli", "export", "gpt*", "--format", "sqlite", "--out", str(path)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": "C"}
        subprocess.run([sys.executable, *line], check=True, env=environment, capture_output=True)
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_csv_has_a_file_for_each_table(tmp_path: Path) -> None:
    assert bestiary(f"export --format csv --until 2018 --out {tmp_path / 'csv'}").code == 0
    assert {path.stem for path in (tmp_path / "csv").iterdir()} == {one.name for one in tables.tables()}
    with (tmp_path / "csv" / "models.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["slug"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == api.list_models(until="2018")
    assert (rows["bert"]["parameters"], rows["bert"]["runnable"]) == ("109482240", "true")
    printed = list(csv.DictReader(io.StringIO(bestiary("export --format csv --until 2018").out)))
    assert printed == list(rows.values())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_cell_of_csv_is_no_formula(text: str) -> None:
    one = tables.Table("t", (tables.Column("a"), tables.Column("b", "integer")), [(text, -1)])
    header, row = csv.reader(io.StringIO(texts.comma_separated(one), newline=""))
    assert (header, row) == (["a", "b"], [f"'{text}", "-1"])


def test_json_holds_all_tables() -> None:
    whole = json.loads(bestiary("export bert --format json").out)
    assert set(whole) == {one.name for one in tables.tables()}
    assert [row["slug"] for row in whole["models"]] == ["bert"]
    assert {row["model"] for row in whole["sizes"]} == {"bert"}
    assert whole["models"][0]["labs"] == ["google"]


def test_parquet_reads_back(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert bestiary(f"export --format parquet --out {tmp_path}").code == 0
    for one in tables.tables():
        read = parquet.read_table(tmp_path / f"{one.name}.parquet").to_pylist()
        assert len(read) == len(one.rows), one.name
    sizes = parquet.read_table(tmp_path / "sizes.parquet").to_pylist()
    assert [(row["model"], row["size"], row["total"]) for row in sizes] == [
        (row.slug, row.size, row.total) for row in table.sizes()
    ]


def test_parquet_asks_for_what_it_needs(tmp_path: Path) -> None:
    with patch.dict(sys.modules, {"pyarrow": None}):
        done = bestiary(f"export --format parquet --out {tmp_path / 'out'}")
    assert (done.code, "pip install 'bestiary[parquet]'" in done.err) == (2, True)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_bibtex_of_one_a_selection_and_a_chain(tmp_path: Path) -> None:
    def keys(line: str) -> list[str]:
        path = tmp_path / "some.bib"
        path.write_text(bestiary(f"export --format bibtex {line}").out, encoding="utf-8")
        return list(read_bibliography(path))

    assert keys("roberta") == ["liu2019roberta"]
    assert keys("--ancestors roberta")[:2] == ["liu2019roberta", "devlin2018bert"]
    assert "vaswani2017attention" in keys("--ancestors RoBERTa")
    everything = keys("")
    assert set(everything) == {row.cite for row in table.rows()}
    assert set(everything) <= set(sources_of(HOME))


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("mine")
    done = bestiary(f"export bert --format json --out {path}")
    assert (done.code, path.read_text()) == (2, "mine")
    assert "is already there; name another or give --force" in done.err
    assert bestiary(f"export bert --format json --force --out {path}").code == 0
    assert json.loads(path.read_text())["models"][0]["slug"] == "bert"
    assert [one.name for one in tmp_path.iterdir()] == ["mine.json"]
    assert bestiary(f"export --format csv --out {path}").code == 2


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("export --format sqlite", 2, "sqlite is not text; give --out"),
        ("export --format xlsx", 2, "xlsx"),
        ("export no-such-* --format json", 1, "no model fits"),
        ("export *bert* --ancestors bert --format bibtex", 2, "leave the pattern and filters out"),
        ("export --params many --format json", 2, "params is 'many', no range"),
    ],
)
def test_a_wrong_export_is_told_in_a_sentence(line: str, code: int, says: str) -> None:
    done = bestiary(line)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_the_project_is_cited_with_the_catalog_that_it_began_from() -> None:
    cited = yaml.safe_load((Path(__file__).parent.parent / "CITATION.cff").read_text(encoding="utf-8"))
    required = {"cff-version", "message", "title", "authors"}
    known = required | {"type", "abstract", "version", "license", "keywords", "references"}
    assert required <= cited.keys() <= known
    assert (cited["cff-version"], cited["type"], cited["version"]) == ("1.2.0", "software", __version__)
    (paper,) = cited["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    authors = ["Amatriain", "Sankar", "Bing", "Bodigutla", "Hazen", "Kazi"]
    assert [author["family-names"] for author in paper["authors"]] == authors
    assert (paper["year"], paper["url"]) == (2023, "https://arxiv.org/abs/2302.07730")


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--format", "sqlite", "--out", "x/catalog.db"),
        ("export", "--format", "json", "--out", "x/catalog.json"),
        ("tree", "--svg", "x/tree.svg"),
        ("atlas", "--export", "x/site"),
    ],
    ids=lambda arguments: arguments[0] + arguments[2].lstrip("-"),
)
def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "x").mkdir()
    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(Path, "write_text", full)
    target = tmp_path / arguments[-1]
    done = bestiary(*arguments[:-1], str(target))
    assert (done.code, done.err) == (2, f"error: {target}: No space left on device\n")
    assert list((tmp_path / "x").iterdir()) == []
