"""Pictures as checkpoints want them: every step against the reference's, and files that nobody should open."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image

from bestiary.data.images import Preprocessor, open_image, read_settings
from bestiary.errors import BestiaryError

SHAPES = ((37, 53), (53, 37), (224, 224), (10, 300), (9, 8), (600, 401))
PROCESSORS: dict[str, list[dict[str, Any]]] = {
    "ViT": [{}, {"size": {"height": 60, "width": 40}, "resample": 3}, {"do_resize": False}, {"do_normalize": False}],
    "DeiT": [{}, {"size": {"height": 50, "width": 50}, "crop_size": {"height": 33, "width": 44}}],
    "Beit": [{}, {"do_center_crop": True, "size": {"height": 256, "width": 256}}, {"do_rescale": False}],
    "CLIP": [{}, {"size": {"shortest_edge": 31}, "crop_size": {"height": 45, "width": 30}, "resample": 2}],
    "Bit": [{}, {"size": {"shortest_edge": 256}, "image_mean": [0.1, 0.2, 0.3]}],
    "Siglip": [{}, {"size": {"height": 384, "width": 384}}],
    "Blip": [{"size": {"height": 64, "width": 64}}],
    "Detr": [
        {"size": {"shortest_edge": 60, "longest_edge": 90}},
        {"size": {"shortest_edge": 37, "longest_edge": 1333}},
    ],
}
CASES = [(kind, changes) for kind, several in PROCESSORS.items() for changes in several]


def picture(height: int, width: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8), "RGB")
    return image.convert(mode)


@pytest.mark.parametrize(("kind", "changes"), CASES, ids=[f"{kind}-{'-'.join(c) or 'usual'}" for kind, c in CASES])
def test_every_step_is_the_reference_s(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    reference = getattr(transformers, f"{kind}ImageProcessorPil")(**changes)
    reference.save_pretrained(tmp_path)
    ours = Preprocessor(read_settings(json.loads((tmp_path / "preprocessor_config.json").read_text()), "here"))
    for shape in SHAPES:
        for mode in ("RGB", "L", "RGBA"):
            image = picture(*shape, mode)
            expected = reference(image.convert("RGB"), return_tensors="np")["pixel_values"]
            found = ours([image])["pixel_values"].numpy()
            assert found.dtype == np.float32
            assert np.array_equal(found, expected.astype(np.float32)), (shape, mode, np.abs(found - expected).max())


@pytest.mark.parametrize(("mean", "channels"), [([0.5, 0.5], 3), ([0.5] * 4, 3), ([0.5] * 3, 1)])
def test_as_many_means_as_channels_are_wanted(mean: list[float], channels: int) -> None:
    settings = read_settings({"image_processor_type": "ViTImageProcessor", "image_mean": mean}, "here")
    with pytest.raises(BestiaryError, match=f"by {len(mean)} numbers, but the model reads {channels} channels"):
        Preprocessor(settings, channels)([picture(30, 30)])


def test_pictures_of_unequal_sizes_are_padded_with_a_mask() -> None:
    size = {"shortest_edge": 40, "longest_edge": 66}
    reference = transformers.DetrImageProcessorPil(size=size)
    images = [picture(50, 70), picture(70, 50), picture(30, 90)]
    expected = reference(images, return_tensors="pt")
    ours = Preprocessor(read_settings(json.loads(reference.to_json_string()), "here"))
    found = ours(images)
    assert found["pixel_values"].equal(expected["pixel_values"].float())
    assert found["pixel_mask"].equal(expected["pixel_mask"])


@pytest.mark.parametrize(
    ("config", "resize", "crop"),
    [
        ({"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224}, "Shortest", 224),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 384}, "Exact", None),
        (
            {"feature_extractor_type": "DeiTFeatureExtractor", "size": 438, "crop_size": 384, "resample": 3},
            "Exact",
            384,
        ),
        ({"feature_extractor_type": "DetrFeatureExtractor", "size": 800, "max_size": 1333}, "Shortest", None),
    ],
)
def test_files_of_old_read_as_they_were_meant(config: dict[str, Any], resize: str, crop: int | None) -> None:
    settings = read_settings(config, "here")
    assert type(settings.resize).__name__ == resize
    assert (settings.crop and settings.crop.height) == crop
    assert settings.scale == 1 / 255


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0}, "'size' is '0'"),
        ({"size": {"height": 10**9, "width": 3}}, "from 1 to 8192"),
        ({"size": "large"}, "'size' is 'large'"),
        ({"resample": 9}, "0 to 5"),
        ({"image_std": [0.5, 0, 0.5]}, "above 0"),
        ({"image_mean": "gray"}, "a number for each channel"),
        ({"do_resize": "yes"}, "true or false"),
        ({"do_thumbnail": True}, "'do_thumbnail' is a key that we do not know"),
        ({"image_men": [0.5]}, "did you mean 'image_mean'"),
    ],
)
def test_settings_that_cannot_be_obeyed_are_one_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BestiaryError, match="here: ") as caught:
        read_settings({"image_processor_type": "ViTImageProcessor"} | change, "here")
    assert words in str(caught.value)


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def whole(folder: Path, name: str) -> bytes:
    picture(200, 300).save(folder / name)
    return (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("bomb.png", lambda folder: png(60_000, 60_000, bytes(100)), "claims more than"),
        ("large.png", lambda folder: png(12_000, 12_000, bytes(100)), "12,000 x 12,000 pixels"),
        ("cut.jpg", lambda folder: whole(folder, "whole.jpg")[:5_000], "damaged picture"),
        ("cut.png", lambda folder: whole(folder, "whole.png")[:5_000], "damaged picture"),
        ("empty.png", lambda folder: b"", "is empty"),
        ("page.jpg", lambda folder: b"<!DOCTYPE html><html>", "is a web page"),
        ("text.png", lambda folder: b"no picture at all" * 10, "no picture that we read"),
        ("script.eps", lambda folder: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture that we read"),
    ],
)
def test_bad_files_are_one_sentence(name: str, make: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    with pytest.raises(BestiaryError) as caught:
        open_image(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    image = picture(20, 30)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    assert open_image(tmp_path / "turned.png").size == (20, 30)
