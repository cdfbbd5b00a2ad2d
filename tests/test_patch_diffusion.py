"""DiT against diffusers: tiny, of odd sizes, every parameter perturbed, float64 on both sides.

What embeds the time step and the class is one module here and a copy in each layer there, so copies are made equal,
and their gradients are summed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import diffusers
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count, flops
from bestiary.weights.save import published

FILE = "diffusion_pytorch_model.safetensors"
CLOSE = 1e-10


def reference(seed: int) -> Any:
    random = Random(seed)
    patch, heads = random.choice((2, 3)), random.choice((2, 3))
    config = {
        "num_attention_heads": heads, "attention_head_dim": 8, "in_channels": 3, "out_channels": random.choice((3, 6)),
        "num_layers": 2 + seed, "sample_size": 4 * patch, "patch_size": patch, "num_embeds_ada_norm": 5,
        "norm_eps": random.choice((1e-5, 1e-3)), "attention_bias": bool(seed),
    }  # fmt: skip
    torch.manual_seed(seed)
    model = diffusers.DiTTransformer2DModel(**config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    first = model.transformer_blocks[0].norm1.emb.state_dict()
    for block in model.transformer_blocks:
        block.norm1.emb.load_state_dict(first)
    return model


@pytest.fixture(scope="module", params=[0, 1])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    folder = tmp_path_factory.mktemp("reference")
    theirs = reference(request.param)
    theirs.save_pretrained(folder)
    return theirs, bestiary.load(folder), folder


def answers(model: Any, side: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    noisy = torch.randn(3, 3, side, side, dtype=torch.float64)
    given = {"timestep": torch.tensor([0, 999, 20]), "class_labels": torch.tensor([5, 0, 2])}
    return {"sample": model(noisy, **given).sample}


def distance(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> float:
    assert theirs.keys() == ours.keys()
    return max((theirs[name] - ours[name]).abs().max().item() for name in theirs)


def of_gradients(model: Any) -> Any:
    """Return a copy of a model with its gradients for parameters."""
    copy = deepcopy(model)
    for mine, its in zip(copy.parameters(), model.parameters(), strict=True):
        mine.data = torch.zeros_like(its) if its.grad is None else its.grad
        its.grad = None
    return copy


def raw(folder: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    held = load_file(folder / FILE)
    return {
        name: (t.dtype, tuple(t.shape), t.flatten().view(torch.uint8).numpy().tobytes()) for name, t in held.items()
    }


def swaps(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    shapes: dict[Any, list[str]] = {}
    for name in sorted(tensors, key=lambda name: (len(name), name[::-1])):
        shapes.setdefault(tensors[name].shape, []).append(name)
    for names in shapes.values():
        yield from pairwise(names)


@torch.no_grad()
def test_outputs_agree(pair: tuple[Any, Any, Path]) -> None:
    theirs, ours, _ = pair
    side = theirs.config.sample_size
    assert distance(answers(theirs, side), answers(ours, side)) < CLOSE


def test_gradients_agree_and_reach_every_parameter(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    theirs, ours, _ = pair
    for model in (theirs, ours):
        (answer,) = answers(model, theirs.config.sample_size).values()
        (answer * torch.randn_like(answer)).sum().backward()
    of_gradients(theirs).save_pretrained(tmp_path)
    expected, found = load_file(tmp_path / FILE), published(of_gradients(ours), "dit")
    assert expected.keys() == found.keys()
    for name in expected:
        end = name.split("norm1.emb.")[-1]
        copies = [expected[other] for other in expected if other.endswith(f"norm1.emb.{end}")]
        whole = torch.stack(copies).sum(0) if copies else expected[name]
        assert (whole - found[name]).abs().max() < CLOSE, name
        assert name.endswith("to_k.bias") or found[name].any(), name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_saved_back_bit_equal(dtype: torch.dtype, tmp_path: Path) -> None:
    given, back = tmp_path / "given", tmp_path / "back"
    reference(1).to(dtype).save_pretrained(given)
    bestiary.save(bestiary.load(given), back)
    assert raw(back) == raw(given)


@torch.no_grad()
def test_what_we_save_opens_in_the_reference(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    theirs, ours, _ = pair
    bestiary.save(ours, tmp_path)
    opened, info = type(theirs).from_pretrained(tmp_path, output_loading_info=True, torch_dtype=torch.float64)
    assert [(name, found) for name, found in info.items() if found] == []
    before, after = dict(theirs.config), dict(opened.config)
    aside = {"_name_or_path", "_use_default_values"}
    assert {key for key in before.keys() - aside if before[key] != after[key]} == set()
    side = theirs.config.sample_size
    assert distance(answers(theirs, side), answers(opened, side)) < 1e-12


def test_counts_agree_but_for_the_copies(pair: tuple[Any, Any, Path]) -> None:
    theirs, ours, _ = pair
    copies = sum(p.numel() for block in theirs.transformer_blocks[1:] for p in block.norm1.emb.parameters())
    whole = sum(parameter.numel() for parameter in theirs.parameters()) - copies
    assert sum(parameter.numel() for parameter in build(ours.spec, device="meta").parameters()) == whole
    assert count(ours.spec).total == whole


@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    theirs, _, folder = pair
    tensors, side = load_file(folder / FILE), theirs.config.sample_size
    expected = answers(theirs, side)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    survivors = []
    pairs = [two for two in swaps(tensors) if not torch.equal(tensors[two[0]], tensors[two[1]])]
    for one, other in pairs:
        save_file({**tensors, one: tensors[other], other: tensors[one]}, tmp_path / FILE)
        try:
            unseen = distance(expected, answers(bestiary.load(tmp_path), side)) < CLOSE
        except BestiaryError as error:
            assert "copies" in str(error)
            unseen = False
        survivors += [(one, other)] if unseen else []
    assert len(pairs) > 15
    assert survivors == [two for two in pairs if all(name.endswith("to_k.bias") for name in two)]


def test_copies_that_differ_are_refused(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    _, _, folder = pair
    tensors = load_file(folder / FILE)
    tensors["transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias"] += 1
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    save_file(tensors, tmp_path / FILE)
    with pytest.raises(BestiaryError, match="copies of what is one tensor here differ"):
        bestiary.load(tmp_path)


def test_folders_with_the_first_name_of_the_class_open_and_are_saved_under_it(
    pair: tuple[Any, Any, Path], tmp_path: Path
) -> None:
    _, ours, folder = pair
    config = json.loads((folder / "config.json").read_text()) | {"_class_name": "Transformer2DModel"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
    opened = bestiary.load(tmp_path)
    assert opened.spec == ours.spec
    bestiary.save(opened, tmp_path / "back")
    assert json.loads((tmp_path / "back" / "config.json").read_text())["_class_name"] == "Transformer2DModel"


@torch.no_grad()
def test_a_fresh_model_reads_layers_that_add_nothing() -> None:
    model = build(make("dit", dim=32, depth=2, heads=4, patch=2, size=8, classes=3), seed=0)
    x = torch.randn(1, 5, 32)
    from bestiary.nn import Context

    context = Context(torch.arange(5)[None], 5, told=torch.randn(1, 1, 32))
    assert torch.equal(model.stack(x, context), x)


def test_xl_counts_what_was_published_and_costs_it_in_multiply_adds() -> None:
    whole = make("dit", dim=1152, depth=28, heads=16, patch=2)
    table = 256 * 1152  # positions, which the published code counts and nobody trains
    assert count(whole).total + table == 675_129_632
    assert round(flops(whole).sequence / 2e9, 1) == 118.6  # the paper's Gflops are multiply-adds


def test_a_map_of_another_size_is_refused() -> None:
    model = build(make("dit", dim=32, depth=2, heads=4, patch=2, size=8, classes=3), seed=0)
    with pytest.raises(BestiaryError, match="resize"):
        model(torch.randn(1, 4, 10, 10), 3, torch.tensor([0]))
    with pytest.raises(BestiaryError, match="class_labels, from 0 to 3"):
        model(torch.randn(1, 4, 8, 8), 3)
