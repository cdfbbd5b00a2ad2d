"""Prefix language models: a prompt read in both directions, an answer in one, through generation and its cache."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn import Model, build
from bestiary.spec import Prefix, Rotary, T5Bias, Transformer, with_position

SIZES = {"dim": 24, "depth": 2, "heads": 4, "hidden": 30, "vocab": 61}
NEW = 5


def prefixed(name: str) -> Model:
    spec = make({"learned": "gpt2", "bias": "gpt2", "rotary": "llama"}[name], **SIZES)
    assert isinstance(spec, Transformer)
    moved = {"learned": spec, "bias": with_position(spec, T5Bias()), "rotary": with_position(spec, Rotary())}[name]
    model = build(moved.at("stack.layers[*].attn.mask", (Prefix(),)), seed=0).double()
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def slowly(model: Model, prompt: Tensor, length: int) -> list[int]:
    """Answer one prompt without a cache: every step reads everything again."""
    ids = prompt[None]
    for _ in range(NEW):
        scores = model(ids, prefix_length=torch.tensor([length])).logits[0, -1]
        ids = torch.cat((ids, scores.argmax()[None, None]), dim=1)
    return ids[0, len(prompt) :].tolist()


@pytest.mark.parametrize("side", ["left", "right", None])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("name", ["learned", "bias", "rotary"])
@torch.no_grad()
def test_generation_reads_the_prefix_both_ways(name: str, given: bool, side: str | None) -> None:
    model = prefixed(name)
    real = [7, 7, 7] if side is None else [7, 5, 4]
    prompts = [torch.randint(3, 61, (length,)) for length in real]
    lengths = [3, 5, 2] if given else real
    ids, mask = torch.zeros(3, 7, dtype=torch.long), torch.zeros(3, 7, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        place = slice(7 - len(prompt), 7) if side == "left" else slice(0, len(prompt))
        ids[row, place], mask[row, place] = prompt, 1
    answer = generate(
        model, ids, mask, max_new_tokens=NEW, eos_token_id=[], prefix_length=torch.tensor(lengths) if given else None
    )
    expected = [slowly(model, prompt, length) for prompt, length in zip(prompts, lengths, strict=True)]
    assert answer[:, 7:].tolist() == expected


@torch.no_grad()
def test_a_prefix_is_another_reading_than_none() -> None:
    model = prefixed("learned")
    ids = torch.randint(3, 61, (1, 7))
    scores = [model(ids, prefix_length=length).logits for length in (None, torch.tensor([0]), torch.tensor([7]))]
    assert torch.equal(scores[0], scores[1])
    assert not torch.allclose(scores[0][:, 0], scores[2][:, 0])


def test_a_prefix_is_refused_where_nothing_reads_it() -> None:
    model = build(make("gpt2", **SIZES), seed=0)
    with pytest.raises(BestiaryError, match="prefix_length is for a decoder with prefix masks"):
        generate(model, torch.tensor([[4, 5]]), prefix_length=torch.tensor([1]))
