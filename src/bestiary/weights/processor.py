"""What turns pictures or sound into a checkpoint's input, as the file beside its weights says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json
from bestiary.weights.load import Checkpoint

NAME = "preprocessor_config.json"


def processor_of(checkpoint: Checkpoint, tokenizer: Any = None) -> Any:
    """Return what reads a checkpoint's pictures or sound; ``None`` where its files say nothing of them.

    What a language model is shown is read together with the texts that show it, by the ``tokenizer``.

    Raises ``BestiaryError`` when the file cannot be read or says what we cannot do.
    """
    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    if (heard := _heard(checkpoint.meaning.spec)) is not None:
        return _hearing(folder, heard)
    if isinstance(checkpoint.meaning.spec, spec.VisionLanguage):
        return _showing(folder, checkpoint.meaning.spec, tokenizer)
    channels, meaning = _channels(checkpoint.meaning.spec), checkpoint.meaning
    in_config = meaning.dialect.pictures
    if channels is None or (in_config is None and not (folder / NAME).exists()):
        return None
    from bestiary.data.images import Preprocessor, read_settings

    if in_config is not None:
        where = str(folder / meaning.dialect.layout.config)
        return Preprocessor(in_config(meaning.carried, meaning.spec, where), channels)
    return Preprocessor(read_settings(read_json(folder / NAME), str(folder / NAME)), channels)


def _showing(folder: Path, node: spec.VisionLanguage, tokenizer: Any) -> Any:
    """Return what reads texts and the pictures that they show."""
    from bestiary.data.images import Marking, Preprocessor, Showing, read_settings
    from bestiary.data.images.showing import NAME as WHOLE
    from bestiary.data.images.showing import PICTURES

    said = read_json(folder / WHOLE) if (folder / WHOLE).exists() else {}
    file = folder / (WHOLE if PICTURES in said else NAME)
    if tokenizer is None or not file.exists():
        return None
    settings = said[PICTURES] if PICTURES in said else read_json(file)
    token = said.get("image_token", "<image>")
    token = token.get("content") if isinstance(token, dict) else token
    if not isinstance(settings, dict) or not isinstance(token, str):
        raise BestiaryError(f"{folder / WHOLE}: give '{PICTURES}' as an object and 'image_token' as a text")
    pictures = Preprocessor(read_settings(settings, str(file)), _channels(node) or 3)
    vectors, kind = spec.shown_vectors(node), said.get("processor_class", settings.get("processor_class"))
    if kind not in IN_FRONT and tokenizer.id_of(token) == node.token:
        return Marking(pictures, tokenizer, node.token, vectors, said, token)
    return Showing(pictures, tokenizer, node.token, vectors, said)


IN_FRONT = ("Blip2Processor",)
"""Processors that have pictures in front of a text, which does not mark them."""


def _channels(node: spec.Model) -> int | None:
    """Return how many channels of an image a model reads, or ``None`` when it reads none."""
    readers = spec.Patches | spec.ConvNet
    return next((part.channels for _, part in spec.walk_once(node) if isinstance(part, readers)), None)


def _heard(node: spec.Model) -> spec.Embedding | None:
    """Return what a model makes of sound first, or ``None`` when it hears none."""
    return next((part for _, part in spec.walk_once(node) if isinstance(part, spec.Spectrogram | spec.Waveform)), None)


def _hearing(folder: Path, heard: spec.Embedding) -> Any:
    """Return what reads sound: as a file says, or, where a checkpoint came without one, as its sizes say."""
    from bestiary.data.audio import read_hearing, usual_hearing

    if not (folder / NAME).exists():
        return usual_hearing(heard)
    return read_hearing(read_json(folder / NAME), str(folder / NAME))
