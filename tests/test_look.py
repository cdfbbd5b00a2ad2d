"""The verbs that look, one by one: their tables on a terminal and in a pipe, their JSON, their exit codes."""

from __future__ import annotations

import json
from random import Random

import pytest
from command_line import Done, bestiary, sections, table
from msgspec.structs import replace

from bestiary import api
from bestiary.catalog.find import entry, list_models
from bestiary.catalog.read import Finding
from bestiary.catalog.stated import interval
from bestiary.cli.names import sizes_of


def test_list_in_a_pipe() -> None:
    done = bestiary("list")
    rows = table(done.out)
    assert [row["name"] for row in rows] == list_models()
    roberta = next(row for row in rows if row["name"] == "roberta")
    assert roberta == {
        "name": "roberta", "family": "BERT", "published": "2019-07-26", "form": "encoder", "parameters": "125M",
        "license": "MIT",
    }  # fmt: skip


def test_list_of_the_2023_catalog() -> None:
    done = bestiary("list --paper")
    rows = {row["paper"]: row for row in table(done.out)}
    assert len(rows) == 77
    assert done.code == (1 if "missing" in done.err else 0)
    assert rows["BERT"]["state"] == "matches a reference"
    assert rows["BERT"]["by"].startswith("BertModel, 31 of 31 sizes")
    assert rows["Gopher"]["state"] == "counts to the published figure"
    assert rows["GPT-3.5"]["by"].startswith("architecture, ")
    assert bestiary("list --paper --for research").code == 2
    assert json.loads(bestiary("list --paper --json").out)[0]["entry"] == "albert"


def test_list_on_a_terminal() -> None:
    done = bestiary("list *bert*", terminal=True)
    assert "roberta" in done.out
    assert "───" in done.out


@pytest.mark.parametrize(
    ("options", "holds", "lacks"),
    [
        ("--form decoder", "gpt-2", "bert"),
        ("--family BERT", "roberta", "gpt-2"),
        ("--lab openai", "gpt-2", "bert"),
        ("--license MIT", "roberta", "llama"),
        ("--since 2020", "vit", "bert"),
        ("--until 2018-10-11", "bert", "roberta"),
        ("--for commercial", "bert", "alpaca"),
        ("--params :100M", "bert", "llama"),
        ("--task question-answering", "roberta", "vit"),
        ("--access research-weights", "alpaca", "bert"),
        ("--objective masked-lm", "roberta", "gpt"),
        ("--modality image", "vit", "bert"),
    ],
)
def test_list_filters(options: str, holds: str, lacks: str) -> None:
    names = {row["name"] for row in table(bestiary(f"list {options}").out)}
    assert holds in names
    assert lacks not in names


@pytest.mark.parametrize("column", ["published", "parameters", "family"])
def test_list_sorts(column: str) -> None:
    rows = table(bestiary(f"list --sort {column}").out)
    if column == "parameters":
        places = [[row["name"] for row in rows].index(name) for name in ("albert", "roberta", "llama", "gpt-3")]
        assert places == sorted(places)
        figures = [interval(row["parameters"]) is not None for row in rows]
        assert figures == sorted(figures, reverse=True)
    else:
        assert [row[column] for row in rows] == sorted(row[column] for row in rows)


def test_list_sorts_backwards() -> None:
    dates = [row["published"] for row in table(bestiary("list --sort -date").out)]
    assert dates == sorted(dates, reverse=True)
    assert bestiary("list --sort dat").err == "error: no column is called 'dat'; did you mean 'date'?\n"


def test_list_as_json_and_empty() -> None:
    rows = json.loads(bestiary("list gpt-2 --json").out)
    keys = {"name", "title", "aliases", "kind", "family", "published", "form", "parameters", "total", "license"}
    assert [set(row) for row in rows] == [keys]
    nothing = bestiary("list no-such-*")
    assert (nothing.code, nothing.out) == (1, "")
    assert "no model fits" in nothing.err
    assert json.loads(bestiary("list no-such-* --json").out) == []


def test_show_in_a_pipe() -> None:
    names, facts, parents, sizes = sections(bestiary("show RoBERTa").out)
    assert {row["field"]: row["value"] for row in names}["entry"] == "roberta"
    assert {row["field"]: row["value"] for row in facts}["published"] == "2019-07-26"
    assert "bert" in [row["parent"] for row in parents]
    assert sizes[0]["size"] == "base"
    assert sizes[0]["parameters"] == "124645632"
    assert sizes[0]["stated"] == "125M"
    assert sizes[-1]["size"] == "tiny"


def test_show_one_size_has_its_parts() -> None:
    *_, parts, sizes = sections(bestiary("show gpt-2:xl").out)
    assert [row["size"] for row in sizes] == ["xl"]
    assert sum(int(row["parameters"]) for row in parts) == int(sizes[0]["parameters"]) == 1_557_611_200


