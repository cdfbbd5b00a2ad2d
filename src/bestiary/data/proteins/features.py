"""Features of an alignment as the model reads them (Jumper et al. 2021, supplement 1.2.5 to 1.2.9)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.data.proteins.alignments import Alignment
from bestiary.residues import UNKNOWN

MASK, LETTERS = 22, 23
"""The number of a masked residue, behind the twenty, an unknown one and a gap, and how many numbers there are."""
KEPT, UNIFORM, PROFILE = 0.1, 0.1, 0.1
"""Of the residues to be predicted: the share left alone, drawn from all, and from the column; others are masked."""


def features_of(
    alignment: Alignment, rows: int = 512, extra: int = 1024, *, masked: float = 0.15, seed: int = 0
) -> dict[str, Tensor]:
    """Return what a folding model is called with, a batch of one.

    Of the relatives, ``rows`` at most are drawn, the target first, and of the rest ``extra``, which also tell each row
    that they are nearest to what stands in its neighborhood. ``masked`` is the share of residues to be predicted.
    """
    generator = torch.Generator().manual_seed(seed)
    letters, deletions = _distinct(alignment)
    order = torch.cat((torch.zeros(1, dtype=torch.long), 1 + torch.randperm(len(letters) - 1, generator=generator)))
    chosen, others = order[:rows], order[rows : rows + extra]
    drawn = corrupted(letters[chosen], F.one_hot(letters, LETTERS).double().mean(0), masked, generator)
    cluster, counts = _nearest(drawn, letters[others])
    own, other = F.one_hot(drawn, LETTERS).float(), F.one_hot(letters[others], LETTERS).float()
    profile = (own + _summed(cluster, other, len(drawn))) / counts[:, None, None]
    gone, gone_others = deletions[chosen].float(), deletions[others].float()
    mean = (gone + _summed(cluster, gone_others, len(drawn))) / counts[:, None]
    columns = (gone.clamp(max=1)[..., None], _squashed(gone)[..., None], profile, _squashed(mean)[..., None])
    found = {
        "aatype": letters[0].clamp(max=UNKNOWN),
        "msa_feat": torch.cat((own, *columns), dim=-1),
        "true_msa": letters[chosen],
        "bert_mask": (drawn != letters[chosen]).float(),
    }
    if len(others):
        more = (other, gone_others.clamp(max=1)[..., None], _squashed(gone_others)[..., None])
        found["extra_msa_feat"] = torch.cat(more, dim=-1)
    return {name: tensor[None] for name, tensor in found.items()}


def model_inputs(features: dict[str, Tensor]) -> dict[str, Any]:
    """Return those of the features that a model is called with; the others are what a loss compares with."""
    return {name: tensor for name, tensor in features.items() if name not in ("true_msa", "bert_mask")}


def corrupted(letters: Tensor, profile: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return rows ``[R, N]``, a share of them masked, changed or left alone; ``profile`` is ``[N, 23]``."""
    uniform = torch.zeros(LETTERS, dtype=profile.dtype)
    uniform[:20] = 1 / 20
    same = F.one_hot(letters, LETTERS).to(profile.dtype)
    likely = UNIFORM * uniform + PROFILE * profile + KEPT * same
    likely[..., MASK] += 1 - UNIFORM - PROFILE - KEPT
    drawn = torch.multinomial(likely.flatten(0, 1), 1, generator=generator).view_as(letters)
    return torch.where(torch.rand(letters.shape, generator=generator) < share, drawn, letters)


def _distinct(alignment: Alignment) -> tuple[Tensor, Tensor]:
    """Return letters and deletions of the rows, each sequence at its first place."""
    seen: dict[bytes, int] = {}
    for number, row in enumerate(alignment.letters.to(torch.uint8).numpy()):
        seen.setdefault(row.tobytes(), number)
    kept = torch.tensor(list(seen.values()))
    return alignment.letters[kept], alignment.deletions[kept]


def _nearest(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return which row each of the others agrees with in most residues, and how many each row has then, itself too."""
    residues = LETTERS - 2  # a gap or a mask is no agreement
    mine = F.one_hot(rows, LETTERS)[..., :residues].flatten(1).float()
    theirs = F.one_hot(others, LETTERS)[..., :residues].flatten(1).float()
    cluster = (theirs @ mine.T).argmax(-1) if len(others) else others.new_zeros(0)
    return cluster, 1 + torch.bincount(cluster, minlength=len(rows)).float()


def _summed(cluster: Tensor, values: Tensor, rows: int) -> Tensor:
    """Return the sum of the values of each row's cluster."""
    return values.new_zeros(rows, *values.shape[1:]).index_add_(0, cluster, values)


def _squashed(deletions: Tensor) -> Tensor:
    """Return how much was deleted, between 0 and 1."""
    return torch.atan(deletions / 3) * (2 / math.pi)
