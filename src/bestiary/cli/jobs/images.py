"""Jobs on pictures: labeling what they show, comparing them, restoring what is hidden of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.cli.jobs.job import TOP, Answers, Job, Settings
from bestiary.cli.jobs.label import label
from bestiary.cli.output import print_table
from bestiary.errors import BestiaryError

NOISE = "an image of noise"
"""What a twin is shown that is given no picture."""


Seeing = spec.Patches | spec.NormFreeNet | spec.ConvNet
"""What reads squares of pixels first: each has ``image``, their side, and ``channels``."""


def seeing(model: spec.Model) -> Seeing | None:
    """Return what reads a model's pictures, or ``None`` when it reads none."""
    return next((node for _, node in spec.walk_once(model) if isinstance(node, Seeing)), None)


def read_pictures(model: Any, files: list[str], settings: Settings) -> tuple[dict[str, Tensor], list[str]]:
    """Return a model's input of image files, and their names; an untrained twin that is given none reads noise."""
    embed = seeing(model.spec)
    assert embed is not None and embed.image is not None, "a model that reads squares says how large they are"
    if not files:
        if not settings.twin:
            raise BestiaryError("this model reads pictures; write the names of image files after its own")
        noise = torch.Generator().manual_seed(settings.seed)
        shape = (1, embed.channels, embed.image, embed.image)
        return {"pixel_values": torch.rand(shape, generator=noise)}, [NOISE]
    processor = model.processor or plain(embed)
    given = processor(files)
    return {name: value.to(model.device) for name, value in given.items()}, files


def plain(embed: Seeing) -> Any:
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


def compare(model: Any, files: list[str], settings: Settings) -> Answers:
    """Return how alike each picture's vector is to the first one's; a twin that is given none reads noise twice."""
    if len(files) == 1:
        raise BestiaryError("this model compares pictures; write the names of two files or more")
    given, names = _pairs(model, files, settings)
    with torch.inference_mode():
        vectors = torch.nn.functional.normalize(model(**given).pooler_output.float(), dim=-1)
    likeness = (vectors[1:] @ vectors[0]).tolist()
    ranked = sorted(zip(likeness, names[1:], strict=True), reverse=True)
    return [{"input": name, "to": names[0], "similarity": number} for number, name in ranked]


def _pairs(model: Any, files: list[str], settings: Settings) -> tuple[dict[str, Tensor], list[str]]:
    if files:
        return read_pictures(model, files, settings)
    one, _ = read_pictures(model, files, settings)
    two, _ = read_pictures(model, files, replace(settings, seed=settings.seed + 1))
    given = {name: torch.cat((value, two[name])) for name, value in one.items()}
    return given, [NOISE, "another one"]


def _show_compared(model: Any, files: list[str], settings: Settings) -> None:
    answers = compare(model, files, settings)
    print_table(("similarity", "input"), [(f"{answer['similarity']:.4f}", answer["input"]) for answer in answers])


def restore(model: Any, files: list[str], settings: Settings) -> Answers:
    """Hide patches of each picture, tell them from the others, and return how far off the pixels are.

    With ``out``, the first picture is written as it was, with its patches hidden, and restored, side by side.
    """
    from bestiary.data.images import checked_name

    if settings.out is not None:
        checked_name(settings.out)
    given, names = read_pictures(model, files, settings)
    pixels, side = given["pixel_values"].to(model.dtype), model.spec.embed.patch
    torch.manual_seed(settings.seed)
    with torch.inference_mode():
        answer = model(pixels)
    true = F.unfold(pixels.float(), side, stride=side).transpose(1, 2)
    # Theirs run over the colors of a pixel first, the cut ones over the pixels of a color.
    told = answer.logits.float().unflatten(-1, (side * side, -1)).transpose(-1, -2).flatten(-2)
    if model.checkpoint and model.checkpoint.meaning.carried.get("norm_pix_loss"):
        told = told * true.std(-1, keepdim=True) + true.mean(-1, keepdim=True)
    hidden = answer.mask[..., None]
    if settings.out is not None:
        stages = torch.stack((true[0], true[0] * (1 - hidden[0]), torch.where(hidden[0] > 0, told[0], true[0])))
        whole = F.fold(stages.transpose(1, 2), pixels.shape[-2:], side, stride=side)
        write_picture(torch.cat(list(whole), dim=-1), model, settings.out)
    errors = ((told - true) ** 2 * hidden).sum((1, 2)) / hidden.sum((1, 2)) / true.shape[-1]
    return [
        {"input": name, "hidden": int(masked.sum()), "patches": len(masked), "squared_error": error}
        for name, masked, error in zip(names, answer.mask, errors.tolist(), strict=True)
    ]


def _show_restored(model: Any, files: list[str], settings: Settings) -> None:
    rows = [
        (f"{a['hidden']} of {a['patches']}", f"{a['squared_error']:.4f}", a["input"])
        for a in restore(model, files, settings)
    ]
    print_table(("hidden patches", "squared error", "input"), rows)


def write_picture(pixels: Tensor, model: Any, path: Path) -> None:
    """Write ``[channels, height, width]``, normalized as the model reads it, as an image file."""
    from PIL import Image

    from bestiary.data.images import save_image
    from bestiary.data.images.settings import STANDARD

    mean, std = (model.processor and model.processor.settings.normalize) or STANDARD
    scale, shift = (torch.tensor(numbers)[: len(pixels), None, None] for numbers in (std, mean))
    colors = ((pixels.cpu() * scale + shift).clamp(0, 1) * 255).round().to(torch.uint8)
    array = colors[0].numpy() if len(colors) == 1 else colors.permute(1, 2, 0).numpy()
    save_image(Image.fromarray(array), path)


JOBS: dict[str, Job] = {
    "classify-image": Job(classify, _show),
    "compare-images": Job(compare, _show_compared),
    "restore-image": Job(restore, _show_restored),
}
