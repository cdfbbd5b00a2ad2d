"""Jobs on pictures beyond labels: what is hidden is told, and the picture is put together again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from command_line import bestiary
from PIL import Image
from torch import Tensor
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from bestiary import api
from bestiary.cli.jobs import JOBS, Settings
from bestiary.generate import Sampling
from bestiary.nn.output import Output


class AllKnowing(torch.nn.Module):
    """Answers with the patches that the reference's loss compares with, and hides every second one."""

    processor = checkpoint = None
    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        super().__init__()
        self.spec: Any = api.spec("mae:tiny")
        self.config = ViTMAEConfig(image_size=self.spec.embed.image, patch_size=self.spec.embed.patch)

    def forward(self, pixel_values: Tensor) -> Output:
        logits = ViTMAEForPreTraining.patchify(SimpleNamespace(config=self.config), pixel_values)
        hidden = (torch.arange(logits.shape[1]) % 2).float().expand(len(logits), -1)
        return Output(logits, logits=logits, mask=hidden)


def test_what_is_told_stands_where_it_was_hidden(tmp_path: Path) -> None:
    model, out = AllKnowing(), tmp_path / "restored.png"
    side, patch = model.spec.embed.image, model.spec.embed.patch
    settings = Settings(Sampling(), 1, seed=0, twin=True, chat=False, out=out)
    (answer,) = JOBS["restore-image"].answer(model, [], settings)
    assert answer["squared_error"] == 0
    assert answer["hidden"] == answer["patches"] // 2
    original, hidden, restored = np.split(np.asarray(Image.open(out)), 3, axis=1)
    assert original.shape == (side, side, 3)
    assert (original == restored).all()
    assert (hidden[:patch, patch : 2 * patch] == hidden[0, patch]).all()
    assert (hidden[:patch, :patch] == original[:patch, :patch]).all()


def test_a_picture_is_likest_to_itself(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [str(tmp_path / f"{name}.png") for name in "abc"]
    shots = [random.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(2)]
    for name, array in zip(names, (shots[0], shots[1], shots[0]), strict=True):
        Image.fromarray(array).save(name)
    code, out, _ = bestiary("run", "dinov2:tiny", *names)
    rows = [line.split("\t") for line in out.splitlines()]
    assert (code, rows[0]) == (0, ["similarity", "input"])
    assert rows[1] == ["1.0000", names[2]]
    assert float(rows[2][0]) < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dinov2:tiny", "one.png"), "two files"),
        (("mae:tiny", "--out", "restored.txt"), "name a .png file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    code, out, err = bestiary("run", *arguments)
    assert (code, out) == (2, "")
    assert words in err.splitlines()[-1]
