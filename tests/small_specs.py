"""A small, odd model of each architecture that reads more than text; tests of specs and of sizes go over them all."""

from __future__ import annotations

from typing import Any

from bestiary.architectures import make, with_task
from bestiary.spec import WindowBias

IMAGE: dict[str, Any] = {"dim": 24, "depth": 3, "heads": 4, "hidden": 40, "image": 12, "patch": 4}
PYRAMID: dict[str, Any] = {"dim": 12, "depths": (2, 3), "heads": (2, 4), "window": 2, "image": 16, "patch": 2}
DECODER = {"decoder_dim": 20, "decoder_depth": 2, "decoder_heads": 2, "decoder_hidden": 36}

OTHERS: dict[str, Any] = {
    "vit": make("vit", **IMAGE, labels=5),
    "deit": make("deit", **IMAGE, labels=5),
    "beit": make("beit", **IMAGE, labels=5),
    "dinov2": make("dinov2", dim=24, depth=3, heads=4, ratio=2, image=12, patch=4),
    "mae": make("mae", **IMAGE, **DECODER),
}
"""By the name of the architecture."""

VARIANTS: dict[str, Any] = {
    "beit that fills masks": with_task(
        make("beit", **IMAGE, mask=True, bias="shared", pool="first", learned_positions=True), "beit",
        "masked-image-modeling",
    ),
    "dinov2 gated": with_task(
        make("dinov2", dim=24, depth=2, heads=4, image=12, patch=4, gated=True), "dinov2", "image-classification", 5
    ),
    "gcvit": make("gcvit", dim=12, depths=(2, 3), heads=(2, 4), windows=(2, 1), image=16, labels=5, scale=0.1),
    "swin": make("swin", **PYRAMID, labels=5),
    "swinv2": make("swinv2", **PYRAMID, labels=5, trained=(0, 3)),
    "swinv2 normed between": make("swinv2", **PYRAMID, labels=5, main_norms=2),
    "swin_masked": make("swin_masked", **PYRAMID),
    "swinv2_masked": make("swinv2_masked", **PYRAMID),
    "window": make("vit", **IMAGE, labels=5).at("embed.extra", 0).at("stack.layers[*].attn.position", WindowBias(3)),
}  # fmt: skip
"""Kinds of nodes that those do not have."""
