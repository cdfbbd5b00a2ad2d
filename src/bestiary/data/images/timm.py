"""What timm's configs say of how images are read: resized so that a share of them is left by the crop in the middle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bestiary.data.images.settings import BICUBIC, BILINEAR, IMAGENET, Even, Exact, Settings, Shortest, Three
from bestiary.errors import BestiaryError
from bestiary.untrusted import quoted

_RESAMPLING = {"bilinear": BILINEAR, "bicubic": BICUBIC}
SHARE = 0.875
"""The share of an image's side that is read where its file does not say."""


def read_timm(config: Mapping[str, Any], side: int, where: str) -> Settings:
    """Return what a ``pretrained_cfg`` says, for a model that reads squares of this side.

    Raises ``BestiaryError`` naming ``where`` and the field.
    """
    share, mode = config.get("crop_pct") or SHARE, config.get("crop_mode") or "center"
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise BestiaryError(f"{where}: 'crop_pct' is {quoted(share)}; give a share of the side, above 0 and at most 1")
    if mode not in ("center", "squash"):
        raise BestiaryError(f"{where}: 'crop_mode' is {quoted(mode)}; only 'center' and 'squash' can be read")
    edge = math.floor(side / share)
    return Settings(
        kind="timm",
        resize=Shortest(edge) if mode == "center" else Exact(edge, edge),
        resample=resampling(config, where),
        crop=Even(side, side),
        scale=1 / 255,
        normalize=(three(config, "mean", IMAGENET[0], where), three(config, "std", IMAGENET[1], where)),
        rgb=True,
    )


def resampling(config: Mapping[str, Any], where: str) -> int:
    """Return Pillow's number of the filter that a config names, bicubic where it names none."""
    name = config.get("interpolation") or "bicubic"
    if not isinstance(name, str) or name not in _RESAMPLING:
        raise BestiaryError(f"{where}: 'interpolation' is {quoted(name)}; give {' or '.join(_RESAMPLING)}")
    return _RESAMPLING[name]


def three(config: Mapping[str, Any], key: str, usual: Three, where: str) -> Three:
    """Return the numbers of a config for each channel, above zero where they divide."""
    value = config.get(key) or list(usual)
    least = 0 if key == "std" else -math.inf
    numbers = value if isinstance(value, list) else []
    if not numbers or any(type(number) not in (int, float) or not number > least for number in numbers):
        raise BestiaryError(f"{where}: '{key}' is {quoted(value)}; give a number for each channel")
    return tuple(float(number) for number in numbers)
