"""The bibliography is read strictly, and every model is cited by its own paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_catalog import entry_text, write_catalog

from bestiary import catalog as packaged_catalog
from bestiary.catalog import cite, index
from bestiary.catalog.bibliography import read_bibliography
from bestiary.errors import BestiaryError

GOOD = entry_text("Alpha")


BAD_RECORDS = {
    "no brace at the end": ("@misc{a,\n  title = {T},\n", "sources.bib:3: "),
    "braces that do not balance": ("@misc{a,\n  title = {T {x},\n}\n", "sources.bib:4: 'a' has no field here"),
    "a comma that is missing": ("@misc{a\n title = {T}}", "sources.bib:1: no record starts here"),
    "text between records": ("@misc{a, title = {T}}\nstray\n", "sources.bib:2: no record starts here"),
    "a field without value": ("@misc{a,\n  title = ,\n}", "sources.bib:2: 'a' has no field here"),
    "no title": ("@misc{a,\n  year = 2020,\n}", "sources.bib:1: 'a' has no title"),
    "a key twice": ("@misc{a, title = {T}}\n\n@misc{a, title = {U}}", "sources.bib:3: 'a' is already on line 1"),
}


@pytest.mark.parametrize("bad", BAD_RECORDS)
def test_a_bad_record_is_refused_by_line(tmp_path: Path, bad: str) -> None:
    text, expected = BAD_RECORDS[bad]
    path = tmp_path / "sources.bib"
    path.write_text(text)
    with pytest.raises(BestiaryError) as caught:
        read_bibliography(path)
    assert str(caught.value).startswith(expected)


def test_records_keep_their_fields_and_their_own_text(tmp_path: Path) -> None:
    path = tmp_path / "sources.bib"
    record = '@Article{a:b-1,\n  title = {{BERT}: {P}re-training},\n  author = "A. B.",\n'
    record += "  year = 2019,\n  eprint = {1810.1}\n}"
    path.write_text(f"% ours\n{record}\n\n% theirs\n@misc{{c, title = {{C}}}}")
    sources = read_bibliography(path)
    assert sources["a:b-1"].fields == {
        "title": "{BERT}: {P}re-training",
        "author": "A. B.",
        "year": "2019",
        "eprint": "1810.1",
    }
    assert (sources["a:b-1"].text, sources["a:b-1"].kind, sources["a:b-1"].line) == (record, "article", 2)
    assert (sources["a:b-1"].is_paper, sources["c"].is_paper) == (True, False)


def test_a_model_is_cited_alone_or_with_its_ancestors(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path, a=GOOD, b=entry_text("Beta", parents={"a": ["data"]}).replace('"paper"', '"page"'))
    record, page = "@article{b2020,\n  title = {B},\n}", "@misc{page,\n  title = {P},\n}"
    (folder / "sources.bib").write_text((folder / "sources.bib").read_text() + f"\n{record}\n\n{page}\n")
    text = (folder / "entries" / "b.toml").read_text()
    (folder / "entries" / "b.toml").write_text(text.replace('"BERT", from = "page"', '"BERT", from = "b2020"'))
    shelf = index.load(folder)
    assert cite.bibtex(shelf["b"], catalog=shelf) == record + "\n"
    chained = cite.bibtex(shelf["b"], chain=True, catalog=shelf)
    assert chained.startswith(record + "\n\n@article{paper,\n")
    assert chained.count("@") == 2


def test_the_packaged_catalog_knows_the_paper_of_every_model() -> None:
    shelf = packaged_catalog.packaged()
    for slug, entry in shelf.items():
        assert cite.bibtex(entry).startswith("@"), slug
        assert "amatriain2023" not in cite.bibtex(entry), slug
