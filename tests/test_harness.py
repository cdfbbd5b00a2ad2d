"""The verification harness: every dialect against the reference. A new model adds a row to references/, no test file.

The reference is tiny, of odd sizes, and every one of its parameters is perturbed: fresh norms are ones and fresh biases
zeros, which hides swapped ones. Both sides compute in float64 on the same files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from comparison import (
    TOKENS,
    Case,
    apart,
    counted,
    distance,
    filled,
    inputs,
    kept,
    lifted,
    perturbed,
    saved_and_loaded,
    texts,
)  # fmt: skip
from references import ROWS, Row
from references.recorded import Recorded, RecordedRow
from safetensors.torch import load_file, save_file
from torch import Tensor

from bestiary.nn import Cache, build
from bestiary.sizing import count
from bestiary.weights.load import load_weights
from bestiary.weights.save import published, save_weights

SEEDS = (0, 1)
SIDES = (None, "right", "left")
PROMPT = 6


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return saved_and_loaded(*request.param, tmp_path_factory.mktemp("reference"))


def cases(*rows: Row, seeds: tuple[int, ...] = SEEDS) -> pytest.MarkDecorator:
    pairs = [(row, seed) for row in rows for seed in (seeds[:1] if isinstance(row, RecordedRow) else seeds)]
    return pytest.mark.parametrize("case", pairs, ids=[f"{row}-{seed}" for row, seed in pairs], indirect=True)


# --- Outputs, gradients, caches ------------------------------------------------------------------------------------


@cases(*ROWS)
@torch.no_grad()
def test_outputs_agree(case: Case) -> None:
    for side in SIDES:
        given = inputs(case, side)
        assert distance(case.reference(**given), case.model(**given), given) < case.row.tolerance


@cases(*(row for row in ROWS if row.narrows))
@torch.no_grad()
def test_outputs_agree_with_narrow_scores(case: Case) -> None:
    as_published = type(case.reference).from_pretrained(case.folder).eval()
    given = inputs(case, "right")
    assert distance(as_published(**given), case.model(**given), given) < 1e-6  # float32 in the midst of float64


@cases(*ROWS)
def test_gradients_agree_and_reach_every_parameter(case: Case, tmp_path: Path) -> None:
    given = inputs(case, None, tokens=case.row.trained_on)
    answers = [model(**given) for model in (case.reference, case.model)]
    for answer in answers:
        torch.manual_seed(1)
        fields = [getattr(answer, name) for name in filled(answers[0])]
        sum((field * torch.randn(field.shape, dtype=field.dtype)).sum() for field in fields).backward()
    theirs, ours = of_gradients(case.reference), of_gradients(case.model)
    theirs.save_pretrained(tmp_path)
    expected, found = load_file(tmp_path / "model.safetensors"), published(ours, case.checkpoint.meaning.dialect.name)
    trained = expected.keys() - constants(case.reference)
    assert trained
    for name in trained:
        assert apart(expected[name], found[name]) < case.row.tolerance, name
        assert name.endswith((*case.row.unseen, *case.row.idle)) or found[name].any(), name


def of_gradients(model: Any) -> Any:
    """Return a copy of a model with its gradients for parameters, so that they are named as a checkpoint's tensors."""
    if isinstance(model, Recorded):
        return model.gradients()
    copy = deepcopy(model)
    for mine, its in zip(copy.parameters(), model.parameters(), strict=True):
        mine.data = torch.zeros_like(its) if its.grad is None else its.grad
        its.grad = None
    return copy


def constants(reference: Any) -> set[str]:
    """Return what a file holds that nobody trains: buffers and frozen tables."""
    frozen = {name for name, its in reference.named_parameters(remove_duplicate=False) if not its.requires_grad}
    return frozen | {name for name, _ in reference.named_buffers()}


@cases(*(row for row in ROWS if row.generates and (row.caches or row.steady)))
@torch.no_grad()
def test_cache_changes_nothing(case: Case) -> None:
    read = read_pair if case.config.is_encoder_decoder else read_text
    for side in (None, "left"):
        torch.manual_seed(3)
        given, whole, ours, theirs = read(case, side)
        scores = {"whole": whole} if case.row.steady else {}
        scores |= {"theirs": theirs} if case.row.caches else {}
        keep = given["mask"].bool()
        for expected in scores.values():
            assert apart(expected, ours, keep) < case.row.tolerance


Read = tuple[dict[str, Tensor], Tensor, Tensor, Tensor]


def steps(tokens: int) -> Iterator[slice]:
    """Give the prompt, then one token after the other."""
    yield slice(0, PROMPT)
    yield from (slice(end - 1, end) for end in range(PROMPT + 1, tokens + 1))


def read_text(case: Case, side: str | None) -> Read:
    """Return scores of a text read whole, read with our cache, and read with the reference's."""
    keep = kept(TOKENS, side)
    # Padding comes before all: the prompt's own end is real in every row. What is given beside it stands in it.
    beside = {} if case.row.given is None else dict(case.row.given(case.config, side))
    ids = beside.pop("input_ids") if beside else texts(case.config, keep)
    beside.pop("attention_mask", None)
    places = counted(keep)
    whole = case.model(input_ids=ids, attention_mask=keep, position_ids=places, **beside).logits
    ours, theirs, cache, past = [], [], Cache(2), None
    for step in steps(TOKENS):
        given = {"input_ids": ids[:, step], "attention_mask": keep[:, : step.stop], "position_ids": places[:, step]}
        given |= beside if step.start == 0 else {}
        ours.append(case.model(**given, past_key_values=cache).logits)
        if case.row.caches:
            answer = case.reference(**given, past_key_values=past, use_cache=True)
            past = answer.past_key_values
            theirs.append(answer.logits)
    return {"mask": keep}, whole, torch.cat(ours, 1), torch.cat(theirs or ours, 1)


