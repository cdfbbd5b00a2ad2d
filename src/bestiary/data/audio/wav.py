"""WAV files that nobody vouches for: numbers of any usual kind, a bounded length, one sentence if wrong.

The standard library's reader knows neither floating-point samples nor, before Python 3.12, the extensible header that
most recorders of more than 16 bits write; hence these few chunks by hand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.untrusted import mistaken_for, regular_file

WHOLE, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
RATES = (1_000, 768_000)
MOST_CHANNELS = 64
MOST_SECONDS = 4 * 3600
UNSAID = (0, 0xFFFFFFFF)
"""Sizes that a recorder writes which does not know how long the sound will be: it goes to the end of the file."""


@dataclass(frozen=True)
class _Header:
    kind: int
    bits: int
    channels: int
    rate: int

    @property
    def frame(self) -> int:
        """Bytes of one moment of all channels."""
        return self.bits // 8 * self.channels


def read_wav(path: str | Path) -> tuple[Tensor, int]:
    """Return the sound in a WAV file, ``[channels, samples]`` float32 within -1 and 1, and its rate in hertz.

    Raises ``BestiaryError`` for a file that is missing, no WAV, compressed, cut short, empty, too long, or that holds
    what is no number.
    """
    path = regular_file(path)
    with path.open("rb") as file:
        start = file.read(12)
        if mistake := mistaken_for(start):
            raise BestiaryError(f"{path} {mistake}")
        if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
            raise BestiaryError(f"{path} is no WAV file; convert it to one, as with ffmpeg -i {path.name} sound.wav")
        header, data = _chunks(file, path)
    frames = len(data) // header.frame
    if not frames:
        raise BestiaryError(f"{path} holds no sound: it ends where its samples should begin")
    sound = _numbers(data[: frames * header.frame], header).view(frames, header.channels).T
    if not bool(torch.isfinite(sound).all()):
        raise BestiaryError(f"{path} holds samples that are no numbers; export it again, as 16-bit PCM")
    return sound, header.rate


def _chunks(file: BinaryIO, path: Path) -> tuple[_Header, bytes]:
    """Read chunk after chunk up to the samples; the header must come before them."""
    header: _Header | None = None
    while len(head := file.read(8)) == 8:
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            if header is None:
                break
            return header, _samples(file, size, header, path)
        body = file.read(size + size % 2) if name == b"fmt " and size <= 64 else None
        if body is not None:
            header = _header(body, path)
        else:
            file.seek(size + size % 2, 1)
    raise BestiaryError(f"{path} is a WAV file without a header and samples behind it; it is damaged or cut short")


def _header(body: bytes, path: Path) -> _Header:
    if len(body) < 16:
        raise BestiaryError(f"{path} is a WAV file whose header is cut short; export it again")
    kind, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if kind == EXTENSIBLE and len(body) >= 26:
        kind = int.from_bytes(body[24:26], "little")
    if (kind, bits) not in {(WHOLE, 8), (WHOLE, 16), (WHOLE, 24), (WHOLE, 32), (FLOAT, 32), (FLOAT, 64)}:
        raise BestiaryError(f"{path} holds samples of kind {kind} with {bits} bits; export it as 16-bit PCM")
    if not RATES[0] <= rate <= RATES[1]:
        raise BestiaryError(f"{path} claims {rate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} can be read")
    header = _Header(kind, bits, channels, rate)
    if not 1 <= channels <= MOST_CHANNELS or block != header.frame:
        raise BestiaryError(f"{path} claims {channels} channels in {block} bytes; its header is damaged")
    return header


def _samples(file: BinaryIO, size: int, header: _Header, path: Path) -> bytes:
    here = file.tell()
    left = file.seek(0, 2) - here
    file.seek(here)
    if size > left and size not in UNSAID:
        raise BestiaryError(f"{path} promises {size:,} bytes of sound and holds {left:,}: it is cut short")
    size = left if size in UNSAID else size
    seconds = size / header.frame / header.rate
    if seconds > MOST_SECONDS:
        raise BestiaryError(
            f"{path} is {seconds / 3600:.1f} hours long, more than the {MOST_SECONDS // 3600} that are read at once;"
            " cut it into pieces"
        )
    return file.read(size)


def _numbers(data: bytes, header: _Header) -> Tensor:
    """Return samples as float32; whole numbers are divided by what their bits can hold."""
    raw = bytearray(data)
    if header.kind == FLOAT:
        return torch.frombuffer(raw, dtype=torch.float32 if header.bits == 32 else torch.float64).float()
    if header.bits == 8:  # the one kind without a sign
        return (torch.frombuffer(raw, dtype=torch.uint8).float() - 128) / 128
    if header.bits == 24:
        low, middle, high = torch.frombuffer(raw, dtype=torch.uint8).view(-1, 3).int().unbind(1)
        return ((low << 8 | middle << 16 | high << 24).double() / 2**31).float()
    whole = torch.frombuffer(raw, dtype=torch.int16 if header.bits == 16 else torch.int32)
    return (whole.double() / 2 ** (header.bits - 1)).float()
