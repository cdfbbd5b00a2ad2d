"""Nodes of single decoders against slow derivations: positions that follow the mask, tables narrower than the model."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch
import transformers
from comparison import Lifted
from torch import Tensor

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import Cache, Context, build
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.scores import score_position
from bestiary.spec import CoarseAlibi, KeyAlibi, LearnedByMask, NarrowTokens, Tokens, Transformer, swap
from bestiary.weights.load import load_weights
from bestiary.weights.ops import OPS
from bestiary.weights.save import save_weights

SIZES = {"dim": 12, "depth": 2, "heads": 2, "hidden": 9, "vocab": 31}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_positions_count_what_the_mask_keeps() -> None:
    model = build(make("opt", **SIZES, length=9), seed=0).double()
    seen: list[Tensor] = []
    model.embed.position.register_forward_hook(lambda module, given, answer: seen.append(answer))
    keep = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 1, 0, 1]])
    ids, table, cache = torch.randint(31, keep.shape), model.embed.position.weight, Cache()
    model(ids, keep)
    model(ids[:, :3], keep[:, :3], past_key_values=cache)
    model(ids[:, 3:], keep, past_key_values=cache)
    for found in (seen[0], torch.cat(seen[1:], dim=1)):
        for row, kept in enumerate(keep.tolist()):
            for place, real in enumerate(kept):
                expected = table[2 + sum(kept[:place])] if real else table[1]
                assert torch.equal(found[row, place], expected)


def test_a_narrow_table_is_projected_up_and_what_heads_read_down() -> None:
    narrow = make("opt", **SIZES, length=9, width=5, placement="post", dropout=0.0)
    model, ids = build(narrow, seed=0).double(), torch.randint(31, (2, 7))
    state = model.state_dict()
    wide: Transformer = swap(narrow, NarrowTokens, lambda node: Tokens(node.vocab, position=node.position))
    body = build(wide.with_heads({}), seed=0).double()
    table = state["embed.tokens.weight"] @ state["embed.project.weight"].T  # every token's vector, projected
    body.load_state_dict({key: state[key] for key in body.state_dict()} | {"embed.tokens.weight": table})
    last = body(ids).last_hidden_state @ state["embed.narrow.weight"].T
    found = model(ids)
    assert torch.allclose(found.last_hidden_state, last, rtol=0, atol=1e-12)
    assert torch.allclose(found.logits, last @ state["embed.tokens.weight"].T, rtol=0, atol=1e-12)
    given = model(inputs_embeds=state["embed.tokens.weight"][ids])
    assert torch.equal(given.logits, found.logits)
    tagged = build(with_task(narrow, "opt", "sequence-classification", 3), seed=0)
    assert tuple(tagged.heads["classifier"].output.weight.shape) == (3, 5)


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (4, 1), (6, 2)])
def test_fused_heads_are_taken_apart_one_by_one(heads: int, groups: int) -> None:
    spec = make("llama", dim=12 * heads, depth=1, heads=heads, kv_heads=groups, hidden=4)
    kinds = [kind for group in range(groups) for kind in (*"q" * (heads // groups), "k", "v")]
    fused = torch.arange(len(kinds) * 12 * 5.0).reshape(-1, 5)
    expected = [
        torch.cat([fused[12 * i : 12 * i + 12] for i, its in enumerate(kinds) if its == kind]) for kind in "qkv"
    ]
    found = OPS["split_heads"].read([fused], spec, 3)
    assert all(map(torch.equal, found, expected))
    assert torch.equal(OPS["split_heads"].write(found, spec, 3)[0], fused)


def test_neighbors_are_turned_in_the_rotated_part_alone() -> None:
    spec = make("gptj", dim=20, depth=1, heads=2, hidden=4, vocab=9, rotated=6)
    rows = torch.arange(20)
    found = OPS["rotary_q"].read([rows], spec, 1)[0]
    assert found.tolist() == [0, 2, 4, 1, 3, 5, 6, 7, 8, 9, 10, 12, 14, 11, 13, 15, 16, 17, 18, 19]
    assert torch.equal(OPS["rotary_q"].write([found], spec, 1)[0], rows)


def test_a_mask_of_ones_is_no_mask() -> None:
    model, ids = build(make("opt", **SIZES, length=9), seed=0), torch.randint(31, (1, 4))
    assert isinstance(model.spec.embed.position, LearnedByMask)
    assert torch.equal(model(ids).logits, model(ids, torch.ones_like(ids)).logits)


SLOPES = {8: [2**-i for i in range(1, 9)], 12: [*(2**-i for i in range(1, 9)), *(2 ** -(i + 0.5) for i in range(4))]}


@pytest.mark.parametrize("heads", SLOPES)
@pytest.mark.parametrize("kept", [None, [[True, True, True], [False, True, True]]])
def test_keys_bring_slope_times_place_among_real_tokens(heads: int, kept: list[list[bool]] | None) -> None:
    q = torch.zeros(2, heads, 3, 4).double()
    context = Context(torch.arange(3)[None], 3, None if kept is None else torch.tensor(kept))
    found = score_position(KeyAlibi(), heads)(q, q, context)
    coarse = score_position(CoarseAlibi(), heads)(q, q, context)
    for row, mask in enumerate(kept or [[True] * 3]):
        for key in range(3):
            place = sum(mask[:key]) if mask[key] else 0
            for head, slope in enumerate(SLOPES[heads]):
                assert abs(found[row, head, 0, key].item() - slope * place) < 1e-6  # float32
                rounded = (torch.tensor(slope).bfloat16() * place).item()
                assert coarse[row, head, 0, key].item() == rounded / 2  # the root of the head's width


def test_sines_stand_before_cosines() -> None:
    model = build(make("ctrl", **SIZES, length=9, dropout=0.0), seed=0).double()
    found = model.embed.position(Context(torch.arange(9)[None], 9))[0]
    for place in range(9):
        for i in range(6):
            angle = place / 10000 ** (2 * i / 12)
            assert abs(found[place, i].item() - math.sin(angle)) < 1e-5  # angles are float32
            assert abs(found[place, 6 + i].item() - math.cos(angle)) < 1e-5
    with pytest.raises(BestiaryError, match="10 tokens, more than the 9 positions"):
        model(torch.zeros(1, 10, dtype=torch.long))


def test_a_short_constant_changes_little() -> None:
    x = torch.linspace(-9, 9, 1000).double()
    assert (ACTIVATIONS["gelu_tanh_short"](x) - ACTIVATIONS["gelu_tanh"](x)).abs().max() < 1e-8


@pytest.mark.parametrize("heads", [3, 4])
@torch.no_grad()
def test_flatter_penalties_and_clipped_projections_are_what_storywriter_was_trained_with(
    heads: int, tmp_path: Path
) -> None:
    # The reference reads alibi_bias_max and then computes with 8: here it is given what the config says.
    torch.manual_seed(heads)
    said = {"clip_qkv": 0.5, "alibi_bias_max": 16}
    sizes = {"d_model": 8 * heads, "n_heads": heads, "n_layers": 2, "vocab_size": 61, "max_seq_len": 23}
    reference = transformers.MptForCausalLM(transformers.MptConfig(**sizes, attn_config=said)).double().eval()
    for parameter in reference.parameters():
        parameter += 0.2 * torch.randn_like(parameter)
    slopes = reference.transformer.build_mpt_alibi_tensor
    ids, (expected, other) = torch.randint(61, (2, 9)), ([], [])
    for most, found in ((16, expected), (8, other)):
        reference.transformer.build_mpt_alibi_tensor = partial(slopes, alibi_bias_max=most)
        with Lifted():
            found.append(reference(ids).logits)
    reference.save_pretrained(tmp_path)
    model, checkpoint = load_weights(tmp_path)
    assert (model(ids).logits - expected[0]).abs().max() < 1e-10 < (other[0] - expected[0]).abs().max()
    save_weights(model, tmp_path / "back", checkpoint.meaning.carried)
    again = transformers.MptConfig.from_pretrained(tmp_path / "back").attn_config
    assert (again.clip_qkv, again.alibi_bias_max) == (0.5, 16)
