"""Detectors beyond the harness: networks that timm names, files of all ages, answers as boxes, pictures with boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from command_line import bestiary
from PIL import Image
from references.detection import images
from safetensors.torch import load_file, save_file
from transformers import DetrConfig, DetrForObjectDetection, DetrForSegmentation, DetrImageProcessorPil

from bestiary import api
from bestiary.architectures import make
from bestiary.data.images.boxes import objects
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.nn.convolutional import Stage
from bestiary.nn.output import Output
from bestiary.spec import BatchNorm, Strided
from bestiary.spec import Stage as StageNode
from bestiary.weights.load import load_weights
from bestiary.weights.save import save_weights

SIZES: dict[str, Any] = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 40, "decoder_ffn_dim": 44,
    "encoder_attention_heads": 8, "decoder_attention_heads": 4, "num_queries": 5, "num_labels": 4,
}  # fmt: skip


def perturbed(model: Any) -> Any:
    torch.manual_seed(0)
    model = model.double().eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():  # upwards: variances stay above zero
                tensor += 0.05 * torch.rand_like(tensor)
    return model


@pytest.fixture(scope="module", params=[False, True], ids=["halved", "dilated"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Save a detector whose network timm names, the smallest of bottlenecks that it has."""
    config = DetrConfig(backbone="resnet26", dilation=request.param, **SIZES)
    reference, folder = perturbed(DetrForSegmentation(config)), tmp_path_factory.mktemp("detr")
    reference.save_pretrained(folder)
    return reference, folder


