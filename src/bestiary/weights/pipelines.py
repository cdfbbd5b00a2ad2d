"""Pipelines: folders of parts with a ``model_index.json``, in the layout of diffusers.

The index names a class for each part. None is ever looked up by its name: a part must be one that its kind lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bestiary import nn
from bestiary.data.tokenizers import load_tokenizer
from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json
from bestiary.nn import skeleton
from bestiary.spec import Model, check, vocab_size
from bestiary.untrusted import quoted
from bestiary.weights import config as tables
from bestiary.weights.dialects import schedulers
from bestiary.weights.load import Checkpoint, load_weights
from bestiary.weights.pipeline_kinds import KINDS, Kind
from bestiary.weights.save import save_weights, write_text, writing

INDEX, SCHEDULER = "model_index.json", "scheduler_config.json"
SAID = ("_class_name", "_diffusers_version", "_name_or_path")


@dataclass(frozen=True)
class Pipeline:
    """Where a pipeline's parts came from, how its steps are taken, and what of the folder it did not need."""

    path: Path
    parts: Mapping[str, Checkpoint]
    schedulers: Mapping[str, Mapping[str, Any]]
    """The config of each scheduler as it came, by its folder."""
    samplers: Mapping[str, Mapping[str, Any]]
    """What each says of how steps are taken, as arguments of a sampler, by where its schedule stands in the model."""
    index: Mapping[str, Any] = field(default_factory=dict[str, Any])
    left_out: tuple[str, ...] = ()

    @property
    def sampler(self) -> Mapping[str, Any]:
        """How steps are taken where there is one scheduler."""
        return self.samplers["schedule"]

    @property
    def labels(self) -> dict[int, str]:
        """The names of classes, where the index holds some."""
        named = self.index.get("id2label")
        if not isinstance(named, dict):
            return {}
        return {int(number): name for number, name in named.items() if number.isdecimal() and isinstance(name, str)}


def is_pipeline(path: Path) -> bool:
    """Tell whether a folder holds a pipeline."""
    return (path / INDEX).exists()


def is_pipeline_kind(node: Model) -> bool:
    """Tell whether a model is saved as a folder of parts."""
    return any(kind.model is type(node) for kind in KINDS.values())


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
    configs = {name: read_json(path / name / SCHEDULER) for name in kind.schedules}
    read = {
        name: schedulers.read(kind.stepping, config, str(path / name / SCHEDULER)) for name, config in configs.items()
    }
    try:
        specs = {name: model.spec for name, (model, _) in loaded.items()}
        node = check(kind.assembled(specs, {name: schedule for name, (schedule, _) in read.items()}))
    except BestiaryError as error:
        raise BestiaryError(f"{path}: {error}") from None
    model = skeleton(node)
    for name, part in kind.parts.items():
        _put(model, part.ours, loaded[name][0])
    if kind.tokenizers:
        model.tokenizer = load_tokenizer(path / "tokenizer", vocab=vocab_size(node))
    checkpoints = {name: checkpoint for name, (_, checkpoint) in loaded.items()}
    samplers = {kind.schedules[name]: taken for name, (_, taken) in read.items()}
    return model.eval(), Pipeline(path, checkpoints, configs, samplers, index, left_out)


def _modules(path: str) -> str:
    """Return the name of a module of the part at a path: numbers of a tuple are names in a list of modules."""
    return path.replace("[", ".").replace("]", "")


def _put(model: nn.Model, path: str, part: nn.Model) -> None:
    above, _, name = _modules(path).rpartition(".")
    setattr(model.get_submodule(above), name, part)


def _kind(index: Mapping[str, Any], where: str) -> Kind:
    name = index.get("_class_name")
    if not isinstance(name, str) or name not in KINDS:
        raise BestiaryError(f"{where}: '_class_name' is {tables.shown(name)}; give one of {', '.join(KINDS)}")
    return KINDS[name]


def _checked(index: Mapping[str, Any], kind: Kind, where: str) -> tuple[str, ...]:
    """Return the parts that are left out; raise ``BestiaryError`` for what we do not know, or what is missing."""
    known = {name: (part.libraries, part.class_names) for name, part in kind.parts.items()}
    known |= dict.fromkeys(kind.schedules, (("diffusers",), kind.stepping.classes))
    known |= {"tokenizer": (("transformers",), kind.tokenizers)} if kind.tokenizers else {}
    for name, (libraries, classes) in known.items():
        named = index.get(name)
        if not isinstance(named, list) or len(named) != 2 or named[0] not in libraries or named[1] not in classes:
            raise BestiaryError(
                f"{where}: '{name}' is {tables.shown(named)}; only {' or '.join(classes)} can be loaded"
            )
    strange = [name for name in index if name not in {*known, *kind.idle, *kind.said, *SAID}]
    if strange:
        raise BestiaryError(f"{where}: {quoted(strange[0])} is a part that we do not know; remove it")
    return tuple(name for name in kind.idle if index.get(name) not in (None, [None, None]))


def save_pipeline(model: nn.Model, folder: str | Path) -> Path:
    """Write a pipeline's parts and its index into a folder; return its path.

    Raises ``BestiaryError`` when no folder of this kind can say the model.
    """
    folder, node = Path(folder), model.spec
    known: Pipeline | None = model.checkpoint
    name = known.index["_class_name"] if known else _class_of(node)
    kind = KINDS[name]
    index: dict[str, Any] = {"_class_name": name}
    parts = {place: _found(model, part.ours) for place, part in kind.parts.items()}
    for place, part in kind.parts.items():
        meaning = known.parts[place].meaning if known else None
        carried, dialect = (meaning.carried, meaning.dialect.name) if meaning else (None, None)
        save_weights(parts[place], folder / place, carried, dialect)
        index[place] = known.index[place] if known else [part.libraries[0], part.class_names[0]]
    written = {
        place: schedulers.write(kind.stepping, node.at(path), (known.schedulers if known else kind.usual)[place])
        for place, path in kind.schedules.items()
    }
    index |= {place: ["diffusers", config["_class_name"]] for place, config in written.items()}
    index |= {said: known.index[said] for said in kind.said if known and said in known.index}
    if "requires_safety_checker" in kind.said:
        index |= {"requires_safety_checker": False, **{idle: [None, None] for idle in kind.idle}}
    if kind.tokenizers:
        index["tokenizer"] = ["transformers", kind.tokenizers[0]] if model.tokenizer else [None, None]
    with writing(folder):
        for place, config in written.items():
            (folder / place).mkdir(exist_ok=True)
            write_text(folder / place / SCHEDULER, json.dumps(config, indent=2, sort_keys=True) + "\n")
        write_text(folder / INDEX, json.dumps(index, indent=2, sort_keys=True) + "\n")
        if kind.tokenizers and model.tokenizer is not None:
            model.tokenizer.save(folder / "tokenizer")
    return folder


def _class_of(node: Model) -> str:
    return next(name for name, kind in KINDS.items() if kind.model is type(node))


def _found(model: nn.Model, path: str) -> Any:
    try:
        return model.get_submodule(_modules(path))
    except AttributeError:
        raise BestiaryError(f"no published folder holds this model: it has no {path}") from None
