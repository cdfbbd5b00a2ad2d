"""A second stream and its fusion with tokens, against a slow derivation from the paper (Zhang et al. 2019)."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.spec import Fusion, LayerNorm, RMSNorm, SideAttention, own_layers, swap, tiny, walk

EXACT = 1e-12
"""Both sides are float64, and differ in the order of their sums only."""
SIZES = {"dim": 16, "depth": 5, "heads": 4, "hidden": 24, "vocab": 50, "length": 12}
SPEC = with_task(make("ernie_thu", **SIZES, entity_width=6, entity_heads=2), "ernie_thu", "pretraining")
TOKENS, WIDTH = 7, 6
BOTH_SIDES = [[1] * 7, [1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def drawn(spec: Any = SPEC) -> Any:
    """Return a module in float64 with random parameters."""
    model = build(spec).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.5)
    return model


def given() -> dict[str, Tensor]:
    """Return three texts, padded on either side, of which the first names no entity."""
    aligned = torch.tensor([[0] * 7, [0, 1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0, 1]])
    return {
        "input_ids": torch.randint(0, 50, (3, TOKENS)),
        "attention_mask": torch.tensor(BOTH_SIDES),
        "token_type_ids": torch.randint(0, 2, (3, TOKENS)),
        "entity_embeds": torch.randn(3, TOKENS, WIDTH, dtype=torch.float64),
        "entity_mask": aligned,
        "entity_candidates": torch.randn(4, WIDTH, dtype=torch.float64),
    }


# --- The derivation: one text, one token, one head at a time -------------------------------------------------------


def linear(module: Any, x: Tensor) -> Tensor:
    return module.weight @ x + module.bias


def normed(module: Any, x: Tensor) -> Tensor:
    centered = x - x.mean()
    return module.weight * centered / (centered.pow(2).mean() + 1e-12).sqrt() + module.bias


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def attended(module: Any, heads: int, vectors: list[Tensor], seen: list[int]) -> list[Tensor]:
    """Attend from every vector to those that are seen, head by head; with none, the values' sum is empty."""
    size = len(vectors[0]) // heads
    results: list[Tensor] = []
    for vector in vectors:
        mixed: list[Tensor] = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            query = linear(module.q, vector)[part]
            weights = [math.exp(query @ linear(module.k, vectors[j])[part] / math.sqrt(size)) for j in seen]
            values = [weight * linear(module.v, vectors[j])[part] for weight, j in zip(weights, seen, strict=True)]
            mixed.append(torch.stack(values).sum(0) / sum(weights) if seen else torch.zeros(size).double())
        results.append(linear(module.o, torch.cat(mixed)))
    return results


