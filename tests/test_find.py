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
    "commercial": ("*", {"purpose": "commercial"}, "bert-like free"),
    "research": ("*", {"purpose": "research"}, "bert-like free limited"),
    "two filters": ("*e*", {"lab": "google", "purpose": "commercial"}, "bert-like"),
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
        ({"purpose": "comercial"}, "'comercial' is no purpose; .* did you mean 'commercial'"),
        ({"params": "many"}, "params is 'many', no range; write :400M"),
        ({"params": ":"}, "params is ':', no range"),
        ({"params": "1B:2Q"}, "params is '1B:2Q', no range"),
        ({"params": "13B:7B"}, "params is '13B:7B', from more to less; write 7B:13B"),
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


@pytest.fixture
def sized(tmp_path: Path) -> index.Catalog:
    """Return models of one or more sizes: small is called 100K; big has 1.7M active, as it says."""
    evidence = 'from = "paper"\nat = "x"\nsure = "stated"\n'

    def size(name: str, arguments: str, stated: str = "") -> str:
        said = f'stated = {{ is = "{stated}", from = "paper", at = "x", sure = "stated" }}\n' if stated else ""
        return f"[sizes.{name}]\narguments = {{ {arguments} }}\n{evidence}{said}"

    def of(name: str, *sizes: str) -> str:
        text = entry_text(name)
        return text[: text.index("[sizes.base]")] + "".join(sizes)

    twice = SIZE.replace("depth = 2", "depth = 4")
    wide = SIZE.replace("64", "256").replace("128", "1024")
    closed = of("Closed").replace('function = "bert"', 'function = "undisclosed"')
    return catalog_of(
        tmp_path / "sized",
        small=of("Small", size("base", SIZE, "100K"), size("large", twice), size("tiny", wide)),
        big=of("Big", size("base", wide, "1.7M").replace('sure = "stated" }', 'sure = "stated", counts = "active" }')),
        closed=closed,
    )


def test_the_index_counts_each_published_size(sized: index.Catalog) -> None:
    counts = {f"{row.slug}:{size.name}": size.total for row in sized.rows.values() for size in row.sizes}
    assert counts == {"small:base": 110_528, "small:large": 177_472, "big:base": 1_803_008}


RANGES = {
    "100K": "small",
    "110K:120K": "small",
    "95K:105K": "small",
    "110528:110528": "small",
    "110529:177471": "",
    "150K:": "big small",
    ":99K": "",
    "180K:": "big",
    "1.7M:1.75M": "",
    " 2.3M : 2.4M ": "",
}


@pytest.mark.parametrize("params", RANGES)
def test_a_range_holds_a_model_if_it_holds_one_of_its_sizes(sized: index.Catalog, params: str) -> None:
    assert find.list_models("*", sized, params=params) == RANGES[params].split()


def test_models_are_ordered_by_a_column_either_way(sized: index.Catalog, varied: index.Catalog) -> None:
    assert find.ordered(sized, "params", sized) == ["small", "big", "closed"]
    assert find.ordered(sized, "-parameters", sized) == ["big", "small", "closed"]
    assert find.ordered(varied, "-date", varied) == ["closed", "limited", "free", "bert-like"]
    assert find.ordered(varied, "license", varied) == ["limited", "bert-like", "free", "closed"]
    with pytest.raises(BestiaryError, match="no column is called 'pramas'; did you mean 'params'"):
        find.ordered(varied, "-pramas", varied)