def read_pair(case: Case, side: str | None) -> Read:
    """The same for the decoder of a pair of towers, whose encoder is run once."""
    keep, past_keep = kept(TOKENS, side), kept(TOKENS - 2, side)
    read = {"input_ids": texts(case.config, keep), "attention_mask": keep}
    if case.row.given is not None:
        read = {"input_features": case.row.given(case.config, side)["input_features"]}
    target, still = texts(case.config, past_keep), {name: t for name, t in read.items() if name == "attention_mask"}
    encoder = case.reference.get_encoder()(**read)
    memory = case.model.encode(**read)
    whole = case.model(**read, decoder_input_ids=target, decoder_attention_mask=past_keep).logits
    ours, theirs, cache, past = [], [], Cache(2), None
    for step in steps(TOKENS - 2):
        given = {"decoder_input_ids": target[:, step], "decoder_attention_mask": past_keep[:, : step.stop]}
        given |= still
        ours.append(case.model(**given, encoder_outputs=memory, past_key_values=cache).logits)
        answer = case.reference(**given, encoder_outputs=encoder, past_key_values=past, use_cache=True)
        past = answer.past_key_values
        theirs.append(answer.logits)
    return {"mask": past_keep}, whole, torch.cat(ours, 1), torch.cat(theirs, 1)


# --- Files and counts ----------------------------------------------------------------------------------------------


def raw(folder: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    """Return a file's tensors by name as dtype, shape and bytes."""
    held = load_file(folder / "model.safetensors")
    return {
        name: (t.dtype, tuple(t.shape), t.flatten().view(torch.uint8).numpy().tobytes()) for name, t in held.items()
    }


@cases(*ROWS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_saved_back_bit_equal(case: Case, dtype: torch.dtype, tmp_path: Path) -> None:
    given, back = tmp_path / "given", tmp_path / "back"
    perturbed(case.row, 0).to(dtype).save_pretrained(given)
    model, checkpoint = load_weights(given)
    save_weights(model, back, checkpoint.meaning.carried, checkpoint.meaning.dialect.name)
    assert raw(back) == raw(given)


@cases(*(row for row in ROWS if not isinstance(row, RecordedRow)))
@torch.no_grad()
def test_what_we_save_opens_in_the_reference(case: Case, tmp_path: Path) -> None:
    meaning = case.checkpoint.meaning
    save_weights(case.model, tmp_path, meaning.carried, meaning.dialect.name)
    opened, info = type(case.reference).from_pretrained(tmp_path, output_loading_info=True)
    assert [(kind, found) for kind, found in info.items() if found] == []
    opened, given = lifted(case.row, opened), inputs(case, "right")
    # Not equal to the bit: products are summed in another order where the memory of a matrix lies otherwise.
    assert distance(case.reference(**given), opened(**given), given) < case.row.reopened


@cases(*ROWS)
def test_three_counts_agree(case: Case) -> None:
    reference = sum(parameter.numel() for parameter in case.reference.parameters() if parameter.requires_grad)
    meta = build(case.model.spec, device="meta")
    assert sum(parameter.numel() for parameter in meta.parameters()) == reference
    assert count(case.model.spec).total == reference


# --- Mutations -----------------------------------------------------------------------------------------------------


def swaps(tensors: Mapping[str, Tensor], depth: int) -> Iterator[tuple[str, str]]:
    """Pair tensors of equal shape: each of the first and last layers, and each outside the layers, is in a pair."""
    middle = {f".{index}." for index in range(1, depth - 1)}
    shapes: dict[Any, list[str]] = {}
    for name in sorted(tensors, key=lambda name: (len(name), name[::-1])):
        if not any(index in f".{name}" for index in middle):
            shapes.setdefault(tensors[name].shape, []).append(name)
    for names in shapes.values():
        yield from pairwise(names)


@cases(*ROWS, seeds=(0,))
@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(case: Case, tmp_path: Path) -> None:
    tensors = load_file(case.folder / "model.safetensors")
    given = [inputs(case, side) for side in (None, "right")]
    answers = [case.reference(**each) for each in given]
    (tmp_path / "config.json").write_text((case.folder / "config.json").read_text())
    pairs = list(swaps(tensors, getattr(case.config, "num_hidden_layers", 2)))
    assert pairs
    survivors = []
    for one, other in pairs:
        save_file({**tensors, one: tensors[other], other: tensors[one]}, tmp_path / "model.safetensors")
        model, _ = load_weights(tmp_path)
        if all(distance(a, model(**g), g) < case.row.tolerance for a, g in zip(answers, given, strict=True)):
            survivors.append((one, other))
    # The softmax ignores what a key's bias adds to all keys alike, unless a rotation comes between.
    endings = case.row.unseen
    unseen = (
        []
        if case.row.keys_turn
        else [pair for pair in pairs if all(name.endswith(endings) for name in pair) or case.row.summed(*pair)]
    )
    if case.row.keys_turn is None:
        survivors = unseen if set(survivors) <= set(unseen) else survivors
    assert survivors == unseen
