"""Differences: the changes between two models are those that were made, and their parameters add up exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.sizing import Difference, count, diff
from bestiary.sizing.blend import blend, sites
from bestiary.spec import (
    GLU,
    MLP,
    Alibi,
    Attention,
    Causal,
    LayerNorm,
    Learned,
    LMHead,
    Model,
    Normed,
    Parallel,
    Pooler,
    Repeat,
    Residual,
    RMSNorm,
    Rotary,
    Sinusoidal,
    Stack,
    T5Bias,
    Window,
    check,
    own_layers,
    resize,
    swap,
    with_position,
)

BERT = make("bert", dim=768, depth=12, heads=12, hidden=3072, vocab=30522)
ROBERTA = make("roberta", dim=768, depth=12, heads=12, hidden=3072, vocab=50265)
BERT_LARGE = make("bert", dim=1024, depth=24, heads=16, hidden=4096, vocab=30522)
GPT2 = make("gpt2", dim=768, depth=12, heads=12, hidden=3072, vocab=50257)
T5 = make("t5", dim=512, depth=6, heads=8, head_dim=64, hidden=2048)

SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"dim": 8, "depth": 2, "heads": 2, "hidden": 16, "vocab": 20},
    "bert": {"dim": 12, "depth": 3, "heads": 3, "hidden": 24, "vocab": 30, "length": 16},
    "roberta": {"dim": 8, "depth": 2, "heads": 2, "hidden": 20, "vocab": 32, "length": 10},
    "albert": {"dim": 16, "depth": 4, "heads": 2, "hidden": 32, "vocab": 25, "width": 4, "length": 16},
    "gpt2": {"dim": 8, "depth": 4, "heads": 2, "hidden": 32, "vocab": 40, "length": 16},
    "gpt3": {"dim": 8, "depth": 6, "heads": 2, "hidden": 32, "vocab": 40, "length": 16, "window": 4},
    "t5": {"dim": 8, "depth": 2, "heads": 4, "head_dim": 4, "hidden": 24, "vocab": 30},
    "t5_1_1": {"dim": 8, "depth": 3, "heads": 2, "head_dim": 4, "hidden": 24, "vocab": 30},
    "bart": {"dim": 8, "encoder_depth": 2, "decoder_depth": 1, "heads": 2, "hidden": 16, "vocab": 30, "length": 12},
    "llama": {"dim": 16, "depth": 3, "heads": 4, "kv_heads": 2, "hidden": 24, "vocab": 30},
    "vit": {"dim": 8, "depth": 2, "heads": 2, "hidden": 16, "image": 8, "patch": 4, "labels": 5},
}

Edit = Callable[[Any, int], Any]

EDITS: dict[str, Edit] = {
    "width": lambda spec, n: resize(spec, dim=spec.dim * (1 + n % 3)),
    "depth": lambda spec, n: resize(spec, depth=1 + n),
    "vocabulary": lambda spec, n: resize(spec, vocab=10 + n),
    "another kind of norm": lambda spec, n: swap(spec, LayerNorm, RMSNorm()),
    "another eps": lambda spec, n: swap(spec, LayerNorm, lambda norm: norm.replace(eps=10.0**-n)),
    "gated": lambda spec, n: swap(spec, MLP, lambda mlp: GLU(mlp.hidden + n)),
    "one layer's norm": lambda spec, n: spec.at(f"stack.layers[{n % 3}].mlp.norm", RMSNorm()),
    "some layers' MLP": lambda spec, n: spec.at("stack.layers[1::2].mlp.hidden", 8 * (n + 1)),
    "one MLP gone": lambda spec, n: spec.at(f"stack.layers[{n % 3}].mlp", None),
    "two branches more": lambda spec, n: swap(spec, Stack, lambda stack: _longer(stack, n)),
    "branches side by side": lambda spec, n: spec.at("stack.layers[-1].mlp", Parallel((MLP(4 + n), GLU(8)))),
    "both norms": lambda spec, n: spec.at("stack.layers[*].attn.placement", "both"),
    "grouped keys": lambda spec, n: swap(spec, Attention, lambda op: op.replace(kv_heads=1)),
    "no bias": lambda spec, n: swap(spec, Attention, lambda op: op.replace(bias="qkvo"[: n % 5])),
    "windows": lambda spec, n: spec.at("stack.layers[::2].attn.mask", (Causal(), Window(n + 1))),
    "rotary": lambda spec, n: with_position(spec, Rotary()),
    "T5's bias": lambda spec, n: with_position(spec, T5Bias(buckets=8 * (1 + n % 2))),
    "ALiBi": lambda spec, n: with_position(spec, Alibi()),
    "sinusoids": lambda spec, n: with_position(spec, Sinusoidal()),
    "learned": lambda spec, n: with_position(spec, Learned(4 + n)),
    "shared": lambda spec, n: spec.replace(stack=Stack((Repeat(own_layers(spec.stack)[:1], 1 + n),))),
    "no heads": lambda spec, n: spec.with_heads({}),
    "a pooler more": lambda spec, n: spec.with_heads({"summary": Pooler(), **spec.heads}),
    "own output": lambda spec, n: spec.with_heads({"lm": LMHead(tied=False, bias=bool(n % 2))}),
}


def _longer(stack: Stack, n: int) -> Stack:
    more = (Residual(MLP(4 + n)), Residual(GLU(4 + n), RMSNorm()))
    return stack.replace(layers=tuple((*layer, *more) if isinstance(layer, tuple) else layer for layer in stack.layers))


def edited(spec: Model, edits: list[tuple[str, int]]) -> Model:
    """Apply the edits that make sense for a model."""
    for name, number in edits:
        try:
            spec = check(EDITS[name](spec, number))
        except (BestiaryError, AttributeError):  # no such part in this model
            continue
    return spec


specs = st.sampled_from(sorted(SMALL)).map(lambda name: make(name, **SMALL[name]))
edits = st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.integers(0, 9)), max_size=5)


def assert_exact(a: Model, b: Model) -> None:
    found = sites(a, b)
    assert blend(a, b, lambda site: site in found) == b
    assert blend(a, b, lambda site: False) == a
    assert diff(a, b).parameters == count(b).total - count(a).total


def lines(difference: Difference) -> list[tuple[str, int]]:
    return [(change.path, change.parameters) for change in difference.changes]


def test_roberta_is_bert_with_four_changes() -> None:
    difference = diff(BERT, ROBERTA)
    assert lines(difference) == [
        ("embed.vocab", 15_162_624),
        ("embed.types", -768),
        ("embed.position", 1_536),
        ("every LayerNorm.eps", 0),
    ]
    assert difference.parameters == 15_163_392


def test_printed_as_an_aligned_table() -> None:
    assert str(diff(BERT, ROBERTA)).splitlines() == [
        "embed.vocab          30522 -> 50265                            +15,162,624",
        "embed.types          2 -> 1                                           -768",
        "embed.position       Learned(512) -> LearnedAfterPadding(512)       +1,536",
        "every LayerNorm.eps  1e-12 -> 1e-05                                      0",
        "                                                               +15,163,392",
    ]
    assert "<td" in diff(BERT, ROBERTA)._repr_html_()
    assert "&gt;" in diff(BERT, ROBERTA)._repr_html_()


@pytest.mark.parametrize("name", SMALL)
def test_a_model_does_not_differ_from_itself(name: str) -> None:
    again = make(name, **SMALL[name])
    assert diff(make(name, **SMALL[name]), again) == Difference(())
    assert str(diff(again, again)) == "no changes"


def test_depth_is_one_change_and_equal_changes_of_layers_are_one() -> None:
    assert [(change.path, change.old, change.new) for change in diff(BERT, BERT_LARGE).changes] == [
        ("dim", 768, 1024),
        ("stack.layers", 12, 24),
        ("stack.layers[*].attn.heads", 12, 16),
        ("stack.layers[*].mlp.hidden", 3072, 4096),
    ]


@pytest.mark.parametrize(
    ("start", "changed", "path"),
    [
        (GPT2, swap(GPT2, MLP, GLU(2048)), "stack.layers[*].mlp"),
        (T5, swap(T5, MLP, GLU(2048)), "every MLP"),
        (BERT, swap(BERT, LayerNorm, RMSNorm()), "every LayerNorm"),
        (GPT2, GPT2.at("stack.layers[1::2].attn.mask", (Causal(), Window(9))), "stack.layers[1::2].attn.mask"),
        (GPT2, GPT2.at("stack.layers[3].mlp.hidden", 5), "stack.layers[3].mlp.hidden"),
        (GPT2, GPT2.at("stack.layers[2:5].mlp.hidden", 5), "stack.layers[2:5].mlp.hidden"),
        (GPT2, GPT2.at("stack.layers[:3].mlp", None), "stack.layers[:3].mlp"),
        (GPT2, GPT2.at("stack.layers[*].attn.dropout", 0.5), "stack.layers[*].attn.dropout"),
        (GPT2, GPT2.at("stack.layers[*].attn.op.dropout", 0.5), "stack.layers[*].attn.op.dropout"),
        (GPT2, GPT2.with_heads({}), "heads.lm"),
    ],
)
def test_one_edit_is_one_change_at_its_path(start: Model, changed: Model, path: str) -> None:
    assert [change.path for change in diff(start, changed).changes] == [path]


def test_fields_of_one_name_are_told_apart_behind_norms_of_their_own() -> None:
    branch = Residual(Normed(Attention(2), RMSNorm()), RMSNorm())
    louder = Residual(Normed(Attention(2, dropout=0.5), RMSNorm(1e-3)), RMSNorm(), dropout=0.5)
    before, after = (BERT.replace(stack=Stack(((one,),) * 2)) for one in (branch, louder))
    prefix = "stack.layers[*].attn"
    paths = {change.path for change in diff(before, after).changes}
    assert paths == {f"{prefix}.dropout", f"{prefix}.op.dropout", f"{prefix}.op.norm.eps"}
    assert [after.at(f"{prefix}.op.{name}") for name in ("dropout", "norm.eps")] == [(0.5, 0.5), (1e-3, 1e-3)]


def test_every_is_said_only_where_it_is_true() -> None:
    but_one = swap(BERT, LayerNorm, LayerNorm(1e-3)).at("embed.norm", BERT.at("embed.norm"))
    paths = [f"stack.layers[*].{branch}.norm.eps" for branch in ("attn", "mlp")]
    assert [change.path for change in diff(BERT, but_one).changes] == paths
    swapped = swap(BERT, LayerNorm, RMSNorm()).at("embed.norm", BERT.at("embed.norm"))
    assert [change.path for change in diff(BERT, swapped).changes] == ["every Residual.norm"]


def test_sharing_layers_is_one_change() -> None:
    shared = BERT.replace(stack=Stack((Repeat(BERT.at("stack").layers[:1], 12),)))
    (change,) = diff(BERT, shared).changes
    assert (change.path, change.old, change.new) == ("stack.layers", 12, "1 run 12 times")
    assert change.parameters == -11 * 7_087_872


def test_another_kind_of_model_is_one_change() -> None:
    (change,) = diff(BERT, T5).changes
    assert (change.path, change.old, change.new) == ("model", BERT, T5)
    assert change.parameters == count(T5).total - count(BERT).total


def test_the_later_of_two_changes_bears_their_product() -> None:
    wider = BERT.replace(dim=1536, embed=BERT.at("embed").replace(vocab=40000))
    vocabulary = next(change for change in diff(BERT, wider).changes if change.path == "embed.vocab")
    assert vocabulary.parameters == 1536 * (40000 - 30522)


@given(specs, edits)
def test_edits_add_up(spec: Model, steps: list[tuple[str, int]]) -> None:
    assert_exact(spec, edited(spec, steps))
    assert_exact(edited(spec, steps), spec)


@given(specs, specs, edits, edits)
def test_any_two_models_add_up(a: Model, b: Model, left: list[tuple[str, int]], right: list[tuple[str, int]]) -> None:
    assert_exact(edited(a, left), edited(b, right))
