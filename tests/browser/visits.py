"""Opening pages of the site in contexts of their own, which reach nothing else, and noting what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Route

WAYS = ("served", "files")
PHONE, DESK = {"width": 375, "height": 700}, {"width": 1200, "height": 800}
PATIENCE = 120_000  # milliseconds: on a busy machine a server takes its time to make a page


@dataclass
class Visit:
    """A page that was opened, and what went wrong on it: errors that it reported, requests that left the site."""

    page: Page
    root: str
    problems: list[str] = field(default_factory=list)

    def failed(self, url: str, why: str) -> None:
        """Note a request that failed; one that was under way as the page was left did not."""
        if "ERR_ABORTED" not in why:
            self.problems.append(f"{url}: {why}")

    def go(self, path: str) -> Page:
        """Open a page of the site and wait until its script has run."""
        self.page.goto(self.root + path, wait_until="load")
        self.page.wait_for_function("globalThis.bestiary?.ready === true")
        return self.page


class Visits:
    """Opens pages in contexts of their own, and closes them all."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []

    def __call__(self, root: str, **options: object) -> Visit:
        context = self.browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **options})
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        visit = Visit(context.new_page(), root)

        def within(route: Route) -> None:
            url = urlsplit(route.request.url)
            if url.scheme in ("data", "blob") or route.request.url.startswith(root):
                route.continue_()
            else:
                visit.problems.append(f"a request left the site: {route.request.url}")
                route.abort()

        context.route("**/*", within)
        page = visit.page
        page.on("console", lambda m: visit.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: visit.problems.append(str(error)))
        page.on("requestfailed", lambda request: visit.failed(request.url, request.failure or "failed"))
        page.on("dialog", lambda dialog: (visit.problems.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        return visit

    def close(self) -> None:
        """Close what is open."""
        for context in self.contexts:
            context.close()
