"""Mixtures of experts against slow derivations: routers token by token, experts one by one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary.architectures import make
from bestiary.nn import Cache, Context, build
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.experts import Experts
from bestiary.nn.grouped import Groups, has_kernel, in_blocks, kernel
from bestiary.sizing import count
from bestiary.spec import GLU, MLP, Router, Top1, Top2, TopK
from bestiary.spec import Experts as ExpertsNode

ROUNDED = 1e-6
"""Probabilities are float32 whatever the dtype."""
DIM, EXPERTS = 8, 5


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def context(x: Tensor, keep: Tensor | None = None) -> Context:
    return Context(torch.arange(x.shape[1])[None], x.shape[1], keep)


def noisy(node: ExpertsNode) -> Experts:
    module = Experts(node, DIM).double()
    for parameter in module.parameters():
        parameter.data = 0.5 * torch.randn_like(parameter)
    return module


def chosen(router: Router, scores: Tensor, real: Tensor) -> list[dict[int, float]]:
    """Say for each token of a sequence which experts it goes to, and with which weights, as the papers tell it."""
    sent: list[dict[int, float]] = []
    taken = [0] * EXPERTS
    likely = [sorted(enumerate(row.softmax(-1).tolist()), key=lambda pair: -pair[1]) for row in scores]
    if isinstance(router, TopK):
        for row in likely:
            best = row[: router.k]
            sent.append({expert: p / sum(p for _, p in best) for expert, p in best})
    elif isinstance(router, Top1):
        for row in likely:
            expert, p = row[0]
            taken[expert] += 1
            sent.append({expert: p} if taken[expert] <= router.capacity else {})
    else:
        assert isinstance(router, Top2)
        room = math.ceil(router.factor * 2 * len(scores) / EXPERTS)
        sent = [{} for _ in likely]
        for choice in range(2):
            for token, row in enumerate(likely):
                expert, p = row[choice]
                taken[expert] += int(real[token])
                if taken[expert] <= room:
                    sent[token][expert] = p / (row[0][1] + row[1][1])
    return sent


def answer(module: Experts, expert: int, x: Tensor, node: MLP | GLU) -> Tensor:
    """Run one expert's own matrices."""

    def linear(name: str, h: Tensor) -> Tensor:
        layer: Any = getattr(module.experts, name)
        return F.linear(h, layer.weight[expert], None if layer.bias is None else layer.bias[expert])

    h = ACTIVATIONS[node.activation](linear("gate" if isinstance(node, GLU) else "up", x))
    return linear("down", h * linear("up", x) if isinstance(node, GLU) else h)


ROUTERS = [
    TopK(k=1),
    TopK(True, 2),
    TopK(k=5),
    Top1(capacity=1),
    Top1(True, 2),
    Top1(capacity=99),
    Top2(factor=0.5),
    Top2(True, 1.0),
    Top2(factor=9.0),
]


@pytest.mark.parametrize("router", ROUTERS, ids=str)
@pytest.mark.parametrize("expert", [MLP(6, "relu"), MLP(6, bias=False), GLU(7), GLU(7, bias=True)], ids=str)
@pytest.mark.parametrize("tokens", [1, 9])
@torch.no_grad()
def test_experts_agree_with_loops(router: Router, expert: MLP | GLU, tokens: int) -> None:
    module = noisy(ExpertsNode(expert, EXPERTS, router))
    x, keep = torch.randn(3, tokens, DIM).double(), None
    if tokens > 1:
        keep = torch.ones(3, tokens, dtype=torch.bool)
        keep[1, :3] = False
    found = module(x, context(x, keep))
    scores = F.linear(x, module.router.weight, module.router.bias)
    for row in range(3):
        real = torch.ones(tokens, dtype=torch.bool) if keep is None else keep[row]
        for token, sent in enumerate(chosen(router, scores[row], real)):
            expected = torch.zeros(DIM, dtype=torch.float64)
            for index, weight in sent.items():
                expected += weight * answer(module, index, x[row, token], expert)
            if real[token]:
                assert (found[row, token] - expected).abs().max() < ROUNDED * 10


