"""Networks without norms against timm: every parameter perturbed, both in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision_ops  # noqa: F401  # before timm imports torchvision
from torch import Tensor

from bestiary.nn import build
from bestiary.sizing import count
from bestiary.spec import NormFreeNet, ScaledStage, check

BLOCK = (("conv1", "conv1"), ("conv2b", "conv3"), ("conv2", "conv2"), ("conv3", "conv4"))
"""Names of a block's convolutions in timm and here, as timm's begin."""


def reference(depths: tuple[int, ...], widths: tuple[int, ...], stem: int, group: int, top: int) -> Any:
    from timm.models.nfnet import NfCfg, NormFreeNet

    torch.manual_seed(0)
    sizes = NfCfg(
        depths=depths, channels=widths, stem_type="deep_quad", stem_chs=stem, group_size=group, bottle_ratio=0.5,
        extra_conv=True, gamma_in_act=True, same_padding=True, skipinit=True, num_features=top, act_layer="gelu",
        attn_layer="se", attn_kwargs={"rd_ratio": 0.5},
    )  # fmt: skip
    model = NormFreeNet(sizes, num_classes=0).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def renamed(name: str, tensor: Tensor, depths: tuple[int, ...]) -> dict[str, Tensor]:
    """Return one of timm's tensors by our name."""
    words = name.split(".")
    tensor = tensor.flatten() if words[-1] == "gain" else tensor
    if words[0] == "stem":
        return {f"stem.{int(words[1][-1]) - 1}.{words[2]}": tensor}
    if words[0] == "final_conv":
        return {f"last.{words[1]}": tensor}
    block = f"blocks.{sum(depths[: int(words[1])]) + int(words[2])}"
    if words[3] == "skipinit_gain":
        return {f"{block}.skip": tensor}
    if words[3] == "attn_last":
        kind = {"fc1": "squeeze", "fc2": "excite"}[words[4]]
        return {f"{block}.weighing.{kind}.{words[5]}": tensor[:, :, 0, 0] if tensor.dim() == 4 else tensor}
    if words[3] == "downsample":
        return {f"{block}.shortcut.{words[5]}": tensor}
    return {f"{block}.{dict(BLOCK)[words[3]]}.{words[4]}": tensor}


SHAPES = [
    ((1, 2, 1, 1), (32, 64, 96, 96), 16, 16, 24, 64),
    ((2, 1, 2, 1), (32, 32, 64, 48), 32, 8, 40, 45),
    ((1, 3, 1, 1), (16, 32, 48, 32), 16, 8, 24, 90),  # sides that do not halve
]


@pytest.mark.parametrize(("depths", "widths", "stem", "group", "top", "side"), SHAPES)
def test_it_equals_the_reference(
    depths: tuple[int, ...], widths: tuple[int, ...], stem: int, group: int, top: int, side: int
) -> None:
    theirs = reference(depths, widths, stem, group, top)
    stages = tuple(ScaledStage(width, blocks) for width, blocks in zip(widths, depths, strict=True))
    node = check(NormFreeNet(top, stem, stages, group))
    ours: Any = build(node).double().eval()
    state: dict[str, Tensor] = {}
    for name, tensor in theirs.named_parameters():
        state |= renamed(name, tensor.detach(), depths)
    ours.load_state_dict(state)
    images = torch.randn(2, 3, side, side, dtype=torch.float64)
    expected, found = theirs.forward_features(images), ours.features(images)
    assert (expected - found).abs().max() < 1e-10
    expected.square().sum().backward()
    found.square().sum().backward()
    for name, parameter in theirs.named_parameters():
        assert parameter.grad is not None
        ((name, gradient),) = renamed(name, parameter.grad, depths).items()
        assert (ours.get_parameter(name).grad - gradient).abs().max() < 1e-8 * max(1.0, gradient.abs().max().item())
    total = sum(parameter.numel() for parameter in theirs.parameters())
    assert count(node).total == total == sum(parameter.numel() for parameter in ours.parameters())


@pytest.mark.parametrize("size", range(7))
def test_published_sizes_count_as_the_reference(size: int) -> None:
    import timm

    from bestiary.architectures import make

    with torch.device("meta"):
        theirs = timm.create_model(f"dm_nfnet_f{size}", num_classes=0)
    node = make("nfnet", stages=tuple((size + 1) * times for times in (1, 2, 6, 3)))
    assert count(node).total == sum(parameter.numel() for parameter in theirs.parameters())
