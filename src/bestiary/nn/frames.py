"""Frames in space: a rotation and an origin for each residue or group (Jumper et al. 2021, supplement 1.1, 1.8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Frames:
    """Frames of any shape: ``rotation`` ``[..., 3, 3]`` and ``origin`` ``[..., 3]`` take a frame's points to space."""

    rotation: Tensor
    origin: Tensor

    @classmethod
    def identity(cls, like: Tensor) -> Frames:
        """Return frames that change nothing, one for each vector of ``like``."""
        eye = torch.eye(3, dtype=like.dtype, device=like.device)
        return cls(eye.expand(*like.shape[:-1], 3, 3), like.new_zeros(*like.shape[:-1], 3))

    @classmethod
    def through(cls, before: Tensor, origin: Tensor, after: Tensor, eps: float = 1e-20) -> Frames:
        """Return frames through three points each, ``[..., 3]``: x to ``after``, ``before`` in the upper xy-plane.

        A residue's are N, CA and C (algorithm 21).
        """
        x = _unit(after - origin, eps)
        up = before - origin
        y = _unit(up - x * (x * up).sum(-1, keepdim=True), eps)
        return cls(torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1), origin)

    def __getitem__(self, index: object) -> Frames:
        """Return some of the frames: the index is that of their shape, ``...`` in front."""
        index = index if isinstance(index, tuple) else (index,)
        return Frames(self.rotation[(*index, slice(None), slice(None))], self.origin[(*index, slice(None))])  # type: ignore[index]

    def apply(self, points: Tensor) -> Tensor:
        """Take points ``[..., 3]`` from frames to space."""
        return (self.rotation * points[..., None, :]).sum(-1) + self.origin

    def invert(self, points: Tensor) -> Tensor:
        """Take points ``[..., 3]`` from space to frames."""
        return (self.rotation * (points - self.origin)[..., :, None]).sum(-2)

    def compose(self, inner: Frames) -> Frames:
        """Return the frames that first do what ``inner`` does."""
        rotation = (self.rotation[..., :, :, None] * inner.rotation[..., None, :, :]).sum(-2)
        return Frames(rotation, self.apply(inner.origin))

    def updated(self, update: Tensor) -> Frames:
        """Return frames moved within themselves by ``[..., 6]``: a rotation and a shift (algorithm 23).

        The first three numbers are a quaternion's imaginary part, its real part being one.
        """
        quaternion = F.normalize(F.pad(update[..., :3], (1, 0), value=1.0), dim=-1)
        return self.compose(Frames(rotation_of(quaternion), update[..., 3:]))

    def scaled(self, scale: float) -> Frames:
        """Return the same frames with origins in another unit."""
        return Frames(self.rotation, self.origin * scale)

    def held(self) -> Frames:
        """Return the same frames, no gradient flowing into their rotations."""
        return Frames(self.rotation.detach(), self.origin)

    def matrices(self) -> Tensor:
        """Return them as ``[..., 4, 4]``."""
        last = self.origin.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*self.origin.shape[:-1], 1, 4)
        return torch.cat((torch.cat((self.rotation, self.origin[..., None]), dim=-1), last), dim=-2)


def rotation_of(quaternion: Tensor) -> Tensor:
    """Return the rotation ``[..., 3, 3]`` of a unit quaternion ``[..., 4]``, its real part first."""
    a, b, c, d = quaternion.unbind(-1)
    rows = (
        (a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)),
        (2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)),
        (2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def around_x(sine_cosine: Tensor) -> Tensor:
    """Return rotations around the x-axis, ``[..., 3, 3]``, of angles given as ``[..., 2]`` sines and cosines."""
    sine, cosine = sine_cosine.unbind(-1)
    zero, one = torch.zeros_like(sine), torch.ones_like(sine)
    rows = ((one, zero, zero), (zero, cosine, -sine), (zero, sine, cosine))
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _unit(vector: Tensor, eps: float) -> Tensor:
    return vector * torch.rsqrt(vector.square().sum(-1, keepdim=True) + eps)
