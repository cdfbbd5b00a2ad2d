"""Texts of the catalog reach the pages as text: thirty payloads in every one of them run nothing and break nothing.

The pages are opened with their policy set aside, so that escaping alone has to hold; then once more with it.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from payloads import PAYLOADS, write_spoiled
from playwright.sync_api import Page
from visits import Visits

from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.export import export
from bestiary.catalog.index import load

OURS = "document.querySelectorAll('head > script[src]').length === document.scripts.length"
FOREIGN = (
    "document.querySelectorAll("
    "'iframe, object, embed, base, svg script, body style, img, animate, [http-equiv=refresh]').length"
)
HANDLERS = (
    "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
    ".filter(a => /^on/i.test(a.name) || (/href|src|action/i.test(a.name) && /^\\s*javascript:/i.test(a.value)))"
    ".map(a => a.name + '=' + a.value)"
)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a site exported from a catalog that is full of payloads."""
    folder = tmp_path_factory.mktemp("spoiled")
    catalog = load(write_spoiled(folder / "catalog"))
    return f"{export(folder / 'site', Collection(catalog)).folder.as_uri()}/"


def check(page: Page) -> None:
    page.wait_for_timeout(50)
    assert page.evaluate("globalThis.pwned") is None
    assert page.evaluate(OURS) and page.evaluate(FOREIGN) == 0 and page.evaluate(HANDLERS) == []
    assert page.locator("h1").count() == 1 and page.locator("body > footer").count() == 1


@pytest.mark.parametrize("bypass", [True, False], ids=["escaping alone", "with the policy"])
def test_every_page_of_a_spoiled_catalog_is_whole(bypass: bool, spoiled: str, visit: Visits) -> None:
    opened = visit(spoiled, bypass_csp=bypass)
    folder = Path(spoiled.removeprefix("file://"))
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    assert len(paths) > len(PAYLOADS)
    for path in paths:
        check(opened.go(path))
        assert opened.problems == [], path


def test_what_the_script_writes_of_a_spoiled_catalog_is_text(spoiled: str, visit: Visits) -> None:
    opened = visit(spoiled, bypass_csp=True)
    page = opened.go("index.html")
    page.locator("#q").fill("bert")
    for facet in page.locator("details.facet > summary").all():
        facet.click()
    check(page)
    page = opened.go("compare.html?m=bert&m=roberta&m=gpt-2&m=t5")
    page.locator("#compare-parts table").wait_for()
    page.locator("input[name=m]").first.fill("")
    page.locator("input[name=m]").first.press_sequentially("a")
    assert page.locator("[role=option]").count() > 5
    check(page)
    page = opened.go("fits.html?context=256")
    for why in page.locator("button.why").all()[:10]:
        why.click()
    check(page)
    page = opened.go("models/bert.html?size=large&task=serve&precision=int4&context=128")
    page.locator("#sizing-result table").wait_for()
    check(page)
    page = opened.go("what-if.html?m=bert:base")
    check(page)
    assert opened.problems == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_the_address_is_text(payload: str, visit: Visits, addresses: dict[str, str]) -> None:
    opened = visit(addresses["files"], bypass_csp=True)
    said = quote(payload, safe="")
    for path in (
        f"index.html?q={said}&form={said}&since={said}&params={said}&sort={said}",
        f"table.html?columns={said}&sort={said}&q={said}",
        f"compare.html?m={said}&m=bert:{said}",
        f"fits.html?gpu={said}&bytes={said}&context={said}&task={said}&precision={said}",
        f"what-if.html?m=bert:base&dim={said}&{said}=1",
        f"errata.html?q={said}&wrong={said}",
        f"models/bert.html?size={said}&task={said}&context={said}#{said}",
    ):
        check(opened.go(path))
    assert opened.problems == []
