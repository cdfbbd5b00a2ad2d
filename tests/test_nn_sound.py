"""Models that hear, against slow derivations from their papers."""

from __future__ import annotations

import math

import pytest
import torch

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.nn.positions import POSITIONS
from bestiary.spec import SinusoidalRange, check, resize

HEARD = make("whisper", dim=16, encoder_depth=2, decoder_depth=1, heads=4, hidden=24, vocab=50, mels=5, source=9)


def test_wavelengths_span_their_range_to_both_ends() -> None:
    table = POSITIONS[SinusoidalRange](SinusoidalRange(9), 6).constants()["weight"]  # type: ignore[operator]
    for place in range(9):
        for rank, wavelength in enumerate((2 * math.pi, 2 * math.pi * 100, 2 * math.pi * 10000)):
            angle = 2 * math.pi * place / wavelength
            assert table[place, rank] == pytest.approx(math.sin(angle), abs=1e-6)  # the table is float32
            assert table[place, 3 + rank] == pytest.approx(math.cos(angle), abs=1e-6)


def test_two_convolutions_look_at_three_frames_and_halve_them() -> None:
    embed = build(HEARD, seed=0).double().encoder.embed
    features = torch.randn(1, 5, 18, dtype=torch.float64)

    def convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, middles: range) -> torch.Tensor:
        columns = [
            bias + sum(weight[:, :, 1 + near] @ x[:, m + near] for near in (-1, 0, 1) if 0 <= m + near < x.shape[1])
            for m in middles
        ]
        return torch.nn.functional.gelu(torch.stack(columns, dim=1))

    once = convolved(features[0], embed.first.weight, embed.first.bias, range(18))
    twice = convolved(once, embed.second.weight, embed.second.bias, range(0, 18, 2))
    expected = twice.T + embed.position.weight
    assert torch.allclose(embed(features, embed.context(features))[0], expected, atol=1e-12)


def test_sound_of_another_length_is_refused() -> None:
    model = build(HEARD, seed=0)
    with pytest.raises(BestiaryError, match=r"shape \[1, 5, 17\]; this model hears \[batch, 5, 18\]"):
        model(torch.zeros(1, 5, 17), torch.tensor([[1]]))
    with pytest.raises(BestiaryError, match="without input_features"):
        model(decoder_input_ids=torch.tensor([[1]]))


def test_places_follow_the_length_and_need_pairs() -> None:
    longer = resize(HEARD, length=12)
    assert (longer.at("encoder.embed.position.length"), longer.at("decoder.embed.position.length")) == (12, 12)
    with pytest.raises(BestiaryError, match=r"encoder.embed.position: these sinusoids are pairs"):
        check(HEARD.replace(dim=15).at("encoder.stack.layers[*].attn.head_dim", 4))
