"""Jobs of image makers: a picture of each text, or one of whatever the model knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from bestiary import diffuse
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.errors import BestiaryError, nearest
from bestiary.generate import draw_codes
from bestiary.spec import (
    Cascade,
    CodeWriter,
    LatentDiffusion,
    PatchDenoiser,
    PatchDiffusion,
    PixelDiffusion,
    PriorCascade,
    SharedTextCascade,
)
from bestiary.untrusted import quoted


def job_of(model: Any) -> str | None:
    """Return the job of a model that makes images, ``None`` of any other."""
    kinds = PatchDenoiser | PatchDiffusion | PixelDiffusion
    return "draw" if type(model) in _TOLD or isinstance(model, kinds) else None


_TOLD: dict[type[Any], Callable[..., Tensor]] = {
    Cascade: diffuse.draw_cascade,
    CodeWriter: draw_codes,
    LatentDiffusion: diffuse.draw,
    PriorCascade: diffuse.draw_by_vector,
    SharedTextCascade: diffuse.draw_shared,
}
"""What draws pictures of texts, by the kind of model."""


def _draw(model: Any, texts: list[str], settings: Settings) -> Answers:
    out = wanted(settings)
    draws = _TOLD.get(type(model.spec))
    if draws is not None:
        if not texts:
            raise BestiaryError('this model draws what a text says; write one after its name, as in "a red cat"')
        pictures, names = draws(model, texts, seed=settings.seed), texts
    elif isinstance(model.spec, PatchDenoiser | PatchDiffusion):
        labels = [_label(model, text) for text in texts or ["0"]]
        pictures = torch.cat([diffuse.draw_class(model, label, seed=settings.seed) for label in labels])
        what = "three channels of the latent map of class" if isinstance(model.spec, PatchDenoiser) else "class"
        names = [f"{what} {label}" for label in labels]
    else:
        if texts:
            raise BestiaryError("this model draws what it was trained on and reads no text; leave it out")
        pictures, names = diffuse.draw_any(model, seed=settings.seed), ["out of noise"]
    files = name_files(out, len(names))
    for picture, file in zip(pictures, files, strict=True):
        write_picture(picture, file)
    return [{"input": name, "picture": str(file)} for name, file in zip(names, files, strict=True)]


def _label(model: Any, text: str) -> int:
    """Return the class that a text names by its number, or by one of the names that the files have for it."""
    if text.isdecimal():
        return int(text)
    named: dict[int, str] = getattr(model.checkpoint, "labels", {})
    found = [label for label, names in named.items() if text in map(str.strip, names.split(","))]
    if not found:
        names = [name.strip() for several in named.values() for name in several.split(",")]
        raise BestiaryError(
            f"this model draws by class: give the number of one{' or its name' * bool(named)}, not {quoted(text)}"
            f"{nearest(text, names)}"
        )
    return found[0]


def wanted(settings: Settings) -> Path:
    """Return the file that a picture goes to; raises ``BestiaryError`` where there is none, or it cannot be one."""
    from bestiary.data.images import checked_name

    if settings.out is None:
        raise BestiaryError("a picture needs a file to go to; add --out picture.png")
    return checked_name(settings.out)


def name_files(out: Path, count: int) -> list[Path]:
    """Name a file for each of several pictures: ``cat.png``, ``cat-2.png``."""
    return [out, *(out.with_stem(f"{out.stem}-{number}") for number in range(2, count + 1))]


def write_picture(picture: Tensor, file: Path) -> None:
    """Write a picture from 0 to 1, ``[channels, H, W]``; raises ``BestiaryError`` where that cannot be."""
    from PIL import Image

    from bestiary.data.images import save_image

    pixels = (picture.float() * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    save_image(Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels), file)


def _show(model: Any, texts: list[str], settings: Settings) -> None:
    for answer in _draw(model, texts, settings):
        click.echo(f"{answer['picture']}: {answer['input']}")


JOBS: dict[str, Job] = {"draw": Job(_draw, _show)}