def test_show_on_a_terminal() -> None:
    out = bestiary("show roberta", terminal=True).out
    assert out.startswith("╭─ ")
    assert "124,645,632" in out
    assert "commercial: yes" in out


def test_show_sources() -> None:
    _, facts, *_, errata, sources = sections(bestiary("show gpt-2 --sources").out)
    assert set(facts[0]) == {"fact", "value", "from", "at", "sure"}
    assert [row for row in facts if not row["from"] or not row["at"]] == []
    assert {row["wrong in"] for row in errata} == {"catalog of 2023", "own paper"}
    assert {row["from"] for row in (*facts, *errata)} <= {row["from"] for row in sources}
    assert [row for row in sources if not row["where"].startswith("https://") or "{" in row["title"]] == []


def test_show_as_json() -> None:
    record = json.loads(bestiary("show gpt-2 --json").out)
    assert record["slug"] == "gpt-2"
    assert record["facts"]["published"]["is"] == "2019-02-14"
    assert record["counts"]["xl"]["parameters"] == 1_557_611_200
    assert record["allowed"]["commercial"] == "yes"


def test_show_what_nobody_published(monkeypatch: pytest.MonkeyPatch) -> None:
    known = entry("gpt-2")
    closed = replace(known, architecture=replace(known.architecture, function="undisclosed"))
    monkeypatch.setattr("bestiary.catalog.find.entry", lambda name, catalog=None: closed)
    done = bestiary("show gpt-2", terminal=True)
    assert done.code == 0
    assert "undisclosed" in done.out
    assert "124,439,808" not in done.out
    refused = bestiary("show gpt-2 --spec")
    assert (refused.code, refused.out) == (2, "")


def test_show_says_what_stands_in() -> None:
    facts = {row["field"]: row["value"] for row in sections(bestiary("show gpt-3").out)[1]}
    assert facts["architecture"] == "gpt3"
    assert facts["note on window"]


def test_show_the_architecture() -> None:
    assert bestiary("show gpt-2 --spec").out.startswith("Transformer(dim=768)\n")
    assert bestiary("show gpt-2 --flat").out.startswith("def forward(input_ids):\n")
    assert json.loads(bestiary("show gpt-2 --spec --json").out)["node"] == "Transformer"


@pytest.mark.parametrize("slug", list_models())
def test_every_entry_shows_itself(slug: str) -> None:
    done = bestiary(f"show {slug} --sources", terminal=True)
    assert (done.code, done.err) == (0, "")
    assert entry(slug).name in done.out


def test_compare_attributes_every_parameter() -> None:
    changes, facts = sections(bestiary("compare bert:base roberta:base").out)
    added = {row["architecture"]: row["parameters"] for row in changes}
    assert added == {
        "embed.vocab": "+15162624", "embed.types": "-768", "embed.position": "+1536", "every LayerNorm.eps": "0",
        "sum": "+15163392",
    }  # fmt: skip
    assert {row["fact"]: row["roberta"] for row in facts}["published"] == "2019-07-26"


def test_compare_on_a_terminal_and_as_json() -> None:
    assert "+15,163,392" in bestiary("compare bert:base roberta:base", terminal=True).out
    answer = json.loads(bestiary("compare bert:base roberta:base --json").out)
    assert answer["parameters"] == sum(change["parameters"] for change in answer["changes"]) == 15_163_392
    assert answer["facts"]["code_license"] == {"a": "Apache-2.0", "b": "MIT"}


NAMES = list_models(runnable=True)


@pytest.mark.parametrize("slug", NAMES)
def test_models_compare_with_any_others(slug: str) -> None:
    pairs_add_up(slug, Random(slug).sample(NAMES, 6))


@pytest.mark.slow
@pytest.mark.parametrize("slug", NAMES)
def test_every_pair_compares(slug: str) -> None:
    pairs_add_up(slug, NAMES)


def pairs_add_up(slug: str, others: list[str]) -> None:
    for other in others:
        answer = json.loads(bestiary(f"compare {slug} {other} --json").out)
        totals = [api.count(name).total for name in (slug, other)]
        assert answer["parameters"] == sum(c["parameters"] for c in answer["changes"]) == totals[1] - totals[0]


def test_compare_tells_long_changes_whole_only_as_json() -> None:
    shown = table(bestiary("compare gpt-2 vit").out.split("\n\n")[0])
    told = json.loads(bestiary("compare gpt-2 vit --json").out)["changes"]
    assert [row["architecture"] for row in shown] == [*(change["path"] for change in told), "sum"]
    assert max(len(row["vit:b16"]) for row in shown) < 50
    assert not any("..." in str(change["new"]) for change in told)


def test_compare_a_model_with_itself() -> None:
    done = bestiary("compare bert bert:base")
    assert (done.code, done.out) == (0, "")
    assert "no differences" in done.err


