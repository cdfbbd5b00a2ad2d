"""Sound: files of every kind and damage, other rates, and what models hear against the reference's own extractors."""

from __future__ import annotations

import json
import math
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from bestiary.data.audio import SpectrogramReader, WaveformReader, read_hearing, read_sound, read_wav, resample, tone
from bestiary.errors import BestiaryError

PLAIN = struct.Struct("<HHIIHH")
SAMPLES = np.array([0, 1, -1, 12345, -32768, 32767], dtype="<i2")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(data: bytes, kind: int = 1, bits: int = 16, channels: int = 1, rate: int = 16000, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    header = PLAIN.pack(kind, channels, rate, rate * block, block, bits) + extra
    body = b"WAVE" + chunk(b"fmt ", header) + chunk(b"LIST", b"odd") + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "sound.wav"
    path.write_bytes(content)
    return path


KINDS = {
    "16 bits": (SAMPLES.tobytes(), 1, 16, b""),
    "8 bits": (((SAMPLES.astype(int) >> 8) + 128).astype("u1").tobytes(), 1, 8, b""),
    "24 bits": (b"".join(int(s).to_bytes(3, "little", signed=True) for s in SAMPLES.astype(int) << 8), 1, 24, b""),
    "32 bits": ((SAMPLES.astype("<i4") << 16).tobytes(), 1, 32, b""),
    "float32": ((SAMPLES / 32768).astype("<f4").tobytes(), 3, 32, b""),
    "float64": ((SAMPLES / 32768).astype("<f8").tobytes(), 3, 64, b""),
    "extensible": ((SAMPLES.astype("<i4") << 16).tobytes(), 0xFFFE, 32, struct.pack("<HHIH14x", 22, 32, 4, 1)),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_usual_kind_of_sample_is_read(name: str, tmp_path: Path) -> None:
    data, kind, bits, extra = KINDS[name]
    sound, rate = read_wav(saved(tmp_path, riff(data, kind, bits, extra=extra)))
    exact = torch.tensor(SAMPLES / 32768, dtype=torch.float32)[None]
    assert rate == 16000
    assert (sound - exact).abs().max() <= (1 / 128 if bits == 8 else 0)  # 8 bits hold no more


def test_what_the_standard_library_writes_is_read(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(SAMPLES.tobytes())
    sound, rate = read_wav(tmp_path / "sound.wav")
    assert (rate, sound.shape) == (8000, (2, 3))
    assert torch.equal(sound * 32768, torch.tensor([[0.0, -1, -32768], [1, 12345, 32767]]))
    assert len(read_sound(tmp_path / "sound.wav", 16000)) == 6


def test_a_recorder_that_does_not_know_its_length_is_read_to_the_end(tmp_path: Path) -> None:
    whole = riff(SAMPLES.tobytes())
    unsaid = whole.replace(b"data" + struct.pack("<I", 12), b"data\xff\xff\xff\xff")
    assert read_wav(saved(tmp_path, unsaid))[0].shape == (1, 6)


HOUR = riff(b"").replace(b"data" + bytes(4), b"data" + struct.pack("<I", 5 * 3600 * 32000))
BAD = {
    "an empty file": (b"", "is empty"),
    "a text": (b"It was the best of times", "is no WAV file; convert it"),
    "an MP3": (b"ID3\x04" + bytes(60), "is no WAV file"),
    "a web page": (b"<!doctype html><html>", "is a web page"),
    "a header alone": (riff(SAMPLES.tobytes())[:40], "is a WAV file without a header and samples"),
    "half a header": (riff(SAMPLES.tobytes())[:30], "whose header is cut short"),
    "a cut": (riff(SAMPLES.tobytes())[:-4], "promises 12 bytes of sound and holds 8: it is cut short"),
    "no samples": (riff(b""), "holds no sound"),
    "a compressed kind": (riff(bytes(12), kind=85), "holds samples of kind 85 with 16 bits"),
    "twelve bits": (riff(bytes(12), bits=12), "with 12 bits"),
    "a rate of nothing": (riff(bytes(12), rate=0), "claims 0 samples a second; 1,000 to 768,000 can be read"),
    "a rate of a radio": (riff(bytes(12), rate=90_000_000), "claims 90,000,000 samples a second"),
    "no channel": (riff(bytes(12), channels=0), "claims 0 channels"),
    "not a number": (riff(np.array([0, np.nan], "<f4").tobytes(), 3, 32), "holds samples that are no numbers"),
    "infinity": (riff(np.array([0, np.inf], "<f4").tobytes(), 3, 32), "holds samples that are no numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_clear_sentence(name: str, tmp_path: Path) -> None:
    content, sentence = BAD[name]
    with pytest.raises(BestiaryError, match=sentence) as caught:
        read_sound(saved(tmp_path, content), 16000)
    assert "sound.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hours_of_sound_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path, HOUR)
    with path.open("r+b") as file:
        file.truncate(len(HOUR) + 5 * 3600 * 32000)  # a hole, which takes no room on the disk
    with pytest.raises(BestiaryError, match=r"is 5.0 hours long, more than the 4 that are read at once"):
        read_wav(path)


def test_a_folder_and_nothing_are_no_sound(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.wav"):
        with pytest.raises(BestiaryError, match=r"folder|cannot be opened"):
            read_wav(path)


@pytest.mark.parametrize("old", [8000, 11025, 22050, 44100, 48000, 47999, 192000])
def test_a_tone_is_the_same_tone_at_another_rate(old: int) -> None:
    time = torch.arange(old, dtype=torch.float64) / old
    heard = resample(torch.sin(2 * math.pi * 1000 * time).float(), old, 16000)
    assert heard.shape == (16000,)
    exact = torch.sin(2 * math.pi * 1000 * torch.arange(16000, dtype=torch.float64) / 16000)
    assert (heard - exact)[400:-400].abs().max() < 2e-5  # the window's side lobes; 16 bits tell 3e-5 apart


def test_what_is_above_the_new_rate_is_gone_and_a_constant_stays() -> None:
    time = torch.arange(48000, dtype=torch.float64) / 48000
    heard = resample(torch.sin(2 * math.pi * 9000 * time).float(), 48000, 16000)
    assert heard[400:-400].abs().max() < 1e-4  # 80 dB down
    assert (resample(torch.ones(4800), 48000, 16000)[200:-200] - 1).abs().max() < 1e-5  # sums in float32
    assert resample(heard, 16000, 16000) is heard


@pytest.mark.parametrize("mels", [80, 128])
def test_spectrograms_are_those_of_the_reference_to_the_bit(mels: int) -> None:
    torch.manual_seed(0)
    sounds = [tone(3.0, 16000) + 0.01 * torch.randn(48000), 0.1 * torch.randn(470_001), torch.zeros(1000)]
    given = WhisperFeatureExtractor(feature_size=mels)([s.numpy() for s in sounds], sampling_rate=16000)
    ours = SpectrogramReader(mels, 480_000)(sounds)["input_features"]
    assert torch.equal(ours, torch.tensor(given["input_features"]))


def test_waveforms_are_those_of_the_reference(tmp_path: Path) -> None:
    sounds = [tone(0.5, 16000), 0.1 * torch.randn(5000) + 0.3]
    for masks in (True, False):
        extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=masks)
        extractor.save_pretrained(tmp_path)
        reader = read_hearing(json.loads((tmp_path / "preprocessor_config.json").read_text()), "here")
        assert reader == WaveformReader(True, masks)
        # Without masks the reference normalizes padding too, so that a sound would depend on its neighbors.
        for heard in [sounds] if masks else [[sound] for sound in sounds]:
            given = extractor([s.numpy() for s in heard], sampling_rate=16000, padding=True)
            ours = reader(heard)
            # Sums of float32 in another order than numpy's.
            assert (ours["input_values"] - torch.tensor(np.array(given["input_values"]))).abs().max() < 1e-5
            assert ("attention_mask" in ours) == masks
            if masks:
                assert torch.equal(ours["attention_mask"], torch.tensor(np.array(given["attention_mask"])).long())


@pytest.mark.parametrize("mels", [80, 128])
def test_settings_are_read_and_written_back(mels: int, tmp_path: Path) -> None:
    for write in (WhisperFeatureExtractor(feature_size=mels).save_pretrained, SpectrogramReader(mels, 480_000).save):
        write(tmp_path)
        path = tmp_path / "preprocessor_config.json"
        said = json.loads(path.read_text())
        assert read_hearing(said, "here") == SpectrogramReader(mels, 480_000)
        read_hearing(said, "here").save(tmp_path)
        assert json.loads(path.read_text()) == said
        opened = WhisperFeatureExtractor.from_pretrained(tmp_path)
        assert (opened.feature_size, opened.n_samples) == (mels, 480_000)


REFUSED = {
    "a kind": ({"feature_extractor_type": "ClapFeatureExtractor"}, "'feature_extractor_type' is 'Clap"),
    "a key": ({"feature_extractor_type": "WhisperFeatureExtractor", "hop_lenght": 1}, "did you mean 'hop_length'"),
    "a size": ({"feature_extractor_type": "WhisperFeatureExtractor", "n_fft": -1}, "'n_fft' is '-1'; give a positive"),
    "dither": ({"feature_extractor_type": "WhisperFeatureExtractor", "dither": 0.5}, "'dither' is '0.5'"),
    "normalizing": ({"feature_extractor_type": "WhisperFeatureExtractor", "do_normalize": True}, "'do_normalize' is"),
    "a flag": ({"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": 1}, "give true or false"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_be_obeyed_are_refused(name: str) -> None:
    said, sentence = REFUSED[name]
    with pytest.raises(BestiaryError, match=f"here: .*{sentence}"):
        read_hearing(said, "here")


def test_what_is_no_sound_is_refused() -> None:
    reader = SpectrogramReader(8, 16000)
    for sound, sentence in (
        (torch.zeros(2, 100), r"shape \[2, 100\]; give one channel"),
        (torch.tensor([0.0, math.nan]), "no numbers"),
        (torch.zeros(16001), "lasts 1.0 seconds, and this model hears 1 at once"),
        ([], "no sound was given"),
    ):
        with pytest.raises(BestiaryError, match=sentence):
            reader(sound)
