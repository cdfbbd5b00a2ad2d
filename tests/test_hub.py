"""Weights from the hub, against a stand-in that answers on this machine as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import bestiary

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import sys, bestiary
from bestiary.errors import BestiaryError
try:
    model = bestiary.load(sys.argv[1])
    print(sum(parameter.numel() for parameter in model.parameters()), model.checkpoint.path.name)
except BestiaryError as error:
    print("refused:", error)
"""


class Hub(BaseHTTPRequestHandler):
    """One public repository, ``someone/tiny``, and a gated one, ``someone/secret``."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/someone/tiny"):
            files = [{"rfilename": file.name} for file in sorted(self.folder.iterdir())]
            tree = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": COMMIT} for f in self.folder.iterdir()
            ]
            body = json.dumps(tree if "/tree/" in path else {"id": "someone/tiny", "sha": COMMIT, "siblings": files})
            self.reply(200, body.encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/someone/tiny/resolve/{COMMIT}/") and (self.folder / path.rsplit("/", 1)[1]).is_file():
            body = (self.folder / path.rsplit("/", 1)[1]).read_bytes()
            self.reply(200, body, {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            secret = "someone/secret" in path
            self.reply(403 if secret else 404, b"", {"X-Error-Code": "GatedRepo" if secret else "RepoNotFound"})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "published"
    bestiary.save(bestiary.build("bert:tiny", seed=0), folder)
    (folder / "danger.py").write_text("raise SystemExit('executed')")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def load(name: str, cache: Path, **environment: str) -> str:
    """Load in a process of its own: the hub's library reads its settings when it is imported."""
    settings = {**os.environ, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name], capture_output=True, text=True, env=settings | environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_weights_are_fetched_once_and_then_found_without_a_network(hub: str, tmp_path: Path) -> None:
    total = bestiary.count("bert:tiny").total
    online = {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0"}
    assert load("someone/tiny", tmp_path / "cache", **online) == f"{total} {COMMIT}"
    assert not list((tmp_path / "cache").rglob("*.py"))
    assert load("someone/tiny", tmp_path / "cache", HF_HUB_OFFLINE="1") == f"{total} {COMMIT}"


def test_what_the_hub_refuses_is_one_sentence(hub: str, tmp_path: Path) -> None:
    online = {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0"}
    assert "the hub refused 'someone/nothing' (404)" in load("someone/nothing", tmp_path / "cache", **online)
    assert "the hub refused 'someone/secret' (403)" in load("someone/secret", tmp_path / "cache", **online)


def test_no_network_and_nothing_cached_is_one_sentence(tmp_path: Path) -> None:
    offline = load("someone/tiny", tmp_path / "cache", HF_HUB_OFFLINE="1")
    assert offline.startswith("refused: 'someone/tiny' is not in the cache and the hub cannot be reached")
    closed = load("someone/tiny", tmp_path / "cache", HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="0")
    assert closed.startswith("refused: 'someone/tiny' is not in the cache and the hub cannot be reached")
