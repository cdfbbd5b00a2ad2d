from __future__ import annotations

import os
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from small_catalog import catalog_of, entry_text

from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.command import commands
from bestiary.atlas.site.export import LIST, export
from bestiary.atlas.site.files import files
from bestiary.atlas.site.leaves import leaves
from bestiary.atlas.site.pages import NAVIGATION
from bestiary.atlas.site.scripts import added, assigned
from bestiary.atlas.site.server import address, application, listen
from bestiary.atlas.site.sources import authors, plain
from bestiary.atlas.site.varied import Varied
from bestiary.catalog.index import load, packaged
from bestiary.catalog.resolve import spec_of
from bestiary.cli import bestiary
from bestiary.errors import BestiaryError
from bestiary.sizing import count
from bestiary.spec import GLU

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"}
FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("image", "href"), ("use", "href")}


class Html(HTMLParser):
    """A page's elements with their attributes; elements that do not nest are told in ``crossed``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(attribute)) is not None]


@pytest.fixture(scope="module")
def site() -> dict[str, bytes]:
    return {path: make() for path, make in files(Collection()).items()}


@pytest.fixture(scope="module")
def html(site: dict[str, bytes]) -> dict[str, Html]:
    return {path: Html(content.decode()) for path, content in site.items() if path.endswith(".html")}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application(), raise_server_exceptions=False)


def test_every_entry_and_every_place_of_the_navigation_has_a_page(html: dict[str, Html]) -> None:
    assert {f"models/{slug}.html" for slug in packaged()} <= html.keys()
    assert {path for path, _ in NAVIGATION} <= html.keys()


def test_every_page_is_well_formed_and_has_its_landmarks(html: dict[str, Html]) -> None:
    for path, page in html.items():
        assert (path, page.crossed, page.open) == (path, [], [])
        tags = [tag for tag, _ in page.elements]
        assert (path, tags.count("h1"), tags.count("main")) == (path, 1, 1)
        assert {"header", "nav", "footer"} <= set(tags)
        assert page.all("href").count("#main") == 1
        ids = page.all("id")
        assert (path, sorted({one for one in ids if ids.count(one) > 1})) == (path, [])
        for tag, attributes in page.elements:
            assert "style" not in attributes and tag != "style", path
            assert not [name for name in attributes if name.startswith("on")], path


def test_every_control_and_every_box_that_scrolls_has_a_name(html: dict[str, Html]) -> None:
    for path, page in html.items():
        labels = {attributes.get("for") for tag, attributes in page.elements if tag == "label"}
        text = page.rawdata if hasattr(page, "rawdata") else ""
        for tag, attributes in page.elements:
            if attributes.get("role") == "region":
                assert attributes.get("tabindex") == "0" and attributes.get("aria-label"), (path, tag, text)
            if "aria-labelledby" in attributes:
                assert attributes["aria-labelledby"] in page.all("id"), (path, attributes)
        assert all(name in page.all("id") for name in labels if name), path


def test_every_link_leads_somewhere(site: dict[str, bytes], html: dict[str, Html]) -> None:
    for path, page in html.items():
        for link in {*page.all("href"), *page.all("src"), *page.all("action")}:
            target = urlsplit(urljoin(f"https://here/{path}", link))
            if target.netloc != "here":
                assert target.scheme == "https" or (target.scheme == "http" and target.netloc), (path, link)
                continue
            file = unquote(target.path).removeprefix("/")
            assert file in site, (path, link)
            if target.fragment:
                assert unquote(target.fragment) in html[file].all("id"), (path, link)


def test_nothing_is_fetched_from_elsewhere(site: dict[str, bytes], html: dict[str, Html]) -> None:
    for path, page in html.items():
        fetched = [attributes.get(name) or "" for tag, attributes in page.elements for t, name in FETCHED if t == tag]
        assert [one for one in fetched if urlsplit(one).scheme or urlsplit(one).netloc] == [], path
    style = site["static/atlas.css"].decode()
    assert "@import" not in style and "url(" not in style


def test_scripts_hold_what_the_catalog_holds(site: dict[str, bytes]) -> None:
    rows = msgspec.json.decode(site["data/models.js"].decode().splitlines()[0].partition(" = ")[2].rstrip(";"))
    assert [row["slug"] for row in rows] == list(packaged())
    bert = next(row for row in rows if row["slug"] == "bert")
    assert (bert["parameters"], bert["published"], bert["commercial"]) == (109_482_240, "2018-10-11", "yes")
    data = msgspec.json.decode(site["data/entries/bert.js"].decode().partition("] = ")[2].strip().rstrip(";"))
    base = data["sizes"]["base"]
    assert sum(number for _, number in base["parts"]) == base["count"]["total"] == 109_482_240
    assert ["stack.layers[*].mlp.hidden", "3072"] in base["spec"]
    assert base["plans"]["serve"]["lines"]


def test_sizes_share_the_formulas_of_the_first_where_they_hold() -> None:
    bert, varied = packaged()["bert"], Varied()
    told: set[str] = set()
    for name in ("base", "large", "l2-h128"):
        own = count(spec_of(f"bert:{name}"))
        found = varied.of("bert", bert.sizes[name].arguments, own)
        assert found is not None
        values = {one.name: one.value for one in found.arguments}
        assert values["dim"] == bert.sizes[name].arguments["dim"]
        assert found.total.evaluate(values) == own.total
        told.add(str(found.total))
    assert len(told) == 1
    assert varied.of("roberta", bert.sizes["large"].arguments, count(spec_of("bert:large"))) is None
    assert varied.of("bert", {**bert.sizes["large"].arguments, "types": 3}, count(spec_of("bert:large"))) is None


def test_leaves_tell_equal_layers_once_and_say_where_others_stand() -> None:
    bert = spec_of("bert:tiny")
    changed = bert.at("stack.layers[1].mlp", GLU(64))
    paths = [path for path, _ in leaves(changed)]
    assert "stack.layers[*].mlp" in [path for path, _ in leaves(bert)]
    assert {"stack.layers[0].mlp", "stack.layers[1].mlp"} <= set(paths)
    assert len(paths) == len(set(paths))
    assert dict(leaves(changed))["stack.layers[1].mlp"] == "GLU"


def test_bibliography_is_read_as_text() -> None:
    assert (
        plain(r"{\"O}zg{\"u}r {\v{C}}ech and {\L}ukasz, \emph{BERT} \& co. 1--2")
        == "Özgür Čech and Łukasz, BERT & co. 1–2"
    )
    assert authors("Devlin, Jacob and {Google Research}") == "Jacob Devlin and Google Research"
    assert authors("A, B and C, D and E, F and G, H and I, J") == "B A, D C, F E and 2 others"
    assert authors("A, B and C, D and others") == "B A, D C and others"


def test_an_export_is_the_same_on_every_machine(tmp_path: Path) -> None:
    catalog_of(
        tmp_path / "small",
        bert=entry_text("BERT"),
        roberta=entry_text("RoBERTa", "2021-01-01", {"bert": ["architecture"]}),
    )
    program = (
        "import sys; from pathlib import Path; from bestiary.catalog.index import load; "
        "from bestiary.atlas.site.collection import Collection; from bestiary.atlas.site.export import export; "
        "export(sys.argv[2], Collection(load(Path(sys.argv[1]))))"
    )
    told: list[dict[str, bytes]] = []
    for seed, locale in (("0", "C"), ("7", "C.UTF-8")):
        out = tmp_path / f"site-{seed}"
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "LC_ALL": locale,
            "TZ": "Asia/Tokyo" if seed == "7" else "UTC",
        }
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / "small", out], check=True, env=environment, timeout=120
        )
        told.append({path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert told[0] == told[1]
    assert {"index.html", "models/roberta.html", "data/entries/bert.js", "static/atlas.css", LIST} <= told[0].keys()


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return Collection(catalog_of(tmp_path, bert=entry_text("BERT")))


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path, small: Collection) -> None:
    out = tmp_path / "out" / "site"
    first = export(out, small)
    assert (first.folder, first.pages) == (out, sum(path.suffix == ".html" for path in out.rglob("*")))
    assert first.bytes == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    (out / "index.html").write_text("last year's")
    assert export(out, small).files == first.files
    assert "last year's" not in (out / "index.html").read_text()
    assert list(out.parent.iterdir()) == [out]
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(BestiaryError, match="thesis"):
        export(out, small)
    assert (out / "thesis.txt").read_text() == "mine"
    file = tmp_path / "a-file"
    file.write_text("")
    with pytest.raises(BestiaryError, match="is a file"):
        export(file, small)


def test_a_failed_export_leaves_what_was_there(
    tmp_path: Path, small: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "site"
    export(out, small)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    monkeypatch.setattr("bestiary.atlas.site.files.render", lambda page, collection: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(out, small)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert list(out.parent.iterdir()) == [out]


RUN = "<script>alert(1)</script>"
PAYLOADS = (
    RUN, f"</script>{RUN}", f"</title>{RUN}", f"</textarea>{RUN}", f"</svg>{RUN}", f"-->{RUN}",
    f"<iframe srcdoc='{RUN}'>",
    "<img src=x onerror=alert(1)>", "</pre><img src=x onerror=alert(1)>", "'\"><svg onload=alert(1)>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>", '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<!--", "-->", "<![CDATA[", "]]>", '<a href="javascript:alert(1)">x</a>', "javascript:alert(1)",
    f"data:text/html,{RUN}",
    "{{ 7*7 }}", "{% raw %}", "${alert(1)}", "\u2028alert(1)\u2029", "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\\u003cscript\\u003e", "<base href=//evil.example/>", "<meta http-equiv=refresh content=0>",
    "<style>*{display:none}</style>", '\\"; alert(1); //',
)  # fmt: skip
ERRATA = """
[[errata]]
field = {0}
paper = {0}
ours = {0}
why = {0}
from = "paper"
at = {0}
[[errata_own]]
size = "base"
stated = {0}
computed = 1
why = {0}
from = "paper"
at = {0}
[[checkpoints]]
hub = "owner/name"
size = "base"
dialect = {0}
from = "paper"
at = {0}
sure = "stated"
"""


def planted(payload: str) -> str:
    """Return an entry with a payload in every text that is free."""
    text = msgspec.json.encode(payload).decode()  # a string of TOML, too
    born, parents = ("2019-01-01", {}) if payload == RUN else ("2020-01-01", {"planted-0": ["architecture"]})
    free = {"corpus": f"[{text}]", "application": text, "family": text}
    entry = entry_text("PLACE", born, parents, ERRATA.format(text), **free)
    entry = entry.replace('name = "PLACE"', f"name = {text}\naliases = [{text}]")
    entry = entry.replace('summary = "For tests."', f"summary = {text}").replace('at = "§1"', f"at = {text}")
    return entry.replace("[architecture]\n", f"[architecture]\nnotes = {{ note = {text} }}\n")


def test_no_text_of_the_catalog_becomes_markup(tmp_path: Path) -> None:
    assert len(set(PAYLOADS)) == 30
    entries = {f"planted_{number}": planted(payload) for number, payload in enumerate(PAYLOADS)}
    made = files(Collection(catalog_of(tmp_path, **entries)))
    written = {path: make().decode() for path, make in made.items() if not path.startswith(("static/", "exports/"))}
    for path, text in written.items():
        if path.startswith("data/"):
            assert not set(text) & {"<", ">", "&", "\u2028", "\u2029"}, path
            continue
        page = Html(text)
        assert (path, page.crossed, page.open) == (path, [], [])
        assert [text for text in page.texts.get("script", []) if text.strip()] == [], path
        tags = [tag for tag, _ in page.elements]
        assert not set(tags) & {"iframe", "base", "math", "style", "img"}, path
        assert (path, tags.count("h1"), tags.count("main")) == (path, 1, 1)
        for tag, attributes in page.elements:
            assert tag != "script" or (attributes.get("src") or "").endswith(".js"), path
            assert not [name for name in attributes if name.startswith("on") or name in ("srcdoc", "autofocus")], path
            assert not (attributes.get("href") or "").lower().startswith(("javascript:", "data:")), path
    shown = " ".join(text for page in map(Html, written.values()) for texts in page.texts.values() for text in texts)
    assert [payload for payload in PAYLOADS if " ".join(payload.split()) not in " ".join(shown.split())] == []


def test_scripts_cannot_be_left() -> None:
    value = {"</script>": "\u2028<!--\u2029&"}
    for text in (assigned("key", value), added("key", "</script>", value)):
        assert not set(text) & {"<", ">", "&", "\u2028", "\u2029"}
        assert text.count("\n") == 1


def test_an_address_that_runs_something_is_no_link(tmp_path: Path) -> None:
    catalog_of(tmp_path, bert=entry_text("BERT"))
    for field in (
        "url = {javascript:alert(1)}",
        r"howpublished = {\url{data:text/html,x}}",
        'eprint = {" onclick=alert(1)}',
        'doi = {10.1/x" onclick="y}',
    ):
        (tmp_path / "sources.bib").write_text(f"@article{{paper,\n  title = {{T}},\n  {field},\n}}\n")
        assert Collection(load(tmp_path)).references["paper"].url == "", field


@pytest.mark.slow
def test_the_command_on_every_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    collection, runner = Collection(), CliRunner()
    failed: list[tuple[str, BaseException | None]] = []
    for entry in collection:
        for command in commands(collection, entry)[:1]:  # the others fetch weights
            _, *arguments = shlex.split(command.text)
            done = runner.invoke(bestiary, [*arguments, "--max-new-tokens", "4"])
            failed += [(command.text, done.exception)] if done.exit_code else []
    assert failed == []


def test_the_server_answers_as_the_export_writes(client: TestClient, site: dict[str, bytes]) -> None:
    for path in (
        "index.html",
        "models/bert.html",
        "data/models.js",
        "data/entries/bert.js",
        "static/atlas.css",
        "errata.html",
    ):
        answer = client.get(f"/{path}")
        assert (answer.status_code, answer.content == site[path]) == (200, True), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert client.get("/").content == site["index.html"]
    assert client.head("/").status_code == 200
    assert client.get("/data/models.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.html",
        "/models/nobody.html",
        "/../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/static/../pages.py",
        "/static",
    ],
)
def test_what_is_not_there_has_a_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "no such page" in answer.text
    assert "content-security-policy" in answer.headers


def test_the_api_answers(client: TestClient) -> None:
    found = client.get(
        "/api/models",
        params={"pattern": "*bert*", "form": "encoder", "purpose": "commercial", "params": ":400M", "sort": "-date"},
    ).json()
    dates = [row["published"] for row in found]
    assert "roberta" in [row["slug"] for row in found] and dates == sorted(dates, reverse=True)
    record = client.get("/api/models/RoBERTa").json()
    assert (record["slug"], record["counts"]["base"]["total"], record["allowed"]["commercial"]) == (
        "roberta",
        124_645_632,
        "yes",
    )
    difference = client.get("/api/compare", params=[("m", "bert:base"), ("m", "roberta:base")]).json()
    assert difference["parameters"] == sum(change["parameters"] for change in difference["changes"]) == 15_163_392
    size = client.get("/api/size", params={"m": "llama:7b", "context": 2048}).json()
    assert size["memory"]["cache"] == 512 * 1024 * 2048
    assert "@" in client.get("/api/models/bert/bibtex").text
    described = client.get("/openapi.json").json()
    assert {"/api/models", "/api/models/{slug}", "/api/compare", "/api/size"} <= described["paths"].keys()


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/api/models?form=round", 400, "form"),
        ("/api/models?shape=round", 422, "shape"),
        ("/api/models?sort=color", 400, "published"),
        ("/api/models?since=yesterday", 400, "2019"),
        ("/api/models/brt", 404, "'bert'"),
        ("/api/compare?m=bert", 422, "m"),
        ("/api/compare?m=bert:base&m=bert:huge", 400, "huge"),
        ("/api/compare?m=bert:base&m=gpt-4", 400, "undisclosed"),
        ("/api/size?m=bert:base&precision=float3", 400, "float3"),
        ("/api/size?m=bert:base&context=100000", 400, "512"),
        ("/api/size?m=bert:base&batch=0", 422, "batch"),
        ("/api/nothing", 404, "openapi"),
    ],
)
def test_the_api_refuses_in_a_sentence(client: TestClient, path: str, status: int, word: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert word in answer.text
    assert "content-security-policy" in answer.headers


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert address(taken) == f"http://127.0.0.1:{port}/"
        with pytest.raises(BestiaryError, match="--port 0"):
            listen("127.0.0.1", port)


def test_without_the_extra_the_verb_says_what_to_install(tmp_path: Path) -> None:
    missing = "sys.modules['jinja2'] = None; sys.modules['fastapi'] = None"
    program = f"import sys; {missing}; from bestiary.cli import main; main(sys.argv[1:])"
    for arguments in (["atlas", "--export", str(tmp_path / "site")], ["atlas", "--port", "0"]):
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
        assert (done.returncode, "pip install 'bestiary[atlas]'" in done.stderr) == (2, True), done.stderr


def test_what_the_site_is_made_of_needs_no_tensors() -> None:
    code = "import sys, bestiary.atlas.site.server; print(*({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
