"""Long loops are seen by whoever watches them, and by nobody else; files are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import bestiary
from PIL import Image

from bestiary.data.images import checked_name, save_image
from bestiary.diffuse import Ancestral, Sampler, ancestral, ddim
from bestiary.errors import BestiaryError
from bestiary.spec import CosineBetas, Schedule
from bestiary.watch import watched, watching


def test_every_step_of_a_sampler_is_seen_once() -> None:
    seen: list[tuple[str, int]] = []

    def watch(steps: Sequence[Any], what: str) -> Iterable[Any]:
        for number, step in enumerate(steps):
            seen.append((what, number))
            yield step

    start = torch.zeros(1, 2)
    alone = list(ddim(Sampler(Schedule(CosineBetas())), lambda sample, time: sample, start, 5))
    assert seen == []
    with watching(watch):
        together = list(ddim(Sampler(Schedule(CosineBetas())), lambda sample, time: sample, start, 5))
        assert seen == [("drawing", number) for number in range(5)]
        assert len(list(ancestral(Ancestral(Schedule(CosineBetas())), lambda sample, time: sample, start, 3))) == 3
    assert len(seen) == 5 + 3
    assert all(torch.equal(one, two) for one, two in zip(alone, together, strict=True))
    assert list(watched(range(3), "counting")) == [0, 1, 2]
    assert len(seen) == 5 + 3


def test_a_file_that_cannot_be_is_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.diffuse.sampler.ddim_step", lambda *_: pytest.fail("a step was taken"))
    nowhere, odd = tmp_path / "none" / "x.png", tmp_path / "x.txt"
    for model in ("adm:tiny", "vqgan:tiny", "mae:tiny", "detr:tiny"):
        done = bestiary(f"run {model} --out {nowhere}")
        assert done.code == 2 and f"{nowhere} cannot be written: there is no folder" in done.err
        done = bestiary(f"run {model} --out {odd}")
        assert done.code == 2 and f"{odd} says no format of pictures; name a .png file" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, file = Image.new("RGB", (3, 2), "red"), tmp_path / "red.png"
    assert save_image(picture, checked_name(file)) == file
    with Image.open(file) as again:
        assert again.size == (3, 2)
    before = file.read_bytes()

    def half(self: Any, path: str, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(BestiaryError, match="No space left on device"):
        save_image(picture, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["red.png"]
