"""Anatomies: every model draws, its numbers sum to its parameters, labels keep clear, and bytes are stable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from command_line import bestiary, table
from feature_map_models import BUILT as FEATURE_MAPS
from multimodal_models import BUILT as PICTURES
from multimodal_models import SEEN_WHOLE

from bestiary.api import entry, list_models, spec
from bestiary.atlas.figures.anatomy import anatomy
from bestiary.atlas.figures.body.folds import Group, grouped, layers_of
from bestiary.atlas.figures.difference import difference
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.text import width
from bestiary.catalog.resolve import size_spec
from bestiary.sizing import count, diff
from bestiary.spec import GLU, Model, Named, TanhGates, own_layers

Box = tuple[float, float, float, float, str]
RUNNABLE = [slug for slug in list_models() if entry(slug).runnable or entry(slug).stand_in]


def sizes(slug: str) -> list[str]:
    found = entry(slug)
    return list(dict.fromkeys([*found.sizes, "tiny"])) if found.runnable else ["tiny"]


def labels(svg: str) -> list[Box]:
    """Return where each label stands: left, top, right, bottom, and its text. Parsing proves the XML well-formed."""
    boxes: list[Box] = []
    for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        assert "label" in text.get("class", "").split()
        size, x, y = (float(text.get(name, "")) for name in ("font-size", "x", "y"))
        wide = width(text.text or "", size, text.get("font-weight") == "bold")
        x -= {"middle": wide / 2, "end": wide}.get(text.get("text-anchor", ""), 0)
        boxes.append((x, y - 0.75 * size, x + wide, y + 0.22 * size, text.text or ""))
    return boxes


def keep_clear(figure: Figure, boxes: list[Box]) -> None:
    """Labels stand within the drawing, and none touches another."""
    wide, high = map(float, re.findall(r"[\d.]+", figure.svg.split('viewBox="0 0 ')[1].split('"')[0]))
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= wide and box[3] <= high for box in boxes)
    touching = [
        (a[4], b[4]) for a, b in combinations(boxes, 2) if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    assert touching == []


def sums_to(figure: Figure, total: int) -> bool:
    """Tell whether the rows' parameters, but for the last's, which is their sum, are so many together."""
    parts = sum(row[3] for row in figure.rows[:-1] if isinstance(row[3], int))
    return parts == figure.rows[-1][3] == total


def check(model: Model) -> None:
    figure, total = anatomy(model, "a model"), count(model).total
    boxes = labels(figure.svg)
    keep_clear(figure, boxes)
    assert sums_to(figure, total)
    assert sum(int(box[4].replace(",", "")) for box in boxes if re.fullmatch(r"[\d,]+", box[4])) == total


@pytest.mark.parametrize("slug", RUNNABLE)
def test_every_size_of_every_model_draws(slug: str) -> None:
    for model in dict.fromkeys(size_spec(entry(slug), size) for size in sizes(slug)):
        check(model)


EDITED: dict[str, Any] = {
    **{name: SPECS[name] for SPECS in (FEATURE_MAPS, PICTURES) for name in SPECS},
    "pictures that the text reads as they are": SEEN_WHOLE,
    "no norm": spec("bert:base").at("stack.layers[*].attn.norm", None),
    "one other layer": spec("bert:base").at("stack.layers[3].mlp", GLU(99)),
    "one branch less": spec("bert:base").at("stack.layers[5].attn", None),
    "every third layer": spec("bert:base").at("stack.layers[::3].mlp.hidden", 77),
    "one other layer of two streams": spec("alphafold:tiny").at("trunk.layers[1].mlp.hidden", 7),
    "no heads": spec("t5:base").at("heads", Named()),
    "gates": spec("gpt-2:tiny").at("stack.layers[*].mlp.scale", TanhGates()),
}


@pytest.mark.parametrize("name", EDITED)
def test_what_no_entry_is_draws_too(name: str) -> None:
    check(EDITED[name])


def test_layers_are_folded_and_none_is_lost() -> None:
    for name in ("bert:base", "albert:base", "blip-2:opt-2.7b", "flamingo:80b", "dall-e:12b", "deberta:base"):
        stack = getattr(spec(name), "stack", None) or spec(name).at("text.stack")
        groups = grouped(stack)
        places = sorted(place for group in groups for layer in layers_of(group) for place in layer.places)
        assert places == list(range(len(own_layers(stack))))
        assert sum(len(layers_of(group)) for group in groups) < 8, name
    (group,) = grouped(spec("albert:base").at("stack"))
    assert (group.times, group.shared) == (12, True)
    eleven, *rest = grouped(spec("flamingo:80b").at("text.stack"))
    assert eleven.times == 11
    assert [item.times for item in eleven.items if isinstance(item, Group)] == [7]
    assert [group.times for group in rest] == [1, 3]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "tr_TR.UTF-8"])
def test_the_bytes_are_the_same_on_every_machine(locale: str) -> None:
    code = (
        "import bestiary, sys; from bestiary.atlas.figures.anatomy import anatomy;"
        "sys.stdout.buffer.write("
        "''.join(anatomy(bestiary.spec(n), n).svg for n in ('t5:tiny', 'clip:tiny', 'swin:tiny')).encode())"
    )
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        assert made.decode() == "".join(anatomy(spec(n), n).svg for n in ("t5:tiny", "clip:tiny", "swin:tiny"))


def test_a_hostile_title_stays_text() -> None:
    figure = anatomy(spec("bert:tiny"), '<script>alert(1)</script>"&')
    assert "<script" not in figure.svg
    assert labels(figure.svg)[0][4] == '<script>alert(1)</script>"&'


@pytest.mark.parametrize(
    ("first", "second"),
    [("bert:base", "deberta:base"), ("gpt-2:small", "llama:7b"), ("bert:base", "bert:base"), ("t5:tiny", "clip:tiny")],
)
def test_a_difference_draws_every_change(first: str, second: str) -> None:
    figure, changes = difference(spec(first), spec(second), first, second), diff(spec(first), spec(second))
    boxes = labels(figure.svg)
    keep_clear(figure, boxes)
    assert [row[0] for row in figure.rows] == [*(change.path for change in changes.changes), "sum"]
    assert sums_to(figure, changes.parameters)
    signed = [box[4].replace(",", "").replace("\u2212", "-") for box in boxes]
    assert sum(int(text) for text in signed if re.fullmatch(r"[+-]\d+", text)) == changes.parameters


def test_every_step_of_the_lineage_draws() -> None:
    steps = [(parent, slug) for slug in list_models(runnable=True) for parent in entry(slug).parents]
    steps = [(parent, slug) for parent, slug in steps if entry(parent).runnable]
    assert len(steps) > 150
    for parent, slug in steps:
        figure = difference(spec(parent), spec(slug), parent, slug)
        keep_clear(figure, labels(figure.svg))


def test_a_difference_is_shown_as_text() -> None:
    hostile = spec("bert:tiny").at("embed.vocab", 99)
    figure = difference(spec("bert:tiny"), hostile, "<b>&", '"><script>')
    assert "<b>" not in figure.svg
    assert "<script" not in figure.svg
    assert labels(figure.svg)[0][4] == '<b>& \u2192 "><script>'


def test_the_verb_prints_the_parts() -> None:
    rows = {row["part"]: row for row in table(bestiary("anatomy bert:base").out)}
    mlp = {"what": "MLP", "size": "768 \u2192 3,072 \u2192 768, GELU", "layers": "12", "runs": "1"}
    assert rows["stack.layers[*].mlp"] == {"part": "stack.layers[*].mlp", **mlp, "parameters": "56669184"}
    assert sum(int(row["parameters"]) for row in rows.values()) == count(spec("bert:base")).total
    found = json.loads(bestiary("anatomy albert:base --json").out)
    assert found["parameters"] == count(spec("albert:base")).total
    assert {part["runs"] for part in found["parts"] if ".layers" in part["path"]} == {12}
    shown = bestiary("anatomy albert:base", terminal=True).out
    assert "the same weights 12 times" in shown
    assert "4,722,432" in shown


def test_verbs_write_drawings(tmp_path: Path) -> None:
    bestiary("anatomy bert:tiny --svg", str(tmp_path / "a.svg"))
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == anatomy(spec("bert:tiny"), "bert:tiny").svg
    bestiary("compare bert:tiny gpt-2:tiny --svg", str(tmp_path / "b.svg"))
    drawn = difference(spec("bert:tiny"), spec("gpt-2:tiny"), "bert:tiny", "gpt-2:tiny")
    assert (tmp_path / "b.svg").read_text(encoding="utf-8") == drawn.svg
    for verb in ("anatomy no-such-model", "compare no-such-model nor-this"):
        refused = bestiary(f"{verb} --svg c.png")
        assert refused.code == 2
        assert "name the file c.svg" in refused.err, "refused before the model is looked for"
