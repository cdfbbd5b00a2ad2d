"""Heads of structure prediction: distances, confidence, masked residues, resolved atoms, errors (supplement 1.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.norms import norm
from bestiary.nn.output import Output


@dataclass(kw_only=True)
class FoldOutput(Output):
    """What a folded protein is; ``last_hidden_state`` is the vector of each residue that its structure is made from."""

    positions: Tensor
    """``[times, B, N, 14, 3]``: atoms in the slots of their residues, in angstroms, after each refinement."""
    final_atom_positions: Tensor
    """``[B, N, 37, 3]``: the last of them by kinds."""
    final_atom_mask: Tensor
    """``[B, N, 37]``: ones where a residue has an atom of the kind."""
    frames: Tensor
    """``[times, B, N, 4, 4]``: backbone frames, in angstroms."""
    sidechain_frames: Tensor
    """``[times, B, N, 8, 4, 4]``: those of the rigid groups."""
    angles: Tensor
    """``[times, B, N, 7, 2]``: sines and cosines."""
    unnormalized_angles: Tensor
    """The same before they are made of length one."""
    s_s: Tensor
    """``[B, N, single]``: what the structure was made from."""
    s_z: Tensor
    """``[B, N, N, pair]``."""
    msa: Tensor
    """``[B, S, N, dim]``: the alignment, refined, without the rows of templates."""
    distogram_logits: Tensor | None = None
    """``[B, N, N, bins]``."""
    plddt_logits: Tensor | None = None
    """``[B, N, bins]``."""
    plddt: Tensor | None = None
    """``[B, N]``, from 0 to 100."""
    masked_msa_logits: Tensor | None = None
    """``[B, S, N, letters]``."""
    experimentally_resolved_logits: Tensor | None = None
    """``[B, N, 37]``."""
    ptm_logits: Tensor | None = None
    """``[B, N, N, bins]``."""
    predicted_aligned_error: Tensor | None = None
    """``[B, N, N]``, in angstroms: how far off the second residue is, seen from the first."""
    ptm: Tensor | None = None
    """``[B]``: the predicted TM-score."""


class Distogram(nn.Module):
    """Bins of distances, the same both ways."""

    def __init__(self, node: spec.Distogram, model: spec.FoldingModel) -> None:
        super().__init__()
        self.output = nn.Linear(model.pair, node.bins)

    def forward(self, output: FoldOutput, mask: Tensor) -> None:
        """Fill ``distogram_logits``."""
        scores = self.output(output.s_z)
        output.distogram_logits = scores + scores.transpose(1, 2)


class LocalConfidence(nn.Module):
    """Bins of each residue's lDDT, and their mean."""

    def __init__(self, node: spec.LocalConfidence, model: spec.FoldingModel) -> None:
        super().__init__()
        self.norm = norm(spec.LayerNorm(), model.single)
        self.first, self.second = nn.Linear(model.single, node.hidden), nn.Linear(node.hidden, node.hidden)
        self.output = nn.Linear(node.hidden, node.bins)

    def forward(self, output: FoldOutput, mask: Tensor) -> None:
        """Fill ``plddt_logits`` and ``plddt``."""
        x = F.relu(self.second(F.relu(self.first(self.norm(output.last_hidden_state)))))
        output.plddt_logits = logits = self.output(x)
        bins = logits.shape[-1]
        centers = (torch.arange(bins, dtype=logits.dtype, device=logits.device) + 0.5) / bins
        output.plddt = 100 * (logits.softmax(-1) * centers).sum(-1)


class MaskedResidues(nn.Module):
    """Scores of letters for each place of the alignment."""

    def __init__(self, node: spec.MaskedResidues, model: spec.FoldingModel) -> None:
        super().__init__()
        self.output = nn.Linear(model.dim, node.letters)

    def forward(self, output: FoldOutput, mask: Tensor) -> None:
        """Fill ``masked_msa_logits``."""
        output.masked_msa_logits = self.output(output.msa)


class ResolvedAtoms(nn.Module):
    """For each kind of atom, whether an experiment would have seen it."""

    def __init__(self, node: spec.ResolvedAtoms, model: spec.FoldingModel) -> None:
        super().__init__()
        self.output = nn.Linear(model.single, node.atoms)

    def forward(self, output: FoldOutput, mask: Tensor) -> None:
        """Fill ``experimentally_resolved_logits``."""
        output.experimentally_resolved_logits = self.output(output.s_s)


class AlignedError(nn.Module):
    """Bins of errors seen from each residue, their mean, and the TM-score that they make likely."""

    def __init__(self, node: spec.AlignedError, model: spec.FoldingModel) -> None:
        super().__init__()
        self.last, self.output = node.last, nn.Linear(model.pair, node.bins)

    def forward(self, output: FoldOutput, mask: Tensor) -> None:
        """Fill ``ptm_logits``, ``predicted_aligned_error`` and ``ptm``."""
        output.ptm_logits = logits = self.output(output.s_z)
        likely = logits.softmax(-1)
        centers = error_centers(likely, self.last)
        output.predicted_aligned_error = (likely * centers).sum(-1)
        output.ptm = predicted_tm(likely, centers, mask)


HEADS: dict[type[spec.Head], Callable[[Any, Any], nn.Module]] = {
    spec.Distogram: Distogram,
    spec.LocalConfidence: LocalConfidence,
    spec.MaskedResidues: MaskedResidues,
    spec.ResolvedAtoms: ResolvedAtoms,
    spec.AlignedError: AlignedError,
}


def error_centers(like: Tensor, last: float) -> Tensor:
    """Return the middle of each bin of errors, the last of which has no end, ``[bins]``."""
    width = last / (like.shape[-1] - 2)
    return (torch.arange(like.shape[-1], dtype=like.dtype, device=like.device) + 0.5) * width


def predicted_tm(likely: Tensor, centers: Tensor, mask: Tensor) -> Tensor:
    """Return the best TM-score that any residue's view makes likely, ``[B]`` (supplement 1.9.7, equations 38 to 40)."""
    residues = mask.sum(-1)
    scale = 1.24 * (residues.clamp(min=19) - 15) ** (1 / 3) - 1.8
    fit = 1 / (1 + (centers / scale[:, None]).square())  # [B, bins]
    each = (likely * fit[:, None, None]).sum(-1)  # [B, N, N]
    return ((each * mask[:, None]).sum(-1) / residues[:, None]).masked_fill(mask == 0, 0).amax(-1)
