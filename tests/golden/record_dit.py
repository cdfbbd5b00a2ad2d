"""Record what DiT's published code computes: run by hand, with a clone of facebookresearch/DiT at the commit below.

    python tests/golden/record_dit.py CLONE

Commit ed81ce2229091fd4ecc9a223645f95cf379d582b, with torch, timm 1.0.31 and numpy. Waves are made in float32 and cast;
weights are drawn by name, and only their shapes and the answers are kept.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import torchvision_ops  # noqa: E402, F401  # before a reference imports torchvision
from glide_weights import drawn  # noqa: E402

SIZES: dict[str, Any] = {
    "input_size": 6, "patch_size": 2, "in_channels": 3, "hidden_size": 24, "depth": 2, "num_heads": 3, "num_classes": 5,
}  # fmt: skip


def inputs() -> dict[str, torch.Tensor]:
    """Return noisy maps, their time steps and classes, one of them none."""
    generator = torch.Generator().manual_seed(4)
    sample = torch.randn(3, 3, 6, 6, generator=generator, dtype=torch.float64)
    return {"sample": sample, "timestep": torch.tensor([0, 20, 999]), "class_labels": torch.tensor([0, 4, 5])}


def main(clone: str) -> None:
    sys.path.insert(0, clone)
    code = importlib.import_module("models")
    waves = code.TimestepEmbedder.timestep_embedding
    code.TimestepEmbedder.timestep_embedding = staticmethod(lambda times, dim: waves(times, dim).double())
    model = code.DiT(**SIZES).double().eval()
    learned = {name: tensor for name, tensor in model.state_dict().items() if name != "pos_embed"}
    shapes = {name: list(tensor.shape) for name, tensor in learned.items()}
    model.load_state_dict(drawn(shapes), strict=False)
    given = inputs()
    with torch.no_grad():
        answer = model(given["sample"], given["timestep"], given["class_labels"])
    places = model.pos_embed.detach().float()  # as it is made and published
    save_file(
        {"answer": answer, "pos_embed": places}, HERE / "dit.safetensors", metadata={"shapes": json.dumps(shapes)}
    )


if __name__ == "__main__":
    main(sys.argv[1])
