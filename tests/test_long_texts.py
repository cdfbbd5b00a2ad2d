"""Sparse attention against the reference at lengths that the harness's few tokens do not reach, and its defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from comparison import FIELDS, apart
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.weights.load import load_weights
from bestiary.weights.translate import understand

EXACT = 1e-10


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def both(name: str, config: Any, folder: Path) -> tuple[Any, Any]:
    """Return a perturbed reference, and what is loaded from its files."""
    reference = getattr(transformers, name)(config).double().eval()
    for parameter in reference.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    reference.save_pretrained(folder)
    return reference, load_weights(folder)[0]


def far(theirs: Any, ours: Any, keep: Tensor | None = None) -> float:
    """Return how far two outputs are apart, at kept tokens where there are such."""
    filled = [name for name in FIELDS if getattr(theirs, name, None) is not None]
    assert filled
    return max(
        apart(getattr(theirs, name), getattr(ours, name), keep if getattr(theirs, name).dim() == 3 else None)
        for name in filled
    )


# --- Bands and global tokens ---------------------------------------------------------------------------------------


def longformer(**changes: Any) -> Any:
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 31}
    rest = {"vocab_size": 101, "max_position_embeddings": 302, "pad_token_id": 1, "attention_window": 16}
    return transformers.LongformerConfig(**sizes | rest | changes)


@torch.no_grad()
@pytest.mark.parametrize("tokens", [7, 64, 299])
def test_bands_agree(tokens: int, tmp_path: Path) -> None:
    reference, model = both("LongformerModel", longformer(), tmp_path)
    ids = torch.randint(3, 101, (3, tokens))
    keep = (torch.arange(tokens) < torch.tensor([[tokens], [tokens // 2], [5]])).long()
    ids[keep == 0] = 1
    marked = (torch.rand(3, tokens) < 0.1).long()
    given = {"input_ids": ids, "attention_mask": keep, "global_attention_mask": marked}
    assert far(reference(**given), model(**given), keep.bool()) < EXACT
    assert far(reference(ids), model(ids)) < EXACT


@torch.no_grad()
def test_global_tokens_by_default_are_the_references(tmp_path: Path) -> None:
    ids = torch.randint(3, 101, (3, 40))
    reference, model = both("LongformerForSequenceClassification", longformer(num_labels=3), tmp_path)
    assert far(reference(ids), model(ids)) < EXACT
    for text, places in enumerate(((4, 5, 39), (9, 10, 30), (2, 3, 25))):  # <s> question </s></s> text </s>
        ids[text, list(places)] = 2
    reference, model = both("LongformerForQuestionAnswering", longformer(), tmp_path)
    assert far(reference(ids), model(ids)) < EXACT


def test_windows_that_are_not_even_are_refused() -> None:
    for given, message in ((7, "give even numbers"), ([8], "has 1 numbers; give one for each of 2 layers")):
        config = longformer().to_dict() | {"attention_window": given, "architectures": ["LongformerModel"]}
        with pytest.raises(BestiaryError, match=message):
            understand(config, "config.json")
