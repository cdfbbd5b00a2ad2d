"""What the pairs of towers have of their own, against slow derivations from the papers."""

from __future__ import annotations

import math

import pytest
import torch

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import Context, build, constants
from bestiary.nn.positions import POSITIONS
from bestiary.sizing import count, flops
from bestiary.spec import EncoderDecoder, Learned, SinusoidalAfterPadding, SinusoidalTable, swap

PAIR = {"dim": 16, "encoder_depth": 2, "decoder_depth": 2, "heads": 4, "hidden": 24, "vocab": 50, "length": 12}
FLOAT32 = 1e-6


def context(ids: list[list[int]], past: int = 0) -> Context:
    tokens = len(ids[0])
    return Context(torch.arange(past, past + tokens)[None], past + tokens, input_ids=torch.tensor(ids))


@pytest.mark.parametrize("width", [6, 7])
def test_a_table_of_sinusoids_has_sines_before_cosines(width: int) -> None:
    position = POSITIONS[SinusoidalTable](SinusoidalTable(9), width)
    position.weight.copy_(position.constants()["weight"])
    found = position(context([[3, 4, 5]], past=2))
    for row, place in enumerate((2, 3, 4)):
        angles = [place / 10000 ** (2 * i / width) for i in range(math.ceil(width / 2))]
        expected = [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
        assert found[0, row].tolist() == pytest.approx(expected[:width], abs=FLOAT32)


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoids_after_padding_count_real_tokens(width: int) -> None:
    position = POSITIONS[SinusoidalAfterPadding](SinusoidalAfterPadding(9, pad=1), width)
    found = position(context([[1, 1, 7, 8], [7, 8, 9, 1]]))
    half = width // 2
    for row, places in enumerate(((None, None, 2, 3), (2, 3, 4, None))):
        for token, place in enumerate(places):
            waves = [10000 ** (-i / (half - 1)) for i in range(half)]
            expected = [turn(place * wave) for turn in (math.sin, math.cos) for wave in waves] if place else [0.0] * 6
            assert found[row, token].tolist() == pytest.approx(expected + [0.0] * (width % 2), abs=FLOAT32)


def test_positions_go_on_where_a_cache_ends() -> None:
    position = POSITIONS[SinusoidalAfterPadding](SinusoidalAfterPadding(9, pad=1), 6)
    whole = position(context([[7, 8, 9, 5]]))
    assert torch.equal(position(context([[9, 5]], past=2)), whole[:, 2:])
    given = context([[9, 5]], past=2)
    given.input_ids = None  # vectors instead of tokens
    assert torch.equal(position(given), whole[:, 2:])


def test_a_norm_on_the_tokens_comes_before_their_positions() -> None:
    model = build(make("blenderbot_small", **PAIR), seed=0)
    embed, ids = model.decoder.embed, torch.tensor([[3, 4, 5]])
    given = Context(torch.arange(3)[None], 3, input_ids=ids, table=model.encoder.embed.tokens.weight)
    tokens = torch.nn.functional.layer_norm(model.encoder.embed.tokens.weight[ids], (16,))
    assert torch.allclose(embed(given), tokens + embed.position.weight[:3], atol=FLOAT32)


@pytest.mark.parametrize("name", ["pegasus", "marian"])
def test_fixed_tables_are_built_filled_kept_and_not_counted(name: str) -> None:
    spec = make(name, **PAIR)
    assert isinstance(spec, EncoderDecoder)
    model = build(spec, seed=0)
    for side in ("encoder", "decoder"):
        path = f"{side}.embed.position.weight"
        assert path in model.state_dict()
        assert torch.equal(model.get_buffer(path), constants(model)[path])
        assert model.get_buffer(path)[0].tolist() == [0.0] * 8 + [1.0] * 8
    learned = swap(spec, SinusoidalTable, lambda position: Learned(position.length))
    assert count(learned).total - count(spec).total == 2 * 12 * 16
    assert flops(spec).sequence == flops(learned).sequence


def test_a_source_is_classified_where_it_ends() -> None:
    model = build(with_task(make("bart", **PAIR), "bart", "sequence-classification", 3), seed=0)
    ids, mask = torch.randint(3, 50, (2, 5)), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    output = model(ids, mask, decoder_input_ids=ids)
    head = model.heads["classifier"]
    for row, place in enumerate((4, 2)):
        vector = head.transform.dense(output.last_hidden_state[row, place]).tanh()
        assert torch.allclose(output.logits[row], head.output(vector), atol=FLOAT32)
    with pytest.raises(BestiaryError, match="the decoder was given 3 tokens and the encoder 5"):
        model(ids, mask, decoder_input_ids=ids[:, :3])


def test_what_a_model_was_trained_for_is_its_context() -> None:
    assert flops(make("m2m_100", **PAIR)).tokens == 24  # of either side, though nothing stops there


def test_the_shifted_norm_divides_by_the_raw_scale() -> None:
    norm = build(make("alexatm", **PAIR), seed=0).encoder.stack.norm
    x = torch.randn(2, 3, 16) + 5
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    found = norm(x)
    for row in range(2):
        for token in range(3):
            vector = x[row, token].tolist()
            mean, square = sum(vector) / 16, sum(value**2 for value in vector) / 16
            expected = [
                (value - mean) / math.sqrt(square + 1e-12) * gain + offset
                for value, gain, offset in zip(vector, norm.weight.tolist(), norm.bias.tolist(), strict=True)
            ]
            assert found[row, token].tolist() == pytest.approx(expected, abs=FLOAT32)
