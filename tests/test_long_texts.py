"""Sparse attention against the reference at lengths that the harness's few tokens do not reach, and its defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import transformers
from comparison import FIELDS, apart
from torch import Tensor
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention

from bestiary.errors import BestiaryError
from bestiary.nn.blocks import drawn_blocks
from bestiary.spec import BlockSparse
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
    ids = torch.randint(4, 101, (3, 40))
    reference, model = both("LongformerForSequenceClassification", longformer(num_labels=3), tmp_path)
    assert far(reference(ids), model(ids)) < EXACT
    for text, places in enumerate(((4, 5, 39), (9, 10, 30), (2, 3, 25))):  # <s> question </s></s> text </s>
        ids[text, list(places)] = 3
    reference, model = both("LongformerForQuestionAnswering", longformer(sep_token_id=3), tmp_path)
    assert far(reference(ids), model(ids)) < EXACT


def test_windows_that_are_not_even_are_refused() -> None:
    for given, message in ((7, "give even numbers"), ([8], "has 1 numbers; give one for each of 2 layers")):
        config = longformer().to_dict() | {"attention_window": given, "architectures": ["LongformerModel"]}
        with pytest.raises(BestiaryError, match=message):
            understand(config, "config.json")


# --- Blocks --------------------------------------------------------------------------------------------------------


def big_bird(**changes: Any) -> Any:
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 31}
    rest = {"vocab_size": 101, "max_position_embeddings": 304, "pad_token_id": 0, "block_size": 4}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return transformers.BigBirdConfig(**sizes | rest | off | changes)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("tokens", "random"), [(44, 3), (45, 3), (301, 3), (75, 1), (75, 5)])
@torch.no_grad()
def test_blocks_agree(tokens: int, random: int, training: bool, tmp_path: Path) -> None:
    reference, model = both("BigBirdModel", big_bird(num_random_blocks=random), tmp_path)
    reference.train(training)
    model.train(training)
    for side in (None, "right", "left"):
        ids = torch.randint(3, 101, (3, tokens))
        lengths = torch.tensor([[tokens], [tokens // 2], [5]])
        place = torch.arange(tokens)
        keep = (place < lengths if side == "right" else place >= tokens - lengths).long()
        given = {"input_ids": ids} if side is None else {"input_ids": ids, "attention_mask": keep}
        assert far(reference(**given), model(**given), None if side is None else keep.bool()) < EXACT


@torch.no_grad()
def test_blocks_of_a_published_length_agree(tmp_path: Path) -> None:
    config = big_bird(block_size=64, max_position_embeddings=4096, num_hidden_layers=1)
    reference, model = (part.train() for part in both("BigBirdModel", config, tmp_path))
    ids = torch.randint(3, 101, (1, 1000))  # padded inside to 1024
    assert far(reference(ids), model(ids)) < EXACT


@pytest.mark.parametrize("depth", [0, 1, 11])
@pytest.mark.parametrize("heads", [1, 12])
@pytest.mark.parametrize(
    ("tokens", "block", "random", "length"),
    [
        *[(tokens, 64, 3, 4096) for tokens in (832, 1024, 2048, 3072, 4096)],
        *[(1024, 16, 2, 1024), (3072, 128, 1, 3072), (4096, 32, 5, 4096), (40, 2, 1, 512)],
    ],
)
def test_random_blocks_are_drawn_as_the_reference_draws(
    tokens: int, block: int, random: int, length: int, heads: int, depth: int
) -> None:
    config = big_bird(block_size=block, num_random_blocks=random, max_position_embeddings=length)
    theirs: Any = BigBirdBlockSparseAttention(config, seed=depth).train()
    numpy.random.seed(depth)
    if tokens in (1024, 3072, 4096):
        drawn = [
            theirs._bigbird_block_rand_mask(length, length, block, block, random, last_idx=1024)[: tokens // block - 2]
            for _ in range(heads)
        ]
    else:
        plan, numbers = theirs._get_rand_attn_plan(tokens, block, random)
        drawn = theirs._bigbird_block_rand_mask_with_head(tokens, tokens, block, block, heads, plan, numbers)
    ours = drawn_blocks(BlockSparse(block, random, length), tokens // block, heads, depth)
    assert ours.tolist() == numpy.stack(drawn).tolist()


@torch.no_grad()
def test_a_question_is_told_by_its_separator_as_the_reference_does(tmp_path: Path) -> None:
    reference, model = both("BigBirdForQuestionAnswering", big_bird(sep_token_id=66), tmp_path)
    ids = torch.randint(3, 66, (3, 60))
    ids[0, 4] = ids[1, 6] = ids[0, 9] = 66  # and one text without any
    assert far(reference(ids), model(ids)) < EXACT
    types = torch.randint(0, 2, (3, 60))
    assert far(reference(ids, token_type_ids=types), model(ids, token_type_ids=types)) < EXACT


# --- Local layers --------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_local_layers_agree(dtype: torch.dtype, tmp_path: Path) -> None:
    sizes = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 31}
    rest = {"vocab_size": 101, "pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2, "local_attention": 16}
    config = transformers.ModernBertConfig(**sizes | rest | {"bos_token_id": 1, "eos_token_id": 2})
    reference, model = (part.to(dtype) for part in both("ModernBertModel", config, tmp_path))
    ids = torch.randint(3, 101, (3, 300))
    keep = (torch.arange(300) < torch.tensor([[300], [150], [5]])).long()
    # In half precision both round, and not in the same order: the bound is a few roundings of numbers around 1.
    bound = EXACT if dtype == torch.float64 else 0.06
    assert far(reference(ids), model(ids)) < bound
    assert far(reference(ids, keep), model(ids, keep), keep.bool()) < bound
