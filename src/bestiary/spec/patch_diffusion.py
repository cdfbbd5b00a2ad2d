"""Transformers that take noise out of maps cut into patches, told the time step by scaling and shifting."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.diffusion import Autoencoder, Condition, Schedule, TimeCosines, TimeRange, TimeSines
from bestiary.spec.embeddings import Patches
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.ops import Normed
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class Modulated(Normed):
    """An op between a norm that a vector scales and shifts and a factor that it also gives (Peebles and Xie 2022).

    The paper's adaLN-Zero, section 3.2: three linear maps of the vector, behind a SiLU, all zero at first.
    """


@dataclass(frozen=True)
class TimeVector(Node):
    """What modulates layers: waves of the time step, ``width`` wide, through two linear maps to the model's width."""

    waves: TimeSines | TimeCosines | TimeRange
    width: int = 256


@dataclass(frozen=True)
class PatchDenoiser(Model):
    """A stack on the patches of a noisy map, which answers a map of ``out`` channels (Peebles and Xie 2022).

    ``conditions`` are added to the vector of the time step, which modulates the layers and the last norm.
    """

    embed: Patches
    time: TimeVector
    stack: Stack
    out: int
    eps: float = 1e-6
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class PatchDiffusion(Model):
    """A stack on patches of latent maps, and the autoencoder that makes images of these (Peebles and Xie 2022, 3.1)."""

    denoiser: PatchDenoiser
    autoencoder: Autoencoder
    schedule: Schedule
