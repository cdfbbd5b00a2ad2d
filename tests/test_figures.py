from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import bestiary, table
from small_catalog import catalog_of, entry_text

from bestiary.atlas.figures import branches, edges, layout, timeline
from bestiary.atlas.figures import labels as label_places
from bestiary.atlas.figures.colors import _PALETTE, OTHERS
from bestiary.atlas.figures.console import family_lines, grown, parameter_lines, tree_lines
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.labels import Mark, place_labels
from bestiary.atlas.figures.layout import Edge, Place, Room, lay_out
from bestiary.atlas.figures.marks import ALONE, family_looks
from bestiary.atlas.figures.parameters import sizes
from bestiary.atlas.figures.text import width
from bestiary.atlas.figures.timeline import timeline as draw_timeline
from bestiary.atlas.figures.tree import tree
from bestiary.catalog import packaged
from bestiary.errors import BestiaryError

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\\\"'"

FIGURES = {
    "tree": lambda **more: tree(**more),
    "family": lambda **more: draw_timeline(by="family", **more),
    "parameters": lambda **more: draw_timeline(by="parameters", **more),
}


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    text: str = ""

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {name: make(link=lambda slug: f"models/{slug}.html") for name, make in FIGURES.items()}


def labels(svg: str) -> list[Box]:
    """Return the boxes of a drawing's labels, from the letters' tops to their tails."""
    found = []
    for text in ET.fromstring(svg).iter(f"{SVG}text"):
        if "label" not in text.get("class", "").split():
            continue
        size, content = float(text.get("font-size", "")), text.text or ""
        across = width(content, size, text.get("font-weight") == "bold")
        left = float(text.get("x", "")) - across * {"middle": 0.5, "end": 1}.get(text.get("text-anchor", ""), 0)
        base = float(text.get("y", ""))
        found.append(Box(left, base - 0.74 * size, left + across, base + 0.21 * size, content))
    return found


def label_boxes(svg: str) -> list[Box]:
    """Return the frames that labels stand in."""
    rects = (rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.get("class") == "label-box")
    sides = ([float(rect.get(name, "")) for name in ("x", "y", "width", "height")] for rect in rects)
    return [Box(x, y, x + across, y + high) for x, y, across, high in sides]


