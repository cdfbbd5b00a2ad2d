"""Models that draw by a text: GLIDE against what its published code computed, and counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import glide_weights
import pytest
import torch
from command_line import bestiary
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count, flops
from bestiary.spec import flat, from_json, to_json

GOLDEN = Path(__file__).parent / "golden" / "glide.safetensors"
NODE: Any = make("glide", **glide_weights.SIZES, groups=32)


def golden() -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(GOLDEN, framework="pt") as file:
        shapes = {part: json.loads(shapes) for part, shapes in file.metadata().items()}
        return shapes, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_padding_is_read_as_vectors_of_its_own() -> None:
    model = build(NODE.text, seed=0).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    ids = torch.arange(7)[None]
    keep = torch.tensor([[1, 1, 1, 1, 0, 0, 0]])
    other = ids.clone()
    other[:, 4:] = 250
    with torch.no_grad():
        assert torch.equal(model.read(ids, keep), model.read(other, keep))
        assert not torch.equal(model.read(ids, keep)[:, :4], model.read(ids)[:, :4])


def test_released_and_published_sizes() -> None:
    text = {"dim": 512, "depth": 16, "heads": 8, "width": 192}
    released: Any = make("glide", **text, **{f"upper_{name}": size for name, size in text.items()})
    assert count(released.text).total == 385_030_726
    assert count(released.upscalers[0]).total == 398_361_286
    assert sum(p.numel() for p in build(released, device="meta").parameters()) == 783_392_012
    holes: Any = make("glide", **text, **{f"upper_{name}": size for name, size in text.items()}, inpaints=True)
    assert count(holes.text).total == 385_030_726 + 4 * 9 * 192
    assert count(holes.upscalers[0]).total == 398_361_286 + 4 * 9 * 192


def test_a_cascade_is_json_and_pseudo_code_and_costs_something() -> None:
    assert from_json(to_json(NODE)) == NODE
    assert "enlarged(low_res)" in flat(NODE)
    parts = flops(NODE).parts
    assert parts["upscalers[0].unet.leave"] == 2 * 9 * 32 * 6 * 16 * 16
    assert parts["text.text.stack.layers[*].mlp"] == 2 * (2 * 7 * 2 * 24 * 96)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("text.dim", 25, "the text's vectors are 24 wide"),
        ("text.unet.size", 16, "pictures grow"),
        ("text.text.embed.length", 8, "vectors for padding stand at 8 places"),
        ("text.unet.out", 5, "cannot answer 5"),
    ],
)
def test_what_cannot_be(path: str, value: int, said: str) -> None:
    from bestiary.spec import check

    with pytest.raises(BestiaryError, match=said):
        check(NODE.at(path, value))


@pytest.mark.parametrize(
    ("name", "text", "size"),
    [
        ("glide", "hedgehog", (32, 32)),
        ("dit", "3", (8, 8)),
        ("dall-e-2", "hedgehog", (64, 64)),
        ("karlo", "hedgehog", (32, 32)),
    ],
)
def test_twins_draw_pictures(name: str, text: str, size: tuple[int, int], tmp_path: Path) -> None:
    done = bestiary(f"run {name}:tiny {text} --out {tmp_path / 'it.png'}")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "it.png") as picture:
        assert picture.size == size


def test_a_class_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = bestiary(f"run dit:tiny 1000000 --out {tmp_path / 'it.png'}")
    assert done.code == 2
    assert "this model draws classes 0 to" in done.err
