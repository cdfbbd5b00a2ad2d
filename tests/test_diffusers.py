"""U-Nets and autoencoders against diffusers, as strictly as the harness holds models of transformers.

The reference is tiny, of odd sizes, every parameter perturbed; both sides compute in float64 on the same files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import torch
from references.diffusions import ROWS, Row
from safetensors.torch import load_file
from torch import Tensor

import bestiary
from bestiary.nn import build
from bestiary.sizing import count
from bestiary.weights.folder import open_folder
from bestiary.weights.load import fetch, plan_transfers
from bestiary.weights.save import published

FILE = "diffusion_pytorch_model.safetensors"
CLOSE = 1e-10
SUMMED = {"embedding_proj.bias", "clip_image_embeddings_project_to_time_embeddings.bias"}
"""The two are added to one another."""


class Case(NamedTuple):
    row: Row
    reference: Any
    folder: Path
    model: Any

    @property
    def given(self) -> dict[str, Tensor]:
        torch.manual_seed(0)
        return self.row.given(self.reference.config)


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    row, seed = request.param
    folder = tmp_path_factory.mktemp("reference")
    reference = row.reference(seed)
    reference.save_pretrained(folder)
    return Case(row, reference, folder, bestiary.load(folder))


def cases(*seeds: int) -> pytest.MarkDecorator:
    pairs = [(row, seed) for row in ROWS for seed in seeds]
    return pytest.mark.parametrize("case", pairs, ids=[f"{row}-{seed}" for row, seed in pairs], indirect=True)


def distance(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> float:
    assert theirs.keys() == ours.keys()
    return max((theirs[name] - ours[name]).abs().max().item() for name in theirs)


@cases(0, 1)
@torch.no_grad()
def test_outputs_agree(case: Case) -> None:
    answers = case.row.answers
    assert distance(answers(case.reference, case.given), answers(case.model, case.given)) < CLOSE


@cases(0, 1)
def test_gradients_agree_and_reach_every_parameter(case: Case, tmp_path: Path) -> None:
    for model in (case.reference, case.model):
        torch.manual_seed(1)
        answers = case.row.answers(model, case.given)
        sum((each * torch.randn(each.shape, dtype=each.dtype)).sum() for each in answers.values()).backward()  # type: ignore[union-attr]
    theirs, ours = of_gradients(case.reference), of_gradients(case.model)
    theirs.save_pretrained(tmp_path)
    expected, found = load_file(tmp_path / FILE), published(ours, case.model.checkpoint.meaning.dialect.name)
    assert expected.keys() == found.keys()
    for name in expected:
        assert (expected[name] - found[name]).abs().max() < CLOSE, name
        # What is added to all keys alike changes no softmax; keys of two kinds have offsets of their own.
        assert idle(name, expected) or found[name].any(), name


def idle(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether a tensor is added to all keys of an attention alike."""
    return name.endswith("to_k.bias") and name.replace("to_k", "add_k_proj") not in tensors


def of_gradients(model: Any) -> Any:
    """Return a copy of a model with its gradients for parameters."""
    copy = deepcopy(model)
    for mine, its in zip(copy.parameters(), model.parameters(), strict=True):
        mine.data = torch.zeros_like(its) if its.grad is None else its.grad
        its.grad = None
    return copy


def raw(folder: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    held = load_file(folder / FILE)
    return {
        name: (t.dtype, tuple(t.shape), t.flatten().view(torch.uint8).numpy().tobytes()) for name, t in held.items()
    }


@cases(0, 1)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_saved_back_bit_equal(case: Case, dtype: torch.dtype, tmp_path: Path) -> None:
    given, back = tmp_path / "given", tmp_path / "back"
    case.row.reference(0).to(dtype).save_pretrained(given)
    bestiary.save(bestiary.load(given), back)
    assert raw(back) == raw(given)


@cases(0, 1)
@torch.no_grad()
def test_what_we_save_opens_in_the_reference(case: Case, tmp_path: Path) -> None:
    bestiary.save(case.model, tmp_path)
    kind = type(case.reference)
    opened, info = kind.from_pretrained(tmp_path, output_loading_info=True, torch_dtype=torch.float64)
    assert [(name, found) for name, found in info.items() if found] == []
    before, after = (dict(model.config) for model in (case.reference, opened))
    read_otherwise = {"_name_or_path", "_use_default_values", "sample_size"}  # no size said is written as a size
    changed = {key: after[key] for key in before.keys() - read_otherwise if plainly(before[key]) != plainly(after[key])}
    assert changed == {}
    assert distance(case.row.answers(case.reference, case.given), case.row.answers(opened, case.given)) < 1e-12


def plainly(value: Any) -> Any:
    """Return a value of a config as it acts: one number for all levels is a list of it."""
    many = list(value) if isinstance(value, list | tuple) else [value]
    return many[0] if len(set(many)) == 1 and not isinstance(many[0], str) else many


@cases(0, 1)
def test_three_counts_agree(case: Case) -> None:
    reference = sum(parameter.numel() for parameter in case.reference.parameters())
    assert sum(parameter.numel() for parameter in build(case.model.spec, device="meta").parameters()) == reference
    assert count(case.model.spec).total == reference


def swaps(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    shapes: dict[Any, list[str]] = {}
    for name in sorted(tensors, key=lambda name: (len(name), name[::-1])):
        shapes.setdefault(tensors[name].shape, []).append(name)
    for names in shapes.values():
        yield from pairwise(names)


@pytest.mark.parametrize("row", ROWS, ids=str)
@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(row: Row, tmp_path: Path) -> None:
    reference = row.reference(0, Least)
    reference.save_pretrained(tmp_path)
    model = bestiary.load(tmp_path)
    meaning, files = model.checkpoint.meaning, open_folder(tmp_path).tensors
    holds = {name: each for each in plan_transfers(files, model, meaning, tmp_path)[0] for name in each.theirs}
    tensors, own = load_file(tmp_path / FILE), model.state_dict()
    torch.manual_seed(0)
    given = row.given(reference.config)
    expected = row.answers(reference, given)
    pairs, survivors = list(swaps(tensors)), []
    for one, other in pairs:
        swapped = {**tensors, one: tensors[other], other: tensors[one]}
        for held in (swapped, tensors):
            for transfer in (holds[one], holds[other]):
                for name, value in fetch(transfer, held, meaning.spec):  # type: ignore[arg-type]
                    own[name].copy_(value)
            if held is swapped and distance(expected, row.answers(model, given)) < CLOSE:
                survivors.append((one, other))
    assert len(pairs) > (50 if "UNet" in row.name or "Auto" in row.name else 3)
    assert survivors == [pair for pair in pairs if all(idle(name, tensors) for name in pair) or set(pair) == SUMMED]


class Least(Random):
    """Draws the least of each size."""

    def choice(self, seq: Any) -> Any:
        return seq[0]