def overlaps(boxes: list[Box]) -> list[tuple[Box, Box]]:
    return [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("name", FIGURES)
def test_no_two_labels_of_a_figure_overlap_and_all_are_on_it(drawn, name):
    svg = drawn[name].svg
    found = labels(svg)
    assert len(found) > 120
    assert overlaps(found) == []
    assert overlaps(label_boxes(svg)) == []
    root = ET.fromstring(svg)
    across, high = float(root.get("width", "")), float(root.get("height", ""))
    assert all(box.left >= 0 and box.top >= 0 and box.right <= across and box.bottom <= high for box in found)


def test_the_measure_of_overlaps_sees_a_broken_layout(monkeypatch):
    monkeypatch.setattr(timeline, "lanes", lambda spans: [0] * len(spans))
    assert overlaps(labels(draw_timeline(by="family").svg))
    monkeypatch.setattr(label_places, "_overlap", lambda *_: False)
    assert overlaps(labels(draw_timeline(by="parameters").svg))
    monkeypatch.setattr(layout.Room, "between", lambda *_: -30.0)
    assert overlaps(label_boxes(tree().svg))


@pytest.mark.parametrize("name", FIGURES)
def test_every_entry_is_in_a_figure_as_a_link_with_a_title_and_in_its_table(drawn, name):
    figure, catalog = drawn[name], packaged()
    nodes = [node for node in ET.fromstring(figure.svg).iter(f"{SVG}a") if node.get("class") == "node"]
    assert sorted(node.get("href", "") for node in nodes) == sorted(f"models/{slug}.html" for slug in catalog)
    for node in nodes:
        entry = catalog[node.get("data-slug", "")]
        title = node.findtext(f"{SVG}title", "")
        assert title.startswith(f"{entry.name}, {entry.facts.published.value}, family {entry.facts.family.value}")
        assert entry.name in [text.text for text in node.iter(f"{SVG}text")]
    slugs = [row[figure.columns.index("slug")] for row in figure.rows]
    assert set(slugs) == set(catalog)
    assert all(len(row) == len(figure.columns) for row in figure.rows)


def test_every_edge_of_the_lineage_is_drawn_once_and_told_whole(drawn):
    catalog = packaged()
    wanted = {
        f"{entry.name} from {catalog[parent].name}: {', '.join(link.edge)}": link.edge
        for entry in catalog.values()
        for parent, link in entry.parents.items()
    }
    drawn_edges = [node for node in ET.fromstring(drawn["tree"].svg).iter(f"{SVG}g") if node.get("class") == "edge"]
    told = {node.findtext(f"{SVG}title"): node.find(f"{SVG}path") for node in drawn_edges}
    assert len(told) == len(drawn_edges) and wanted.keys() <= told.keys()
    looks = {
        kind: {name.replace("_", "-"): str(value) for name, value in stroke.items()}
        for kind, stroke in edges.STROKES.items()
    }
    assert len({tuple(sorted(look.items())) for look in looks.values()}) == 5
    for title, kinds in wanted.items():
        strongest = next(kind for kind in edges.STRONGEST if kind in kinds)
        path = told[title]
        assert path is not None and path.get("d")
        assert (path.get("stroke-width"), path.get("stroke-dasharray")) == (
            branches.number(float(looks[strongest]["stroke-width"])),
            looks[strongest].get("stroke-dasharray"),
        )


def test_edges_keep_clear_of_boxes(drawn):
    svg = drawn["tree"].svg
    boxes = label_boxes(svg)
    for node in ET.fromstring(svg).iter(f"{SVG}path"):
        if "C" not in node.get("d", ""):
            continue
        for x, y in points(node.get("d", "")):
            for box in boxes:
                assert not (box.left < x < box.right and box.top + 0.01 < y < box.bottom - 0.01)


def points(d: str):
    """Yield points along a path of vertical lines and curves."""
    for stretch in d.split("M")[1:]:
        start, _, rest = stretch.partition("C")
        curve, _, down = rest.partition("v")
        (x0, y0), (xa, ya), (xb, yb), (x1, y1) = (
            tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", f"{start} {curve}")
        )
        for step in range(41):
            t = step / 40
            a, b, c, e = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            yield a * x0 + b * xa + c * xb + e * x1, a * y0 + b * ya + c * yb + e * y1
        if down:
            yield from ((x1, y1 + float(down) * step / 8) for step in range(9))


def test_a_child_stands_below_its_parents_and_years_run_down(drawn):
    catalog = packaged()
    tops = {}
    for node in ET.fromstring(drawn["tree"].svg).iter(f"{SVG}a"):
        frame = next(rect for rect in node.iter(f"{SVG}rect") if rect.get("class") == "label-box")
        tops[node.get("data-slug", "")] = float(frame.get("y", ""))
    for slug, entry in catalog.items():
        assert all(tops[parent] < tops[slug] for parent in entry.parents)
    related = {slug for slug, entry in catalog.items() if entry.parents} | {
        parent for entry in catalog.values() for parent in entry.parents
    }
    years = {slug: catalog[slug].facts.published.value.year for slug in related}
    for year in set(years.values()):
        before = [tops[slug] for slug in related if years[slug] < year]
        assert max(before, default=0) < min(tops[slug] for slug in related if years[slug] == year)
    assert all(tops[slug] > max(tops[other] for other in related) for slug in catalog if slug not in related)


def test_a_tree_around_an_entry_holds_its_ancestors_and_descendants_alone():
    figure = tree(around="Alpaca")
    slugs = {row[1] for row in figure.rows}
    assert {"alpaca", "llama", "transformer", "gpt-3.5", "koala"} <= slugs
    assert not {"bert", "t0", "vicuna"} & slugs
    heavy = [rect for rect in ET.fromstring(figure.svg).iter(f"{SVG}rect") if rect.get("stroke-width") == "3"]
    assert len(heavy) == 1


def test_a_figure_of_one_family_has_its_members_alone():
    wanted = {slug for slug, entry in packaged().items() if entry.facts.family.value == "LLaMA"}
    assert {row[1] for row in tree(family="llama").rows} == wanted | {"llama"}  # which its family is named after
    for figure in (draw_timeline(family="llama"), draw_timeline(by="parameters", family="llama")):
        assert {row[figure.columns.index("slug")] for row in figure.rows} == wanted
        assert overlaps(labels(figure.svg)) == []


def test_the_scale_of_parameters_is_logarithmic_and_the_counts_exact(drawn):
    figure = drawn["parameters"]
    rows = {(row[1], row[4]): row[5] for row in figure.rows}
    assert rows["gpt-2", "xl"] == 1_557_611_200
    assert rows["gpt-4", None] is None
    root = ET.fromstring(figure.svg)
    decades = {
        text.text: float(text.get("y", ""))
        for text in root.iter(f"{SVG}text")
        if text.text in {"1M", "10M", "100M", "1B", "10B", "100B", "1T"}
    }
    ys = [decades[name] for name in ("1M", "10M", "100M", "1B", "10B", "100B", "1T")]
    steps = [upper - lower for upper, lower in pairwise(ys)]
    assert max(steps) - min(steps) < 0.03 and steps[0] > 100
    names = {node.get("data-slug"): node for node in root.iter(f"{SVG}a")}
    dot = next(names["gpt-2"].iter(f"{SVG}circle"))
    assert decades["10B"] < float(dot.get("cy", "")) < decades["1B"]
    assert "xl 1,557,611,200" in names["gpt-2"].findtext(f"{SVG}title", "")
    lowest = float(dot.get("cy", ""))
    below = next(names["diffusion"].iter(f"{SVG}polygon"))  # no size: in a band of its own
    assert float(below.get("points", "").split(",")[1].split()[0]) > decades["1M"] > lowest


def test_figures_are_the_same_bytes_whatever_the_hash_seed_and_the_locale(drawn):
    code = (
        "import hashlib, json\n"
        "from bestiary.atlas.figures.tree import tree\n"
        "from bestiary.atlas.figures.timeline import timeline\n"
        "link = lambda slug: f'models/{slug}.html'\n"
        "made = [tree(link=link), timeline(link=link), timeline(by='parameters', link=link)]\n"
        "print(json.dumps([hashlib.sha256(f.svg.encode()).hexdigest() for f in made]))\n"
    )
    found = []
    for seed, locale in (("0", "C"), ("1", "tr_TR.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


def test_what_a_catalog_says_reaches_a_figure_as_text_alone(tmp_path):
    catalog = catalog_of(
        tmp_path,
        old=entry_text("Old", "2019-01-01", family="'''<img src=x onerror=alert(1)>'''"),
        bad=entry_text("PLACE", "2020-01-01", {"old": ["weights", "data"]}).replace('"PLACE"', f"'''{HOSTILE}'''"),
    )
    for make in FIGURES.values():
        figure = make(catalog=catalog, link=lambda slug: f"models/{slug}.html")
        root = ET.fromstring(figure.svg)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg",
            "title",
            "desc",
            "rect",
            "path",
            "text",
            "g",
            "a",
            "circle",
            "polygon",
        }
        assert not any(name.startswith("on") or name == "style" for element in root.iter() for name in element.attrib)
        assert HOSTILE in [text.text for text in root.iter(f"{SVG}text")]


def test_an_empty_and_a_lonely_catalog_have_figures(tmp_path):
    for catalog in (catalog_of(tmp_path), catalog_of(tmp_path, lone=entry_text("Lone"))):
        for make in FIGURES.values():
            figure = make(catalog=catalog)
            ET.fromstring(figure.svg)
            assert {row[figure.columns.index("slug")] for row in figure.rows} == set(catalog)


def test_the_tree_in_the_terminal_has_each_model_once_below_one_that_it_came_from():
    catalog = packaged()
    twigs = grown(catalog, dict(catalog))
    assert sorted(twig.entry.slug for twig in twigs) == sorted(catalog)
    above: list[str] = []
    for twig in twigs:
        del above[twig.depth :]
        assert len(above) == twig.depth
        assert (above[-1] in twig.entry.parents) if above else not twig.entry.parents
        told = {step.parent: step.edges for step in (*([twig.taken] if twig.taken else []), *twig.others)}
        assert told == {slug: parent.edge for slug, parent in twig.entry.parents.items()}
        above.append(twig.entry.slug)


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_lines_for_the_terminal_are_as_wide_as_it_and_leave_nobody_out(columns):
    catalog = packaged()
    entries = dict(catalog)
    counted = {slug: sizes(catalog, slug) for slug in entries}
    for lines in (
        tree_lines(catalog, grown(catalog, entries), columns),
        family_lines(catalog, entries, columns),
        parameter_lines(catalog, entries, counted, columns),
    ):
        texts = ["".join(text for text, _ in line) for line in lines]
        assert max(map(len, texts)) <= columns
        for entry in catalog.values():
            assert any(re.search(rf"(?<!\S){re.escape(entry.name)}(?!\S)", text) for text in texts), entry.name
    dots = sum(text.count("●") for line in family_lines(catalog, entries, columns) for text, _ in line)
    assert dots == len(catalog)


def test_tree_and_timeline_show_themselves_in_a_terminal():
    lines = bestiary("tree llama", terminal=True).out.splitlines()
    assert "╭─ Transformer" in plain(lines[0]) and "LLaMA" in plain(lines[3])
    assert any(re.search(r"│  └─ StableVicuna +2023-04  architecture, weights, successor", plain(x)) for x in lines)
    years = plain(bestiary("timeline", terminal=True).out.splitlines()[0])
    assert re.findall(r"\d{4}", years)[-3:] == ["2021", "2022", "2023"]
    sized = bestiary("timeline --by parameters --family llama", terminal=True).out.splitlines()
    assert any(re.search(r"Vicuna +03-30 .*•─+•─+● .* 32\.5B$", plain(line)) for line in sized)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_tree_and_timeline_print_tables_in_a_pipe_and_json():
    rows = {row["name"]: row for row in table(bestiary("tree llama").out)}
    assert rows["alpaca"] | {"depth": "1", "parent": "llama", "edges": "architecture, weights"} == rows["alpaca"]
    assert rows["llama"]["depth"] == "0" and rows["gpt-3"]["depth"] == "-1"
    told = {row["name"]: row for row in json.loads(bestiary("tree --json").out)}
    assert told["roberta"]["parents"] == {"bert": ["architecture", "successor"], "gpt-2": ["architecture"]}
    assert {row["name"] for row in table(bestiary("timeline").out)} == set(packaged())
    sized = json.loads(bestiary("timeline --by parameters --family llama --json").out)
    assert {"name": "alpaca", "size": "7b", "parameters": 6738423808}.items() <= sized[1].items()


@pytest.mark.parametrize("line", ["tree", "tree bert", "timeline", "timeline --by parameters --family bert"])
def test_a_drawing_is_written_where_asked(tmp_path, line):
    done = bestiary(line, "--svg", str(tmp_path / "a.svg"))
    assert done.code == 0 and done.out == "" and "a.svg" in done.err
    assert ET.fromstring((tmp_path / "a.svg").read_text("utf-8")).tag == f"{SVG}svg"
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tree --svg tree.png", "--svg is 'tree.png', and drawings are SVG; name the file tree.svg"),
        ("timeline --svg timeline", "name the file timeline.svg"),
        ("tree --svg nowhere/tree.svg", "nowhere/tree.svg"),
        ("tree brt", "no model 'brt'"),
        ("tree bert --family LLaMA", "bert is not of the family LLaMA"),
        ("timeline --family nobody", "no family is called 'nobody'"),
        ("timeline --by size", "'size' is not one of"),
    ],
)
def test_what_a_verb_cannot_do_it_says_in_a_sentence(line, sentence):
    done = bestiary(line)
    assert done.code == 2 and done.out == "" and sentence in done.err
    assert done.err.startswith("error: ") and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: draw_timeline(by="parameter"), "by family or parameters, not by 'parameter'; .*parameters"),
        (lambda: tree(around="bertt"), "no model 'bertt'.*bert"),
        (lambda: tree(family="LLaMa2"), "no family is called 'LLaMa2'"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(BestiaryError, match=sentence):
        make()


def test_families_are_told_apart_in_color_on_either_paper_and_without_color():
    looks = family_looks(row.family for row in packaged().rows.values())
    several = [look for look in looks.values() if look != ALONE]
    assert len(several) > 10
    assert len(set(several)) == len({look[:1] for look in several}) == len({look[1:] for look in several})
    for color in (*_PALETTE, OTHERS):
        for paper in ("#ffffff", "#fcfaf6", "#161514"):
            light, dark = sorted((luminance(color), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, (color, paper)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_edges_of_one_kind_from_one_box_share_a_trunk():
    edges = [Edge("a", "c", "data"), Edge("a", "d", "data"), Edge("a", "c2", "weights"), Edge("a", "b", "data")]
    found = lay_out([["a"], ["b"], ["c", "c2"], ["d"]], edges, dict.fromkeys("a b c d c2".split(), 50.0), Room())
    trunk = Place(1, "a", "data")
    assert found.paths[edges[0]] == (Place(0, "a"), trunk, Place(2, "c"))
    assert found.paths[edges[1]] == (Place(0, "a"), trunk, Place(2, "a", "data"), Place(3, "d"))
    assert found.paths[edges[2]] == (Place(0, "a"), Place(1, "a", "weights"), Place(2, "c2"))
    assert found.paths[edges[3]] == (Place(0, "a"), Place(1, "b"))


def test_rows_are_ordered_so_that_edges_need_not_cross():
    edges = [Edge(str(at), chr(ord("f") - at), "data") for at in range(6)]
    rows = [[str(at) for at in range(6)], list("abcdef")]
    found = lay_out(rows, edges, {name: 30.0 for row in rows for name in row}, Room())
    upper, lower = ([place.key for place in row] for row in found.rows)
    assert [{edge.source: edge.target for edge in edges}[key] for key in upper] == lower


def test_labels_find_room_where_all_dots_are_at_one_point():
    marks = [Mark(str(at), 400, 300, 80, 14) for at in range(24)]
    places = place_labels(marks, (0, 0, 800, 600))
    boxes = [Box(place.x, place.y, place.x + 80, place.y + 14) for place in places.values()]
    assert len(boxes) == 24 and overlaps(boxes) == []
    assert all(box.left >= 0 and box.right <= 800 for box in boxes)
    assert all(place.leader or abs(place.y + 7 - 300) < 20 for place in places.values())
    crowded = place_labels([Mark(str(at), 50, 20, 80, 14) for at in range(9)], (0, 0, 100, 40))
    boxes = [Box(place.x, place.y, place.x + 80, place.y + 14) for place in crowded.values()]
    assert len(boxes) == 9 and overlaps(boxes) == []


def test_a_drawing_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    figure = Figure("a", "<svg/>", (), ())
    path = figure.save(tmp_path / "a.svg")
    assert path.read_text() == "<svg/>" and path.stat().st_mode & 0o777 == 0o644

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        Figure("b", "<svg>b</svg>", (), ()).save(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.svg"] and path.read_bytes() == b"<svg/>"
