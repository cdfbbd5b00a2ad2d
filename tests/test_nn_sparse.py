"""Sparse attention against slow derivations from the papers, and its promise: no tensor grows with the square."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import Context, build
from bestiary.nn.bands import chunks, columns, neighbors, rows, windows
from bestiary.nn.windowed import WindowedAttention
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
