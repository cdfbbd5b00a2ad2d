"""Blanks filled token by token: GLM against a slow derivation, and its generation through the cache."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bestiary import nn
from bestiary.architectures import make
from bestiary.cli.jobs import JOBS, Settings, job_of
from bestiary.cli.twin import byte_tokenizer
from bestiary.errors import BestiaryError
from bestiary.generate import Sampling, at_blank, fills_blanks, generate
from bestiary.nn import Cache
from bestiary.sizing import count
from bestiary.sizing.reach import context_length
from bestiary.spec import LearnedBlocks, Model, Rotary, check, flat, from_json, swap, tiny, to_json, with_position

SIZES = {"dim": 12, "depth": 2, "heads": 3, "hidden": 17, "vocab": 41, "length": 13}
NEW = 5
MASK, START = 2, 1


def perturbed(seed: int = 0) -> nn.Model:
    model = nn.build(make("glm", **SIZES), seed=seed).double().eval()
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def normed(x: list[float], state: dict[str, Tensor], name: str) -> Tensor:
    values = torch.tensor(x, dtype=torch.float64)
    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    return (values - mean) / math.sqrt(variance + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return state[f"{name}.weight"] @ x + state[f"{name}.bias"]


def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def slowly(state: dict[str, Tensor], ids: list[int], place: list[int], block: list[int], context: int) -> Tensor:
    """Du et al. 2021, section 2: scores of every token, a vector and a key at a time.

    Tokens of part A, the first ``context``, see each other and nothing of part B; those of part B see part A and what
    of part B stands before them, whichever block it is of.
    """
    table = state["embed.tokens.weight"]
    x = [
        table[token] + state["embed.position.place"][where] + state["embed.position.block"][within]
        for token, where, within in zip(ids, place, block, strict=True)
    ]
    width = SIZES["dim"] // SIZES["heads"]
    for layer in range(SIZES["depth"]):
        at = f"stack.layers.{layer}"
        h = [normed(one.tolist(), state, f"{at}.attn_norm") for one in x]
        q, k, v = ([linear(one, state, f"{at}.attn.{name}") for one in h] for name in "qkv")
        for i in range(len(ids)):
            seen = range(context) if i < context else range(i + 1)
            mixed: list[Tensor] = []
            for head in range(SIZES["heads"]):
                part = slice(head * width, (head + 1) * width)
                weights = [math.exp(float(q[i][part] @ k[j][part]) / math.sqrt(width)) for j in seen]
                mixed.append(sum(w / sum(weights) * v[j][part] for w, j in zip(weights, seen, strict=True)))  # type: ignore[arg-type]
            x[i] = x[i] + linear(torch.cat(mixed), state, f"{at}.attn.o")
        for i, one in enumerate(x):
            inner = linear(normed(one.tolist(), state, f"{at}.mlp_norm"), state, f"{at}.mlp.up")
            active = torch.tensor([gelu(value) for value in inner.tolist()], dtype=torch.float64)
            x[i] = one + linear(active, state, f"{at}.mlp.down")
    return torch.stack([table @ normed(one.tolist(), state, "stack.norm") for one in x])


@torch.no_grad()
def test_the_paper_s_example() -> None:
    """Figure 2: of x1 ... x6 the spans x3 and x5 x6 are blanks; they are filled in an order drawn by lot."""
    model = perturbed()
    ids = [11, 12, MASK, 14, MASK, START, 15, 16, START, 13]
    place, block = [0, 1, 2, 3, 4, 4, 4, 4, 2, 2], [0, 0, 0, 0, 0, 1, 2, 3, 1, 2]
    expected = slowly(model.state_dict(), ids, place, block, context=5)
    inputs, positions = torch.tensor([ids]), torch.tensor([[place, block]])
    found = model(inputs, position_ids=positions, prefix_length=torch.tensor([5])).logits[0]
    assert (found - expected).abs().max() < 1e-10
    cache, parts = Cache(), []
    for part in (slice(0, 5), slice(5, 6), slice(6, 10)):
        out = model(
            inputs[:, part], position_ids=positions[..., part], past_key_values=cache, prefix_length=torch.tensor([5])
        )
        parts.append(out.logits[0])
    assert (torch.cat(parts) - expected).abs().max() < 1e-10


@torch.no_grad()
def test_text_alone_is_no_block() -> None:
    model = perturbed()
    ids = torch.randint(3, 41, (2, 6))
    pairs = torch.stack((torch.arange(6), torch.zeros(6, dtype=torch.long))).expand(2, 2, 6)
    assert torch.equal(model(ids).logits, model(ids, position_ids=pairs).logits)
    with pytest.raises(BestiaryError, match="14 tokens, more than the 13 positions"):
        model(torch.zeros(1, 14, dtype=torch.long))


def test_gradients_reach_both_tables() -> None:
    model = perturbed()
    given = at_blank(torch.tensor([[5, MASK, 7]]), MASK, START)
    model(**given).logits.square().sum().backward()
    position = model.get_submodule("embed.position")
    rows = {name: part.grad.abs().sum(-1).nonzero()[:, 0].tolist() for name, part in position.named_parameters()}  # type: ignore[union-attr]
    assert rows == {"place": [0, 1, 2], "block": [0, 1]}


def test_at_blank() -> None:
    ids = torch.tensor([[5, MASK, 7, MASK], [0, 0, 8, MASK], [9, 9, 0, 0]])
    given = at_blank(ids, MASK, START, torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]]))
    assert given["input_ids"].tolist() == [[5, MASK, 7, MASK, START], [0, 0, 8, MASK, START], [9, 9, 0, 0, START]]
    assert given["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 0, 0, 1]]
    assert given["prefix_length"].tolist() == [4, 2, 2]
    assert given["position_ids"].tolist() == [
        [[0, 1, 2, 3, 1], [0, 0, 0, 0, 1]],
        [[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]],
        [[0, 1, 1, 1, 1], [0, 0, 0, 0, 1]],
    ]


@torch.no_grad()
def written(state: dict[str, Tensor], text: list[int], blank: int, *start: int) -> list[int]:
    """Fill one blank without a cache, every step from the beginning."""
    ids, place, block = list(text), list(range(len(text))), [0] * len(text)
    for new in (*start, *[None] * NEW):
        token = int(slowly(state, ids, place, block, len(text))[-1].argmax()) if new is None else new
        ids, place, block = [*ids, token], [*place, blank], [*block, len(block) - len(text) + 1]
    return ids[len(text) + len(start) :]


@pytest.mark.parametrize("side", ["left", "right"])
def test_generation_stays_at_the_blank(side: str) -> None:
    model = perturbed()
    texts = [[5, 6, MASK, 8, 9], [MASK, 7, 3], [4, 11, 12, MASK]]
    ids, mask = torch.zeros(3, 5, dtype=torch.long), torch.zeros(3, 5, dtype=torch.long)
    for row, text in enumerate(texts):
        place = slice(5 - len(text), 5) if side == "left" else slice(0, len(text))
        ids[row, place], mask[row, place] = torch.tensor(text), 1
    given = at_blank(ids, MASK, START, mask)
    answer = generate(model, **given, max_new_tokens=NEW, eos_token_id=[])
    expected = [written(model.state_dict(), text, text.index(MASK), START) for text in texts]
    assert answer[:, 6:].tolist() == expected
    # Without positions the blank is the prefix's last token, and without a prefix that of the prompt.
    del given["position_ids"]
    answer = generate(model, **given, max_new_tokens=NEW, eos_token_id=[])
    assert answer[:, 6:].tolist() == [written(model.state_dict(), t, len(t) - 1, START) for t in texts]
    answer = generate(model, ids, mask, max_new_tokens=NEW, eos_token_id=[])
    assert answer[:, 5:].tolist() == [written(model.state_dict(), t, len(t) - 1) for t in texts]


def test_text_and_block_are_bounded_apart() -> None:
    model = perturbed()
    text = torch.full((1, 13), 7)
    assert generate(model, text, max_new_tokens=14, eos_token_id=[]).shape == (1, 27)
    with pytest.raises(BestiaryError, match="ask for at most 14 new tokens"):
        generate(model, text, max_new_tokens=15, eos_token_id=[])
    with pytest.raises(BestiaryError, match="ask for at most 13 new tokens"):
        generate(model, **at_blank(text, MASK, START), max_new_tokens=14, eos_token_id=[])
    with pytest.raises(BestiaryError, match="place 14, past this model's last, 13"):
        generate(model, torch.full((1, 15), 7), max_new_tokens=2, eos_token_id=[])
    with pytest.raises(BestiaryError, match=r"give \[batch, 2, tokens\]"):
        generate(model, text, position_ids=torch.arange(13)[None])
    gpt2 = nn.build(make("gpt2", dim=12, depth=1, heads=2, hidden=9, vocab=20), seed=0)
    with pytest.raises(BestiaryError, match="position_ids are for a decoder that fills blanks"):
        generate(gpt2, torch.tensor([[4, 5]]), position_ids=torch.zeros(1, 2, 2, dtype=torch.long))


def size(dim: int, depth: int, vocab: int, length: int) -> Model:
    return make("glm", dim=dim, depth=depth, heads=dim // 64, hidden=4 * dim, vocab=vocab, length=length)


STATED = [
    (size(768, 12, 30592, 512), 110, 6),
    (size(1024, 24, 30592, 512), 335, 6),
    (size(1024, 30, 30592, 512), 410, 6),
    (size(1152, 30, 30592, 512), 515, 6),
    (size(2048, 36, 50304, 1024), 2, 9),
    (size(4096, 48, 50304, 1024), 10, 9),
    (size(4096, 48, 50048, 1024), 10, 9),
]
"""Sizes of the authors' ``config_tasks/model_blocklm_*.sh`` and the figures of their README, in that order."""


