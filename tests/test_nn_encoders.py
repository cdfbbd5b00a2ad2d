"""The modules of encoders of tokens against slow derivations from their papers."""

from __future__ import annotations

import pytest
import torch

from bestiary.architectures import make, with_task
from bestiary.nn import build
from bestiary.spec import LayerNorm, ReplacedTokens, Stack, TaskTokens, Transformer, own_layers

EXACT = 1e-12
"""Both sides are float64, and differ in the order of their sums only."""
SMALL = {"dim": 16, "depth": 3, "heads": 4, "hidden": 24, "vocab": 50, "length": 12}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


# --- Tasks ---------------------------------------------------------------------------------------------------------


def tasked() -> Transformer:
    """Return a model that is its embedding alone."""
    layer = own_layers(make("bert", **SMALL).at("stack"))[0]
    return Transformer(16, TaskTokens(50, types=2, tasks=3, norm=LayerNorm()), Stack((layer,)))


@torch.no_grad()
def test_a_task_is_added_before_the_norm() -> None:
    embed = build(tasked(), seed=0).double().embed
    ids, types, tasks = torch.tensor([[3, 4, 9]]), torch.tensor([[0, 1, 1]]), torch.tensor([[2, 0, 1]])
    context = type("Given", (), {"input_ids": ids, "table": embed.tokens.weight})()
    found = embed(context, token_type_ids=types, task_type_ids=tasks)
    for place in range(3):
        x = embed.tokens.weight[ids[0, place]] + embed.types.weight[types[0, place]]
        expected = embed.norm(x + embed.tasks.weight[tasks[0, place]])
        assert (found[0, place] - expected).abs().max() < EXACT


@torch.no_grad()
def test_no_task_is_task_zero() -> None:
    model, ids = build(tasked(), seed=0).double(), torch.tensor([[3, 4, 9]])
    silent, zero, other = (
        model(ids, task_type_ids=tasks).last_hidden_state
        for tasks in (None, torch.zeros_like(ids), torch.ones_like(ids))
    )
    assert (silent - zero).abs().max() < EXACT
    assert (silent - other).abs().max() > 1e-3


# --- Replaced tokens -----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_replaced_tokens_get_a_score_each() -> None:
    model = build(with_task(make("electra", **SMALL), "electra", "replaced-token-detection"), seed=0).double()
    assert isinstance(model.spec.at("heads.replaced"), ReplacedTokens)
    output, head = model(torch.tensor([[3, 4, 9], [5, 6, 7]])), model.heads["replaced"]
    assert output.logits.shape == (2, 3)
    for row in range(2):
        for place in range(3):
            hidden = head.dense.weight @ output.last_hidden_state[row, place] + head.dense.bias
            expected = head.output.weight[0] @ torch.nn.functional.gelu(hidden) + head.output.bias[0]
            assert abs(output.logits[row, place] - expected) < EXACT


def test_a_generator_is_a_fraction_of_its_discriminator() -> None:
    # Clark et al. 2020, table 6: base has a generator of a third; both read one embedding.
    sizes = {"dim": 768, "depth": 12, "heads": 12, "hidden": 3072, "vocab": 30522}
    one, other = make("electra", **sizes), make("electra_generator", **sizes, divisor=3)
    assert (other.dim, other.at("stack.layers[0].attn.heads"), other.at("stack.layers[0].mlp.hidden")) == (256, 4, 1024)
    tables = [build(model, device="meta").embed.tokens.weight.shape for model in (one, other)]
    assert tables[0] == tables[1]
    assert len(own_layers(other.at("stack"))) == 12
