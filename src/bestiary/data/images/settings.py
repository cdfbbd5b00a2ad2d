"""What a ``preprocessor_config.json`` says: steps from a picture to numbers, each a value, in the order they are taken.

Files of all ages are read: sizes were once whole numbers, and processors were called feature extractors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import quoted

Three = tuple[float, ...]
IMAGENET: tuple[Three, Three] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
STANDARD: tuple[Three, Three] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP: tuple[Three, Three] = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING = range(6)
"""Ways of resampling, numbered as Pillow and these files number them."""

LARGEST = 8192
"""Pixels on a side that a file may ask for."""


@dataclass(frozen=True)
class Exact:
    """Both sides as said, whatever the proportions."""

    height: int
    width: int


@dataclass(frozen=True)
class Even(Exact):
    """The same of a crop that begins at an even number where the middle falls between two, as torchvision's does."""


@dataclass(frozen=True)
class Shortest:
    """The shorter side as said, proportions kept; less, where the longer one would come out above ``longest``."""

    edge: int
    longest: int | None = None


@dataclass(frozen=True)
class Settings:
    """The steps. ``None`` leaves a step out."""

    kind: str
    """The processor's name in the file, which is written back."""
    resize: Exact | Shortest | None
    resample: int
    crop: Exact | None
    scale: float | None
    normalize: tuple[Three, Three] | None
    rgb: bool
    """Whether pictures of other modes are turned to red, green and blue; all are where the model reads three."""
    pad: bool = False
    """Whether pictures of unequal sizes are padded with zeros, at the right and below, to the largest of a batch."""
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """The file as it was read, which is what is written back."""


@dataclass(frozen=True)
class _Usual:
    """What a kind of processor does where its file says nothing."""

    size: Mapping[str, int]
    normalize: tuple[Three, Three]
    resample: int = BICUBIC
    crop: int | None = None
    square: bool = True
    """Whether a size that is one number is both sides, or the shorter one."""
    rgb: bool = False
    pad: bool = False


_VIT = _Usual({"height": 224, "width": 224}, STANDARD, BILINEAR)
_CLIP = _Usual({"shortest_edge": 224}, CLIP, crop=224, square=False, rgb=True)
_USUAL: dict[str, _Usual] = {
    "ViT": _VIT,
    "DeiT": _Usual({"height": 256, "width": 256}, STANDARD, crop=224),
    "Beit": _Usual({"height": 224, "width": 224}, STANDARD),
    "Bit": _CLIP,
    "CLIP": _CLIP,
    "Llava": _CLIP,
    "Siglip": _Usual({"height": 224, "width": 224}, STANDARD, rgb=True),
    "Blip": _Usual({"height": 384, "width": 384}, CLIP, rgb=True),
    "Detr": _Usual({"shortest_edge": 800, "longest_edge": 1333}, IMAGENET, BILINEAR, square=False, pad=True),
}
_ENDINGS = ("ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor")
_KNOWN = {
    "image_processor_type", "feature_extractor_type", "processor_class", "do_resize", "size", "resample", "crop_size",
    "do_center_crop", "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb",
    "do_pad", "max_size", "format",
    # What labels, annotations and engines are treated with, or old files repeat.
    "do_reduce_labels", "reduce_labels", "do_convert_annotations", "pad_and_return_pixel_mask",
    "default_to_square", "return_tensors", "data_format", "input_data_format", "device", "image_seq_length",
    "disable_grouping", "_valid_processor_keys", "auto_map", "use_fast", "transformers_version",
    "model_input_names", "_processor_class",
}  # fmt: skip
_OFF = ("pad_size", "size_divisor", "do_thumbnail", "do_align_long_axis")
"""Steps that no published checkpoint of these kinds takes: absent, or said to be off."""


def understands(config: Mapping[str, Any]) -> bool:
    """Tell whether a file is of one of the kinds of image processors that are read here."""
    return _kind(config) is not None


