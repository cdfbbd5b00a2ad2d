"""What turns pictures or sound into a checkpoint's input, as the file beside its weights says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bestiary import spec
from bestiary.jsonfile import read_json
from bestiary.weights.load import Checkpoint

NAME = "preprocessor_config.json"


def processor_of(checkpoint: Checkpoint) -> Any:
    """Return what reads a checkpoint's pictures or sound; ``None`` where its files say nothing of them.

    Raises ``BestiaryError`` when the file cannot be read or says what we cannot do.
    """
    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    if (heard := _heard(checkpoint.meaning.spec)) is not None:
        return _hearing(folder, heard)
    channels = _channels(checkpoint.meaning.spec)
    if channels is None or not (folder / NAME).exists():
        return None
    from bestiary.data.images import Preprocessor, read_settings

    return Preprocessor(read_settings(read_json(folder / NAME), str(folder / NAME)), channels)


def _channels(node: spec.Model) -> int | None:
    """Return how many channels of an image a model reads, or ``None`` when it reads none."""
    return next((part.channels for _, part in spec.walk_once(node) if isinstance(part, spec.Patches)), None)


def _heard(node: spec.Model) -> spec.Embedding | None:
    """Return what a model makes of sound first, or ``None`` when it hears none."""
    return next((part for _, part in spec.walk_once(node) if isinstance(part, spec.Spectrogram | spec.Waveform)), None)


def _hearing(folder: Path, heard: spec.Embedding) -> Any:
    """Return what reads sound: as a file says, or, where a checkpoint came without one, as its sizes say."""
    from bestiary.data.audio import read_hearing, usual_hearing

    if not (folder / NAME).exists():
        return usual_hearing(heard)
    return read_hearing(read_json(folder / NAME), str(folder / NAME))
