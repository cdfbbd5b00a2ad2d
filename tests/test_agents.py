"""Agents that read everything as one sequence: how it is written down, and what reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import bestiary
from PIL import Image

import bestiary as package
from bestiary.architectures import make
from bestiary.data.episodes.serial import Alphabet, Sequence, patches, squash
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count

SMALL = {
    "dim": 16,
    "depth": 2,
    "heads": 4,
    "hidden": 24,
    "text": 20,
    "bins": 8,
    "channels": 32,
    "patch": 4,
    "places": 9,
}


def test_the_mu_law_by_hand() -> None:
    values = np.asarray([0.0, 1.0, -1.0, 256.0, -256.0], np.float32)
    one = np.log(101) / np.log(25601)
    assert squash(values).tolist() == pytest.approx([0, one, -one, 1, -1], abs=1e-6)


def test_numbers_have_tokens_and_come_back() -> None:
    letters = Alphabet()
    assert letters.separator == 33024
    ends = letters.numbers(np.asarray([-1e9, 0.0, 1e9], np.float32))
    assert ends.tolist() == [32000, 32512, 33023]
    within = np.linspace(-1, 1, 77, dtype=np.float32)
    assert np.abs(letters.values(letters.numbers(within, squashed=False)) - within).max() <= 1 / 1024 + 1e-6
    assert letters.choices(np.asarray([0, 17])).tolist() == [0, 17]
    with pytest.raises(BestiaryError, match="from 0 to 1023"):
        letters.choices(np.asarray([1024]))
    with pytest.raises(BestiaryError, match="not finite"):
        letters.numbers(np.asarray([np.nan], np.float32))


def test_pictures_are_cut_in_raster_order() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    cut, spans = patches(picture, 16)
    assert cut.shape == (6, 3, 16, 16) and np.abs(cut).max() <= 0.25
    expected = (picture[16:32, 32:48].astype(np.float32) / 127.5 - 1) / 4
    assert np.allclose(cut[5], expected.transpose(2, 0, 1))
    assert spans[4].tolist() == [[0.5, 1.0], pytest.approx([1 / 3, 2 / 3])]
    with pytest.raises(BestiaryError, match="patches of 16 x 16"):
        patches(picture[:-1], 16)


def test_a_sequence_counts_what_is_seen_and_cuts_its_front() -> None:
    sequence = Sequence(Alphabet(20, 8), done=9)
    for step in range(2):
        sequence.begin()
        sequence.see_picture(np.full((4, 8, 3), step, np.uint8), 4)
        sequence.see(np.asarray([21, 22]))
        sequence.separate()
        sequence.do(3)
    assert sequence.ids == [0, 0, 21, 22, 28, 3] * 2
    assert sequence.places == [0, 1, 2, 3, 9, 9] * 2
    recent = sequence.last(7)
    assert (
        recent.ids == [3, 0, 0, 21, 22, 28, 3] and len(recent.patches) == len(recent.spans) == sum(recent.pictured) == 2
    )
    assert recent.patches[0] is sequence.patches[2]
    with pytest.raises(BestiaryError, match="more than the 9 tokens"):
        sequence.see(np.zeros(10, np.int64))


def drawn() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "input_ids": torch.tensor([[0, 0, 21, 28, 3, 0, 22, 28]]),
        "place_ids": torch.tensor([[0, 1, 2, 9, 9, 0, 1, 9]]),
        "patch_mask": torch.tensor([[1, 1, 0, 0, 0, 1, 0, 0]]).bool(),
        "patches": torch.randn(3, 3, 4, 4),
        "patch_spans": torch.tensor([[[0, 0.5], [0, 1]], [[0.5, 1], [0, 1]], [[0, 1], [0, 1]]]),
    }


def test_what_enters_the_stack_by_hand() -> None:
    model = build(make("gato", **SMALL), seed=0).double()
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    given = drawn()
    entered: list[torch.Tensor] = []
    model.stack.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))  # type: ignore[union-attr]
    model(**{**given, "patches": given["patches"].double()})
    embed = model.embed
    (x,) = entered
    words = embed.tokens.weight[21] + embed.places.weight[2]  # type: ignore[union-attr, index]
    assert torch.allclose(x[0, 2], words)
    functional, block = torch.nn.functional, embed.block  # type: ignore[union-attr]
    pixels = functional.conv2d(given["patches"][2:].double(), block.enter.weight, block.enter.bias, padding=1)
    h = pixels
    for norm, convolution in zip(block.norms, block.convolutions, strict=True):
        h = functional.group_norm(h, 32, norm.weight, norm.bias, 1e-5)
        h = functional.conv2d(functional.gelu(h), convolution.weight, convolution.bias, padding=1)
    vector = (pixels + h).mean((2, 3)) @ block.leave.weight.T + block.leave.bias
    middle = embed.rows.weight[64] + embed.columns.weight[64] + embed.places.weight[0]  # type: ignore[union-attr, index]
    assert torch.allclose(x[0, 5], vector[0] + middle, atol=1e-12)


def test_gradients_reach_every_parameter() -> None:
    model = build(make("gato", **SMALL), seed=0).train()
    model(**drawn()).logits.square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_patches_that_do_not_fit_their_mask() -> None:
    model = build(make("gato", **SMALL), seed=0)
    with pytest.raises(BestiaryError, match=r"patches must be 3 of \[3, 4, 4\]"):
        model(**{**drawn(), "patches": torch.zeros(2, 3, 4, 4)})


@pytest.mark.parametrize(("size", "stated"), [("1.18b", "1.18e+09"), ("364m", "3.64e+08"), ("79m", "7.9e+07")])
def test_the_reading_of_what_is_undisclosed_meets_the_stated_counts(size: str, stated: str) -> None:
    digits = len(stated.split("e")[0].replace(".", ""))
    assert f"{count(package.spec(f'gato:{size}')).total:.{digits - 1}e}" == stated


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_a_twin_sees_pictures_and_acts(environment: str, tmp_path: Path) -> None:
    out = tmp_path / "episode.gif"
    code, said, remarks = bestiary(f"run gato:tiny {environment} --max-new-tokens 3 --json --out", str(out))
    assert code == 0, remarks
    assert json.loads(said)["results"][0]["steps"] == 3
    with Image.open(out) as picture:
        assert picture.format == "GIF"