def read_settings(config: Mapping[str, Any], where: str) -> Settings:
    """Return what a file's object says; raises ``BestiaryError`` naming ``where`` and the field."""
    found = _kind(config)
    if found is None:
        name = config.get("image_processor_type", config.get("feature_extractor_type"))
        raise BestiaryError(f"{where}: 'image_processor_type' is {quoted(name)}; known are {', '.join(_USUAL)}")
    unknown = [key for key in config if key not in _KNOWN and not (key in _OFF and not config[key])]
    if unknown:
        raise BestiaryError(f"{where}: {quoted(unknown[0])} is a key that we do not know{nearest(unknown[0], _KNOWN)}")
    try:
        return _settings(config, *found)
    except BestiaryError as error:
        raise BestiaryError(f"{where}: {error}") from None


def _kind(config: Mapping[str, Any]) -> tuple[str, _Usual] | None:
    name = config.get("image_processor_type", config.get("feature_extractor_type"))
    if not isinstance(name, str):
        return None
    stem = next((name.removesuffix(end) for end in _ENDINGS if name.endswith(end)), name)
    return (name, _USUAL[stem]) if stem in _USUAL else None


def _settings(config: Mapping[str, Any], name: str, usual: _Usual) -> Settings:
    crops = _flag(config, "do_center_crop", usual.crop is not None)
    mean, std = (
        _three(config, key, default) for key, default in zip(("image_mean", "image_std"), usual.normalize, strict=True)
    )
    return Settings(
        kind=name,
        resize=_resize(config, usual) if _flag(config, "do_resize", True) else None,
        resample=_resample(config, usual),
        crop=_exact(config.get("crop_size", usual.crop or 224), "crop_size") if crops else None,
        # Before rescaling was a step of its own, normalizing began with it.
        scale=_number(config, "rescale_factor", 1 / 255) if _flag(config, "do_rescale", True) else None,
        normalize=(mean, std) if _flag(config, "do_normalize", True) else None,
        rgb=_flag(config, "do_convert_rgb", usual.rgb),
        pad=_flag(config, "do_pad", _flag(config, "pad_and_return_pixel_mask", usual.pad)),
        carried=dict(config),
    )


def _resize(config: Mapping[str, Any], usual: _Usual) -> Exact | Shortest:
    size = config.get("size", usual.size)
    if isinstance(size, Mapping):
        keys = set(size)
        if keys == {"shortest_edge"} or keys == {"shortest_edge", "longest_edge"}:
            longest = size.get("longest_edge")
            return Shortest(_side(size["shortest_edge"], "size"), longest and _side(longest, "size"))
        return _exact(size, "size")
    if usual.square or isinstance(size, list):
        return _exact(size, "size")
    most = config.get("max_size")
    return Shortest(_side(size, "size"), most and _side(most, "max_size"))


def _exact(value: Any, key: str) -> Exact:
    if isinstance(value, Mapping) and set(value) == {"height", "width"}:
        return Exact(_side(value["height"], key), _side(value["width"], key))
    if isinstance(value, list) and len(value) == 2:
        return Exact(_side(value[0], key), _side(value[1], key))
    return Exact(_side(value, key), _side(value, key))


def _side(value: Any, key: str) -> int:
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise BestiaryError(f"'{key}' is {quoted(value)}; give a height and width, or a side, from 1 to {LARGEST}")
    return value


def _flag(config: Mapping[str, Any], key: str, default: bool) -> bool:
    value = config.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BestiaryError(f"'{key}' is {quoted(value)}; give true or false")
    return value


def _number(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        raise BestiaryError(f"'{key}' is {quoted(value)}; give a number that is not 0")
    return float(value)


def _resample(config: Mapping[str, Any], usual: _Usual) -> int:
    value = config.get("resample", usual.resample)
    if type(value) is not int or not NEAREST <= value <= HAMMING:
        raise BestiaryError(f"'resample' is {quoted(value)}; give Pillow's number of a filter, 0 to 5")
    return value


def _three(config: Mapping[str, Any], key: str, default: Three) -> Three:
    value = config.get(key)
    if value is None:
        return default
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise BestiaryError(f"'{key}' is {quoted(value)}; give a number for each channel")
    if key == "image_std" and any(number <= 0 for number in numbers):
        raise BestiaryError(f"'{key}' is {quoted(value)}; give numbers above 0")
    return tuple(float(number) for number in numbers)
