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
from bestiary.errors import BestiaryError
from bestiary.generate import draw_codes
from bestiary.spec import Cascade, CodeWriter, LatentDiffusion, PatchDenoiser, PixelDiffusion
from bestiary.untrusted import quoted


def job_of(model: Any) -> str | None:
    """Return the job of a model that makes images, ``None`` of any other."""
    kinds = Cascade | CodeWriter | LatentDiffusion | PatchDenoiser | PixelDiffusion
    return "draw" if isinstance(model, kinds) else None


def _draw(model: Any, texts: list[str], settings: Settings) -> Answers:
    if settings.out is None:
        raise BestiaryError("a picture needs a file to go to; add --out picture.png")
    if isinstance(model.spec, Cascade | CodeWriter | LatentDiffusion):
        if not texts:
            raise BestiaryError('this model draws what a text says; write one after its name, as in "a red cat"')
        pictures, names = _OF_TEXTS[type(model.spec)](model, texts, seed=settings.seed), texts
    elif isinstance(model.spec, PatchDenoiser):
        labels = [_label(text) for text in texts or ["0"]]
        pictures = torch.cat([diffuse.draw_class(model, label, seed=settings.seed) for label in labels])
        names = [f"three channels of the latent map of class {label}" for label in labels]
    else:
        if texts:
            raise BestiaryError("this model draws what it was trained on and reads no text; leave it out")
        pictures, names = diffuse.draw_any(model, seed=settings.seed), ["out of noise"]
    files = _files(settings.out, len(names))
    for picture, file in zip(pictures, files, strict=True):
        _write(picture, file)
    return [{"input": name, "picture": str(file)} for name, file in zip(names, files, strict=True)]


_OF_TEXTS: dict[type[Any], Callable[..., Tensor]] = {
    Cascade: diffuse.draw_cascade,
    CodeWriter: draw_codes,
    LatentDiffusion: diffuse.draw,
}


def _label(text: str) -> int:
    if not text.isdecimal():
        raise BestiaryError(f"this model draws by class: give the number of one, not {quoted(text)}")
    return int(text)


def _files(out: Path, count: int) -> list[Path]:
    """Name a file for each of several pictures: ``cat.png``, ``cat-2.png``."""
    return [out, *(out.with_stem(f"{out.stem}-{number}") for number in range(2, count + 1))]


def _write(picture: Tensor, file: Path) -> None:
    from PIL import Image

    pixels = (picture.float() * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    try:
        Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BestiaryError(f"{file} cannot be written ({reason}); give a path that ends in .png or .jpg") from None


def _show(model: Any, texts: list[str], settings: Settings) -> None:
    for answer in _draw(model, texts, settings):
        click.echo(f"{answer['picture']}: {answer['input']}")


JOBS: dict[str, Job] = {"draw": Job(_draw, _show)}
