"""A forward pass of ViT-B/16 and of Swin-T over images of 224 pixels, beside transformers and timm.

Weights are fresh: they do not matter to time. The three are interleaved within each round, in float32 on one thread of
the CPU, whose own time is taken: a busy machine changes it little. Medians are reported, each with its ratio to ours.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

import bestiary

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import_module("torchvision_ops")  # before timm imports torchvision, whose kernels need not be there

Models = dict[str, Callable[[torch.Tensor], Any]]


def of(kind: str) -> Any:
    """Return the usual config of a kind of model, with the labels of ImageNet."""
    import transformers

    return transformers.AutoConfig.for_model(kind, num_labels=1000)


def vit_b16() -> Models:
    """Return ViT-B/16 of each library."""
    import timm
    import transformers

    return {
        "bestiary": bestiary.build("vit:b16", seed=0).eval(),
        "transformers": transformers.AutoModelForImageClassification.from_config(of("vit")).eval(),
        "timm": timm.create_model("vit_base_patch16_224").eval(),
    }


def swin_t() -> Models:
    """Return Swin-T of each library."""
    import timm
    import transformers

    return {
        "bestiary": bestiary.build("swin:t", seed=0).eval(),
        "transformers": transformers.AutoModelForImageClassification.from_config(of("swin")).eval(),
        "timm": timm.create_model("swin_tiny_patch4_window7_224").eval(),
    }


@torch.inference_mode()
def seconds(models: Models, batch: int, rounds: int) -> dict[str, float]:
    """Return the median seconds of a pass of each model, the first round left out."""
    pixels = torch.randn(batch, 3, 224, 224)
    took: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds + 1):
        for name, model in models.items():
            start = time.process_time()
            model(pixels)
            took[name].append(time.process_time() - start)
    return {name: statistics.median(times[1:]) for name, times in took.items()}


def main(rounds: int = 9) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"forward pass on one thread, median of {rounds} interleaved rounds")
    for label, make in (("ViT-B/16", vit_b16), ("Swin-T", swin_t)):
        models = make()
        for batch in (1, 8):
            medians = seconds(models, batch, rounds)
            for name, median in medians.items():
                ratio = median / medians["bestiary"]
                print(f"{label:9} batch {batch}  {name:13} {median * 1000:8.1f} ms  {ratio:5.2f}x")


if __name__ == "__main__":
    main()
