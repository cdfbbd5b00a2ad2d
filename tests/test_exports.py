"""The catalog as flat tables says what the records say, and every export can be read back to the same."""

from __future__ import annotations

import json

from bestiary import api
from bestiary.catalog import packaged, table
from bestiary.catalog.licenses import may


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