@pytest.mark.parametrize("sizes", [[3, 0, 5, 1], [0, 0, 0, 9], [1, 1, 1, 1], [0, 1, 0, 0], [40, 1, 1, 1], [0, 0, 0, 0]])
def test_groups_are_multiplied_each_by_its_matrix(sizes: list[int]) -> None:
    expert = torch.tensor([index for index, size in enumerate(sizes) for _ in range(size)], dtype=torch.long)
    expert = expert[torch.randperm(len(expert))]
    x = torch.randn(len(expert), 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, 6, dtype=torch.float64, requires_grad=True)
    groups = Groups(expert, 4)
    found = groups.back(in_blocks(x[groups.order], weight, groups))
    expected = torch.einsum("ai,aoi->ao", x, weight[expert])
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    draw = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad((each * draw).sum(), (x, weight)) for each in (found, expected))
    assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(ours, theirs, strict=True))
    # Memory is that of the vectors and two matrices for each expert, however uneven the groups are.
    assert groups.blocks.count <= 2 * 4
    assert groups.blocks.count * groups.blocks.size <= 2 * len(expert) + 4


def test_the_kernel_of_torch_gives_what_blocks_give() -> None:
    expert = torch.tensor([2, 0, 2, 2, 0, 3, 2])
    groups = Groups(expert, 4)
    x, weight = torch.randn(7, 8, requires_grad=True), torch.randn(4, 12, 8, requires_grad=True)
    assert has_kernel(x, weight) == hasattr(F, "grouped_mm")
    assert not has_kernel(x.double(), weight.double())
    assert not has_kernel(x[:, :6], weight[..., :6])
    draw = torch.randn(7, 12)
    ways = [kernel if has_kernel(x, weight) else in_blocks, in_blocks]
    products = [multiply(x, weight, groups) for multiply in ways]
    slopes = [torch.autograd.grad((product * draw).sum(), (x, weight)) for product in products]
    assert torch.allclose(*products, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*slopes, strict=True))


def test_a_token_that_found_no_room_passes_by() -> None:
    module = noisy(ExpertsNode(MLP(6), EXPERTS, Top1(capacity=1)))
    x = torch.randn(1, 1, DIM).double().expand(1, 4, DIM)
    found = module(x, context(x))
    assert found[0, 0].any()
    assert not found[0, 1:].any()


@pytest.mark.parametrize("name", ["mixtral", "glam", "switch"])
def test_scores_are_returned_and_active_parameters_are_those_of_a_token(name: str) -> None:
    sizes: dict[str, Any] = {"dim": 16, "depth": 4, "heads": 4, "hidden": 24, "vocab": 31, "experts": 6}
    spec: Any = make(name, **sizes, **({} if name == "mixtral" else {"head_dim": 8}))
    model, ids = build(spec, seed=0), torch.randint(0, 31, (2, 5))
    output = model(ids, decoder_input_ids=ids[:, :3]) if name == "switch" else model(ids)
    if name == "switch":
        assert output.router_logits is None
        assert [tuple(each.shape) for each in output.encoder_router_logits] == [(2, 5, 6)] * 2
        assert [tuple(each.shape) for each in output.decoder_router_logits] == [(2, 3, 6)] * 2
    else:
        layers, shape = (4, (10, 6)) if name == "mixtral" else (2, (2, 5, 6))
        assert [tuple(each.shape) for each in output.router_logits] == [shape] * layers
    held = [module for module in model.modules() if isinstance(module, Experts)]
    used = {"mixtral": 2, "glam": 2, "switch": 1}[name]
    idle = sum(parameter.numel() * (6 - used) // 6 for each in held for parameter in each.experts.parameters())
    counted = count(spec)
    assert counted.total - counted.active == idle > 0


@pytest.mark.parametrize("name", ["mixtral", "glam"])
@torch.no_grad()
def test_a_cache_changes_nothing_where_there_is_room(name: str) -> None:
    more: dict[str, Any] = {"kv_heads": 2} if name == "mixtral" else {"head_dim": 6, "factor": 9.0}
    model = build(make(name, dim=24, depth=3, heads=4, hidden=20, vocab=31, experts=5, **more), seed=0).double()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    ids, cache = torch.randint(0, 31, (3, 9)), Cache()
    whole = model(ids).logits
    read = [model(ids[:, step], past_key_values=cache).logits for step in (slice(5), slice(5, 6), slice(6, 9))]
    assert (torch.cat(read, 1) - whole).abs().max() < ROUNDED


def test_fresh_biases_are_zero_and_matrices_are_drawn() -> None:
    node = ExpertsNode(MLP(6), 3, Top1(bias=True, capacity=4))
    model = build(make("gpt2", dim=8, depth=1, heads=2, hidden=6, vocab=9).at("stack.layers[*].mlp", node), seed=0)
    experts: nn.Module = model.stack.layers[0].mlp
    for path, parameter in experts.named_parameters():
        assert bool(parameter.any()) == path.endswith("weight")
