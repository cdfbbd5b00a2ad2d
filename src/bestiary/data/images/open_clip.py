"""What open_clip's configs say of how images are read: the shorter side resized, and the middle cut out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.data.images.settings import CLIP, Even, Exact, Settings, Shortest
from bestiary.data.images.timm import resampling, three
from bestiary.errors import BestiaryError
from bestiary.untrusted import quoted


def read_open_clip(config: Mapping[str, Any], side: int, where: str) -> Settings:
    """Return what a ``preprocess_cfg`` says, for a model that reads squares of this side.

    Raises ``BestiaryError`` naming ``where`` and the field.
    """
    mode = config.get("resize_mode") or "shortest"
    if mode not in ("shortest", "squash"):
        raise BestiaryError(f"{where}: 'resize_mode' is {quoted(mode)}; only 'shortest' and 'squash' can be read")
    return Settings(
        kind="open_clip",
        resize=Shortest(side) if mode == "shortest" else Exact(side, side),
        resample=resampling(config, where),
        crop=Even(side, side),
        scale=1 / 255,
        normalize=(three(config, "mean", CLIP[0], where), three(config, "std", CLIP[1], where)),
        rgb=True,
    )
