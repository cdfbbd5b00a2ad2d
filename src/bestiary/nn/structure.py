"""A structure from vectors: attention among frames, which it updates (Jumper et al. 2021, algorithms 20 to 23)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.atoms import ANGLES, atoms_of, groups_of
from bestiary.nn.frames import Frames
from bestiary.nn.norms import norm

HIDDEN = -1e5


class PointAttention(nn.Module):
    """Attention that weighs likeness, pairs and distances between points in each residue's frame."""

    def __init__(self, node: spec.PointAttention, dim: int, pair: int) -> None:
        super().__init__()
        self.node, heads, inner = node, node.heads, node.heads * node.head_dim
        self.q, self.k, self.v = (nn.Linear(dim, inner) for _ in "qkv")
        self.q_points, self.k_points = (nn.Linear(dim, 3 * heads * node.points) for _ in "qk")
        self.v_points = nn.Linear(dim, 3 * heads * node.value_points)
        self.bias = nn.Linear(pair, heads)
        self.weights = nn.Parameter(torch.empty(heads))
        self.output = nn.Linear(heads * (pair + node.head_dim + 4 * node.value_points), dim)

    def forward(self, x: Tensor, pairs: Tensor, frames: Frames, mask: Tensor) -> Tensor:
        """Map ``[B, N, dim]`` to its like, with pairs ``[B, N, N, pair]``, frames ``[B, N]``, a mask ``[B, N]``."""
        q, k, v = (project(x).unflatten(-1, (self.node.heads, -1)) for project in (self.q, self.k, self.v))
        q_points, k_points, v_points = (
            self.points(project(x), frames) for project in (self.q_points, self.k_points, self.v_points)
        )
        scores = torch.einsum("bihc,bjhc->bhij", q, k) / math.sqrt(3 * self.node.head_dim)
        scores = scores + math.sqrt(1 / 3) * self.bias(pairs).permute(0, 3, 1, 2)
        apart = (q_points[:, :, None] - k_points[:, None]).square().sum((-1, -2))  # [B, N, N, heads]
        steep = F.softplus(self.weights) * math.sqrt(1 / (3 * self.node.points * 9 / 2))
        scores = scores - 0.5 * (steep * apart).permute(0, 3, 1, 2)
        both = mask[:, :, None] * mask[:, None]
        weights = (scores + (HIDDEN * (1 - both))[:, None]).softmax(-1)
        mixed = torch.einsum("bhij,bjhc->bihc", weights, v).flatten(2)
        found = frames[..., None, None].invert(torch.einsum("bhij,bjhpx->bihpx", weights, v_points))
        found = found.flatten(2, 3)  # [B, N, heads * points, 3]
        lengths = (found.square().sum(-1) + 1e-8).sqrt()
        seen = torch.einsum("bhij,bijc->bihc", weights, pairs).flatten(2)
        return self.output(torch.cat((mixed, *found.unbind(-1), lengths, seen), dim=-1))

    def points(self, x: Tensor, frames: Frames) -> Tensor:
        """Return points in space, ``[B, N, heads, points, 3]``, of their coordinates in each frame."""
        return frames[..., None, None].apply(x.unflatten(-1, (self.node.heads, -1, 3)))


class Transition(nn.Module):
    """Three linear maps with nonlinearities between, added to what they read."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., dim]`` to the same shape."""
        return x + self.third(F.relu(self.second(F.relu(self.first(x)))))


class AngleBlock(nn.Module):
    """Two linear maps behind nonlinearities, added to what they read."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., hidden]`` to the same shape."""
        return x + self.second(F.relu(self.first(F.relu(x))))


class Angles(nn.Module):
    """Torsion angles of each residue (algorithm 20, lines 11 to 14)."""

    def __init__(self, node: spec.StructureModule, dim: int) -> None:
        super().__init__()
        self.now, self.initial = nn.Linear(dim, node.hidden), nn.Linear(dim, node.hidden)
        self.blocks = nn.ModuleList(AngleBlock(node.hidden) for _ in range(node.depth))
        self.output = nn.Linear(node.hidden, 2 * ANGLES)

    def forward(self, x: Tensor, initial: Tensor) -> Tensor:
        """Return sines and cosines before they are made of length one, ``[B, N, 7, 2]``."""
        x = self.now(F.relu(x)) + self.initial(F.relu(initial))
        for block in self.blocks:
            x = block(x)
        return self.output(F.relu(x)).unflatten(-1, (ANGLES, 2))


@dataclass
class Structure:
    """What each of the refinements made, one after the other along the first axis."""

    single: Tensor
    """``[times, B, N, single]``."""
    frames: Frames
    """``[times, B, N]``, in angstroms."""
    groups: Frames
    """``[times, B, N, 8]``."""
    unnormalized_angles: Tensor
    """``[times, B, N, 7, 2]``."""
    angles: Tensor
    """``[times, B, N, 7, 2]``."""
    positions: Tensor
    """``[times, B, N, 14, 3]``: atoms in their slots."""


class StructureModule(nn.Module):
    """Frames refined several times with the same weights, and all atoms from them and from torsion angles."""

    def __init__(self, node: spec.StructureModule, dim: int, pair: int) -> None:
        super().__init__()
        self.node = node
        self.norm, self.pair_norm = norm(spec.LayerNorm(), dim), norm(spec.LayerNorm(), pair)
        self.input = nn.Linear(dim, dim)
        self.attention, self.attention_norm = PointAttention(node.attention, dim, pair), norm(spec.LayerNorm(), dim)
        self.transitions = nn.ModuleList(Transition(dim) for _ in range(node.transitions))
        self.transitions_norm = norm(spec.LayerNorm(), dim)
        self.update, self.angles = nn.Linear(dim, 6), Angles(node, dim)

    def forward(self, single: Tensor, pairs: Tensor, aatype: Tensor, mask: Tensor) -> Structure:
        """Make a structure of ``[B, N, single]`` and ``[B, N, N, pair]``."""
        initial, pairs = self.norm(single), self.pair_norm(pairs)
        x, frames, made = self.input(initial), Frames.identity(single), []
        for _ in range(self.node.times):
            x = self.attention_norm(self.drop(x + self.attention(x, pairs, frames, mask)))
            for transition in self.transitions:
                x = transition(x)
            x = self.transitions_norm(self.drop(x))
            frames = frames.updated(self.update(x))
            turns = self.angles(x, initial)
            angles = turns / turns.square().sum(-1, keepdim=True).clamp(min=1e-8).sqrt()
            placed = frames.scaled(self.node.scale)
            groups = groups_of(placed, angles, aatype)
            made.append((x, placed, groups, turns, angles, atoms_of(groups, aatype)))
            frames = frames.held()  # rotations of earlier refinements are not trained through later ones
        singles, backbones, groups, turns, angles, positions = zip(*made, strict=True)
        return Structure(
            torch.stack(singles), stacked(backbones), stacked(groups), torch.stack(turns), torch.stack(angles),
            torch.stack(positions),
        )  # fmt: skip

    def drop(self, x: Tensor) -> Tensor:
        """Apply the dropout."""
        return F.dropout(x, self.node.dropout, self.training)


def stacked(frames: tuple[Frames, ...]) -> Frames:
    """Return frames of equal shapes along a new first axis."""
    return Frames(torch.stack([each.rotation for each in frames]), torch.stack([each.origin for each in frames]))
