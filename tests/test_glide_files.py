"""Files without a config, GLIDE's and DiT's: read against what the published code computed, written back, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import glide_weights
import pytest
import torch
from golden.record_dit import SIZES as DIT
from golden.record_dit import inputs as dit_inputs
from safetensors import safe_open
from safetensors.torch import load_file
from test_cascades import golden
from test_patch_diffusion import swaps
from torch import Tensor

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.spec import TextInpainter
from bestiary.weights.cascade_files import found
from bestiary.weights.dialects import DIALECTS
from bestiary.weights.folder import open_folder
from bestiary.weights.load import fetch, load_weights, plan_transfers
from bestiary.weights.save import published
from bestiary.weights.tensorfiles import TensorFiles, TensorInfo
from bestiary.weights.translate import spell, understand

SMALL = glide_weights.SIZES
FILE = "model.safetensors"
PARTS = ("base", "upscaler")
NODES: dict[str, Any] = {"base": make("glide", **SMALL).text, "upscaler": make("glide", **SMALL).upscalers[0]}  # type: ignore[attr-defined]


def given(part: str) -> dict[str, Tensor]:
    known = glide_weights.inputs()
    text = {name: known[name] for name in ("input_ids", "attention_mask", "timestep")}
    larger = {"sample": known["large"], "low_res": known["small"]}
    return text | ({"sample": known["small"]} if part == "base" else larger)


@pytest.fixture(scope="module", params=PARTS)
def part(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Tensor]:
    """Return a part's name, its file as the published code would save it, and what that code computed."""
    shapes, answers = golden()
    folder = tmp_path_factory.mktemp(request.param)
    torch.save(glide_weights.drawn(shapes[request.param]), folder / "part.pt")
    (folder / "config.json").write_text(json.dumps(spell(NODES[request.param], "glide")[2]))
    return request.param, folder / "part.pt", answers["small" if request.param == "base" else "large"]


@torch.no_grad()
def test_a_file_answers_as_the_published_code_did(part: tuple[str, Path, Tensor]) -> None:
    name, file, answer = part
    model: Any = bestiary.load(file)
    assert model.spec == NODES[name]
    assert (model(**given(name)).sample - answer).abs().max() < 1e-10


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_saved_back_bit_equal(part: tuple[str, Path, Tensor], dtype: torch.dtype, tmp_path: Path) -> None:
    _, file, _ = part
    theirs = {name: tensor.to(dtype) for name, tensor in torch.load(file, weights_only=True).items()}
    torch.save(theirs, tmp_path / "part.pt")
    (tmp_path / "config.json").write_bytes((file.parent / "config.json").read_bytes())
    bestiary.save(bestiary.load(tmp_path / "part.pt"), tmp_path / "back")
    ours = load_file(tmp_path / "back" / FILE)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype == dtype for name in ours)
    again = bestiary.load(tmp_path / "back")
    assert again.spec == bestiary.load(file).spec


def unnoticed(file: Path, asked: dict[str, Tensor], answer: Tensor) -> tuple[int, list[tuple[str, str]]]:
    """Swap tensors of equal shapes in a file, two at a time; return how many pairs, and those that change no answer."""
    model: Any = bestiary.load(file)
    meaning, files = model.checkpoint.meaning, open_folder(file).tensors
    holds = {name: each for each in plan_transfers(files, model, meaning, file)[0] for name in each.theirs}
    tensors, own = {name: files.get(name) for name in holds}, model.state_dict()
    pairs, survivors = list(swaps(tensors)), []
    for one, other in pairs:
        swapped = {**tensors, one: tensors[other], other: tensors[one]}
        for held in (swapped, tensors):
            for transfer in (holds[one], holds[other]):
                for name, value in fetch(transfer, held, meaning.spec):  # type: ignore[arg-type]
                    own[name].copy_(value.clone())
            if held is swapped and (model(**asked).sample - answer).abs().max() < 1e-10:
                survivors.append((one, other))
    return len(pairs), survivors


