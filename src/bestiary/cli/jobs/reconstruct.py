"""The job of autoencoders: pictures through what they are told in and back, or a picture of codes out of the air."""

from __future__ import annotations

from typing import Any

import click
import torch
from torch import Tensor

from bestiary import diffuse
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.cli.jobs.pictures import name_files, wanted, write_picture
from bestiary.data.images import Preprocessor, read_settings
from bestiary.sizing.feature_maps import latent_side
from bestiary.spec import Autoencoder, Codebook, DiscreteAutoencoder
from bestiary.spec.codes import code_side


def job_of(model: Any) -> str | None:
    """Return the job of an autoencoder, ``None`` of any other."""
    return "reconstruct" if isinstance(model, Autoencoder | DiscreteAutoencoder) else None


def _reconstruct(model: Any, files: list[str], settings: Settings) -> Answers:
    out = wanted(settings)
    with torch.inference_mode():
        answers = [_again(model, file) for file in files] or [_drawn(model, settings)]
    for (picture, answer), file in zip(answers, name_files(out, len(answers)), strict=True):
        write_picture(picture, file)
        answer["picture"] = str(file)
    return [answer for _, answer in answers]


def _again(model: Any, file: str) -> tuple[Tensor, dict[str, Any]]:
    """Return a picture as the model has it, and how many codes it became, where there are any."""
    size = {"height": model.spec.size, "width": model.spec.size}
    settings = read_settings({"image_processor_type": "ViTImageProcessor", "size": size}, "")
    pixels = Preprocessor(settings, model.spec.encoder.channels)([file])["pixel_values"]
    pixels = pixels.to(model.device, model.dtype)  # from -1 to 1
    discrete = isinstance(model.spec, DiscreteAutoencoder)
    answer = model(pixels / 2 + 0.5 if discrete else pixels)
    told = {} if answer.codes is None else {"codes": answer.codes[0].tolist()}
    return (answer.sample if discrete else diffuse.shown(answer.sample))[0], {"input": file, **told}


def _drawn(model: Any, settings: Settings) -> tuple[Tensor, dict[str, Any]]:
    """Return a picture of codes that nobody wrote, or of a map of noise."""
    node, generator = model.spec, torch.Generator().manual_seed(settings.seed)
    if isinstance(node, DiscreteAutoencoder) or isinstance(node.code, Codebook):
        discrete = isinstance(node, DiscreteAutoencoder)
        side = code_side(node) if discrete else latent_side(node)
        codes = torch.randint(node.dim if discrete else node.code.entries, (1, side, side), generator=generator)
        return model.picture(codes.to(model.device))[0], {"input": "codes at random", "codes": codes[0].tolist()}
    noise = torch.randn((1, node.dim, latent_side(node), latent_side(node)), generator=generator)
    return diffuse.shown(model.decode(noise.to(model.device, model.dtype)))[0], {"input": "a map of noise"}


def _show(model: Any, files: list[str], settings: Settings) -> None:
    for answer in _reconstruct(model, files, settings):
        codes = answer.get("codes")
        told = "" if codes is None else f", {len(codes)} x {len(codes[0])} codes"
        click.echo(f"{answer['picture']}: {answer['input']}{told}")


JOBS: dict[str, Job] = {"reconstruct": Job(_reconstruct, _show)}
