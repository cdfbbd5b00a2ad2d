"""Saving: a model in its family's own published format, so that other libraries open it without a patch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from bestiary.aside import aside
from bestiary.errors import BestiaryError
from bestiary.nn import Model, constants
from bestiary.weights.config import merged
from bestiary.weights.dialects.dialect import TRANSFORMERS
from bestiary.weights.keys import spellings, transfers
from bestiary.weights.load import foreign
from bestiary.weights.npzfile import write_npz
from bestiary.weights.ops import IMPLIED
from bestiary.weights.translate import label_total, spell


def save_weights(
    model: Model, folder: str | Path, carried: Mapping[str, Any] | None = None, dialect: str | None = None
) -> Path:
    """Write ``config.json`` and the weights into a folder, made if it is not there; return its path.

    ``dialect`` is the family whose format to prefer, where several can say the model. ``carried`` are config keys that
    say nothing of the architecture (label names, special tokens), written back as they came. Files are written aside
    and renamed, so that a failure leaves no half-written one. Raises ``BestiaryError`` when no published format can say
    the model's spec.
    """
    family, _, config = spell(model.spec, dialect)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise BestiaryError(f"{folder} is a file; give a folder to save into")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    config = merged(carried or {}, config)
    if family.layout is TRANSFORMERS:
        config |= _label_names(model, carried or {})
    config.pop("torch_dtype", None)
    if family.layout.says_dtype:
        config["dtype"] = str(next(model.parameters()).dtype).removeprefix("torch.")
    tensors = published(model, dialect)
    text = json.dumps(config, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with writing(folder):
        with aside(folder / family.layout.weights) as path:
            _write(tensors, str(path), family.layout.weights)
        write_text(folder / family.layout.config, text)
    return folder


def _write(tensors: dict[str, Tensor], path: str, name: str) -> None:
    """Write tensors in the format that a file's name says."""
    if name.endswith(".npz"):
        write_npz(tensors, path)
    else:
        save_file(tensors, path, metadata={"format": "pt"})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses (no room, no right, no such place) into one sentence."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BestiaryError(f"{folder} cannot be written ({reason}); check its room and its permissions") from None


def published(model: Model, dialect: str | None = None) -> dict[str, Tensor]:
    """Return the model's tensors under the names and in the layout of its family's published files."""
    family, class_name, _ = spell(model.spec, dialect)
    bare = family.tasks[class_name] == "base"
    own = model.state_dict()
    tensors: dict[str, Tensor] = {}
    for transfer in transfers(family.keys(model.spec), own):
        if IMPLIED in transfer.ops and all(_is_fresh(model, name) for name in transfer.ours):
            continue
        values = foreign(transfer, [own[name] for name in transfer.ours], model.spec)
        for name, value in zip(transfer.theirs, values, strict=True):
            tensors[spellings(name)[-1 if bare else 0]] = value.contiguous()
    return tensors


def _is_fresh(model: Model, name: str) -> bool:
    held = model.get_buffer(name)
    return torch.equal(held, constants(model)[name].to(held))


def _label_names(model: Model, carried: Mapping[str, Any]) -> dict[str, Any]:
    """Name a classifier's labels where nobody did: their number is read off these names."""
    count = label_total(model.spec)
    if count is None or len(carried.get("id2label") or {}) == count:
        return {}
    names = {str(index): f"LABEL_{index}" for index in range(count)}
    return {"id2label": names, "label2id": {name: int(index) for index, name in names.items()}}


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with aside(path) as beside:
        beside.write_text(text)
