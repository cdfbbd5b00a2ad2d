"""Folders as timm saves them: read, run, written back and opened again; pictures read as its configs say."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision_ops  # noqa: F401  # before timm imports torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import create_transform, resolve_model_data_config
from timm.models import save_for_hf
from timm.models.gcvit import GlobalContextVit

from bestiary import api
from bestiary.data.images import Preprocessor
from bestiary.data.images.timm import read_timm
from bestiary.errors import BestiaryError
from bestiary.weights.dialects import timm as dialect
from bestiary.weights.load import load_weights

MADE: list[tuple[str, dict[str, Any]]] = [
    ("gcvit_xxtiny", {"img_size": 64, "num_classes": 5, "drop_path_rate": 0.1}),
    ("vit_tiny_patch16_224", {"img_size": 48, "num_classes": 7, "in_chans": 1}),
    ("deit_tiny_patch16_224", {}),
]


def perturbed(model: Any) -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor += 0.05 * torch.randn_like(tensor)
    return model.double().eval()


@pytest.fixture(scope="module", params=MADE, ids=[name for name, _ in MADE])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    name, arguments = request.param
    reference, folder = perturbed(timm.create_model(name, **arguments)), tmp_path_factory.mktemp(name)
    save_for_hf(reference, folder, safe_serialization=True)
    return reference, folder


@torch.no_grad()
def test_folders_are_read_and_written_back(saved: tuple[Any, Path], tmp_path: Path) -> None:
    reference, folder = saved
    model = api.load(folder)
    embed = model.spec.at("embed")
    pixels = torch.randn(2, embed.channels, embed.image, embed.image, dtype=torch.float64)
    assert (reference(pixels) - model(pixels).logits).abs().max() < 1e-10
    api.save(model, tmp_path)
    given, back = load_file(folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert given.keys() == back.keys()
    assert all(torch.equal(tensor, back[name]) for name, tensor in given.items())
    before, after = (json.loads((path / "config.json").read_text()) for path in (folder, tmp_path))
    assert after | {"architecture": before["architecture"]} == before  # a DeiT is a ViT: written by its first name
    assert not (tmp_path / "preprocessor_config.json").exists()
    opened = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).double().eval()
    assert torch.equal(opened(pixels), reference(pixels))


@torch.no_grad()
def test_a_fresh_model_is_written_so_that_timm_opens_it(tmp_path: Path) -> None:
    model = api.build(api.spec("gc-vit:xxt"), seed=0)
    api.save(model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architecture"] == "gcvit_xxtiny"
    opened, pixels = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval(), torch.randn(1, 3, 224, 224)
    assert (opened(pixels) - model(pixels).logits).abs().max() < 1e-4
    with pytest.raises(BestiaryError, match="no published format can say this model"):
        api.save(api.build(api.spec("gc-vit:tiny")), tmp_path)


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """Save a GC ViT of odd sizes under a name that is known while the test runs."""
    sizes: dict[str, Any] = {"depths": (2, 2, 3), "ratio": 2.0, "scale": 0.1, "heads": (1, 2, 4), "dim": 8, "image": 64}
    monkeypatch.setitem(dialect.GCVITS, "gcvit_odd", sizes)
    reference = perturbed(
        GlobalContextVit(
            img_size=64, window_ratio=(32, 32, 16), embed_dim=8, depths=sizes["depths"], num_heads=sizes["heads"],
            mlp_ratio=2.0, layer_scale=0.1, num_classes=5,
        )
    )  # fmt: skip
    config = {"architecture": "gcvit_odd", "num_classes": 5, "pretrained_cfg": {"input_size": [3, 64, 64]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    return reference, tmp_path


@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(odd: tuple[Any, Path]) -> None:
    reference, folder = odd
    pixels = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected, tensors = reference(pixels), load_file(folder / "model.safetensors")
    assert (load_weights(folder)[0](pixels).logits - expected).abs().max() < 1e-10
    shapes: dict[Any, list[str]] = {}
    for name in tensors:
        shapes.setdefault(tensors[name].shape, []).append(name)
    pairs = [pair for names in shapes.values() for pair in pairwise(names)]
    assert len(pairs) > 50
    for one, other in pairs:
        save_file({**tensors, one: tensors[other], other: tensors[one]}, folder / "model.safetensors")
        found = load_weights(folder)[0](pixels).logits
        assert not (found - expected).abs().max() < 1e-10, (one, other)


def test_pictures_are_read_as_timm_reads_them(saved: tuple[Any, Path]) -> None:
    _, folder = saved
    model, random = api.load(folder), np.random.default_rng(0)
    if model.spec.at("embed.channels") == 1:
        return  # timm's own transform leaves it to the caller to make a picture gray
    opened = timm.create_model(f"local-dir:{folder}")
    transform = create_transform(**resolve_model_data_config(opened), is_training=False)
    for shape in ((37, 53), (53, 38), (224, 224), (10, 300), (601, 402)):
        picture = Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8), "RGB")
        assert torch.equal(model.processor([picture])["pixel_values"][0], transform(picture)), shape


READINGS: list[dict[str, Any]] = [{"crop_mode": "squash", "crop_pct": 0.9}, {"crop_pct": 1.0}, {}, {"std": [0.5] * 3}]


@pytest.mark.parametrize("config", READINGS)
def test_every_way_to_read_pictures_is_timm_s(config: dict[str, Any]) -> None:
    usual = {"interpolation": "bicubic", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    transform = create_transform((3, 64, 64), is_training=False, **usual | config)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (71, 98, 3), dtype=np.uint8), "RGB")
    found = Preprocessor(read_timm(config, 64, "here"))([picture])["pixel_values"][0]
    assert torch.equal(found, transform(picture))


def test_labels_are_named_as_the_config_names_them(odd: tuple[Any, Path], tmp_path: Path) -> None:
    from bestiary.cli.jobs.label import label

    _, folder = odd
    config = json.loads((folder / "config.json").read_text())
    config |= {"label_names": ["n0", "n1", "n2", "n3", "n4"], "label_descriptions": {"n1": "tench"}}
    (folder / "config.json").write_text(json.dumps(config))
    model = api.load(folder)
    assert [label(model, index) for index in (0, 1, 7)] == ["n0", "tench", "7"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "vit_base_patch16_223"}, "did you mean 'vit_base_patch16_224'"),
        ({"num_classes": 0}, "only a model with a classifier"),
        ({"global_pool": "avg"}, "'global_pool' is 'avg', but only 'token'"),
        ({"model_args": {"class_token": False}}, "'class_token' is a key that we do not know"),
        ({"model_args": {"img_size": [224, 160]}}, "only squares"),
        ({"model_args": 3}, "'model_args' and 'pretrained_cfg' are"),
        ({"pretrained_cfg": {"input_size": "large"}}, "is missing"),
        ({"reg_tokens": 4}, "'reg_tokens' is a key that we do not know"),
    ],
)
def test_configs_that_cannot_be_obeyed_are_one_sentence(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    config = {"architecture": "vit_base_patch16_224", "num_classes": 3, "pretrained_cfg": {}}
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    save_file({f"blocks.{index}": torch.zeros(1) for index in range(12)}, tmp_path / "model.safetensors")
    with pytest.raises(BestiaryError, match=tmp_path.name) as caught:
        load_weights(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"crop_mode": "border"}, "only 'center' and 'squash'"),
        ({"crop_pct": 2}, "above 0 and at most 1"),
        ({"interpolation": "random"}, "give bilinear or bicubic"),
        ({"interpolation": ["bicubic"]}, "give bilinear or bicubic"),
        ({"std": [1, 0, 1]}, "'std' is"),
        ({"mean": "gray"}, "'mean' is 'gray'"),
    ],
)
def test_ways_to_read_pictures_that_are_unknown_are_one_sentence(config: dict[str, Any], words: str) -> None:
    with pytest.raises(BestiaryError, match=r"^here: ") as caught:
        read_timm(config, 64, "here")
    assert words in str(caught.value)
