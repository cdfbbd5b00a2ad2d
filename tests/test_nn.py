"""The modules against brute force: masks, positions, caches, grouped heads, shared weights, gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import Cache, Context, Model, build
from bestiary.nn.attention import Attention
from bestiary.nn.masks import self_mask
from bestiary.nn.rotary import rotate
from bestiary.nn.scores import score_position
from bestiary.spec import (
    GLU,
    MLP,
    Alibi,
    Causal,
    EncoderDecoder,
    LayerNorm,
    Learned,
    LinearScaling,
    LMHead,
    Mask,
    Parallel,
    Placement,
    Prefix,
    Repeat,
    Residual,
    RMSNorm,
    Rotary,
    Sinusoidal,
    Stack,
    T5Bias,
    Tokens,
    Transformer,
    Window,
    swap,
    with_position,
)
from bestiary.spec import Attention as AttentionNode

EXACT = 1e-12
"""Both sides are float64, and differ in the order of their sums only."""
ANGLES = 1e-6
"""Rotary angles are float32 whatever the dtype, so that a shifted position is rounded otherwise."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def context(tokens: int, past: int = 0, **fields: Any) -> Context:
    return Context(torch.arange(past, past + tokens)[None], past + tokens, **fields)


def apart(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


# --- Masks ---------------------------------------------------------------------------------------------------------


def sees(masks: tuple[Mask, ...], query: int, key: int, prefix: int | None) -> bool:
    """Say by each mask's definition whether a query sees a key."""
    for mask in masks:
        allowed = True
        if isinstance(mask, Causal):
            allowed = key <= query
        elif isinstance(mask, Window):
            allowed = abs(query - key) < mask.size
        elif isinstance(mask, Prefix):
            allowed = key <= query or (prefix is not None and key < prefix)
        if not allowed:
            return False
    return True


MASKS = [(), (Causal(),), (Window(2),), (Causal(), Window(3)), (Prefix(),), (Prefix(), Window(4)), (Window(1),)]


@pytest.mark.parametrize("masks", MASKS, ids=str)
@pytest.mark.parametrize("past", [0, 1, 4])
@pytest.mark.parametrize("tokens", [1, 5])
@pytest.mark.parametrize("padded", [False, True])
def test_masks_agree_with_their_definition(masks: tuple[Mask, ...], past: int, tokens: int, padded: bool) -> None:
    keys, prefix = past + tokens, torch.tensor([0, 2, 3])
    keep = torch.rand(3, keys) > 0.4 if padded else None
    mask = self_mask(masks, context(tokens, past, keep=keep, prefix=prefix))
    for row in range(3):
        for query in range(tokens):
            for key in range(keys):
                real = keep is None or bool(keep[row, key])
                padding = 0 if keep is None else key - (int(keep[row, : key + 1].sum()) - 1)
                open_to = int(prefix[row]) + padding  # the prefix's length counts real tokens
                expected = real and sees(masks, past + query, key, open_to)
                found = mask is None or bool(mask.expand(3, 1, tokens, keys)[row, 0, query, key])
                assert found == expected


@pytest.mark.parametrize("masks", MASKS, ids=str)
@pytest.mark.parametrize("bias", ["", "qkvo"])
@pytest.mark.parametrize("kv_heads", [None, 2, 1])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_attention_agrees_with_loops(
    masks: tuple[Mask, ...], bias: str, kv_heads: int | None, scale: float | None
) -> None:
    node = AttentionNode(4, kv_heads, head_dim=3, bias=bias, mask=masks, scale=scale)
    attention = Attention(node, 8).double()
    x, prefix = torch.randn(2, 6, 8).double(), torch.tensor([2, 4])
    found = attention(x, context(6, prefix=prefix))
    q, k, v = attention.q(x), attention.k(x), attention.v(x)
    for row in range(2):
        for query in range(6):
            mixed = []
            for head in range(4):
                shared = head * (kv_heads or 4) // 4
                theirs, own = slice(3 * shared, 3 * shared + 3), slice(3 * head, 3 * head + 3)
                seen = [key for key in range(6) if sees(masks, query, key, int(prefix[row]))]
                scores = torch.stack([q[row, query, own] @ k[row, key, theirs] for key in seen])
                weights = torch.softmax(scores * (3**-0.5 if scale is None else scale), 0)
                mixed.append(sum(w * v[row, key, theirs] for w, key in zip(weights, seen, strict=True)))
            assert apart(found[row, query], attention.o(torch.cat(mixed))) < EXACT


def test_grouped_heads_equal_repeated_ones() -> None:
    grouped = Attention(AttentionNode(6, kv_heads=2, head_dim=4), 10).double()
    full = Attention(AttentionNode(6, head_dim=4), 10).double()
    state = grouped.state_dict()
    for name in ("k.weight", "k.bias", "v.weight", "v.bias"):
        state[name] = state[name].unflatten(0, (2, 4)).repeat_interleave(3, 0).flatten(0, 1)
    full.load_state_dict(state)
    x = torch.randn(2, 5, 10).double()
    assert apart(grouped(x, context(5)), full(x, context(5))) < EXACT


# --- Positions -----------------------------------------------------------------------------------------------------

ROTARIES = [Rotary(), Rotary(500.0, 0.5), Rotary(scaling=LinearScaling(2.0))]


@pytest.mark.parametrize("rotary", ROTARIES, ids=str)
def test_rotated_products_depend_on_distance_only(rotary: Rotary) -> None:
    q, k = torch.randn(1, 1, 1, 8).double(), torch.randn(1, 1, 1, 8).double()

    def product(query: int, key: int) -> float:
        turned = rotate(rotary, q, q, context(1, query))[0], rotate(rotary, k, k, context(1, key))[0]
        return (turned[0] * turned[1]).sum().item()

    for distance in (-3, 0, 1, 7):
        products = [product(start, start + distance) for start in (3, 4, 11, 30)]
        assert max(products) - min(products) < 1e-5  # sums of eight products of numbers near one, each with such angles
    assert abs(product(3, 4) - product(3, 7)) > 1e-3


@pytest.mark.parametrize("rotary", ROTARIES, ids=str)
def test_rotation_turns_each_pair_by_its_angle(rotary: Rotary) -> None:
    x = torch.randn(1, 1, 5, 8).double()
    turned = rotate(rotary, x, x, context(5))[0]
    rotated = int(8 * rotary.fraction)
    stretch = rotary.scaling.factor if isinstance(rotary.scaling, LinearScaling) else 1.0
    for place in range(5):
        for i in range(rotated // 2):
            angle = place / stretch * rotary.base ** (-2 * i / rotated)
            a, b = x[0, 0, place, i].item(), x[0, 0, place, i + rotated // 2].item()
            assert abs(turned[0, 0, place, i] - (a * math.cos(angle) - b * math.sin(angle))) < ANGLES
            assert abs(turned[0, 0, place, i + rotated // 2] - (b * math.cos(angle) + a * math.sin(angle))) < ANGLES
    assert torch.equal(turned[..., rotated:], x[..., rotated:])


# Published by the authors for eight heads; for twelve, the slopes of eight and every second one of sixteen.
SLOPES = {
    2: [2**-4, 2**-8],
    8: [2**-1, 2**-2, 2**-3, 2**-4, 2**-5, 2**-6, 2**-7, 2**-8],
    12: [*(2**-i for i in range(1, 9)), 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5],
}


@pytest.mark.parametrize("heads", SLOPES)
def test_alibi_falls_with_the_published_slopes(heads: int) -> None:
    q = torch.zeros(1, heads, 3, 4).double()
    bias = score_position(Alibi(), heads)(q, q, context(3, past=2))
    assert bias.shape == (1, heads, 3, 5)
    for head, slope in enumerate(SLOPES[heads]):
        for query in range(3):
            for key in range(query + 3):
                assert abs(bias[0, head, query, key].item() + slope * (query + 2 - key)) < 1e-6  # slopes are float32


def bucket(distance: int, buckets: int, longest: int, bidirectional: bool) -> int:
    """Count through the edges: half of the buckets hold a distance each, the others grow by one ratio."""
    first = 0
    if bidirectional:
        buckets //= 2
        first = buckets if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(0, -distance)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    place = exact
    while place < buckets - 1:
        edge = exact * (longest / exact) ** ((place + 1 - exact) / (buckets - exact))
        if distance < edge - 1e-9:
            break
        place += 1
    return first + place


@pytest.mark.parametrize(("buckets", "longest"), [(32, 128), (8, 20), (12, 30), (64, 300)])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_t5_buckets_agree_with_their_edges(buckets: int, longest: int, bidirectional: bool) -> None:
    position = score_position(T5Bias(buckets, longest, bidirectional), 1).double()
    position.weight.data = torch.arange(buckets).double()[:, None]
    length = 2 * longest
    q = torch.zeros(1, 1, length, 1).double()
    found = position(q, q, context(length))[0, 0]
    seen = set()
    for query in range(0, length, 7):
        for key in range(length):
            expected = bucket(key - query, buckets, longest, bidirectional)
            seen.add(expected)
            assert found[query, key] == expected, key - query
    # Nothing is both in the future and at no distance.
    assert seen == set(range(buckets)) - ({buckets // 2} if bidirectional else set())


def test_sinusoids_are_those_of_the_paper() -> None:
    model = build(Transformer(6, Tokens(5, position=Sinusoidal()), Stack(((Residual(MLP(3)),),))), seed=0).double()
    found = model.embed.position(context(4))[0]
    for place in range(4):
        for i in range(3):
            angle = place / 10000 ** (2 * i / 6)
            assert abs(found[place, 2 * i].item() - math.sin(angle)) < EXACT
            assert abs(found[place, 2 * i + 1].item() - math.cos(angle)) < EXACT


@pytest.mark.parametrize("name", ["bert", "gpt2", "roberta"])
def test_more_tokens_than_positions_are_refused(name: str) -> None:
    model = build(make(name, dim=8, depth=1, heads=2, hidden=8, vocab=9, length=4), seed=0)
    with pytest.raises(BestiaryError, match=r"5 tokens, more than the 4 positions of this model: shorten it"):
        model(torch.full((1, 5), 3))


# --- Caches --------------------------------------------------------------------------------------------------------

SIZES = {"dim": 24, "depth": 3, "heads": 4, "hidden": 20, "vocab": 31}
GPT2 = make("gpt2", **SIZES, length=32)
LLAMA = make("llama", **SIZES, kv_heads=2)
DECODERS: dict[str, Any] = {
    "gpt": make("gpt", **SIZES, length=32),
    "gpt2": GPT2,
    "gpt3": make("gpt3", **SIZES, length=32, window=3),
    "llama": LLAMA,
    "sinusoidal": with_position(GPT2, Sinusoidal()),
    "alibi": with_position(GPT2, Alibi()),
    "t5 bias": with_position(GPT2, T5Bias(8, 12, bidirectional=False)),
    "an alibi of each layer": with_position(GPT2, None).at("stack.layers[*].attn.position", Alibi()),
    "parallel": LLAMA.at("stack.layers[*].mlp", Parallel((LLAMA.at("stack.layers[0].attn"), GLU(7)))),
    "shared": GPT2.replace(stack=Stack((Repeat(GPT2.stack.layers[:2], 3),), LayerNorm())),
}
PAIRS: dict[str, Any] = {
    "transformer": make("transformer", **SIZES),
    "t5": make("t5", **SIZES, head_dim=6),
    "bart": make("bart", dim=24, encoder_depth=2, decoder_depth=3, heads=4, hidden=20, vocab=31, length=32),
}
SIDES = (None, "left", "right")
TOKENS, PROMPT = 9, 5


def noisy(spec: Any) -> Model:
    """Build a model in float64 in which every parameter is drawn."""
    model = build(spec, seed=0).double()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def kept(side: str | None, length: int) -> Tensor:
    """Mask two rows of three on one side of the prompt; what follows the prompt is real."""
    keep = torch.ones(3, length, dtype=torch.long)
    if side is not None:
        keep[1, 0 if side == "left" else PROMPT - 1] = 0
        keep[2, slice(3) if side == "left" else slice(PROMPT - 3, PROMPT)] = 0
    return keep


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", DECODERS)
@torch.no_grad()
def test_cache_equals_no_cache(name: str, side: str | None) -> None:
    model, ids, keep = noisy(DECODERS[name]), torch.randint(0, 31, (3, TOKENS)), kept(side, TOKENS)
    places = (keep.cumsum(-1) - 1).clamp(min=0)
    whole = model(ids, keep, position_ids=places).logits
    for cuts in ([PROMPT, *range(PROMPT + 1, TOKENS + 1)], [PROMPT, PROMPT + 3, TOKENS], [TOKENS]):
        cache, found, start = Cache(2), [], 0
        for end in cuts:
            step = slice(start, end)
            found.append(model(ids[:, step], keep[:, :end], position_ids=places[:, step], past_key_values=cache).logits)
            start = end
        assert apart(torch.cat(found, 1)[keep.bool()], whole[keep.bool()]) < EXACT
        assert cache.seen == TOKENS


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PAIRS)
@torch.no_grad()
def test_cache_of_a_pair_equals_no_cache(name: str, side: str | None) -> None:
    model, source, target = noisy(PAIRS[name]), torch.randint(0, 31, (3, 7)), torch.randint(0, 31, (3, TOKENS))
    keep, past = kept(side, 7), kept(side, TOKENS)
    whole = model(source, keep, target, past).logits
    memory, cache = model.encode(source, keep), Cache(2)
    found = [
        model(
            encoder_outputs=memory,
            attention_mask=keep,
            decoder_input_ids=target[:, start:end],
            decoder_attention_mask=past[:, :end],
            past_key_values=cache,
        ).logits
        for start, end in [(0, PROMPT), *((i, i + 1) for i in range(PROMPT, TOKENS))]
    ]
    assert apart(torch.cat(found, 1)[past.bool()], whole[past.bool()]) < EXACT


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", [*DECODERS, *PAIRS])
@torch.no_grad()
def test_padding_changes_no_real_token(name: str, side: str | None) -> None:
    if name in PAIRS:
        model, source, keep = noisy(PAIRS[name]), torch.randint(0, 31, (3, 7)), kept(side, 7)
        target = torch.randint(0, 31, (3, 4))
        garbled = source.where(keep.bool(), torch.randint(0, 31, source.shape))
        assert apart(model(source, keep, target).logits, model(garbled, keep, target).logits) < EXACT
        return
    model, ids, keep = noisy(DECODERS[name]), torch.randint(0, 31, (3, TOKENS)), kept(side, TOKENS)
    places = (keep.cumsum(-1) - 1).clamp(min=0)
    garbled = ids.where(keep.bool(), torch.randint(0, 31, ids.shape))
    answers = [model(each, keep, position_ids=places).logits[keep.bool()] for each in (ids, garbled)]
    assert apart(*answers) < EXACT


@torch.no_grad()
def test_cache_follows_a_choice_of_rows() -> None:
    model, ids, rows = noisy(LLAMA), torch.randint(0, 31, (3, TOKENS)), torch.tensor([2, 0])
    keep = kept("left", TOKENS)
    places = (keep.cumsum(-1) - 1).clamp(min=0)
    cache = Cache()
    model(ids[:, :-1], keep[:, :-1], position_ids=places[:, :-1], past_key_values=cache)
    cache.select(rows)
    last = model(ids[rows, -1:], position_ids=places[rows, -1:], past_key_values=cache).logits
    assert apart(last, model(ids, keep, position_ids=places).logits[rows, -1:]) < EXACT
    # Keys and values, 3 layers, 2 rows, 2 key heads of 6 numbers of 8 bytes, room for 64 tokens.
    assert cache.nbytes() == 2 * 3 * 2 * 2 * 6 * 8 * 64


@torch.no_grad()
def test_window_and_prefix_masks_reach_through_a_model() -> None:
    ids = torch.randint(0, 31, (1, 12))
    changed = ids.clone()
    changed[0, 4] = (ids[0, 4] + 1) % 31
    windowed = noisy(LLAMA.at("stack.layers[*].attn.mask", (Causal(), Window(3))))
    moved = (windowed(ids).logits - windowed(changed).logits).abs().amax(-1)[0] > EXACT
    # Three layers, each of which carries a token two places further.
    assert moved.tolist() == [4 <= place <= 4 + 3 * 2 for place in range(12)]
    prefixed = noisy(LLAMA.at("stack.layers[*].attn.mask", (Prefix(),)))
    for length, first in ((0, 4), (4, 4), (5, 0), (9, 0)):
        answers = [prefixed(each, prefix_length=torch.tensor([length])).logits for each in (ids, changed)]
        moved = (answers[0] - answers[1]).abs().amax(-1)[0] > EXACT
        assert moved.tolist() == [place >= first for place in range(12)]


# --- Shared weights, placements, gradients -------------------------------------------------------------------------


def unshared(spec: Transformer, times: int) -> Transformer:
    (repeat,) = spec.stack.layers
    assert isinstance(repeat, Repeat)
    return spec.replace(stack=spec.stack.replace(layers=repeat.layers * times))


@torch.no_grad()
def test_shared_weights_run_as_copies_would() -> None:
    shared = noisy(DECODERS["shared"])
    copies = build(unshared(DECODERS["shared"], 3), seed=0).double()
    state = shared.state_dict()
    for name in copies.state_dict():
        words = name.split(".")
        if words[:2] == ["stack", "layers"]:
            state[name] = state[".".join((*words[:2], str(int(words[2]) % 2), *words[3:]))]
    copies.load_state_dict(state)
    ids = torch.randint(0, 31, (2, 6))
    assert apart(shared(ids).logits, copies(ids).logits) < EXACT
    assert len(list(shared.stack.layers)) == 2


@pytest.mark.parametrize("placement", ["pre", "post", "output", "both"])
@torch.no_grad()
def test_norms_stand_where_the_spec_puts_them(placement: Placement) -> None:
    branch = Residual(MLP(5), RMSNorm(1e-3), placement, scale=0.5)
    model = noisy(Transformer(6, Tokens(9), Stack(((branch,),))))
    layer, ids = model.stack.layers[0], torch.randint(0, 9, (2, 3))
    x = model.embed.tokens(ids)

    def op(h: Tensor) -> Tensor:
        return layer.mlp(h, context(3))

    norm = layer.mlp_norm
    expected = {
        "pre": lambda: x + 0.5 * op(norm(x)),
        "post": lambda: norm(x + 0.5 * op(x)),
        "output": lambda: x + 0.5 * norm(op(x)),
        "both": lambda: x + 0.5 * layer.mlp_post_norm(op(norm(x))),
    }[placement]()
    assert apart(model(ids).last_hidden_state, expected) < EXACT


EVERY: dict[str, Any] = {
    **DECODERS,
    **PAIRS,
    "t5 1.1": make("t5_1_1", **SIZES, head_dim=10),
    "bert": make("bert", **SIZES),
    "roberta": make("roberta", **SIZES),
    "albert": make("albert", **SIZES, width=8),
    "distilbert": make("distilbert", **SIZES),
    "a head of its own": GPT2.with_heads({"lm": LMHead(tied=False, bias=True)}),
    "a norm without bias": swap(GPT2, LayerNorm, LayerNorm(bias=False)),
    "learned behind an offset": with_position(GPT2, Learned(20, offset=2)),
}


@pytest.mark.parametrize("name", EVERY)
def test_gradients_reach_every_parameter(name: str) -> None:
    model, ids = noisy(EVERY[name]), torch.randint(2, 31, (3, 7))
    given = {"decoder_input_ids": ids.flip(1)} if isinstance(EVERY[name], EncoderDecoder) else {}
    output = model(ids, **given)
    read = [field for field in (output.logits, output.pooler_output, output.last_hidden_state) if field is not None]
    sum((field * torch.randn_like(field)).sum() for field in read).backward()
    unreached = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert unreached == []


@pytest.mark.parametrize("name", EVERY)
def test_seeds_make_weights_and_meta_makes_none(name: str) -> None:
    first, again, other = (build(EVERY[name], seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)
    meta = build(EVERY[name], device="meta")
    assert {(key, value.shape) for key, value in meta.state_dict().items()} == {
        (key, value.shape) for key, value in first.items()
    }
    assert all(parameter.is_meta for parameter in meta.parameters())
