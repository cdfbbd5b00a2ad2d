"""Masks: which keys a query may see. A tuple of masks is their conjunction; padding is always excluded besides."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.node import Node


@dataclass(frozen=True)
class Mask(Node):
    """Any mask."""


@dataclass(frozen=True)
class Causal(Mask):
    """A query sees itself and what came before it."""


@dataclass(frozen=True)
class Window(Mask):
    """A query sees keys less than ``size`` positions away, on either side (Child et al. 2019; Beltagy et al. 2020)."""

    size: int


@dataclass(frozen=True)
class MemorySpan(Mask):
    """A query sees as many keys before itself as are remembered, so that all see equally many (Dai et al. 2019)."""


@dataclass(frozen=True)
class Prefix(Mask):
    """Causal, but for a prefix that every query sees whole (prefix LM; Raffel et al. 2019, section 3.2.1)."""
