"""Models are found by any of their names, by pattern and by filters; a wrong word gets the nearest right ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from small_catalog import SIZE, catalog_of, entry_text

from bestiary.catalog import find, index
from bestiary.errors import BestiaryError

GOOD = entry_text("Alpha")


@pytest.mark.parametrize("name", ["roberta-x", "RoBERTa X", "ROBERTAX", "robustly optimized-BERT", "roberta_x"])
def test_an_entry_answers_to_all_its_names(tmp_path: Path, name: str) -> None:
    text = entry_text("RoBERTa X").replace("summary", 'aliases = ["Robustly Optimized BERT"]\nsummary')
    assert find.entry(name, catalog_of(tmp_path, roberta_x=text)).slug == "roberta-x"


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    shelf = catalog_of(tmp_path, roberta=entry_text("RoBERTa"), vit=entry_text("ViT"))
    with pytest.raises(BestiaryError, match="no model 'robertta'; did you mean 'roberta'"):
        find.entry("robertta", shelf)
    with pytest.raises(BestiaryError, match="no model 'zzzz'; bestiary list"):
        find.entry("zzzz", shelf)


def test_a_name_carries_a_size(tmp_path: Path) -> None:
    evidence = 'from = "paper"\nat = "x"\nsure = "stated"\n'
    large = f"[sizes.large]\narguments = {{ {SIZE} }}\n{evidence}"
    closed = GOOD.replace('"Alpha"', '"Beta"').replace('function = "bert"', 'function = "undisclosed"')
    shelf = catalog_of(tmp_path, a=entry_text("Alpha", more=large), b=closed)
    named = [(entry.slug, size) for entry, size in (find.parse_name(n, shelf) for n in ("a", "ALPHA:Large", "a:tiny"))]
    assert named == [("a", "base"), ("a", "large"), ("a", "tiny")]
    with pytest.raises(BestiaryError, match="a has no size 'larg'; use one of base, large, tiny; did you mean 'large'"):
        find.parse_name("a:larg", shelf)
    with pytest.raises(BestiaryError, match="undisclosed"):
        find.parse_name("b", shelf)


@pytest.fixture
def varied(tmp_path: Path) -> index.Catalog:
    """Return four models that differ in what lists are narrowed by."""
    closed = entry_text(
        "Closed", "2022-11-30", access='"api-only"', weights_license='"none"', labs='["openai"]', form='"decoder"'
    )
    return catalog_of(
        tmp_path,
        bert_like=entry_text("Bertish", "2018-10-11"),
        free=entry_text("Free", "2019-07-26", labs='["meta", "uw"]', objectives='["causal-lm"]', family='"GPT"'),
        limited=entry_text(
            "Limited",
            "2019-12-31",
            weights_license='"CC-BY-NC-4.0"',
            modality='["image"]',
            tasks='["image-classification"]',
        ),
        closed=closed.replace('function = "bert"', 'function = "undisclosed"'),
    )


LISTS = {
    "all": ("*", {}, "bert-like closed free limited"),
    "by pattern": ("*BERT*", {}, "bert-like"),
    "by a name's pattern": ("lim*d", {}, "limited"),
    "form": ("*", {"form": "decoder"}, "closed"),
    "a form that no entry has": ("*", {"form": "diffusion"}, ""),
    "family": ("*", {"family": "gpt"}, "free"),
    "lab by key": ("*", {"lab": "uw"}, "free"),
    "lab by another name": ("*", {"lab": "Google Brain"}, "bert-like limited"),
    "license": ("*", {"license": "cc-by-nc-4.0"}, "limited"),
    "objective": ("*", {"objective": "causal-lm"}, "free"),
    "task": ("*", {"task": "image-classification"}, "limited"),
    "modality": ("*", {"modality": "image"}, "limited"),
    "access": ("*", {"access": "api-only"}, "closed"),
    "since a year": ("*", {"since": "2019"}, "closed free limited"),
    "until a year, whole": ("*", {"until": "2019"}, "bert-like free limited"),
    "until a month, whole": ("*", {"until": "2019-07"}, "bert-like free"),
    "since and until a day": ("*", {"since": "2018-10-11", "until": date(2019, 7, 26)}, "bert-like free"),
    "runnable": ("*", {"runnable": True}, "bert-like free limited"),
    "not runnable": ("*", {"runnable": False}, "closed"),
    "commercial": ("*", {"commercial": True}, "bert-like free"),
    "not commercial": ("*", {"commercial": False}, "closed limited"),
    "two filters": ("*e*", {"lab": "google", "commercial": True}, "bert-like"),
}


@pytest.mark.parametrize("case", LISTS)
def test_models_are_listed_by_pattern_and_filters(varied: index.Catalog, case: str) -> None:
    pattern, filters, expected = LISTS[case]
    assert find.list_models(pattern, varied, **filters) == expected.split()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"form": "decodr"}, "no form is called 'decodr'; did you mean 'decoder'"),
        ({"lab": "gogle"}, "no lab is called 'gogle'; did you mean 'google'"),
        ({"familly": "BERT"}, "'familly' is no filter; did you mean 'family'"),
        ({"since": "last year"}, "since is 'last year', no date"),
        ({"until": "2019-02-30"}, "until is '2019-02-30', no date"),
        ({"since": "2019-13"}, "since is '2019-13', no date"),
    ],
)
def test_a_filter_that_is_none_is_refused(varied: index.Catalog, filters: dict[str, str], expected: str) -> None:
    with pytest.raises(BestiaryError, match=expected):
        find.list_models("*", varied, **filters)  # pyright: ignore[reportArgumentType]


def test_a_closed_model_runs_as_a_stand_in(tmp_path: Path) -> None:
    secret = GOOD.replace('"Alpha"', '"Closed"').replace('function = "bert"', 'function = "undisclosed"')
    secret = secret[: secret.index("[sizes.base]")] + '[stand_in]\nlike = "a"\nwhy = "A test."\n'
    catalog = catalog_of(tmp_path, a=GOOD, closed=secret)
    found, size = find.parse_name("closed:tiny", catalog)
    assert (found.slug, size, found.runnable) == ("closed", "tiny", False)
    with pytest.raises(BestiaryError, match="closed:tiny is a stand-in"):
        find.parse_name("closed", catalog)