def test_size_in_a_pipe() -> None:
    counts, memory = sections(bestiary("size llama:7b --context 1024 --batch 2").out)
    assert {row["field"]: row["value"] for row in counts}["total"] == "6738415616"
    half = next(row for row in memory if row["precision"] == "bfloat16")
    assert int(half["weights"]) == 2 * 6_738_415_616
    assert int(half["cache per token"]) == 32 * 2 * 4096 * 2
    assert int(half["cache"]) == 2 * 1024 * int(half["cache per token"])
    assert int(half["together"]) == int(half["weights"]) + int(half["cache"])


@pytest.mark.parametrize(
    ("memory", "code", "sentence"),
    [
        ("24GB", 0, "llama:7b fits into 24GB at bfloat16"),
        ("RTX 4090", 0, "llama:7b fits into RTX 4090 at bfloat16"),
        ("14 GiB", 0, "llama:7b fits into 14 GiB at bfloat16"),
        ("14GB", 1, "llama:7b does not fit into 14GB at bfloat16; it fits at int8, int4"),
        ("1GB", 1, "llama:7b does not fit into 1GB at bfloat16 nor at any other precision"),
    ],
)
def test_size_says_what_fits(memory: str, code: int, sentence: str) -> None:
    done = bestiary("size llama:7b --memory", memory)
    if memory == "14 GiB":
        done = bestiary("size llama:7b --context 512 --memory", memory)
    assert (done.code, done.err) == (code, f"{sentence}\n")


def test_size_on_a_terminal_and_as_json() -> None:
    assert "13.48 GB" in bestiary("size llama:7b", terminal=True).out
    answer = json.loads(bestiary("size gpt-2 --memory 16GB --json").out)
    assert answer["parameters"] == {
        "total": 124_439_808, "active": 124_439_808, "embedding": 39_383_808, "non_embedding": 85_056_000,
    }  # fmt: skip
    assert answer["context"] == 1024
    assert answer["heads"] == ["lm"]
    assert answer["flops"]["training"] == pytest.approx(3 * answer["flops"]["forward"], abs=3)
    assert {row["fits"] for row in answer["memory"]} == {"yes"}


@pytest.mark.parametrize(
    ("name", "per"), [("gpt-2", "token"), ("t5:small", "token"), ("vit:b16", "input"), ("clip:b32", "input")]
)
def test_operations_are_told_for_a_token_or_for_an_input_read_whole(name: str, per: str) -> None:
    assert json.loads(bestiary(f"size {name} --json").out)["flops"]["per"] == per


@pytest.mark.parametrize("slug", list_models(runnable=True))
def test_every_size_has_a_size(slug: str) -> None:
    for size in sizes_of(entry(slug)):
        assert bestiary(f"size {slug}:{size} --json").code == 0


def test_alpaca_is_refused_by_the_terms_of_llama() -> None:
    done = bestiary("license alpaca --for commercial")
    assert done.code == 1
    assert table(done.out)[0] == {"field": "verdict", "value": "no"}
    reasons = [row["value"] for row in table(done.out) if row["field"] == "reason"]
    assert any("LLaMA" in reason and "LicenseRef-LLaMA-1" in reason and "not allow" in reason for reason in reasons)
    assert "LicenseRef-LLaMA-1" in bestiary("license alpaca --for commercial", terminal=True).out


@pytest.mark.parametrize(
    ("line", "code"),
    [("bert --for commercial", 0), ("alpaca --for research", 0), ("gpt-3 --for redistribute", 1), ("alpaca", 0)],
)
def test_license_answers_by_exit_code(line: str, code: int) -> None:
    assert bestiary(f"license {line}").code == code
    assert bestiary(f"license {line}", terminal=True).code == code
    answers = json.loads(bestiary(f"license {line} --json").out)["answers"]
    assert [set(answer) for answer in answers] == [{"purpose", "verdict", "reasons", "conditions"}] * len(answers)
    assert len(answers) == (1 if "--for" in line else 4)


def test_cite() -> None:
    alone, chain = bestiary("cite distilbert").out, bestiary("cite distilbert --ancestors").out
    assert alone.count("\n@") == 0
    assert chain.startswith(alone.rstrip("\n"))
    assert chain.count("\n@") >= 2
    assert json.loads(bestiary("cite distilbert --json").out)["bibtex"] + "\n" == alone


def test_lint_finds_nothing() -> None:
    assert bestiary("lint") == Done(0, "", "0 findings\n")


def test_lint_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bestiary.catalog.lint.lint", lambda strict: [Finding("entries/a.toml", 3, "wrong; mend it")])
    assert bestiary("lint --strict") == Done(1, "entries/a.toml:3: wrong; mend it\n", "1 finding\n")
    found = json.loads(bestiary("lint --json").out)
    assert found == [{"file": "entries/a.toml", "line": 3, "message": "wrong; mend it"}]
