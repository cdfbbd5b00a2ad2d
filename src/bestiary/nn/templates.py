"""Known structures of relatives, as pairs to attend to and as rows of torsion angles (algorithms 16 and 17)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.atoms import ends_of, torsions_of
from bestiary.nn.frames import Frames
from bestiary.nn.gated import Streams
from bestiary.nn.refining import RefiningStack
from bestiary.residues import chemistry

KINDS = 22
"""Residues as templates tell them: the twenty, an unknown one, a gap."""
HIDDEN = -1e5


@dataclass(frozen=True)
class Known:
    """Templates of one protein, T of them."""

    aatype: Tensor
    """``[B, T, N]``."""
    positions: Tensor
    """``[B, T, N, 37, 3]``, in angstroms."""
    atom_mask: Tensor
    """``[B, T, N, 37]``."""
    mask: Tensor
    """``[B, T]``: ones for templates, zeros for what fills up the batch."""


class PointwiseAttention(nn.Module):
    """Each pair attends to what the templates say of it; nothing is gated."""

    def __init__(self, node: spec.GatedAttention, width: int, pair: int) -> None:
        super().__init__()
        self.heads, inner = node.heads, node.heads * node.head_dim
        self.q = nn.Linear(pair, inner, bias=False)
        self.k, self.v = (nn.Linear(width, inner, bias=False) for _ in "kv")
        self.o = nn.Linear(inner, pair)

    def forward(self, pairs: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        """Map pairs ``[B, N, N, pair]`` and templates ``[B, T, N, N, width]`` to what is added to the pairs."""
        known = known.permute(0, 2, 3, 1, 4)  # [B, N, N, T, width]
        q = self.q(pairs)[..., None, :].unflatten(-1, (self.heads, -1)).transpose(-2, -3)
        k, v = (project(known).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for project in (self.k, self.v))
        bias = (HIDDEN * (1 - mask))[:, None, None, None, None]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(*q.shape[:-1], k.shape[-2]))
        return self.o(mixed.transpose(-2, -3).flatten(-2).squeeze(-2))


class Templates(nn.Module):
    """Templates embedded, refined each alone, and attended to."""

    def __init__(self, node: spec.Templates, dim: int, pair: int) -> None:
        super().__init__()
        self.node = node
        self.pairs = nn.Linear(node.features, node.width)
        self.stack = RefiningStack(node.stack, dim, node.width)
        self.attention = PointwiseAttention(node.attention, node.width, pair)
        self.up = self.down = None
        if node.angles is not None:
            self.up, self.down = nn.Linear(node.angles.features, dim), nn.Linear(dim, dim)

    def forward(self, known: Known, streams: Streams) -> Tensor:
        """Return what is added to the pairs, ``[B, N, N, pair]``."""
        batch, count = known.mask.shape
        x = self.pairs(self.features(known)).flatten(0, 1)
        mask = streams.pair_mask[:, None].expand(-1, count, -1, -1).flatten(0, 1)
        refined = self.stack(Streams(x, x, mask, mask)).pairs.unflatten(0, (batch, count))
        found = self.attention(streams.pairs, refined, known.mask)
        return found * (known.mask.sum(-1) > 0).to(found.dtype)[:, None, None, None]

    def features(self, known: Known) -> Tensor:
        """Return what templates say of pairs, ``[B, T, N, N, features]``: distance, masks, kinds, and no direction.

        The supplement has unit vectors from each residue to the other; the trained models read zeros there.
        """
        ends, seen = ends_of(known.positions, known.aatype), ends_of(known.atom_mask, known.aatype)
        kinds = F.one_hot(known.aatype, KINDS).to(ends.dtype)
        size = kinds.shape[2]
        across = kinds[:, :, None].expand(-1, -1, size, -1, -1)
        whole = torch.stack([known.atom_mask[..., chemistry().atoms.index(name)] for name in ("N", "CA", "C")]).prod(0)
        both = (whole[..., None] * whole[..., None, :])[..., None]
        parts = (
            binned(ends, self.node.bins, self.node.first, self.node.last),
            (seen[..., None] * seen[..., None, :])[..., None],
            across,
            across.transpose(2, 3),
            torch.zeros_like(both).expand(*both.shape[:-1], 3),
            both,
        )
        return torch.cat(parts, dim=-1) * both

    def rows(self, known: Known) -> tuple[Tensor, Tensor] | None:
        """Return torsion angles as rows of the alignment, ``[B, T, N, dim]``, and which are there, ``[B, T, N]``."""
        if self.up is None or self.down is None:
            return None
        torsions = torsions_of(known.positions, known.atom_mask, known.aatype)
        there = torsions.mask * known.mask[..., None, None]
        kinds = F.one_hot(known.aatype, KINDS).to(there.dtype)
        features = (kinds, torsions.angles.flatten(-2), torsions.other.flatten(-2), there)
        return self.down(F.relu(self.up(torch.cat(features, dim=-1)))), there[..., 2]


def binned(points: Tensor, bins: int, first: float, last: float) -> Tensor:
    """Return in which bin the distance of two points is, ``[..., N, N, bins]``; none for what is nearer than the first.

    The last bin has no end.
    """
    edges = torch.linspace(first, last, bins, dtype=points.dtype, device=points.device).square()
    apart = (points[..., :, None, :] - points[..., None, :, :]).square().sum(-1, keepdim=True)
    beyond = torch.cat((edges[1:], edges.new_tensor([torch.inf])))
    return ((apart > edges) & (apart < beyond)).to(points.dtype)


def frames_of(positions: Tensor) -> Frames:
    """Return the backbone frames of atoms ``[..., 37, 3]``."""
    n, ca, c = (positions[..., chemistry().atoms.index(name), :] for name in ("N", "CA", "C"))
    return Frames.through(n, ca, c)
