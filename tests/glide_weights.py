"""GLIDE as its published code computed it: weights drawn by name, and what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SIZES: dict[str, Any] = {
    "dim": 24, "depth": 2, "heads": 3, "width": 32, "upper_dim": 16, "upper_depth": 1, "upper_heads": 2,
    "upper_width": 32, "size": 8, "upper_size": 16, "levels": (1, 2), "upper_levels": (1, 1), "attends": (0, 1),
    "upper_attends": (0, 1), "cells": 1, "upper_cells": 2, "vocab": 300, "length": 7, "head_dim": 16, "dropout": 0.0,
}  # fmt: skip


def drawn(shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """Draw weights by the order of their names: gains near one, all else near zero, none of them equal."""
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.randn(shapes[name], generator=generator, dtype=torch.float64) * 0.1
        + (name.endswith("weight") and len(shapes[name]) == 1)
        for name in sorted(shapes)
    }


def inputs() -> dict[str, Tensor]:
    """Return two texts, one of them padded, noisy pictures and their times, and small pictures."""
    generator = torch.Generator().manual_seed(8)
    keep = torch.ones(2, 7, dtype=torch.long)
    keep[1, 4:] = 0
    return {
        "input_ids": torch.randint(300, (2, 7), generator=generator),
        "attention_mask": keep,
        "small": torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64),
        "large": torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64),
        "timestep": torch.tensor([3, 721]),
    }
