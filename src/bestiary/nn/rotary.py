"""Rotary positions and their published scalings (Su et al. 2021; Chen et al. 2023; Peng et al. 2023)."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from bestiary.nn.context import Context
from bestiary.spec import DynamicScaling, HeldRotary, LinearScaling, RampScaling, Rotary, RoundedRotary, YarnScaling


def rotate(rotary: Rotary, q: Tensor, k: Tensor, context: Context) -> tuple[Tensor, Tensor]:
    """Rotate queries and keys, ``[B, heads, T, head_dim]``, by their positions."""
    cos, sin = context.once((rotary, q.shape[-1]), lambda: rotations(rotary, q, context))
    turn = _turn_rounded if isinstance(rotary, RoundedRotary) else _turn
    return turn(q, cos, sin), turn(k, cos, sin)


def rotations(rotary: Rotary, like: Tensor, context: Context) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, ``[1 or B, 1, T, rotated]``, in the dtype of ``like``.

    Angles are computed in float32 whatever the dtype: half precision cannot tell distant positions apart, and every
    published implementation does the same, so a finer angle would only differ from it.
    """
    rotated = int(like.shape[-1] * rotary.fraction)
    frequencies, attention = _frequencies(rotary, rotated, context, like.device)
    angles = context.positions[:, None, :, None].float() * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return (angles.cos() * attention).to(like.dtype), (angles.sin() * attention).to(like.dtype)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    rotated = cos.shape[-1]
    turned, rest = x[..., :rotated], x[..., rotated:]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat((-second, first), dim=-1) * sin
    return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned


def _turn_rounded(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Round to float32 twice, so that gradients are rounded before they are summed, as the published code's are."""
    rotated = cos.shape[-1]
    turned, rest = x[..., :rotated], x[..., rotated:]
    first, second = turned.chunk(2, dim=-1)
    turned = turned.float() * cos + torch.cat((-second, first), dim=-1).float() * sin
    return torch.cat((turned.to(x.dtype), rest), dim=-1)


def held(rotary: HeldRotary, head_dim: int) -> Tensor:
    """Return the frequencies that a fresh model keeps beside its weights."""
    return _scaled(rotary, int(head_dim * rotary.fraction), 0, torch.device("cpu"))[0]


def _frequencies(rotary: Rotary, rotated: int, context: Context, device: torch.device) -> tuple[Tensor, float]:
    if isinstance(rotary, HeldRotary):
        assert context.frequencies is not None
        return context.frequencies.to(torch.promote_types(context.frequencies.dtype, torch.float32)), 1.0
    # Only dynamic scaling depends on the length, so the others share one cached table.
    longer = context.keys if isinstance(rotary.scaling, DynamicScaling) else 0
    return _scaled(rotary, rotated, longer, device)


@lru_cache(maxsize=64)
def _scaled(rotary: Rotary, rotated: int, length: int, device: torch.device) -> tuple[Tensor, float]:
    scaling = rotary.scaling
    if isinstance(scaling, DynamicScaling):
        # The base too is computed in float32: its rounding is multiplied by every position.
        grown = torch.tensor(max(length, scaling.length), device=device)
        stretch = (scaling.factor * grown / scaling.length) - (scaling.factor - 1)
        return 1.0 / _turns(rotary.base * stretch ** (rotated / (rotated - 2)), rotated, device), 1.0
    turns = _turns(rotary.base, rotated, device)
    plain = 1.0 / turns
    if isinstance(scaling, LinearScaling):
        return plain / scaling.factor, 1.0
    if isinstance(scaling, RampScaling):
        return _ramped(scaling, plain), 1.0
    if isinstance(scaling, YarnScaling):
        return _yarn(scaling, rotary.base, turns, rotated)
    return plain, 1.0


def _turns(base: float | Tensor, rotated: int, device: torch.device) -> Tensor:
    """Positions to a radian, for each pair of coordinates."""
    return base ** (torch.arange(0, rotated, 2, device=device).float() / rotated)


def _ramped(scaling: RampScaling, plain: Tensor) -> Tensor:
    wavelength = 2 * math.pi / plain
    smooth = (scaling.length / wavelength - scaling.low) / (scaling.high - scaling.low)
    between = (1 - smooth) * plain / scaling.factor + smooth * plain
    slow, fast = wavelength > scaling.length / scaling.low, wavelength < scaling.length / scaling.high
    return torch.where(slow, plain / scaling.factor, torch.where(fast, plain, between))


def _yarn(scaling: YarnScaling, base: float, turns: Tensor, rotated: int) -> tuple[Tensor, float]:
    def coordinate(turns: float) -> float:  # the coordinate that turns so often over the original length
        return rotated * math.log(scaling.length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = coordinate(scaling.fast), coordinate(scaling.slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, rotated - 1)
    ramp = (torch.arange(rotated // 2, dtype=torch.float32, device=turns.device) - low) / max(high - low, 0.001)
    kept = 1 - ramp.clamp(0, 1)
    attention = scaling.attention
    if attention is None:
        attention = 0.1 * math.log(scaling.factor) + 1.0 if scaling.factor > 1 else 1.0
    return 1.0 / (scaling.factor * turns) * (1 - kept) + 1.0 / turns * kept, attention