def derived(model: Any, row: int, inputs: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the token and entity vectors of a text by equations 1 to 4 of the paper, for its real tokens."""
    real = [i for i in range(TOKENS) if inputs["attention_mask"][row, i]]
    aligned = [i for i in real if inputs["entity_mask"][row, i]]
    embed, ids, types = model.embed, inputs["input_ids"][row], inputs["token_type_ids"][row]
    tokens = [
        normed(embed.norm, embed.tokens.weight[ids[i]] + embed.types.weight[types[i]] + embed.position.weight[i])
        for i in range(TOKENS)
    ]
    entities = [inputs["entity_embeds"][row, i] for i in range(TOKENS)]
    for layer, branches in zip(model.stack.layers, own_layers(model.spec.stack), strict=True):
        added = attended(layer.attn, 4, tokens, real)
        tokens = [normed(layer.attn_norm, one + more) for one, more in zip(tokens, added, strict=True)]
        node = branches[1].op
        if not isinstance(node, Fusion):
            added = [linear(layer.mlp.down, gelu(linear(layer.mlp.up, one))) for one in tokens]
            tokens = [normed(layer.mlp_norm, one + more) for one, more in zip(tokens, added, strict=True)]
            continue
        fusion = layer.fusion
        if node.attention is not None:
            added = attended(fusion.attention, 2, entities, aligned)
            entities = [normed(fusion.attention_norm, one + more) for one, more in zip(entities, added, strict=True)]
        for i in range(TOKENS):
            entity = entities[i] if i in aligned else torch.zeros(WIDTH).double()
            hidden = gelu(linear(fusion.up, tokens[i]) + linear(fusion.up_side, entity))
            tokens[i] = normed(layer.fusion_norm, tokens[i] + linear(fusion.down, hidden))
            entities[i] = normed(fusion.side_norm, entity + linear(fusion.down_side, hidden))
    return [tokens[i] for i in real], [entities[i] for i in real]


@torch.no_grad()
def test_tokens_and_entities_are_fused_as_in_the_paper() -> None:
    model, inputs = drawn(), given()
    output = model(**inputs)
    head = model.heads["entities"].transform
    for row in range(3):
        real = inputs["attention_mask"][row].bool()
        tokens, entities = derived(model, row, inputs)
        assert (output.last_hidden_state[row, real] - torch.stack(tokens)).abs().max() < EXACT
        assert (output.entity_last_hidden_state[row, real] - torch.stack(entities)).abs().max() < EXACT
        states = [normed(head.norm, gelu(linear(head.dense, token))) for token in tokens]
        scores = [[state @ candidate for candidate in inputs["entity_candidates"]] for state in states]
        assert (output.entity_states[row, real] - torch.stack(states)).abs().max() < EXACT
        assert (output.entity_logits[row, real] - torch.tensor(scores).double()).abs().max() < EXACT


# --- What is aligned -------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_without_entities_nothing_is_aligned() -> None:
    model, inputs = drawn(), given()
    text = {name: inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    silent = model(**text)
    none = model(**text, entity_embeds=inputs["entity_embeds"], entity_mask=torch.zeros(3, TOKENS))
    assert silent.entity_logits is None
    for field in ("last_hidden_state", "entity_last_hidden_state", "logits", "seq_relationship_logits"):
        assert getattr(silent, field).isfinite().all()
        assert (getattr(silent, field) - getattr(none, field)).abs().max() < EXACT
    assert (silent.last_hidden_state[0] - model(**inputs).last_hidden_state[0]).abs().max() < EXACT


@torch.no_grad()
def test_what_stands_at_other_places_is_not_read() -> None:
    model, inputs = drawn(), given()
    real, aligned = inputs["attention_mask"].bool(), inputs["entity_mask"].bool()
    before = model(**inputs)
    inputs["entity_embeds"] = torch.where(aligned[..., None], inputs["entity_embeds"], 100.0)
    inputs["entity_mask"] = torch.where(real, inputs["entity_mask"], 1)  # padding is aligned with nothing
    after = model(**inputs)
    assert (before.last_hidden_state - after.last_hidden_state)[real].abs().max() < EXACT
    inputs["entity_embeds"][1, 1, 0] += 1
    assert (after.last_hidden_state - model(**inputs).last_hidden_state)[1, 0].abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_nothing_aligned_is_finite_in_half_precision(dtype: torch.dtype) -> None:
    model = build(SPEC, seed=0, dtype=dtype)
    for inputs in ({}, {"entity_embeds": torch.randn(1, 9, WIDTH), "entity_mask": torch.eye(9)[:1]}):
        output = model(torch.arange(9)[None], **inputs, entity_candidates=torch.randn(3, WIDTH))
        assert output.entity_logits.dtype == dtype
        assert output.entity_logits.isfinite().all()
        assert output.logits.isfinite().all()


def test_gradients_reach_every_parameter_and_the_entities() -> None:
    model, inputs = drawn().train(), given()
    inputs["entity_embeds"].requires_grad_()
    output = model(**inputs)
    fields = ("logits", "seq_relationship_logits", "entity_logits", "entity_last_hidden_state")
    torch.stack([getattr(output, field).pow(2).sum() for field in fields]).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
    # What is added to all keys of a softmax changes nothing.
    still = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() < 1e-9]
    assert all(name.endswith("k.bias") for name in still)
    read = inputs["entity_embeds"].grad.abs().sum(-1) > 0  # type: ignore[union-attr]
    assert torch.equal(read, inputs["entity_mask"].bool())


def test_dropout_acts_on_both_streams_in_training_only() -> None:
    model, inputs = drawn(), given()
    assert torch.equal(model(**inputs).entity_last_hidden_state, model(**inputs).entity_last_hidden_state)
    still = swap(SPEC, Fusion, lambda node: node.replace(dropout=0.9))
    noisy = drawn(swap(still, LayerNorm, RMSNorm())).train()
    assert not torch.equal(noisy(**inputs).entity_last_hidden_state, noisy(**inputs).entity_last_hidden_state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entity_mask": None}, "give both, or none"),
        ({"entity_embeds": None}, "give both, or none"),
        ({"entity_embeds": torch.zeros(3, TOKENS, 5)}, "reads [3, 7, 6] and [3, 7]"),
        ({"entity_mask": torch.zeros(3, 5)}, "entity_mask [3, 5]"),
        ({"entity_candidates": torch.zeros(4, 5)}, "entity_candidates has shape [4, 5]; this model reads [C, 6]"),
    ],
)
def test_entities_of_another_shape_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BestiaryError, match=re.escape(message)):
        drawn()(**given() | changes)


# --- The architecture ------------------------------------------------------------------------------------------------


def kinds(spec: Any) -> str:
    """Spell the layers: p plain, e entering (fused without an attention of entities), f fused."""
    nodes = [layer[1].op for layer in own_layers(spec.stack)]
    return "".join("p" if not isinstance(node, Fusion) else "f" if node.attention else "e" for node in nodes)


def test_the_layers_are_those_of_the_released_model() -> None:
    sizes = {"dim": 768, "depth": 12, "heads": 12, "hidden": 3072, "vocab": 30522}
    assert kinds(make("ernie_thu", **sizes)) == "pppppeffffff"
    assert kinds(make("ernie_thu", **sizes, fused_depth=2)) == "pppppppppeff"
    assert kinds(make("ernie_thu", **sizes, fused_depth=12)) == "f" * 12


def test_the_twin_keeps_the_pattern() -> None:
    twin = tiny(make("ernie_thu", dim=768, depth=12, heads=12, hidden=3072, vocab=30522))
    assert kinds(twin) == "pppppef"
    widths = {node.width for _, node in walk(twin) if isinstance(node, Fusion)}
    heads = {node.heads for _, node in walk(twin) if isinstance(node, SideAttention)}
    assert (widths, heads) == ({8}, {4})
