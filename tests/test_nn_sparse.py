"""Sparse attention against slow derivations from the papers, and its promise: no tensor grows with the square."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import Context, build
from bestiary.nn.attention import Attention
from bestiary.nn.bands import chunks, columns, neighbors, rows, windows
from bestiary.nn.blocks import drawn_blocks
from bestiary.nn.sparse import BandedAttention, self_attention
from bestiary.nn.windowed import WindowedAttention
from bestiary.spec import Alibi, BlockSparse, Rotary, Window
from bestiary.spec import Attention as AttentionNode
from bestiary.spec import WindowedAttention as WindowedNode

FLOAT32 = 1e-6
"""Windowed attention takes its softmax in float32, as published; the derivations do not."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def context(tokens: int, **fields: Any) -> Context:
    return Context(torch.arange(tokens)[None], tokens, **fields)


def apart(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


# --- Bands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("w", [1, 2, 5])
@pytest.mark.parametrize("tokens", [1, 4, 11])
def test_bands_are_cut_out_and_put_back(w: int, tokens: int) -> None:
    q, k = torch.randn(2, 3, tokens, 4).double(), torch.randn(2, 3, tokens, 4).double()
    products = q @ k.transpose(-1, -2)
    band = rows(chunks(q, w) @ neighbors(k, w).transpose(-1, -2), w).flatten(-3, -2)[:, :, :tokens]
    for query in range(tokens):
        for place in range(2 * w + 1):
            key = query - w + place
            expected = products[..., query, key] if 0 <= key < tokens else torch.zeros(2, 3)
            assert apart(band[..., query, place], expected) < 1e-12
    near = (torch.arange(tokens)[:, None] - torch.arange(tokens)).abs() <= w
    mixed = columns(chunks(band, w), w) @ neighbors(k, w)
    assert apart(mixed.flatten(-3, -2)[..., :tokens, :], products * near @ k) < 1e-12
    real = windows(torch.arange(1, tokens + 1)[None], w)
    assert real[0, 0, w:].tolist() == [*range(1, tokens + 1), *[0] * w][: w + 1]


# --- Windowed attention --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 3, 20])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("marked", [0, 1, 4])
def test_windowed_attention_agrees_with_loops(window: int, padded: bool, marked: int) -> None:
    # Beltagy et al. 2020, section 3.1: a band of 2 w + 1 keys and the global ones; global tokens ask with projections
    # of their own and see all.
    tokens, heads, width = 9, 2, 3
    attention = WindowedAttention(WindowedNode(heads, window), heads * width).double()
    x = torch.randn(2, tokens, heads * width).double()
    keep = torch.tensor([[1] * 9, [1] * 6 + [0] * 3]).bool() if padded else None
    everywhere = torch.zeros(2, tokens, dtype=torch.bool)
    everywhere[0, :marked] = everywhere[1, 1:4:2] = bool(marked)
    found = attention(x, context(tokens, keep=keep, everywhere=everywhere))
    local = [project(x) for project in (attention.q, attention.k, attention.v)]
    overall = [project(x) for project in (attention.q_global, attention.k_global, attention.v_global)]
    for text in range(2):
        for query in range(tokens):
            if keep is not None and not keep[text, query]:
                continue
            q, k, v = overall if everywhere[text, query] else local
            seen = [
                key
                for key in range(tokens)
                if (keep is None or keep[text, key])
                and (abs(query - key) <= window or everywhere[text, key] or everywhere[text, query])
            ]
            mixed = []
            for head in range(heads):
                own = slice(width * head, width * head + width)
                scores = torch.stack([q[text, query, own] @ k[text, key, own] for key in seen]) * width**-0.5
                mixed.append(scores.softmax(0) @ torch.stack([v[text, key, own] for key in seen]))
            assert apart(found[text, query], attention.o(torch.cat(mixed))) < FLOAT32


def long_model(task: str) -> Any:
    sizes = {"dim": 16, "depth": 2, "heads": 2, "hidden": 24, "vocab": 50, "length": 40, "window": 2}
    return build(with_task(make("longformer", **sizes), "longformer", task), seed=0).double().eval()


@torch.no_grad()
def test_a_classifier_reads_a_global_token_unless_told() -> None:
    model, ids = long_model("sequence-classification"), torch.randint(5, 50, (2, 20))
    first = (torch.arange(20) == 0).long().expand(2, -1)
    assert torch.equal(model(ids).logits, model(ids, global_attention_mask=first).logits)
    assert not torch.equal(model(ids).logits, model(ids, global_attention_mask=0 * first).logits)


@torch.no_grad()
def test_a_question_is_global_unless_told() -> None:
    model, ids = long_model("question-answering"), torch.randint(5, 50, (2, 20))
    ids[0, 4] = ids[1, 6] = ids[0, 9] = 2
    question = torch.arange(20) < torch.tensor([[4], [6]])
    assert torch.equal(model(ids).start_logits, model(ids, global_attention_mask=question.long()).start_logits)
    ids[1, 6] = 3
    with pytest.raises(BestiaryError, match="ends at the token 2, which some text of the batch lacks"):
        model(ids)


def test_padding_without_any_real_neighbor_gives_no_nan() -> None:
    model, ids = long_model("masked-lm"), torch.randint(5, 50, (2, 20))
    keep = (torch.arange(20) < torch.tensor([[20], [5]])).long()
    model(ids, keep).logits.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


# --- Bands of ordinary attention -----------------------------------------------------------------------------------

SPARSE: dict[str, AttentionNode] = {
    "window": AttentionNode(4, mask=(Window(5),)),
    "window of one": AttentionNode(4, mask=(Window(1),)),
    "turned and grouped window": AttentionNode(4, 2, position=Rotary(), mask=(Window(3),), bias="", scale=0.3),
}


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("tokens", [3, 13, 40])
@pytest.mark.parametrize("padded", [False, True])
def test_bands_equal_dense_attention_behind_the_mask(name: str, tokens: int, padded: bool) -> None:
    node = SPARSE[name]
    sparse = self_attention(node, 16).double()
    dense = Attention(node, 16).double()
    dense.load_state_dict(sparse.state_dict())
    keep = (torch.arange(tokens) < torch.tensor([[tokens], [tokens // 2 + 1]])) if padded else None
    x = torch.randn(2, tokens, 16).double()
    found, expected = (part(x, context(tokens, keep=keep)) for part in (sparse, dense))
    assert type(sparse) is BandedAttention
    assert apart(found, expected) < 1e-12


def test_a_band_with_a_position_on_the_scores_or_a_cache_is_dense() -> None:
    sparse = self_attention(AttentionNode(4, mask=(Window(3),), position=Alibi()), 16).double()
    dense = Attention(AttentionNode(4, mask=(Window(3),), position=Alibi()), 16).double()
    dense.load_state_dict(sparse.state_dict())
    x = torch.randn(2, 30, 16).double()
    assert torch.equal(sparse(x, context(30)), dense(x, context(30)))


# --- Blocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kv_heads", [None, 2])
@pytest.mark.parametrize("tokens", [16, 57, 60])
def test_blocks_agree_with_loops(tokens: int, training: bool, kv_heads: int | None) -> None:
    # Zaheer et al. 2020, section 2: global blocks see all and are seen by all, others see their neighbors and some
    # random blocks. A block that is drawn twice, or drawn beside being seen anyway, counts so often.
    node = BlockSparse(3, 1, 90)
    attention = self_attention(AttentionNode(4, kv_heads, mask=(node,)), 8).double().train(training)
    x = torch.randn(2, tokens, 8).double()
    found = attention(x, context(tokens, depth=7))
    number = -(-tokens // 3)
    drawn = drawn_blocks(node, number, 4, 7) if training else torch.zeros(4, number - 2, 1)
    q, k, v = (project(x) for project in (attention.q, attention.k, attention.v))
    for query in range(0, tokens, 5):
        block, mixed = query // 3, []
        for head in range(4):
            blocks = list(range(number))
            if tokens > 21 and 0 < block < number - 1:
                blocks = [*{0, block - 1, block, block + 1, number - 1}, *drawn[head, block - 1].int().tolist()]
            keys = [key for other in blocks for key in range(3 * other, min(3 * other + 3, tokens))]
            own, shared = slice(2 * head, 2 * head + 2), head * (kv_heads or 4) // 4
            theirs = slice(2 * shared, 2 * shared + 2)
            weights = ((k[0, keys, theirs] @ q[0, query, own]) * 2**-0.5).softmax(0)
            mixed.append(weights @ v[0, keys, theirs])
        assert apart(found[0, query], attention.o(torch.cat(mixed))) < 1e-12


def test_blocks_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(BestiaryError, match="3 random blocks cannot be drawn"):
        drawn_blocks(BlockSparse(256, 3, 4096), 4, 1, 0)


# --- What it is for: nothing grows with the square of the tokens ---------------------------------------------------


class Sizes(TorchDispatchMode):
    """Watch every tensor that an operation gives: the largest, and how many numbers all hold together."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(given):
            if isinstance(tensor, Tensor):
                stored = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.largest, self.total = max(self.largest, stored), self.total + stored
        return given


MODELS: dict[str, dict[str, Any]] = {
    "longformer": {"window": 32, "length": 8192},
    "big_bird": {"block": 16, "length": 8192},
    "modernbert": {"window": 32, "local": (True, True)},
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_no_tensor_grows_with_the_square(name: str, training: bool) -> None:
    model = build(make(name, dim=16, depth=2, heads=2, hidden=32, vocab=20, **MODELS[name]), seed=0).train(training)
    sizes = []
    for tokens in (2048, 8192):
        ids = torch.randint(5, 20, (1, tokens))
        given = {"global_attention_mask": (torch.arange(tokens) < 8).long()[None]} if name == "longformer" else {}
        keep = (torch.arange(tokens) < tokens - 9).long()[None]
        with Sizes() as seen:
            output = model(ids, attention_mask=keep, **given)
            if training:
                output.last_hidden_state.sum().backward()
        sizes.append((seen.largest, seen.total))
    assert sizes[1][0] < 8192**2 / 4
    assert sizes[1][0] <= 4.1 * sizes[0][0]
    assert sizes[1][1] <= 4.1 * sizes[0][1]
