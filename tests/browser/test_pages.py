"""Every kind of page, served and as files, with no network: nothing is reported, asked, unreadable or too wide."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from visits import DESK, PHONE, WAYS, Visits

PAGES = {
    "home": "index.html",
    "model": "models/bert.html",
    "undisclosed model": "models/gpt-3.5.html",
    "table": "table.html",
    "tree": "tree.html",
    "timeline": "timeline.html",
    "parameters": "parameters.html",
    "compare, nothing chosen": "compare.html",
    "compare": "compare.html?m=bert:base&m=roberta:base&m=gpt-2",
    "fits": "fits.html",
    "what-if": "what-if.html?m=bert:base",
    "licenses": "licenses.html",
    "errata": "errata.html",
    "sources": "sources.html",
    "about": "data.html",
}
GRAVE = ("serious", "critical")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_reports_nothing_and_asks_nobody(kind: str, way: str, visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses[way])
    page = opened.go(PAGES[kind])
    page.wait_for_timeout(200)  # for data that a page adds
    assert page.title().endswith("Bestiary") and page.locator("h1").count() == 1
    assert opened.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_accessible(kind: str, scheme: str, visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["files"], color_scheme=scheme, bypass_csp=True).go(PAGES[kind])  # axe is a script of its own
    page.wait_for_timeout(200)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    told = [
        f"{one['id']}: {node['html'][:120]}" for one in found if one["impact"] in GRAVE for node in one["nodes"][:3]
    ]
    assert told == []


@pytest.mark.parametrize("kind", PAGES)
def test_a_phone_never_scrolls_a_page_sideways(kind: str, visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["files"], viewport=PHONE).go(PAGES[kind])
    page.wait_for_timeout(200)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= PHONE["width"]
    page.set_viewport_size({"width": 320, "height": 600})  # and a page that is magnified four times
    assert page.evaluate(wide) <= 320
    page.set_viewport_size(DESK)


@pytest.mark.parametrize("path", ["models/bert.html", "table.html", "index.html", "tree.html"])
def test_a_page_is_readable_without_a_script(path: str, visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"], java_script_enabled=False)
    opened.page.goto(addresses["files"] + path)
    assert opened.page.locator("[data-needs-script]:visible").count() == 0
    assert len(opened.page.locator("main").inner_text()) > 1000
    assert opened.problems == []


def test_a_page_that_is_not_there_is_said_so(visit: Visits, addresses: dict[str, str]) -> None:
    page = visit(addresses["served"]).page
    answer = page.goto(addresses["served"] + "models/nothing.html")
    assert answer is not None and answer.status == 404
    page.locator("nav a", has_text="Models").click()
    page.wait_for_url("**/index.html")