@torch.no_grad()
def test_networks_that_timm_names_are_read_and_written(saved: tuple[Any, Path], tmp_path: Path) -> None:
    reference, folder = saved
    model, checkpoint = load_weights(folder)
    for side in (None, "right"):
        torch.manual_seed(1)
        given = images(reference.config, side)
        expected, found = reference(**given), model(**given)
        for name in ("logits", "pred_boxes", "pred_masks", "last_hidden_state", "encoder_last_hidden_state"):
            assert (getattr(expected, name) - getattr(found, name)).abs().max() < 1e-10, name
    save_weights(model, tmp_path, checkpoint.meaning.carried, checkpoint.meaning.dialect.name)
    given, back = load_file(folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert given.keys() == back.keys()
    assert all(torch.equal(tensor, back[name]) for name, tensor in given.items())
    _, info = DetrForSegmentation.from_pretrained(tmp_path, output_loading_info=True)
    assert [(kind, named) for kind, named in info.items() if named] == []


def test_configs_of_old_name_the_network_outside(saved: tuple[Any, Path], tmp_path: Path) -> None:
    _, folder = saved
    config = json.loads((folder / "config.json").read_text())
    inner = config.pop("backbone_config")
    config |= {
        "backbone": inner["backbone"], "use_timm_backbone": True, "backbone_config": None, "classifier_dropout": 0.0,
        "max_position_embeddings": 1024, "num_hidden_layers": 1, "scale_embedding": False,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    with pytest.raises(BestiaryError, match="leaves the folder"):
        load_weights(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    save_file(load_file(folder / "model.safetensors"), tmp_path / "model.safetensors")
    old, new = load_weights(tmp_path)[0], load_weights(folder)[0]
    assert old.spec == new.spec
    assert all(torch.equal(tensor, new.state_dict()[name]) for name, tensor in old.state_dict().items())


def test_masks_are_left_out_where_boxes_alone_are_wanted(saved: tuple[Any, Path]) -> None:
    _, folder = saved
    model, checkpoint = load_weights(folder, task="object-detection")
    assert list(model.spec.heads) == ["classes", "boxes"]
    assert all(name.startswith(("mask_head.", "bbox_attention.")) for name in checkpoint.left_out)
    assert len(checkpoint.left_out) == 2 * (5 + 5 + 3 + 1 + 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": "resnet18"}, "'backbone' is 'resnet18', which we do not know"),
        ({"position_embedding_type": "learned"}, "learned positions were never published"),
        ({"backbone_config": {"backbone": "resnet50", "output_stride": 8}}, "'output_stride' is 8"),
        ({"backbone_config": {"backbone": "resnet50", "width": 8}}, "'width' is a key that we do not know"),
        ({"backbone_config": 3}, "'backbone_config' is 3"),
        ({"backbone_config": {"model_type": "resnet", "layer_type": "basic"}}, "only networks of bottlenecks"),
        ({"backbone_config": {"model_type": "resnet", "hidden_sizes": [6, 8]}}, "multiples of 4"),
        ({"backbone_config": {"model_type": "resnet"}, "dilation": True}, "are not dilated"),
        ({"num_queries": 0}, "'num_queries' is 0"),
        ({"d_model": 30, "encoder_attention_heads": 5, "decoder_attention_heads": 5}, "multiple of 4"),
    ],
)
def test_configs_that_cannot_be_obeyed_are_one_sentence(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    config = {"model_type": "detr", "architectures": ["DetrForObjectDetection"]}
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    save_file({"none": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(BestiaryError, match=r"config\.json: ") as caught:
        load_weights(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("training", [False, True])
def test_norms_of_batches_are_torchvision_s(training: bool) -> None:
    from torchvision.models.resnet import Bottleneck, ResNet

    layer = perturbed(ResNet(Bottleneck, [1, 2, 1, 1])).layer2.train(training)
    ours = Stage(StageNode(128, 2, Strided()), 256, BatchNorm()).double().train(training)
    names = {"bn": "norm", "downsample.0": "shortcut", "downsample.1": "shortcut_norm"}
    state = {}
    for name, tensor in layer.state_dict().items():
        for theirs, mine in names.items():
            name = name.replace(theirs, mine)
        state |= {} if name.endswith("num_batches_tracked") else {f"blocks.{name}": tensor.clone()}
    ours.load_state_dict(state)
    grid = torch.randn(2, 256, 10, 7, dtype=torch.float64)
    assert (layer(grid) - ours(grid)).abs().max() < 1e-10
    kept = {f"blocks.{name.replace('bn', 'norm')}": tensor for name, tensor in layer.state_dict().items()}
    for name, tensor in ours.state_dict().items():
        if "shortcut" not in name:
            assert (kept[name] - tensor).abs().max() < 1e-12, name


def test_objects_are_those_that_the_reference_finds() -> None:
    torch.manual_seed(0)
    answer = Output(torch.zeros(0), logits=3 * torch.randn(2, 30, 6), pred_boxes=torch.rand(2, 30, 4))
    sizes = [(480, 640), (333, 500)]
    expected = DetrImageProcessorPil().post_process_object_detection(answer, 0.5, sizes)
    assert answer.logits is not None and answer.pred_boxes is not None
    for theirs, ours in zip(expected, objects(answer.logits, answer.pred_boxes, sizes), strict=True):
        order = theirs["scores"].argsort(descending=True)
        assert len(order) > 3
        assert [one.label for one in ours] == theirs["labels"][order].tolist()
        assert torch.equal(torch.tensor([one.score for one in ours]), theirs["scores"][order])
        assert torch.allclose(torch.tensor([one.box for one in ours]), theirs["boxes"][order], atol=1e-3)


@torch.no_grad()
def test_padding_that_is_named_changes_little() -> None:
    model = build(api.spec("detr:tiny"), seed=0).double()
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 96, 64, dtype=torch.float64)
    wide, mask = torch.zeros(1, 3, 96, 96, dtype=torch.float64), torch.zeros(1, 96, 96)
    wide[..., :64], mask[..., :64] = picture, 1
    alone, padded = model(picture), model(wide, mask)
    named, unnamed = ((other.pred_boxes - alone.pred_boxes).abs().max() for other in (padded, model(wide)))
    # Behind the first convolution, padding is no longer zero: what stands at the picture's edge sees a little of it.
    assert named < unnamed / 5


def test_images_and_masks_that_do_not_fit_are_one_sentence() -> None:
    model = build(api.spec("detr:tiny"), seed=0)
    with pytest.raises(BestiaryError, match=r"reads \[batch, 3, height, width\]"):
        model(torch.zeros(1, 1, 64, 64))
    with pytest.raises(BestiaryError, match="pixel_mask has shape"):
        model(torch.zeros(1, 3, 64, 64), torch.ones(1, 64, 32))


def test_what_is_found_is_listed_and_drawn(tmp_path: Path) -> None:
    pixels = np.full((80, 120, 3), 255, dtype=np.uint8)
    photo, out = tmp_path / "photo.png", tmp_path / "boxes.png"
    Image.fromarray(pixels).save(photo)
    code, text, err = bestiary("run", "detr:tiny", str(photo), "--out", str(out), "--json")
    answer = json.loads(text)
    assert (code, answer["job"]) == (0, "detect"), err
    assert len(answer["results"]) == 5
    assert all(len(row["box"]) == 4 and 0 < row["score"] < 1 for row in answer["results"])
    drawn = np.asarray(Image.open(out))
    assert drawn.shape == pixels.shape
    assert 0 < (drawn != 255).any(-1).mean() < 1
    code, text, _ = bestiary("run", "detr:tiny")
    assert code == 0
    assert text.splitlines()[0].split("\t") == ["label", "score", "left, top, right, bottom", "input"]
    assert "an image of noise" in text


def test_a_checkpoint_is_read_with_its_own_processor(tmp_path: Path) -> None:
    model = build(make("detr", dim=16, depth=1, heads=2, hidden=8, queries=3, labels=2, net=TINY), seed=0)
    api.save(model, tmp_path)
    DetrImageProcessorPil(size={"shortest_edge": 40, "longest_edge": 60}).save_pretrained(tmp_path)
    loaded = api.load(tmp_path)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8))
    given = loaded.processor([picture])
    assert given["pixel_values"].shape == (1, 3, 33, 60)
    assert DetrForObjectDetection.from_pretrained(tmp_path)(**given).logits.shape == loaded(**given).logits.shape


TINY = {"architecture": "resnet", "stem": 8, "widths": (4, 4, 4, 8), "blocks": (1, 1, 1, 1)}
