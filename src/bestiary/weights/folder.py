"""A checkpoint folder, or one file of it: which files it loads from, and that all of them lie inside it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.jsonfile import MEBIBYTE, read_json
from bestiary.untrusted import listed, quoted
from bestiary.weights.gguffile import open_gguf
from bestiary.weights.npzfile import open_npz
from bestiary.weights.safetensorsfile import open_safetensors
from bestiary.weights.tensorfiles import TensorFiles, joined
from bestiary.weights.torchfile import open_torch

INDEX_LIMIT = 32 * MEBIBYTE  # the index of a model of 600 billion parameters takes nine

OPENERS: dict[str, Callable[[Path], TensorFiles]] = {
    ".safetensors": open_safetensors,
    ".bin": open_torch,
    ".pt": open_torch,
    ".pth": open_torch,
    ".gguf": open_gguf,
    ".npz": open_npz,
}

# What a folder is searched for, the first found wins; then for one GGUF file.
WANTED = (
    "model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin",
    "params.npz",
)


OPEN_CLIP = "open_clip_config.json"
OPEN_CLIP_WANTED = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""A library of its own kind keeps these beside, or in place of, the usual two."""


@dataclass(frozen=True)
class CheckpointFolder:
    """An opened checkpoint: its config.json if there is one, and its tensors, none of them read yet."""

    path: Path
    config: dict[str, Any] | None
    tensors: TensorFiles
    files: tuple[Path, ...]  # the files that hold the tensors


def open_folder(path: str | os.PathLike[str]) -> CheckpointFolder:
    """Open the checkpoint in a folder, or the one weights file that ``path`` names, and the config.json beside it.

    Looks for ``model.safetensors``, its index of shards, ``pytorch_model.bin``, its index, the same as diffusers names
    them, then one ``*.gguf``.
    Raises BestiaryError where nothing can be loaded, a shard is missing or is not what the index says, or a file is a
    link that leaves the folder (links into the blobs of the same model in the hub's cache are followed).
    """
    path = Path(path)
    try:
        is_folder = path.is_dir()
        folder = path if is_folder else path.parent
        present = frozenset(os.listdir(folder))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BestiaryError(f"{path} cannot be opened ({reason}); check the path") from None
    config = read_json(_inside(folder, "config.json")) if "config.json" in present else None
    wanted = WANTED
    if OPEN_CLIP in present and (config is None or "model_type" not in config):
        config = {**read_json(_inside(folder, OPEN_CLIP)), "model_type": "open_clip"}
        wanted = (*OPEN_CLIP_WANTED, *WANTED)
    if is_folder:
        tensors, files = _open_found(folder, present, wanted)
    else:
        tensors, files = _opener(path)(path), (path,)
    return CheckpointFolder(path, config, tensors, files)


def _opener(path: Path) -> Callable[[Path], TensorFiles]:
    if path.suffix.lower() not in OPENERS:
        raise BestiaryError(f"{path} is not a checkpoint; give a folder or a file that ends in {', '.join(OPENERS)}")
    return OPENERS[path.suffix.lower()]


def _open_found(folder: Path, present: frozenset[str], wanted: tuple[str, ...]) -> tuple[TensorFiles, tuple[Path, ...]]:
    found = next((name for name in wanted if name in present), None) or _only_gguf(folder, present)
    file = _inside(folder, found)
    if found.endswith(".index.json"):
        return _open_shards(folder, file, present)
    return _opener(file)(file), (file,)


def _only_gguf(folder: Path, present: frozenset[str]) -> str:
    names = sorted(name for name in present if name.lower().endswith(".gguf"))
    if len(names) > 1:
        raise BestiaryError(f"{folder} holds {len(names)} GGUF files ({listed(names)}); give the path of one")
    if not names:
        raise BestiaryError(f"{folder} holds no weights: it has none of {', '.join(WANTED)} or *.gguf; check the path")
    return names[0]


def _inside(folder: Path, name: str) -> Path:
    """Return the path of the file ``name``, or raise BestiaryError if following its links leaves the folder."""
    target, home = (folder / name).resolve(), folder.resolve()
    if not target.is_relative_to(home) and not any(target.is_relative_to(blobs) for blobs in _hub_blobs(home)):
        raise BestiaryError(f"{folder / name} is a link that leaves the folder; replace it with the file itself")
    return folder / name


def _hub_blobs(home: Path) -> Iterator[Path]:
    """Give the blobs of the model where ``home`` lies in the hub's cache: models--*/snapshots/<revision>/..."""
    for parent in home.parents:
        if parent.name == "snapshots" and parent.parent.name.startswith("models--"):
            yield parent.parent / "blobs"


def _open_shards(folder: Path, index: Path, present: frozenset[str]) -> tuple[TensorFiles, tuple[Path, ...]]:
    """Open every shard that the index names, and check that index and shards agree on where each tensor is."""
    weight_map = read_json(index, limit=INDEX_LIMIT).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(v, str) for v in weight_map.values()):
        raise BestiaryError(f"{index}: 'weight_map' must map names of tensors to files; download the index again")
    expected: dict[str, set[str]] = defaultdict(set)
    for tensor, shard in weight_map.items():
        expected[shard].add(tensor)
    shards: dict[str, TensorFiles] = {}
    refused = dict(_name_faults(expected, present, Path(index.name.removesuffix(".index.json")).suffix))
    faults = list(refused.values())
    for shard in sorted(expected.keys() - refused):
        try:
            file = _inside(folder, shard)
            shards[shard] = _opener(file)(file)
        except BestiaryError as error:
            faults.append(str(error))
    faults += _map_faults(expected, shards)
    if faults:
        raise BestiaryError(f"{index}: {listed(faults, '; ')}; download the checkpoint again")
    return joined(list(shards.values())), tuple(folder / shard for shard in shards)


def _name_faults(shards: Iterable[str], present: frozenset[str], kind: str) -> Iterator[tuple[str, str]]:
    """Give each shard that is missing, or is not the plain name of a file of the index's own kind, and the fault."""
    for shard in sorted(shards):
        if not set(shard).isdisjoint("/\\\0") or Path(shard).suffix != kind:
            yield shard, f"'weight_map' names {quoted(shard)}, which is not a plain name of a {kind} file in the folder"
        elif shard not in present:
            yield shard, f"the shard {quoted(shard)} is missing"


def _map_faults(expected: Mapping[str, set[str]], shards: Mapping[str, TensorFiles]) -> Iterator[str]:
    for shard, tensors in shards.items():
        if lacking := sorted(expected[shard].difference(tensors)):
            yield f"{quoted(shard)} lacks {listed([quoted(name) for name in lacking])}, which the index puts there"
        if unlisted := sorted(set(tensors).difference(expected[shard])):
            yield f"{quoted(shard)} holds {listed([quoted(name) for name in unlisted])}, which the index does not list"