@pytest.mark.parametrize(("model", "stated", "unit"), STATED)
def test_stated_counts(model: Model, stated: int, unit: int) -> None:
    total = count(model).total
    if stated == 110:  # 109.3: rounded as BERT's is
        assert round(total, -7) == 110 * 10**6
    else:
        assert round(total / 10**unit) == stated
    assert sum(part.numel() for part in nn.build(model, device="meta").parameters()) == total


def test_the_node_in_specs() -> None:
    model = make("glm", **SIZES)
    assert from_json(to_json(model)) == model
    assert "place[position_ids[0]] + block[position_ids[1]]" in flat(model)
    assert (context_length(model), context_length(tiny(model))) == (13, 128)
    assert fills_blanks(model)
    assert not fills_blanks(with_position(model, None))
    with pytest.raises(BestiaryError, match=r"embed\.position: positions come in pairs, which rotary positions do not"):
        check(model.at("stack.layers[*].attn.position", Rotary()))
    with pytest.raises(BestiaryError, match="length is 0"):
        check(swap(model, LearnedBlocks, LearnedBlocks(0)))


def test_the_small_twin_fills_a_mask_on_the_command_line() -> None:
    model = nn.build(tiny(size(4096, 48, 50304, 1024)), seed=0)
    model.tokenizer = byte_tokenizer(512)
    seen: list[Tensor] = []
    model.embed.position.register_forward_pre_hook(lambda module, given: seen.append(given[0].positions))  # type: ignore[union-attr, operator]
    settings = Settings(Sampling(), 4, 0, True, False)
    assert job_of(model.spec) == "generate"
    JOBS["generate"].answer(model, ["ab[MASK]c", "ab"], settings)
    places = [[part[0].tolist() for part in seen[first : first + 4]] for first in (0, 4)]
    assert places[0] == [[[0, 1, 2, 3, 2], [0, 0, 0, 0, 1]], [[2], [2]], [[2], [3]], [[2], [4]]]
    assert places[1] == [[[0, 1, 1], [0, 0, 1]], [[1], [2]], [[1], [3]], [[1], [4]]]
