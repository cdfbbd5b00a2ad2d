"""DeepNorm as a scaled branch against the residual as it is published, and the models that have it."""

from __future__ import annotations

import pytest
import torch

from bestiary import nn
from bestiary.architectures import make
from bestiary.generate import generate
from bestiary.nn.context import Context
from bestiary.sizing import count
from bestiary.spec import resize, tiny

SIZES = {"dim": 24, "depth": 3, "heads": 4, "hidden": 31, "vocab": 50}


def test_stated_count() -> None:
    model = make("glm_130b", dim=12288, depth=70, heads=96, hidden=32768)
    assert round(count(model).total, -10) == 130 * 10**9


@torch.no_grad()
def test_a_scaled_branch_is_the_published_residual() -> None:
    """Wang et al. 2022, figure 2: norm(a x + op(x)), with a = (2 N) ** 0.5 as in GLM-130B's code."""
    eps = 1e-2  # large, so that its place matters
    model = nn.build(make("glm_130b", **SIZES, eps=eps), seed=0).double()
    for parameter in model.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    ids = torch.randint(50, (2, 7))
    context = Context(torch.arange(7)[None], 7, input_ids=ids, table=model.embed.tokens.weight)
    strength = (2 * SIZES["depth"]) ** 0.5
    x = model.embed(context)
    for layer in model.stack.layers:
        for name in ("attn", "mlp"):
            norm = getattr(layer, f"{name}_norm")
            added = strength * x + getattr(layer, name)(x, context)
            x = torch.nn.functional.layer_norm(added, (24,), norm.weight, norm.bias, eps)
    assert (model(ids).last_hidden_state - x).abs().max() < 1e-10


def test_the_scale_follows_the_depth() -> None:
    model = make("glm_130b", dim=12288, depth=70, heads=96, hidden=32768)
    for depth in (1, 10, 96):
        found, made = resize(model, depth=depth), make("glm_130b", dim=12288, depth=depth, heads=96, hidden=32768)
        for name in ("attn", "mlp"):
            ours, theirs = found.at(f"stack.layers[*].{name}.scale"), made.at(f"stack.layers[*].{name}.scale")
            assert ours == pytest.approx(theirs)
            norms = [each.at(f"stack.layers[0].{name}.norm.eps") for each in (found, made)]
            assert norms[0] == pytest.approx(norms[1])
    assert tiny(model).at("stack.layers[0].attn.scale") == pytest.approx(0.5)
    other = model.at("stack.layers[*].attn.scale", 0.3)  # a scale of another kind stays
    assert tiny(other).at("stack.layers[*].attn.scale") == (0.3, 0.3)


def test_the_small_twin_writes() -> None:
    model = nn.build(tiny(make("glm_130b", dim=12288, depth=70, heads=96, hidden=32768)), seed=0)
    ids = torch.randint(3, 500, (2, 6))
    answer = generate(model, ids, max_new_tokens=4, eos_token_id=None, pad_token_id=0)
    assert answer.shape == (2, 10)
    assert torch.equal(answer[:, :6], ids)
