"""Finding objects in pictures: what they are, how sure that is, and where they stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bestiary.cli.jobs.images import NOISE
from bestiary.cli.jobs.job import TOP, Answers, Job, Settings
from bestiary.cli.jobs.label import label
from bestiary.cli.jobs.pictures import name_files
from bestiary.cli.output import print_table, remark
from bestiary.errors import BestiaryError
from bestiary.spec import Detector

if TYPE_CHECKING:
    from PIL.Image import Image


def job_of(model: Any) -> str | None:
    """Return the job of a model that finds objects, ``None`` of any other."""
    finds = isinstance(model, Detector) and {"classes", "boxes"} <= set(model.heads)
    return "detect" if finds else None


def _detect(model: Any, files: list[str], settings: Settings) -> Answers:
    """Return the objects of each picture; of a twin, which is sure of nothing, those that it is least unsure of.

    With ``out``, the pictures are written with boxes around what was found in them.
    """
    from bestiary.data.images import checked_name
    from bestiary.data.images.boxes import objects

    outs = [] if settings.out is None else name_files(checked_name(settings.out), max(1, len(files)))
    pictures, names = _pictures(model, files, settings)
    answers: Answers = []
    for index, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        given = _read(model, picture)
        with torch.inference_mode():
            answer = model(**given)
        threshold = 0.0 if settings.twin else 0.5
        sizes = [(picture.height, picture.width)]
        found = objects(answer.logits.float(), answer.pred_boxes.float(), sizes, threshold)[0]
        found = found[:TOP] if settings.twin else found
        rows = [
            {"input": name, "label": label(model, one.label), "score": one.score, "box": [round(x, 2) for x in one.box]}
            for one in found
        ]
        if outs:
            _draw(picture, rows, outs[index])
        answers += rows
    return answers


def _pictures(model: Any, files: list[str], settings: Settings) -> tuple[list[Image], list[str]]:
    """Open picture files; an untrained twin that is given none reads noise."""
    from bestiary.data.images import open_image

    if files:
        return [open_image(file) for file in files], files
    if not settings.twin:
        raise BestiaryError("this model reads pictures; write the names of image files after its own")
    from PIL import Image

    height, width = model.spec.image
    noise = torch.Generator().manual_seed(settings.seed)
    pixels = torch.randint(0, 256, (height, width, 3), generator=noise, dtype=torch.uint8)
    return [Image.fromarray(pixels.numpy(), "RGB")], [NOISE]


def _read(model: Any, picture: Image) -> dict[str, Tensor]:
    given = (model.processor or _usual(model.spec))([picture])
    given["pixel_values"] = given["pixel_values"].to(model.dtype)
    return {name: value.to(model.device) for name, value in given.items()}


def _usual(spec: Detector) -> Any:
    """What a twin reads pictures with, and a checkpoint that came without a file on it: as large as it is made for."""
    from bestiary.data.images import Preprocessor, read_settings

    size = {"shortest_edge": min(spec.image), "longest_edge": max(spec.image)}
    config = {"image_processor_type": "DetrImageProcessor", "size": size}
    return Preprocessor(read_settings(config, ""), spec.net.channels)


COLORS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080")


def _draw(picture: Image, rows: Answers, file: Path) -> None:
    """Write a picture with a box around each object, its label and score beside it."""
    from PIL import ImageDraw

    from bestiary.data.images import save_image

    shown = picture.convert("RGB")
    pen = ImageDraw.Draw(shown)
    line = max(1, min(shown.size) // 200)
    for index, row in enumerate(rows):
        color = COLORS[index % len(COLORS)]
        left, top, right, bottom = row["box"]
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=color, width=line)
        text = f"{row['label']} {row['score']:.2f}"
        corner = (max(0.0, left) + line, max(0.0, top) + line)
        pen.rectangle(pen.textbbox(corner, text), fill=color)
        pen.text(corner, text, fill="white")
    save_image(shown, file)


def _show(model: Any, files: list[str], settings: Settings) -> None:
    answers = _detect(model, files, settings)
    if not answers:
        remark("nothing was found that is likelier than not")
    rows = [(a["label"], f"{a['score']:.4f}", ", ".join(f"{x:.1f}" for x in a["box"]), a["input"]) for a in answers]
    print_table(("label", "score", "left, top, right, bottom", "input"), rows)


JOBS: dict[str, Job] = {"detect": Job(_detect, _show)}
