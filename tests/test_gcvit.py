"""GC ViT against timm: every parameter perturbed, both in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision_ops  # noqa: F401  # before timm imports torchvision
from torch import Tensor

from bestiary import spec
from bestiary.architectures import make
from bestiary.nn import build
from bestiary.sizing import count

SIZES: dict[str, Any] = {"depths": (2, 2, 3), "heads": (2, 4, 4), "image": 64, "labels": 5, "ratio": 2.0}
SHAPES = [((4, 4, 4), 0.1), ((16, 8, 2), 0.0), ((2, 4, 1), 0.1)]


def reference(windows: tuple[int, ...], scale: float) -> Any:
    from timm.models.gcvit import GlobalContextVit

    torch.manual_seed(0)
    model = GlobalContextVit(
        img_size=64, window_size=windows, embed_dim=16, depths=SIZES["depths"], num_heads=SIZES["heads"],
        mlp_ratio=2.0, layer_scale=scale or None, num_classes=5,
    ).double().eval()  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def renamed(name: str, tensor: Tensor, model: spec.Pyramid) -> dict[str, Tensor]:
    """Return one of timm's tensors by our names."""
    for theirs, ours in (
        ("stem.conv1", "embed.begin"), ("stem.down.", "embed.shrink."), ("head.fc", "heads.classifier.output"),
        ("stages.", "tiers."), (".global_block.blocks.conv", ".queries."), (".blocks.", ".stack.layers."),
        ("conv_block.", "block."), ("conv_dw", "deep"), ("conv_pw", "out"), ("se.fc1", "squeeze"),
        ("se.fc2", "excite"), (".norm1", ".norm_in"), (".norm2", ".norm_out"), ("reduction", "reduce"),
        ("mlp.fc1", "mlp.up"), ("mlp.fc2", "mlp.down"), ("ls1.gamma", "attn_scale"), ("ls2.gamma", "mlp_scale"),
        (".attn.rel_pos.relative_position_bias_table", ".attn.attention.position.weight"),
        (".attn.proj", ".attn.attention.o"), (".attn.qkv", ".attn.attention.qkv"),
    ):  # fmt: skip
        name = name.replace(theirs, ours)
    words = name.split(".")
    if ".stack.layers." in name:
        name = name.replace(".norm_in", ".attn_norm").replace(".norm_out", ".mlp_norm")
    elif words[0] == "tiers" and words[2] == "norm":
        name = name.replace(".norm.", ".stack.norm.")
    elif words[0] == "tiers" and words[2] == "downsample":
        name = name.replace(f"tiers.{words[1]}.downsample", f"tiers.{int(words[1]) - 1}.merge.shrink")
    elif words[0] == "tiers" and words[2] == "queries":
        name = name.replace(f"queries.{words[3]}", f"queries.{int(words[3]) - 1}")
    if name.endswith((".squeeze.weight", ".excite.weight", ".out.weight")):
        tensor = tensor[:, :, 0, 0]
    if ".qkv." not in name:
        return {name: tensor}
    asked = isinstance(model.at(name.split(".qkv")[0].replace("tiers.", "tiers[").replace(
        ".stack.layers.", "].stack.layers[").replace(".attn.", "].attn.")), spec.GlobalQueryAttention)  # fmt: skip
    letters = "kv" if asked else "qkv"
    return {name.replace("qkv", one): part for one, part in zip(letters, tensor.chunk(len(letters)), strict=True)}


@pytest.mark.parametrize(("windows", "scale"), SHAPES)
def test_it_equals_the_reference(windows: tuple[int, ...], scale: float) -> None:
    theirs: Any = reference(windows, scale)
    node: Any = make("gcvit", dim=16, windows=windows, scale=scale, **SIZES)
    ours: Any = build(node).double().eval()
    state: dict[str, Tensor] = {}
    for name, tensor in theirs.named_parameters():
        state |= renamed(name, tensor.detach(), node)
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected, found = theirs(images), ours(images).logits
    assert (expected - found).abs().max() < 1e-10
    expected.square().sum().backward()
    found.square().sum().backward()
    grads: dict[str, Tensor] = {}
    for name, parameter in theirs.named_parameters():
        assert parameter.grad is not None
        grads |= renamed(name, parameter.grad, node)
    for name, parameter in ours.named_parameters():
        assert (parameter.grad - grads[name]).abs().max() < 1e-8 * max(1.0, grads[name].abs().max().item()), name
    total = sum(parameter.numel() for parameter in theirs.parameters())
    assert count(node).total == total == sum(parameter.numel() for parameter in ours.parameters())


PUBLISHED = {"xxt": "xxtiny", "xt": "xtiny", "t": "tiny", "s": "small", "b": "base"}


@pytest.mark.parametrize("size", PUBLISHED)
def test_published_sizes_count_as_the_reference(size: str) -> None:
    import timm

    from bestiary import api

    with torch.device("meta"):
        theirs = timm.create_model(f"gcvit_{PUBLISHED[size]}")
    assert api.count(f"gc-vit:{size}").total == sum(parameter.numel() for parameter in theirs.parameters())
