"""Robots that follow an instruction: the network against timm's, the counts of the release, what hides from what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from command_line import bestiary

import bestiary as package
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.spec import FilmNet, Looks

SMALL: dict[str, Any] = {
    "dim": 16, "depth": 2, "heads": 2, "head_dim": 6, "wide": 0.25, "deep": 1.0, "image": 75, "images": 2, "tokens": 3,
    "actions": 4, "bins": 9, "context": 5,
}  # fmt: skip


def test_the_release_holds_as_many_numbers() -> None:
    # variables.index of the released rt1main lists 35,339,430 float32 numbers: what is trained, the statistics of
    # batch norms, and the mean and variance of pixels, three each.
    model = build(package.spec("rt-1"), device="meta")
    numbers = [sum(tensor.numel() for tensor in tensors) for tensors in (model.parameters(), model.buffers())]
    assert sum(numbers) + 6 == 35_339_430
    assert package.count("rt-1").total == numbers[0] == 35_252_128


@torch.no_grad()
def test_without_an_instruction_it_is_efficientnet() -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("tf_efficientnet_b0").double().eval()
    for tensor in (*theirs.parameters(), *theirs.buffers()):
        if tensor.is_floating_point():
            tensor += 0.05 * torch.rand_like(tensor)
    embed = make("rt1", **{**SMALL, "wide": 1.0, "image": 64}).at("embed")
    assert isinstance(embed, Looks) and isinstance(embed.net, FilmNet)
    from bestiary.nn.robots import FilmNet as Net

    ours = Net(embed.net, 16).double().eval()
    blocks = [block for stage in theirs.blocks for block in stage]  # type: ignore[union-attr]
    copy(ours.stem, theirs.conv_stem), copy(ours.stem_norm, theirs.bn1)
    copy(ours.top, theirs.conv_head), copy(ours.top_norm, theirs.bn2)
    for mine, its in zip(ours.blocks, blocks, strict=True):
        widened = hasattr(its, "conv_pwl")
        if widened:
            copy(mine.expand, its.conv_pw), copy(mine.expand_norm, its.bn1)
        copy(mine.depth, its.conv_dw), copy(mine.depth_norm, its.bn2 if widened else its.bn1)
        copy(mine.squeeze, its.se.conv_reduce), copy(mine.excite, its.se.conv_expand)
        copy(mine.project, its.conv_pwl if widened else its.conv_pw)
        copy(mine.project_norm, its.bn3 if widened else its.bn2)
    for film in (block.film for block in ours.blocks):
        for parameter in film.parameters():  # type: ignore[union-attr]
            parameter.zero_()
    # At 64 pixels every halving is even, where the release pads as TensorFlow does.
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected = theirs.forward_features(images)  # type: ignore[operator]
    found = ours.features(images, torch.randn(2, 5, dtype=torch.float64))
    assert expected.abs().max() > 1e-3
    assert (expected - found).abs().max() < 1e-10 * expected.abs().max()


def copy(mine: Any, its: Any) -> None:
    for name, tensor in its.state_dict().items():
        if name != "num_batches_tracked":
            getattr(mine, name).data = tensor.reshape(getattr(mine, name).shape).clone()


def perturbed() -> Any:
    torch.manual_seed(0)
    model = build(make("rt1", **SMALL), seed=0).double()
    for parameter in model.parameters():
        parameter.data += 0.4 * torch.randn_like(parameter)
    return model


def test_motions_hide_from_motions_and_looks_from_what_comes() -> None:
    from bestiary.nn.context import Context
    from bestiary.nn.masks import self_mask
    from bestiary.spec import Causal, HiddenActions

    context = Context(torch.arange(10)[None], 10)
    seen = self_mask((Causal(), HiddenActions(3, 2)), context)
    assert seen is not None
    for query in range(10):
        keys = [key for key in range(query + 1) if key % 5 < 3 or query % 5 < 3]
        assert seen[0, 0, query].nonzero()[:, 0].tolist() == keys


@torch.no_grad()
def test_an_instruction_changes_what_is_done_and_a_later_look_no_earlier_motion() -> None:
    model = perturbed()
    looks, told = torch.randn(1, 2, 3, 75, 75, dtype=torch.float64), torch.randn(1, 5, dtype=torch.float64)
    first = model(looks, told).logits
    assert first.shape == (1, 2, 4, 9)
    assert (first - model(looks, told + 1).logits).abs().max() > 1e-6
    later = looks.clone()
    later[:, 1] += 1
    changed = (first - model(later, told).logits).abs()
    assert changed[:, 0].max() == 0 and changed[:, 1].max() > 1e-6


def test_gradients_reach_all_but_the_map_of_past_motions() -> None:
    model = perturbed().train()
    model(torch.randn(2, 2, 3, 75, 75).double(), torch.randn(2, 5).double()).logits.square().sum().backward()
    missed = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missed == ["embed.past.weight", "embed.past.bias"]


def test_looks_of_another_shape() -> None:
    with pytest.raises(BestiaryError, match=r"pixel_values must be \[batch, 2, 3, 75, 75\]"):
        perturbed()(torch.zeros(1, 2, 3, 64, 64), torch.zeros(1, 5))


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_a_twin_looks_and_acts(environment: str, tmp_path: Path) -> None:
    out = tmp_path / "episode.gif"
    code, said, remarks = bestiary(f"run rt-1:tiny {environment} --max-new-tokens 3 --json --out", str(out))
    assert code == 0, remarks
    assert json.loads(said)["results"][0]["steps"] == 3 and out.read_bytes()[:3] == b"GIF"
