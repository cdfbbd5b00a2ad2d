"""Cascades: a folder of what draws small pictures and what enlarges them, as GLIDE's files are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bestiary import nn
from bestiary.errors import BestiaryError
from bestiary.nn import skeleton
from bestiary.spec import Cascade, TextDiffusion, TextUpscaler, check
from bestiary.weights.load import Checkpoint, load_weights
from bestiary.weights.save import save_weights
from bestiary.weights.tokenizer import tokenizer_of

NAMES = (("base", "upsample"), ("base_inpaint", "upsample_inpaint"))
"""Files, with ``.pt`` behind, or folders: as published, and as we write them."""


@dataclass(frozen=True)
class Files:
    """Where a cascade's parts came from."""

    path: Path
    parts: Mapping[str, Checkpoint]


def found(path: Path) -> tuple[Path, Path] | None:
    """Return the two parts of the cascade in a folder, ``None`` where it holds none."""
    for names in NAMES:
        for kind in (".pt", ""):
            parts = tuple(path / f"{name}{kind}" for name in names)
            if all(part.exists() for part in parts):
                return parts[0], parts[1]
    return None


def load_cascade(
    path: Path, parts: tuple[Path, Path], dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> tuple[nn.Model, Files]:
    """Load both parts of a cascade into one module in evaluation mode; raise ``BestiaryError`` if they are none."""
    (small, first), (large, second) = (load_weights(part, dtype=dtype, device=device) for part in parts)
    for model, kind, part in ((small, TextDiffusion, parts[0]), (large, TextUpscaler, parts[1])):
        if not isinstance(model.spec, kind):
            raise BestiaryError(f"{part} holds a {type(model.spec).__name__}, not a {kind.__name__}")
    try:
        node = check(Cascade(small.spec.dim, small.spec, (large.spec,)))
    except BestiaryError as error:
        raise BestiaryError(f"{path}: {error}") from None
    model: Any = skeleton(node)
    model.text, model.upscalers[0] = small, large
    model.tokenizer = tokenizer_of(first)
    return model.eval(), Files(path, {"base": first, "upsample": second})


def save_cascade(model: Any, folder: str | Path) -> Path:
    """Write each part of a cascade into a folder of its own; return the whole one's path."""
    folder = Path(folder)
    if len(model.upscalers) != 1:
        raise BestiaryError(f"a folder of this kind holds one part that enlarges, not {len(model.upscalers)}")
    for name, part in zip(NAMES[0], (model.text, model.upscalers[0]), strict=True):
        save_weights(part, folder / name, dialect="glide")
    if model.tokenizer is not None:
        model.tokenizer.save(folder)
    return folder
