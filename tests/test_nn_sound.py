"""Models that hear, against slow derivations from their papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.nn.context import Context
from bestiary.nn.positions import POSITIONS
from bestiary.spec import CTCHead, Residual, SinusoidalRange, check, resize, swap

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


# --- Waveforms -----------------------------------------------------------------------------------------------------

SIZES = {"channels": (6, 10), "kernels": (5, 3), "strides": (3, 2), "position_kernel": 4, "position_groups": 2}
WAVES = make("wav2vec2", dim=8, depth=1, heads=2, hidden=12, code=6, width=5, entries=3, **SIZES)


def trembling(spec: Any, seed: int = 0) -> Any:
    """Build a model with noise on every parameter, in float64."""
    torch.manual_seed(seed)
    model = build(spec, seed=seed).double()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def test_filters_and_positions_are_those_of_the_paper() -> None:
    embed = trembling(WAVES).embed
    sound = torch.randn(1, 41, dtype=torch.float64)
    first, second = embed.filters
    x = torch.stack([first.map.weight[:, 0] @ sound[0, 3 * t : 3 * t + 5] for t in range((41 - 5) // 3 + 1)])
    x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * first.norm.weight + first.norm.bias
    x = F.gelu(x)
    places = (len(x) - 3) // 2 + 1
    x = F.gelu(torch.stack([torch.einsum("ock,kc->o", second.map.weight, x[2 * t : 2 * t + 3]) for t in range(places)]))
    norm = embed.filtered_norm
    x = F.layer_norm(x, (10,), norm.weight, norm.bias, 1e-5)
    assert torch.allclose(embed.filter(sound)[0], x, atol=1e-12)
    x = x @ embed.map.weight.T + embed.map.bias
    told = embed.position.bias.repeat(places, 1)
    for k in range(4):  # each group of four coordinates hears its own
        direction = embed.position.direction[..., k]
        weight = embed.position.gain[0, 0, k] * direction / direction.norm()
        for t in range(places):
            if 0 <= t + k - 2 < places:
                told[t] += torch.einsum("goi,gi->go", weight.view(2, 4, 4), x[t + k - 2].view(2, 4)).flatten()
    expected = F.layer_norm(x + F.gelu(told), (8,), embed.norm.weight, embed.norm.bias, 1e-5)
    context = Context(torch.arange(places)[None], places)
    assert torch.allclose(embed(embed.filter(sound), context, None)[0], expected, atol=1e-12)


def test_targets_are_entries_of_each_codebook() -> None:
    model = trembling(WAVES)
    head, sound = model.heads["targets"], torch.randn(2, 61, dtype=torch.float64)
    masked = torch.rand(2, 9) < 0.5
    output = model(sound, mask_time_indices=masked)
    filtered = model.embed.filter(sound)
    scores = (filtered @ head.scores.weight.T + head.scores.bias).view(2, 9, 2, 3)
    chosen = scores.argmax(-1)
    for b in range(2):
        for t in range(9):
            code = torch.cat([head.codebooks[0, 3 * group + chosen[b, t, group]] for group in range(2)])
            target = head.map_code.weight @ code + head.map_code.bias
            assert torch.allclose(output.projected_quantized_states[b, t], target, atol=1e-12)
    spread = F.one_hot(chosen[masked], 3).double().mean(0)
    used = sum(math.exp(-sum(p * math.log(p) for p in row.tolist() if p)) for row in spread)
    assert float(output.codevector_perplexity) == pytest.approx(used)


def test_entries_are_drawn_in_training_and_learn() -> None:
    still = WAVES.replace(stack=swap(WAVES.stack, Residual, lambda branch: branch.replace(dropout=0.0)))
    model = trembling(still).train()
    sound = torch.randn(1, 61, dtype=torch.float64)
    drawn = {tuple(model(sound).projected_quantized_states[0, 0].tolist()) for _ in range(30)}
    assert 1 < len(drawn) <= 9  # three entries in each of two codebooks
    model(sound).projected_quantized_states.square().sum().backward()
    assert model.heads["targets"].scores.weight.grad.any()
    assert model.heads["targets"].codebooks.grad.any()


def test_units_are_scored_by_cosines() -> None:
    model = trembling(make("hubert", dim=8, depth=1, heads=2, hidden=12, units=7, width=5, **SIZES))
    head, sound = model.heads["units"], torch.randn(1, 61, dtype=torch.float64)
    output = model(sound)
    mapped = output.last_hidden_state[0, 4] @ head.map.weight.T + head.map.bias
    cosine = mapped @ head.units[3] / mapped.norm() / head.units[3].norm()
    assert output.logits[0, 4, 3].item() == pytest.approx(cosine.item() / 0.1)


def test_padding_changes_nothing_where_filters_are_normed_each_by_itself() -> None:
    model = trembling(make("wav2vec2", dim=8, depth=2, heads=2, hidden=12, normed="every", **SIZES))
    sound = torch.randn(1, 61, dtype=torch.float64)
    keep = (torch.arange(90) < 61).long()[None]
    alone = model(sound).last_hidden_state
    padded = model(F.pad(sound, (0, 29)), attention_mask=keep).last_hidden_state
    assert torch.allclose(alone, padded[:, : alone.shape[1]], atol=1e-12)


REFUSED = {
    "position_groups": ({"position_groups": 3}, "embed.position: 3 groups do not divide dim 8"),
    "groups": ({"groups": 4}, r"heads.targets: 4 codebooks do not divide a code of 6 numbers"),
    "strides": ({"strides": (6, 2)}, r"embed.filters\[0\]: a filter over 5 places at every 6-th"),
    "kernels": ({"kernels": (5, 3, 2)}, "2 channels, 3 kernels and 2 strides of filters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_filters_that_do_not_fit_are_refused(name: str) -> None:
    change, sentence = REFUSED[name]
    sizes = {"dim": 8, "depth": 1, "heads": 2, "hidden": 12, "code": 6, "width": 5, **SIZES}
    with pytest.raises(BestiaryError, match=sentence):
        make("wav2vec2", **sizes | change)


def test_heads_that_hear_are_refused_where_they_cannot() -> None:
    with pytest.raises(BestiaryError, match=r"heads.ctc: the blank is letter 9, but there are 4"):
        check(WAVES.with_heads({"ctc": CTCHead(4, blank=9)}))
    with pytest.raises(BestiaryError, match=r"heads.targets: quantized targets are made of what filters gave"):
        check(make("bert", dim=8, depth=1, heads=2, hidden=12, vocab=9).with_heads(WAVES.heads))
    with pytest.raises(BestiaryError, match=r"shape \[1, 6\]; give \[batch, samples\], at least 11"):
        build(WAVES, seed=0)(torch.zeros(1, 6))
    bare = make("wav2vec2", dim=8, depth=1, heads=2, hidden=12, masked=False, **SIZES)
    with pytest.raises(BestiaryError, match="no vector for what is masked"):
        build(bare, seed=0)(torch.zeros(1, 61), mask_time_indices=torch.ones(1, 9))
