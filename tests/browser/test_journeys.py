"""What people come for, done as they would do it: by keyboard alone, from a link, on a page without a clipboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from visits import WAYS, Visits

import bestiary


def tab_to(page: Page, selector: str, most: int = 400) -> None:
    """Press Tab until the focus is on what a selector finds."""
    for _ in range(most):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{most} tabs do not lead to {selector}")


@pytest.mark.parametrize("way", WAYS)
def test_search_compare_and_cite_by_keyboard_alone(way: str, visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses[way], permissions=["clipboard-read"] if way == "served" else [])
    page = opened.go("index.html")
    tab_to(page, "#q")
    page.keyboard.type("roberta")
    expect(page.locator("#count")).to_contain_text("of")
    assert "q=roberta" in page.url
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/roberta.html*")
    page.wait_for_function("globalThis.bestiary?.ready === true")
    tab_to(page, "#compare-with input[role=combobox]")
    page.keyboard.type("bert")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#compare-with [role=option][aria-selected=true]")).to_contain_text("bert:base")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare.html?*")
    page.wait_for_function("globalThis.bestiary?.ready === true")
    expect(page.locator("#compare-parts")).to_contain_text("15,163,392 parameters fewer than roberta:base")
    tab_to(page, "#compare-facts a[href$='roberta.html']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/roberta.html*")
    page.wait_for_function("globalThis.bestiary?.ready === true")
    tab_to(page, "button[data-copies=bibtex]")
    page.keyboard.press("Enter")
    expect(page.locator("button[data-copies=bibtex] + [role=status]")).to_have_text("copied")
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), { id: 'into' }))")
    page.locator("#into").focus()
    page.keyboard.press("Control+V")
    assert page.locator("#into").input_value().strip() == page.locator("#bibtex").inner_text().strip()
    assert page.locator("#into").input_value().startswith("@")
    assert opened.problems == []


def test_the_address_says_what_the_search_shows(visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"])
    page = opened.go("index.html?form=encoder&commercial=yes&since=2019&params=:400M&sort=-published")
    shown = "[...document.querySelectorAll('#results > li:not([hidden])')].map(item => item.dataset.slug)"
    slugs = page.evaluate(shown)
    assert {"roberta", "albert"} <= set(slugs) and not {"bert", "gpt-2"} & set(slugs)
    dates = [bestiary.entry(slug).facts.published.value for slug in slugs]
    assert dates == sorted(dates, reverse=True) and dates[-1].year == 2019
    page.locator("#q").fill("google")
    fewer = page.evaluate(shown)
    assert set(fewer) < set(slugs) and "q=google" in page.url and "form=encoder" in page.url
    assert page.locator("#count").inner_text().startswith(f"{len(fewer)} of ")
    opened.go(page.url.removeprefix(addresses["files"]))
    assert page.evaluate(shown) == fewer
    page.locator("#clear").click()
    page.wait_for_function("location.search === ''")
    assert len(page.evaluate(shown)) == len(bestiary.list_models())
    assert opened.problems == []


def test_tallies_say_what_a_facet_would_leave(visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["files"]).go("index.html?q=google")
    page.locator("[data-facet=form] summary").click()
    box = page.locator("[data-facet=form] label", has=page.locator("input[value=encoder]"))
    told = int(box.locator(".tally").inner_text())
    assert told > 0
    box.locator("input").check()
    assert page.locator("#results > li:not([hidden])").count() == told


def test_a_range_that_cannot_be_read_is_said(visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["files"]).go("index.html?params=large&since=soon")
    for name in ("params", "since"):
        control = page.locator(f"input[name={name}]")
        assert control.get_attribute("aria-invalid") == "true" and "write" in (control.get_attribute("title") or "")
    assert page.locator("#results > li:not([hidden])").count() == len(bestiary.list_models())


def test_the_table_sorts_filters_and_is_taken_along(visit: Visits, addresses: dict[str, str], tmp_path: Path) -> None:
    opened = visit(addresses["files"], accept_downloads=True)
    page = opened.go("table.html?columns=name,parameters,published&q=google")
    header = page.locator("#table th[data-column=parameters]")
    header.locator("button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending" and "sort=-parameters" in page.url
    assert "columns=name,parameters,published" in page.url or "columns=name,published,parameters" in page.url
    assert page.locator("#table th[data-column=form]").is_hidden()
    with page.expect_download() as waiting:
        page.locator("#download-json").click()
    waiting.value.save_as(tmp_path / "models.json")
    rows = json.loads((tmp_path / "models.json").read_text(encoding="utf-8"))
    assert set(rows[0]) == {"slug", "name", "parameters", "published"}
    assert [row["slug"] for row in rows] == page.evaluate(
        "[...document.querySelectorAll('#table tbody tr:not([hidden])')].map(row => row.dataset.slug)"
    )
    counted = [row["parameters"] for row in rows if row["parameters"] is not None]
    assert counted == sorted(counted, reverse=True) and len(counted) > 5
    with page.expect_download() as waiting:
        page.locator("#download-csv").click()
    waiting.value.save_as(tmp_path / "models.csv")
    assert len((tmp_path / "models.csv").read_text(encoding="utf-8").splitlines()) == len(rows) + 1
    assert opened.problems == []


def test_parts_sum_to_the_difference(visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["files"]).go("compare.html?m=bert:base&m=roberta:base&m=gpt-2:small&m=t5:small")
    page.locator("#compare-parts table").wait_for()
    column = "#compare-parts tbody tr td:nth-child({})"
    foot = "#compare-parts tfoot tr td:nth-child({})"
    number = "text => Number(text.replaceAll(',', '').replace('−', '-').replace('+', '').replace('—', '0'))"
    for index in range(2, 9):  # four models, then three differences
        cells = page.locator(column.format(index)).all_inner_texts()
        total = page.locator(foot.format(index)).inner_text()
        assert sum(page.evaluate(number, cell) for cell in cells) == page.evaluate(number, total), index
    assert page.locator(foot.format(2)).inner_text() == f"{bestiary.count('bert:base').total:,}"


def test_an_unknown_model_is_refused_in_a_sentence(visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"])
    page = opened.go("compare.html?m=bert:base&m=bort&m=roberta:huge")
    problem = page.locator(".problem")
    expect(problem).to_contain_text("no model “bort”")
    expect(problem).to_contain_text("RoBERTa has no size “huge”; it has base, large")
    assert opened.problems == []


def test_what_fits_says_why(visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"])
    page = opened.go("fits.html?bytes=24GB&context=2048")
    row = page.locator("#fits-table tbody tr", has=page.locator("a[href*='llama.html']"), has_text="13b")
    expect(row.first).to_contain_text("no,")
    row.first.locator("button.why").click()
    reasons = page.locator("tr.reasons")
    expect(reasons).to_contain_text("13,015,864,320")
    row.first.locator("button.why").click()
    expect(reasons).to_have_count(0)
    expect(page.locator("#count")).to_contain_text("sizes fit")
    page.locator("input[name=bytes]").fill("a lot")
    expect(page.locator(".problem")).to_contain_text("no amount of memory")
    assert opened.problems == []


def faded(page: Page) -> set[str]:
    """Return the models that a drawing holds back."""
    return set(page.evaluate("[...document.querySelectorAll('.figure a.faded')].map(a => a.dataset.slug)"))


def test_a_family_and_a_line_of_descent_stand_out(visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"])
    page = opened.go("tree.html?family=BERT")
    others = {slug for slug in bestiary.list_models() if bestiary.entry(slug).facts.family.value != "BERT"}
    assert {"gpt", "llama"} <= others and faded(page) == others
    page.locator(".figure a[data-slug=roberta]").focus()
    assert not {"roberta", "bert", "gpt", "transformer"} & faded(page) and {"albert", "llama"} <= faded(page)
    page.locator("#highlight select").focus()
    assert faded(page) == others
    page.locator("#highlight select").select_option("")
    assert faded(page) == set() and "family" not in page.url
    assert opened.problems == []


def test_a_model_is_widened_and_counted_anew(visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"])
    page = opened.go("what-if.html?m=bert:base&dim=1024&heads=16&hidden=4096&depth=24")
    counts = page.locator("#what-if-counts")
    expect(counts).to_contain_text(f"{bestiary.count('bert:large').total:,}")
    expect(page.locator("#what-if-diff tfoot")).to_contain_text("+")
    page.locator("input[name=dim]").fill("1000")
    expect(page.locator(".problem")).to_contain_text("dim is 1,000; give a multiple of heads, which is 16: 1,008.")
    page.locator("input[name=dim]").fill("768")
    expect(page.locator(".problem")).to_be_hidden()
    assert "dim=" not in page.url and "heads=16" in page.url and "m=bert:base" in page.url
    page.locator("#what-if button[type=reset]").click()
    expect(page.locator("#what-if-diff")).to_contain_text("Nothing yet")
    expect(counts).to_contain_text(f"{bestiary.count('bert:base').total:,}")
    assert page.url.endswith("what-if.html?m=bert:base") and opened.problems == []