@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(part: tuple[str, Path, Tensor]) -> None:
    name, file, answer = part
    pairs, survivors = unnoticed(file, given(name), answer)
    assert pairs > 50
    assert [
        two for two in survivors if set(two) not in SUMMED and not all(each.endswith(LEVELLED) for each in two)
    ] == []


SUMMED = (
    {"transformer_proj.bias", "time_embed.2.bias"},
    {"middle_block.0.out_layers.3.bias", "middle_block.2.out_layers.3.bias"},  # what reads the first alone is levelled
)
"""Those of a pair are added to one another."""
LEVELLED = ".in_layers.2.bias"
"""What is added to a whole channel is taken off again by the norm behind, of whose 32 groups each holds one channel."""


def on_paper(node: Any, dialect: str) -> TensorFiles:
    """Return what a file of a model would hold, names and shapes alone."""
    tensors = published(build(node, device="meta"), dialect)
    infos = {name: TensorInfo(Path("it"), "float16", tuple(t.shape), "float16") for name, t in tensors.items()}
    return TensorFiles(infos, lambda name: tensors[name])


@pytest.mark.parametrize("inpaints", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize("enlarges", [False, True], ids=["base", "upsample"])
def test_published_sizes_are_read_off_shapes_alone(inpaints: bool, enlarges: bool) -> None:
    released: Any = bestiary.spec("glide:filtered-inpaint" if inpaints else "glide:filtered")
    node = released.upscalers[0] if enlarges else released.text
    files = on_paper(node, "glide")
    config = DIALECTS["glide"].implied(files)
    assert config is not None and DIALECTS["dit-original"].implied(files) is None
    assert understand(config, "it", None, "glide").spec == node
    assert sum(torch.Size(files.shape(name)).numel() for name in files) == bestiary.count(node).total


def test_a_folder_of_two_files_is_a_cascade(tmp_path: Path) -> None:
    small = {"dim": 64, "depth": 1, "heads": 1, "width": 64, "cells": 1}
    sizes = small | {f"upper_{name}": size for name, size in small.items()} | {"vocab": 40, "length": 4}
    model: Any = build(make("glide", **sizes), seed=0).half()
    for name, part in (("base", model.text), ("upsample", model.upscalers[0])):
        torch.save(published(part, "glide"), tmp_path / f"{name}.pt")
    loaded: Any = bestiary.load(tmp_path)
    assert loaded.spec == model.spec
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in model.state_dict().items())
    bestiary.save(loaded, tmp_path / "back")
    back: Any = bestiary.load(tmp_path / "back")
    assert back.spec == model.spec
    assert all(torch.equal(back.state_dict()[name], value) for name, value in model.state_dict().items())
    (tmp_path / "base.pt").rename(tmp_path / "base_inpaint.pt")
    assert found(tmp_path) is None
    (tmp_path / "upsample.pt").rename(tmp_path / "other.pt")
    torch.save(published(model.text, "glide"), tmp_path / "upsample_inpaint.pt")
    with pytest.raises(BestiaryError, match=r"upsample_inpaint\.pt holds a TextDiffusion, not a TextUpscaler"):
        bestiary.load(tmp_path)


