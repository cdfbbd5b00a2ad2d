"""The site as a folder and as a server, and a Chromium that may reach nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from visits import Visits

from bestiary.atlas.site import server
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.export import export

CHROMIUM = Path(os.environ.get("BESTIARY_CHROMIUM") or "/usr/bin/chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def collection() -> Collection:
    return Collection()


@pytest.fixture(scope="session")
def site(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported site."""
    return export(tmp_path_factory.mktemp("atlas") / "site", collection).folder


@pytest.fixture(scope="session")
def served(collection: Collection) -> Iterator[str]:
    """The address of the served site."""
    import uvicorn

    listening = server.listen("127.0.0.1", 0)
    running = uvicorn.Server(uvicorn.Config(server.application(collection), log_level="warning"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield server.address(listening)
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="session")
def addresses(site: Path, served: str) -> dict[str, str]:
    """Where the site is, by the way it is reached."""
    return {"served": served, "files": f"{site.as_uri()}/"}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.fail(f"no Chromium at {CHROMIUM}: install Debian's package chromium, or set BESTIARY_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visits]:
    visits = Visits(chromium)
    yield visits
    visits.close()
