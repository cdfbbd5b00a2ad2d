"""What a ``preprocessor_config.json`` says of sound: how samples become a model's input."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.data.audio.sound import read_sound
from bestiary.data.audio.spectrogram import log_mel
from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import quoted

NAME = "preprocessor_config.json"
RATE = 16_000
Sound = str | Path | Tensor
"""A WAV file, or samples ``[samples]`` at the model's rate."""


@dataclass(frozen=True)
class SpectrogramReader:
    """Makes log-mel spectrograms of pieces of sound, all of one length, what is shorter padded with silence."""

    mels: int
    samples: int
    """How long a piece is."""
    rate: int = RATE
    window: int = 400
    hop: int = 160
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    def __call__(self, sounds: Sound | Sequence[Sound]) -> dict[str, Tensor]:
        """Return ``input_features``, ``[B, mels, frames]``; what is longer than a piece is refused."""
        waves = [sound_of(sound, self.rate) for sound in _several(sounds)]
        longest = max(map(len, waves))
        if longest > self.samples:
            raise BestiaryError(
                f"a sound lasts {longest / self.rate:.1f} seconds, and this model hears"
                f" {self.samples / self.rate:g} at once; cut it, or transcribe it piece by piece"
            )
        padded = torch.stack([F.pad(wave, (0, self.samples - len(wave))) for wave in waves])
        return {"input_features": log_mel(padded, self.mels, self.rate, self.window, self.hop)}

    def save(self, folder: str | Path) -> None:
        """Write ``preprocessor_config.json`` as it was read, or as transformers would."""
        said = {
            "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": self.mels, "sampling_rate": self.rate,
            "hop_length": self.hop, "n_fft": self.window, "chunk_length": self.samples // self.rate,
            "padding_value": 0.0, "return_attention_mask": False,
        }  # fmt: skip
        _write(folder, dict(self.carried) or said)


@dataclass(frozen=True)
class WaveformReader:
    """Hands samples on, each sound brought to a mean of zero and a variance of one where ``normalize`` says so.

    ``masks`` tells padding by an attention mask; models whose first norm runs over time were trained without.
    """

    normalize: bool = True
    masks: bool = False
    rate: int = RATE
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    def __call__(self, sounds: Sound | Sequence[Sound]) -> dict[str, Tensor]:
        """Return ``input_values``, ``[B, samples]``, padded with zeros, and an ``attention_mask`` where it is used."""
        waves = [sound_of(sound, self.rate) for sound in _several(sounds)]
        if self.normalize:
            waves = [(wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt() for wave in waves]
        given = {"input_values": torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)}
        if self.masks:
            lengths = torch.tensor([[len(wave)] for wave in waves])
            given["attention_mask"] = (torch.arange(given["input_values"].shape[1]) < lengths).long()
        return given

    def save(self, folder: str | Path) -> None:
        """Write ``preprocessor_config.json`` as it was read, or as transformers would."""
        said = {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "sampling_rate": self.rate,
            "do_normalize": self.normalize, "return_attention_mask": self.masks, "padding_side": "right",
            "padding_value": 0.0,
        }  # fmt: skip
        _write(folder, dict(self.carried) or said)


def usual_hearing(embed: spec.Embedding) -> SpectrogramReader | WaveformReader:
    """Return what reads sound for a model whose files do not say, by how it begins."""
    if isinstance(embed, spec.Spectrogram):
        return SpectrogramReader(embed.mels, 2 * embed.position.length * 160)
    first = embed.filters[0].norm if isinstance(embed, spec.Waveform) else None
    return WaveformReader(masks=not isinstance(first, spec.TimeNorm))


def sound_of(sound: Sound, rate: int) -> Tensor:
    """Return the samples of a file, or those given, ``[samples]`` float32."""
    wave = read_sound(sound, rate) if isinstance(sound, str | Path) else sound.float()
    if wave.dim() != 1 or not len(wave):
        raise BestiaryError(f"a sound has shape {list(wave.shape)}; give one channel of samples, [samples]")
    if not bool(torch.isfinite(wave).all()):
        raise BestiaryError("a sound holds samples that are no numbers; leave them out")
    return wave


def _several(sounds: Sound | Sequence[Sound]) -> Sequence[Sound]:
    several = [sounds] if isinstance(sounds, str | Path | Tensor) else sounds
    if not several:
        raise BestiaryError("no sound was given; give the name of a WAV file, or samples")
    return several


def _write(folder: str | Path, said: Mapping[str, Any]) -> None:
    Path(folder, NAME).write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")


_SPECTROGRAM: dict[str, Any] = {
    "feature_size": 80, "sampling_rate": RATE, "hop_length": 160, "n_fft": 400, "chunk_length": 30,
}  # fmt: skip
_WAVEFORM: dict[str, Any] = {"sampling_rate": RATE}
_PINNED: dict[str, tuple[Any, ...]] = {"padding_value": (0.0, 0), "dither": (0.0, 0), "padding_side": ("right",)}
_REST = {
    "feature_extractor_type", "processor_class", "return_attention_mask", "do_normalize", "nb_max_frames", "n_samples",
    "mel_filters", "feature_size", "model_input_names", "return_tensors", "tokenizer_class",
}  # fmt: skip
"""Read by name, or what repeats the rest: old files hold the whole table of bands."""


def read_hearing(config: Mapping[str, Any], where: str) -> SpectrogramReader | WaveformReader:
    """Return what a file's object says; raises ``BestiaryError`` naming ``where`` and the field."""
    name = str(config.get("feature_extractor_type", config.get("processor_class", "")))
    kind = next((stem for stem in ("Whisper", "Wav2Vec2") if name.startswith(stem)), None)
    if kind is None:
        raise BestiaryError(
            f"{where}: 'feature_extractor_type' is {quoted(name)}; known are WhisperFeatureExtractor and"
            " Wav2Vec2FeatureExtractor"
        )
    usual = _SPECTROGRAM if kind == "Whisper" else _WAVEFORM
    known = {*usual, *_PINNED, *_REST}
    for key, value in config.items():
        if key not in known:
            raise BestiaryError(f"{where}: {quoted(key)} is a key that we do not know{nearest(key, known)}")
        if key in _PINNED and value not in _PINNED[key]:
            raise BestiaryError(f"{where}: '{key}' is {quoted(value)}; only {_PINNED[key][0]!r} can be loaded")
    sizes = {key: _size(config.get(key, default), key, where) for key, default in usual.items()}
    if kind == "Whisper":
        if _flag(config, "do_normalize", False, where):
            raise BestiaryError(f"{where}: 'do_normalize' is true; only false can be loaded beside spectrograms")
        rate = sizes["sampling_rate"]
        return SpectrogramReader(
            sizes["feature_size"], sizes["chunk_length"] * rate, rate, sizes["n_fft"], sizes["hop_length"], dict(config)
        )
    normalize, masks = (_flag(config, key, key[0] == "d", where) for key in ("do_normalize", "return_attention_mask"))
    return WaveformReader(normalize, masks, sizes["sampling_rate"], dict(config))


def _size(value: Any, key: str, where: str) -> int:
    if type(value) is not int or not 1 <= value <= 1_000_000:
        raise BestiaryError(f"{where}: '{key}' is {quoted(value)}; give a positive whole number")
    return value


def _flag(config: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    value = config.get(key, default)
    if not isinstance(value, bool):
        raise BestiaryError(f"{where}: '{key}' is {quoted(value)}; give true or false")
    return value