@torch.no_grad()
def test_what_is_known_of_a_picture_stands_beside_the_noise() -> None:
    node: Any = make("glide", **SMALL, inpaints=True)
    model: Any = build(node, seed=0).double()
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    known, small, large = (torch.randn(2, n, s, s, dtype=torch.float64) for n, s in ((1, 8), (3, 8), (3, 16)))
    known = (known > 0).double()
    ids, picture = torch.arange(7)[None].expand(2, -1), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    part = model.text
    assert isinstance(part.spec, TextInpainter)
    vectors = part.read(ids)
    beside = torch.cat((small, picture * known, known), dim=1)
    expected = part.unet(beside, 5, vectors, vector=vectors[:, -1]).sample
    assert torch.equal(part(ids, small, 5, picture, known).sample, expected)
    blank = torch.cat((small, torch.zeros(2, 4, 8, 8, dtype=torch.float64)), dim=1)
    assert torch.equal(part(ids, small, 5).sample, part.unet(blank, 5, vectors, vector=vectors[:, -1]).sample)
    upper, vectors = model.upscalers[0], model.upscalers[0].read(ids)
    enlarged = torch.nn.functional.interpolate(small, (16, 16), mode="bilinear", align_corners=False)
    whole, where = torch.randn_like(large), (torch.randn_like(large[:, :1]) > 0).double()
    beside = torch.cat((large, whole * where, where, enlarged), dim=1)
    expected = upper.unet(beside, 5, vectors, vector=vectors[:, -1]).sample
    assert torch.equal(upper(ids, large, 5, small, whole, where).sample, expected)


@pytest.mark.parametrize("dialect", ["glide", "dit-original"])
def test_sizes_that_shapes_cannot_tell_ask_for_a_config(dialect: str) -> None:
    node = NODES["base"] if dialect == "glide" else make("dit", dim=24, depth=1, heads=3, patch=2, size=6)
    files = on_paper(node, dialect)
    with pytest.raises(BestiaryError, match=r"put a config.json beside it that says its sizes"):
        DIALECTS[dialect].implied(files)


def dit_file(folder: Path) -> tuple[Path, Tensor]:
    """Write a file as DiT's published code would save it; return it and what that code computed."""
    with safe_open(Path(__file__).parent / "golden" / "dit.safetensors", framework="pt") as held:
        shapes, answer = json.loads(held.metadata()["shapes"]), held.get_tensor("answer")
        torch.save(glide_weights.drawn(shapes) | {"pos_embed": held.get_tensor("pos_embed").double()}, folder / "it.pt")
    (folder / "config.json").write_text(json.dumps({"model_type": "dit-original", **DIT}))
    return folder / "it.pt", answer


@torch.no_grad()
def test_dit_answers_as_its_published_code_did(tmp_path: Path) -> None:
    file, answer = dit_file(tmp_path)
    model: Any = bestiary.load(file)
    assert (model(**dit_inputs()).sample - answer).abs().max() < 1e-10
    assert model.checkpoint.left_out == ("pos_embed",)
    bestiary.save(model, tmp_path / "back")
    theirs = torch.load(file, weights_only=True)
    ours = load_file(tmp_path / "back" / FILE)
    assert ours.keys() == theirs.keys() - {"pos_embed"}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert json.loads((tmp_path / "back" / "config.json").read_text()).items() >= DIT.items()


@torch.no_grad()
def test_every_swap_of_two_tensors_of_dit_is_noticed(tmp_path: Path) -> None:
    file, answer = dit_file(tmp_path)
    pairs, survivors = unnoticed(file, dit_inputs(), answer)
    assert pairs > 5
    assert survivors == []


@pytest.mark.parametrize("size", ["xl-2", "xl-2-512", "b-4", "s-8"])
def test_sizes_of_dit_are_read_off_shapes_alone(size: str) -> None:
    node: Any = bestiary.spec(f"dit:{size}")
    files = on_paper(node, "dit-original")
    places = (node.embed.image // node.embed.patch) ** 2
    infos = {**files.infos, "pos_embed": TensorInfo(Path("it"), "float32", (1, places, node.dim), "float32")}
    config = DIALECTS["dit-original"].implied(TensorFiles(infos, files.read))
    assert config is not None
    assert understand(config, "it", None, "dit-original").spec == node


def test_a_file_of_no_family_still_asks_for_its_config(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2, 2)}, tmp_path / "it.pt")
    with pytest.raises(BestiaryError, match=r"config\.json is missing beside the weights"):
        load_weights(tmp_path / "it.pt")
