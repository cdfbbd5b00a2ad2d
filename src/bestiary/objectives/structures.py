"""Losses of predicted structures (Jumper et al. 2021, supplement 1.9).

Frames are rotations ``[..., F, 3, 3]`` and origins ``[..., F, 3]`` in angstroms, points ``[..., P, 3]``; masks are ones
for what is known. Each loss gives a number for each protein of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

WEIGHTS: Mapping[str, float] = {
    "frames": 0.5, "all_atoms": 0.5, "torsions": 1.0, "distogram": 0.3, "masked_residues": 2.0, "confidence": 0.01,
    "resolved": 0.01, "violations": 1.0, "aligned_error": 0.1,
}  # fmt: skip
"""What each loss weighs in the sum (supplement 1.9, equation 7; the last three in fine-tuning only)."""


def seen_from(rotation: Tensor, origin: Tensor, points: Tensor) -> Tensor:
    """Return every point as every frame sees it, ``[..., F, P, 3]``."""
    return torch.einsum("...fyx,...fpy->...fpx", rotation, points[..., None, :, :] - origin[..., :, None, :])


def frame_aligned_error(
    predicted: tuple[Tensor, Tensor, Tensor],
    true: tuple[Tensor, Tensor, Tensor],
    frame_mask: Tensor,
    point_mask: Tensor,
    *,
    clamp: float | None = 10.0,
    scale: float = 10.0,
    eps: float = 1e-4,
) -> Tensor:
    """Return how far points are from where they should be as all frames see them, ``[...]`` (FAPE, algorithm 28).

    Either side is rotations, origins and points. Errors over ``clamp`` angstroms weigh no more, unless it is ``None``,
    as for one protein in ten of training. What all of one side is turned and moved by changes nothing.
    """
    apart = seen_from(*predicted) - seen_from(*true)
    error = (apart.square().sum(-1) + eps).sqrt()
    error = error if clamp is None else error.clamp(max=clamp)
    both = frame_mask[..., :, None] * point_mask[..., None, :]
    return (error * both).sum((-1, -2)) / scale / (both.sum((-1, -2)) + eps)


def torsion_error(angles: Tensor, unnormalized: Tensor, true: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Return how far torsion angles are off, ``[...]`` (algorithm 27).

    Angles are sines and cosines, ``[..., N, 7, 2]``; ``other`` is as true, half a turn away where symmetry allows. What
    the network gives before it is made of length one is drawn to length one.
    """
    off = torch.minimum((angles - true).square().sum(-1), (angles - other).square().sum(-1))
    length = (unnormalized.square().sum(-1) + 1e-8).sqrt()
    return _mean(off, mask) + 0.02 * (length - 1).abs().mean((-1, -2))


def distogram_error(logits: Tensor, ends: Tensor, mask: Tensor, first: float = 2.3125, last: float = 21.6875) -> Tensor:
    """Return the cross-entropy of bins of distances, ``[...]`` (1.9.8).

    ``logits`` ``[..., N, N, bins]`` are of the distances between the residues' ends ``[..., N, 3]``: CB, CA of glycine.
    """
    edges = torch.linspace(first, last, logits.shape[-1] - 1, dtype=ends.dtype, device=ends.device).square()
    apart = (ends[..., :, None, :] - ends[..., None, :, :]).square().sum(-1, keepdim=True)
    return _mean(_surprise(logits, (apart > edges).sum(-1)), mask[..., :, None] * mask[..., None, :], 2)


def masked_residues_error(logits: Tensor, true: Tensor, masked: Tensor) -> Tensor:
    """Return the cross-entropy of what was masked in the alignment, ``[...]`` (1.9.9); ``true`` is ``[..., S, N]``."""
    return _mean(_surprise(logits, true), masked, 2)


def lddt(points: Tensor, true: Tensor, mask: Tensor, cutoff: float = 15.0) -> Tensor:
    """Return the share of each residue's distances that are right, ``[..., N]`` (lDDT-CA; Mariani et al. 2013).

    Of its neighbors within ``cutoff`` angstroms in truth, distances may be off by 0.5, 1, 2 and 4, a quarter for each.
    """
    found, expected = (_distances(places) for places in (points, true))
    other = 1 - torch.eye(mask.shape[-1], dtype=mask.dtype, device=mask.device)
    near = (expected < cutoff) * mask[..., :, None] * mask[..., None, :] * other
    off = (found - expected).abs()
    right = torch.stack([(off < bound).to(near.dtype) for bound in (0.5, 1.0, 2.0, 4.0)]).mean(0)
    return (1e-10 + (near * right).sum(-1)) / (1e-10 + near.sum(-1))


def confidence_error(logits: Tensor, points: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Return the cross-entropy of each residue's bin of lDDT, ``[...]`` (1.9.6); points are those of CA."""
    bins = logits.shape[-1]
    score = lddt(points.detach(), true, mask)
    return _mean(_surprise(logits, (score * bins).long().clamp(max=bins - 1)), mask, 1)


def resolved_error(logits: Tensor, resolved: Tensor, exists: Tensor) -> Tensor:
    """Return the cross-entropy of which atoms an experiment resolved, ``[...]`` (1.9.10); all are ``[..., N, 37]``."""
    return _mean(F.binary_cross_entropy_with_logits(logits, resolved, reduction="none"), exists, 2)


def aligned_error(
    logits: Tensor, predicted: tuple[Tensor, Tensor], true: tuple[Tensor, Tensor], mask: Tensor, last: float = 31.0
) -> Tensor:
    """Return the cross-entropy of how far off each residue is, seen from each other, ``[...]`` (1.9.7).

    ``logits`` are ``[..., N, N, bins]``; the last bin begins at ``last`` angstroms.
    """
    apart = seen_from(*predicted, predicted[1]) - seen_from(*true, true[1])
    edges = torch.linspace(0, last, logits.shape[-1] - 1, dtype=apart.dtype, device=apart.device).square()
    bins = (apart.detach().square().sum(-1, keepdim=True) > edges).sum(-1)
    return _mean(_surprise(logits, bins), mask[..., :, None] * mask[..., None, :], 2)


def _distances(points: Tensor) -> Tensor:
    return (1e-10 + (points[..., :, None, :] - points[..., None, :, :]).square().sum(-1)).sqrt()


def _surprise(logits: Tensor, expected: Tensor) -> Tensor:
    return -logits.log_softmax(-1).gather(-1, expected[..., None]).squeeze(-1)


def _mean(values: Tensor, mask: Tensor, axes: int = 2) -> Tensor:
    """Return the mean of what is known, over the last axes."""
    over = tuple(range(-axes, 0))
    return (values * mask).sum(over) / (mask.sum(over) + 1e-8)
