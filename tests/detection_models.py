"""Small detectors, and what each is called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.spec import Model

NETWORK: dict[str, Any] = {"architecture": "resnet", "stem": 8, "widths": (4, 8, 4, 12), "blocks": (1, 2, 1, 2)}
SIZES: dict[str, Any] = {
    "dim": 32, "depth": 2, "heads": 8, "hidden": 20, "queries": 5, "labels": 3, "decoder_depth": 1,
    "decoder_heads": 4, "decoder_hidden": 24, "image": (67, 101),
}  # fmt: skip

BUILT: dict[str, Model] = {
    "detr": make("detr", **SIZES, net=NETWORK),
    "detr_masks": make("detr_masks", **SIZES, net=NETWORK),
    "detr_masks, dilated": make("detr_masks", **SIZES, net=NETWORK | {"dilated": True}),
}


def given(model: Any) -> dict[str, Tensor]:
    """Return one image of the size that operations are counted for."""
    return {"pixel_values": torch.zeros(1, model.net.channels, *model.image)}
