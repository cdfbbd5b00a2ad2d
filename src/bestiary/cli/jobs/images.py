"""Jobs on pictures: labeling what they show."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.cli.jobs.job import TOP, Answers, Job, Settings
from bestiary.cli.jobs.label import label
from bestiary.cli.output import print_table
from bestiary.errors import BestiaryError


def patches(model: spec.Model) -> spec.Patches | None:
    """Return how a model cuts pictures, or ``None`` when it reads none."""
    return next((node for _, node in spec.walk_once(model) if isinstance(node, spec.Patches)), None)


def read_pictures(model: Any, files: list[str], settings: Settings) -> tuple[dict[str, Tensor], list[str]]:
    """Return a model's input of image files, and their names; an untrained twin that is given none reads noise."""
    embed = patches(model.spec)
    assert embed is not None
    if not files:
        if not settings.twin:
            raise BestiaryError("this model reads pictures; write the names of image files after its own")
        noise = torch.Generator().manual_seed(settings.seed)
        shape = (1, embed.channels, embed.image, embed.image)
        return {"pixel_values": torch.rand(shape, generator=noise)}, ["an image of noise"]
    processor = model.processor or _plain(embed)
    given = processor(files)
    return {name: value.to(model.device) for name, value in given.items()}, files


def _plain(embed: spec.Patches) -> Any:
    """What a twin reads pictures with, and a checkpoint that came without a file on it: resized, between -1 and 1."""
    from bestiary.data.images import Preprocessor, read_settings

    size = {"height": embed.image, "width": embed.image}
    return Preprocessor(read_settings({"image_processor_type": "ViTImageProcessor", "size": size}, ""), embed.channels)


def classify(model: Any, files: list[str], settings: Settings) -> Answers:
    """Return the likeliest labels of each picture."""
    given, names = read_pictures(model, files, settings)
    given["pixel_values"] = given["pixel_values"].to(model.dtype)
    with torch.inference_mode():
        likeliest = model(**given).logits.float().softmax(-1).sort(descending=True)
    rows = zip(names, likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    return [
        {"input": name, "label": label(model, index), "probability": probability}
        for name, indices, values in rows
        for index, probability in list(zip(indices, values, strict=True))[:TOP]
    ]


def _show(model: Any, files: list[str], settings: Settings) -> None:
    rows = [(a["label"], f"{a['probability']:.4f}", a["input"]) for a in classify(model, files, settings)]
    print_table(("label", "probability", "input"), rows)


JOBS: dict[str, Job] = {"classify-image": Job(classify, _show)}
