"""From pictures to ``pixel_values``: the steps of a checkpoint's settings, on Pillow's own resampling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bestiary.data.images.files import open_image
from bestiary.data.images.settings import Even, Exact, Settings, Shortest
from bestiary.errors import BestiaryError

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "preprocessor_config.json"


@dataclass(frozen=True)
class Preprocessor:
    """What turns pictures into a model's input. ``channels`` is how many the model reads."""

    settings: Settings
    channels: int = 3

    def __call__(self, pictures: Sequence[str | Path | Image]) -> dict[str, Tensor]:
        """Return ``pixel_values`` ``[B, channels, height, width]``, and ``pixel_mask`` where pictures are padded.

        Files are opened as ``open_image`` does. Raises ``BestiaryError`` for one that cannot be read.
        """
        if not pictures:
            raise BestiaryError("there is no picture to read; name a file")
        each = [self.one(open_image(p) if isinstance(p, str | Path) else p) for p in pictures]
        if self.settings.pad:
            return _padded(each)
        if len({array.shape for array in each}) > 1:
            raise BestiaryError(
                "the pictures come out at unequal sizes, and this checkpoint pads none; give one at a time"
            )
        return {"pixel_values": torch.from_numpy(np.stack(each))}

    def one(self, picture: Image) -> np.ndarray:
        """Return one picture's numbers, ``[channels, height, width]`` in float32."""
        settings = self.settings
        picture = self._in_mode(picture)
        if settings.resize is not None:
            height, width = target(settings.resize, picture.height, picture.width)
            picture = picture.resize((width, height), settings.resample)
        array = np.asarray(picture)
        array = (array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)).copy()
        if settings.crop is not None:
            array = cropped(array, settings.crop)
        values = array.astype(np.float32) if settings.scale is None else _scaled(array, settings.scale)
        if settings.normalize is not None:
            mean, std = (self._of_channels(numbers) for numbers in settings.normalize)
            values = (values - mean) / std
        return np.ascontiguousarray(values)

    def _of_channels(self, numbers: Sequence[float]) -> np.ndarray:
        if len(numbers) not in (1, self.channels):
            raise BestiaryError(
                f"pictures are normalized by {len(numbers)} numbers, but the model reads {self.channels} channels;"
                " give one number in its files, or one for each"
            )
        return np.array(numbers, dtype=np.float32)[:, None, None]

    def _in_mode(self, picture: Image) -> Image:
        """Turn a picture to as many channels as the model reads: files with grays, palettes or an alpha are common."""
        if self.channels == 1:
            return picture if picture.mode == "L" else picture.convert("L")
        return picture if picture.mode == "RGB" else picture.convert("RGB")

    def save(self, folder: Path) -> None:
        """Write the settings as they were read, unless they stand in the model's own config."""
        if self.settings.carried:
            (folder / NAME).write_text(json.dumps(self.settings.carried, indent=2) + "\n", encoding="utf-8")


def _scaled(array: np.ndarray, factor: float) -> np.ndarray:
    return (array.astype(np.float64) * factor).astype(np.float32)


def target(resize: Exact | Shortest, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that a picture is resized to."""
    if isinstance(resize, Exact):
        return resize.height, resize.width
    short, long = min(height, width), max(height, width)
    edge = resize.edge
    if resize.longest is not None:
        return _bounded(height, width, edge, resize.longest)
    other = int(edge * long / short)
    return (other, edge) if width <= height else (edge, other)


def _bounded(height: int, width: int, edge: int, longest: int) -> tuple[int, int]:
    """Keep the longer side within a bound, as DETR's code does: sides are truncated, the bound is rounded."""
    short, long = float(min(height, width)), float(max(height, width))
    exact = None
    if long / short * edge > longest:
        exact = longest * short / long
        edge = round(exact)
    if edge in (height, width) and edge == min(height, width):
        return height, width
    side = edge if exact is None else exact
    if width < height:
        return int(side * height / width), edge
    return edge, int(side * width / height)


def cropped(array: np.ndarray, crop: Exact) -> np.ndarray:
    """Return the middle of ``[C, H, W]``; what is smaller than the crop is padded with zeros around."""
    height, width = array.shape[1:]
    missing = (max(0, crop.height - height), max(0, crop.width - width))
    if any(missing):
        before = [-(-lack // 2) for lack in missing]
        around = [(first, lack - first) for first, lack in zip(before, missing, strict=True)]
        array = np.pad(array, ((0, 0), *around))
        # The place of the middle is reckoned on the picture, then moved by what was put before it.
        top = (height - crop.height) // 2 + before[0]
        left = (width - crop.width) // 2 + before[1]
    else:
        top, left = _middle(crop, height, width)
    top, left = max(0, top), max(0, left)
    return array[:, top : top + crop.height, left : left + crop.width]


def _middle(crop: Exact, height: int, width: int) -> tuple[int, int]:
    """Return where a crop begins."""
    if isinstance(crop, Even):
        return round((height - crop.height) / 2), round((width - crop.width) / 2)
    return (height - crop.height) // 2, (width - crop.width) // 2


def _padded(each: list[np.ndarray]) -> dict[str, Tensor]:
    height, width = (max(array.shape[axis] for array in each) for axis in (1, 2))
    values = np.zeros((len(each), each[0].shape[0], height, width), dtype=np.float32)
    mask = np.zeros((len(each), height, width), dtype=np.int64)
    for array, value, seen in zip(each, values, mask, strict=True):
        value[:, : array.shape[1], : array.shape[2]] = array
        seen[: array.shape[1], : array.shape[2]] = 1
    return {"pixel_values": torch.from_numpy(values), "pixel_mask": torch.from_numpy(mask)}
