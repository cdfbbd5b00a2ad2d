"""Saving where the disk refuses: one sentence, and what was there before is still there."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

import bestiary
from bestiary.errors import BestiaryError


def test_a_place_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BestiaryError, match=r"file/folder cannot be written \(Not a directory\); check its room"):
        bestiary.save(bestiary.build("bert:tiny", seed=0), tmp_path / "file" / "folder")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    bestiary.save(bestiary.build("bert:tiny", seed=0), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # a file may grow no further, as on a full disk
    try:
        with pytest.raises(BestiaryError, match=r"cannot be written .*check its room"):
            bestiary.save(bestiary.build("bert:tiny", seed=1), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
