"""Three counts of every size of every entry: closed form, built on the meta device, and the reference's own."""

from __future__ import annotations

import json

import pytest
from command_line import bestiary, table
from msgspec.structs import replace
from reference_counts import LIBRARY, counted, names

from bestiary.catalog.find import entry, parse_name
from bestiary.catalog.reference import Reference, References, references
from bestiary.catalog.resolve import spec_of
from bestiary.catalog.schema import Entry, OwnErratum
from bestiary.catalog.stated import agrees, interval
from bestiary.cli.verify import Check, check_size
from bestiary.sizing import count

NAMES = names()

KNOWN = {
    "bert:base": 109_482_240,
    "bert:large": 335_141_888,
    "roberta:base": 124_645_632,
    "albert:xxlarge": 222_595_584,
    "gpt-2:small": 124_439_808,
    "gpt-2:medium": 354_823_168,
    "gpt-2:large": 774_030_080,
    "gpt-2:xl": 1_557_611_200,
    "gpt-3:175b": 174_604_259_328,
    "t5:11b": 11_307_321_344,
    "llama:7b": 6_738_415_616,
    "vit:b16": 86_567_656,
}


@pytest.mark.parametrize("name", NAMES)
def test_three_counts_agree(name: str) -> None:
    check = check_size(*parse_name(name))
    assert check.result.startswith("agrees")
    assert check.closed_form == check.built
    assert check.reference in (None, check.closed_form)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_recorded_is_what_the_reference_counts(name: str) -> None:
    assert references().counts.get(name) == counted(name)  # if not: make record


def test_nothing_else_is_recorded() -> None:
    assert references().library == LIBRARY
    assert references().counts.keys() <= set(NAMES)


@pytest.mark.parametrize(("name", "total"), KNOWN.items())
def test_known_counts(name: str, total: int) -> None:
    assert count(spec_of(name)).total == total


@pytest.mark.parametrize(
    ("stated", "least", "most"),
    [
        ("125M", 124_500_000, 125_500_000),
        ("110M", 105_000_000, 115_000_000),
        ("1.5B", 1_450_000_000, 1_550_000_000),
        ("175.0B", 174_950_000_000, 175_050_000_000),
        ("1,558M", 1_557_500_000, 1_558_500_000),
        ("~66 M", 65_500_000, 66_500_000),
        ("124439808", 124_439_808, 124_439_808),
    ],
)
def test_rounding_of_published_figures(stated: str, least: int, most: int) -> None:
    assert interval(stated) == (least, most)
    assert agrees(stated, least)
    assert agrees(stated, most)
    assert not agrees(stated, least - 1)
    assert not agrees(stated, most + 1)


@pytest.mark.parametrize("text", ["undisclosed", "", "M", "1.2.3B", "12X"])
def test_what_is_no_figure(text: str) -> None:
    assert interval(text) is None


def test_a_reference_that_counts_otherwise_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    other = References("a library", {"roberta:base": Reference(1, "RobertaModel")})
    monkeypatch.setattr("bestiary.catalog.reference.references", lambda: other)
    assert check_size(entry("roberta"), "base").result == "reference differs"
    assert check_size(entry("roberta"), "large").result == "agrees"


def test_a_wrong_figure_needs_an_erratum() -> None:
    found = entry("roberta")
    base = found.sizes["base"]
    assert base.stated
    wrong = replace(found, sizes={"base": replace(base, stated=replace(base.stated, value="130M"))})
    assert check_size(wrong, "base").result == "stated differs"
    erratum = OwnErratum("base", "130M", 124_645_632, "A test.", "liu2019roberta", "here")
    assert check_size(replace(wrong, errata_own=(erratum,)), "base").result == "agrees, erratum on the stated"


def test_the_verb_lists_every_size() -> None:
    done = bestiary("verify bart gpt-2:xl")
    rows = table(done.out)
    assert done.code == 0
    assert done.err.startswith("4 sizes, none in disagreement: 4 compared with transformers")
    assert list(rows[0]) == ["size", "closed form", "built", "reference", "stated", "result"]
    assert [row["size"] for row in rows] == ["bart:base", "bart:large", "bart:tiny", "gpt-2:xl"]
    assert list(rows[-1].values())[1:5] == ["1557611200", "1557611200", "1557611200", "1558M"]


def test_the_verb_exits_with_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(found: Entry, size: str) -> Check:
        return Check(size, 1, 2, 1, None, "built differs")

    monkeypatch.setattr("bestiary.cli.verify.check_size", differs)
    done = bestiary("verify --all", terminal=True)
    assert done.code == 1
    assert "built differs" in done.out
    assert f"{len(NAMES)} sizes, {len(NAMES)} in disagreement" in done.err
    checks = json.loads(bestiary("verify gpt:base --json").out)
    assert checks == [
        {"size": "base", "closed_form": 1, "built": 2, "reference": 1, "stated": None, "result": "built differs"}
    ]
