"""The modules of encoders of tokens against slow derivations from their papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bestiary import spec
from bestiary.architectures import make, with_task
from bestiary.nn import Context, build
from bestiary.nn.disentangled import BucketTable, DisentangledAttention, DistanceTable
from bestiary.nn.norms import norm
from bestiary.spec import LayerNorm, OwnMap, ReplacedTokens, Stack, TaskTokens, Transformer, own_layers

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


# --- Disentangled attention ----------------------------------------------------------------------------------------

TOKENS = 13
OWN, SAME = OwnMap(bias=False), spec.ContentMap()
TABLES = [spec.DistanceTable(3), spec.DistanceTable(40, LayerNorm()), spec.BucketTable(4, 20), spec.BucketTable(30, 40)]


def drawn(module: Any) -> Any:
    """Return a module in float64 with random parameters."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.5)
    return module.double().eval()


def place(table: Any, distance: int) -> int:
    """Return the row of a distance, query minus key, by the table's definition."""
    if isinstance(table, spec.DistanceTable):
        return min(max(distance + table.span, 0), 2 * table.span - 1)
    exact = table.buckets // 2
    if abs(distance) > exact:
        far = math.log(abs(distance) / exact) / math.log((table.distance - 1) / exact) * (exact - 1)
        distance = int(math.copysign(math.ceil(far) + exact, distance))
    return min(max(distance + table.buckets, 0), 2 * table.buckets - 1)


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize(("to", "back"), [(OWN, OwnMap()), (SAME, SAME), (OWN, None), (None, OWN)], ids=str)
@pytest.mark.parametrize("padded", [False, True])
@torch.no_grad()
def test_disentangled_attention_agrees_with_loops(table: Any, to: Any, back: Any, padded: bool) -> None:
    """He et al. 2020, equations 2 to 4, term by term."""
    dim, heads, width = 12, 2, 6
    node = spec.DisentangledAttention(heads, "qvo", to, back)
    attention = drawn(DisentangledAttention(node, dim))
    kind = DistanceTable if isinstance(table, spec.DistanceTable) else BucketTable
    vectors = drawn(kind(table, dim))
    keep = torch.rand(2, TOKENS) > 0.4 if padded else None
    context = Context(torch.arange(TOKENS)[None], TOKENS, keep, shared_scores=vectors)
    x = torch.randn(2, TOKENS, dim).double()
    found = attention(x, context)
    rows = vectors.weight if vectors.norm is None else vectors.norm(vectors.weight)
    dk = None if to is None else (attention.position_k or attention.k)(rows)
    dq = None if back is None else (attention.position_q or attention.q)(rows)
    q, k, v = attention.q(x), attention.k(x), attention.v(x)
    assert abs(attention.scale - (width * (1 + (to is not None) + (back is not None))) ** -0.5) < 1e-6  # float32
    for row in range(2):
        for query in [i for i in range(TOKENS) if keep is None or keep[row, i]]:
            mixed = []
            for head in range(heads):
                part = slice(head * width, (head + 1) * width)
                scores = torch.full((TOKENS,), -math.inf, dtype=torch.double)
                for key in [i for i in range(TOKENS) if keep is None or keep[row, i]]:
                    at = place(table, query - key)
                    scores[key] = q[row, query, part] @ k[row, key, part]
                    scores[key] += 0 if dk is None else q[row, query, part] @ dk[at, part]
                    scores[key] += 0 if dq is None else k[row, key, part] @ dq[at, part]
                mixed.append((scores * attention.scale).softmax(0) @ v[row, :, part])
            assert (found[row, query] - attention.o(torch.cat(mixed))).abs().max() < EXACT


@torch.no_grad()
def test_a_convolution_reads_what_entered_the_stack() -> None:
    model = make("deberta_v2", **SMALL, kernel=3, groups=2, dropout=0.0)
    built = drawn(build(model, seed=0))
    conv = built.stack.layers[0].conv
    x, keep = torch.randn(1, 5, 16).double(), torch.tensor([[True, True, False, True, True]])
    found = conv(torch.zeros_like(x), Context(torch.arange(5)[None], 5, keep, entered=x))
    weight = conv.map.weight  # [dim, dim / groups, kernel]
    for place in range(5):
        expected = conv.map.bias.clone()
        for step in (-1, 0, 1):
            if 0 <= place + step < 5 and keep[0, place + step]:
                half = x[0, place + step].unflatten(0, (2, 8))
                maps = weight[:, :, step + 1].unflatten(0, (2, 8))
                expected += torch.einsum("gi,goi->go", half, maps).flatten()
        expected = torch.tanh(expected) if keep[0, place] else torch.zeros(16).double()
        assert (found[0, place] - expected).abs().max() < EXACT


@torch.no_grad()
def test_padding_leaves_the_first_layer_as_zero() -> None:
    built = drawn(build(make("deberta_v2", **SMALL, kernel=3), seed=0))
    keep = torch.tensor([[True, True, False]])
    context = Context(torch.arange(3)[None], 3, keep, shared_scores=built.stack.position)
    x = context.entered = torch.randn(1, 3, 16).double()
    out = built.stack.layers[0](x, context)
    assert out[0, 2].eq(0).all()
    assert out[0, :2].ne(0).all()


@torch.no_grad()
def test_a_rounded_norm_is_a_layer_norm() -> None:
    x = torch.randn(3, 7)
    rounded, exact = (drawn(norm(node, 7)) for node in (spec.RoundedLayerNorm(1e-5), LayerNorm(1e-5)))
    rounded.load_state_dict(exact.state_dict())
    assert (rounded(x.double()) - exact(x.double())).abs().max() < 1e-6  # float32
    assert (rounded.float()(x) - exact.float()(x)).abs().max() < 1e-6
