"""Small models that read texts and images, and what each is called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.spec import FirstSummary, ImageEmbedding, LayerNorm, Model

TEXT: dict[str, Any] = {"dim": 16, "depth": 2, "heads": 4, "hidden": 24, "vocab": 50, "length": 9, "width": 6}

BUILT: dict[str, Model] = {
    "clip_text": make("clip_text", **TEXT, end=8),
    "clip_text, ended by the highest": make("clip_text", **TEXT, end=None),
    "a first token's summary": make("clip_text", **TEXT).with_heads(  # type: ignore[attr-defined]
        {"pool": FirstSummary(LayerNorm()), "embedding": ImageEmbedding(6, bias=True)}
    ),
}


def given(model: Model) -> dict[str, Tensor]:
    """Return one text or image, or one of each, as a model reads them."""
    return {"input_ids": torch.arange(9)[None] % 7 + 2}
