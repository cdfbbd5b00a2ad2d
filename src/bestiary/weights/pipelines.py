"""Pipelines: folders of parts with a ``model_index.json``, in the layout of diffusers.

The index names a class for each part. None is ever looked up by its name: a part must be one of those listed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bestiary import nn
from bestiary.data.tokenizers import load_tokenizer
from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json
from bestiary.nn import skeleton
from bestiary.spec import Autoencoder, LatentDiffusion, Model, PixelDiffusion, Transformer, UNet, check, vocab_size
from bestiary.untrusted import quoted
from bestiary.weights import config as tables
from bestiary.weights.dialects import schedulers
from bestiary.weights.load import Checkpoint, load_weights
from bestiary.weights.save import save_weights, write_text, writing

INDEX, SCHEDULER = "model_index.json", "scheduler/scheduler_config.json"


class Part(NamedTuple):
    """A folder with weights: our name of the part, what it must hold, and the class that the index must name."""

    ours: str
    holds: type[Model]
    library: str
    class_name: str


class Kind(NamedTuple):
    """A kind of pipeline: the model that it is, its parts by folder, and the classes of its tokenizer."""

    model: type[Model]
    parts: Mapping[str, Part]
    tokenizers: tuple[str, ...] = ()


_PIXELS = Kind(PixelDiffusion, {"unet": Part("unet", UNet, "diffusers", "UNet2DModel")})
_LATENT = Kind(
    LatentDiffusion,
    {
        "text_encoder": Part("text", Transformer, "transformers", "CLIPTextModel"),
        "unet": Part("unet", UNet, "diffusers", "UNet2DConditionModel"),
        "vae": Part("autoencoder", Autoencoder, "diffusers", "AutoencoderKL"),
    },
    ("CLIPTokenizer", "CLIPTokenizerFast"),
)
KINDS = {"StableDiffusionPipeline": _LATENT, "DDPMPipeline": _PIXELS, "DDIMPipeline": _PIXELS}
"""Pipelines by the class that the index names; of a kind, the first is written."""
IDLE = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts that draw nothing: they are left out, and the index that we write says so."""
SAID = ("_class_name", "_diffusers_version", "_name_or_path", "requires_safety_checker")


@dataclass(frozen=True)
class Pipeline:
    """Where a pipeline's parts came from, how its steps are taken, and what of the folder it did not need."""

    path: Path
    parts: Mapping[str, Checkpoint]
    scheduler: Mapping[str, Any]
    """The scheduler's config as it came."""
    sampler: Mapping[str, Any]
    """What that says of how steps are taken, as arguments of a sampler."""
    left_out: tuple[str, ...] = ()
    class_name: str = ""


def is_pipeline(path: Path) -> bool:
    """Tell whether a folder holds a pipeline."""
    return (path / INDEX).exists()


def load_pipeline(
    path: Path, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> tuple[nn.Model, Pipeline]:
    """Load a pipeline's parts into one module in evaluation mode.

    Raises ``BestiaryError`` for a part whose class is not listed here, a missing one, or parts that do not go together.
    """
    index = read_json(path / INDEX)
    kind = _kind(index, str(path / INDEX))
    left_out = _checked(index, kind, str(path / INDEX))
    loaded = {name: load_weights(path / name, dtype=dtype, device=device) for name in kind.parts}
    for name, part in kind.parts.items():
        found = type(loaded[name][0].spec)
        if found is not part.holds:
            raise BestiaryError(f"{path / name} holds a {found.__name__}, not a {part.holds.__name__}")
    config = read_json(path / SCHEDULER)
    schedule, sampler = schedulers.read(config, str(path / SCHEDULER))
    specs: dict[str, Any] = {part.ours: loaded[name][0].spec for name, part in kind.parts.items()}
    dim = next(iter(specs.values())).dim  # of the vectors that a U-Net reads, or its own
    try:
        node = check(kind.model(dim=dim, schedule=schedule, **specs))  # type: ignore[call-arg]
    except BestiaryError as error:
        raise BestiaryError(f"{path}: {error}") from None
    model = skeleton(node)
    for name, part in kind.parts.items():
        setattr(model, part.ours, loaded[name][0])
    if kind.tokenizers:
        model.tokenizer = load_tokenizer(path / "tokenizer", vocab=vocab_size(node))
    checkpoints = {name: checkpoint for name, (_, checkpoint) in loaded.items()}
    return model.eval(), Pipeline(path, checkpoints, config, sampler, left_out, index["_class_name"])


def _kind(index: Mapping[str, Any], where: str) -> Kind:
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in KINDS:
        raise BestiaryError(f"{where}: '_class_name' is {tables.shown(name)}; give one of {', '.join(KINDS)}")
    return KINDS[name]


def _checked(index: Mapping[str, Any], kind: Kind, where: str) -> tuple[str, ...]:
    """Return the parts that are left out; raise ``BestiaryError`` for what we do not know, or what is missing."""
    known = {name: (part.class_name,) for name, part in kind.parts.items()}
    known |= {"scheduler": schedulers.CLASSES} | ({"tokenizer": kind.tokenizers} if kind.tokenizers else {})
    for name, classes in known.items():
        named = index.get(name)
        if not isinstance(named, list) or len(named) != 2 or named[1] not in classes:
            raise BestiaryError(
                f"{where}: '{name}' is {tables.shown(named)}; only {' or '.join(classes)} can be loaded"
            )
    strange = [name for name in index if name not in {*known, *IDLE, *SAID}]
    if strange:
        raise BestiaryError(f"{where}: {quoted(strange[0])} is a part that we do not know; remove it")
    return tuple(name for name in IDLE if index.get(name) not in (None, [None, None]))


def save_pipeline(model: nn.Model, folder: str | Path) -> Path:
    """Write a pipeline's parts and its index into a folder; return its path."""
    folder, node = Path(folder), model.spec
    known: Pipeline | None = model.checkpoint
    name = known.class_name if known else next(name for name, kind in KINDS.items() if kind.model is type(node))
    kind = KINDS[name]
    for place, part in kind.parts.items():
        meaning = known.parts[place].meaning if known else None
        carried, dialect = (meaning.carried, meaning.dialect.name) if meaning else (None, None)
        save_weights(getattr(model, part.ours), folder / place, carried, dialect)
    scheduler = schedulers.write(node.schedule, known.scheduler if known else {})
    index: dict[str, Any] = {"_class_name": name, "scheduler": ["diffusers", scheduler["_class_name"]]}
    index |= {place: [part.library, part.class_name] for place, part in kind.parts.items()}
    if kind.tokenizers:
        index |= {"requires_safety_checker": False, **{idle: [None, None] for idle in IDLE}}
        index["tokenizer"] = ["transformers", kind.tokenizers[0]] if model.tokenizer else [None, None]
    with writing(folder):
        (folder / "scheduler").mkdir(exist_ok=True)
        write_text(folder / SCHEDULER, json.dumps(scheduler, indent=2, sort_keys=True) + "\n")
        write_text(folder / INDEX, json.dumps(index, indent=2, sort_keys=True) + "\n")
        if kind.tokenizers and model.tokenizer is not None:
            model.tokenizer.save(folder / "tokenizer")
    return folder
