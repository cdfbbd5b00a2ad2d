"""GC ViT against timm: every parameter perturbed, both in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torchvision_ops  # noqa: F401  # before timm imports torchvision
from torch import Tensor

from bestiary.architectures import make
from bestiary.nn import build
from bestiary.sizing import count
from bestiary.weights.dialects.timm import GCVIT
from bestiary.weights.keys import transfers

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


def renamed(theirs: Mapping[str, Tensor], ours: Any) -> dict[str, Tensor]:
    """Return timm's tensors by our names, as the dialect reads them; every one of them is read."""
    table, named = transfers(GCVIT.keys(ours.spec), ours.state_dict()), dict[str, Tensor]()
    assert {name for transfer in table for name in transfer.theirs} == theirs.keys()
    for transfer in table:
        values = [theirs[name] for name in transfer.theirs]
        for op in transfer.ops:
            values = list(op.read(values, ours.spec, len(transfer.ours)))
        named |= zip(transfer.ours, values, strict=True)
    return named


@pytest.mark.parametrize(("windows", "scale"), SHAPES)
def test_it_equals_the_reference(windows: tuple[int, ...], scale: float) -> None:
    theirs: Any = reference(windows, scale)
    node: Any = make("gcvit", dim=16, windows=windows, scale=scale, **SIZES)
    ours: Any = build(node).double().eval()
    ours.load_state_dict(renamed(theirs.state_dict(), ours))
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected, found = theirs(images), ours(images).logits
    assert (expected - found).abs().max() < 1e-10
    expected.square().sum().backward()
    found.square().sum().backward()
    grads = renamed({name: parameter.grad for name, parameter in theirs.named_parameters()}, ours)
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
