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


@dataclass(frozen=True)
class Picture(Mask):
    """A picture's part of a sequence: from place ``start`` on, ``side`` places a row; what comes before all see.

    How far apart two places of the picture are decides which see each other; ``Causal`` stands beside it (Ramesh et
    al. 2021, appendix B.1 and figure 11).
    """

    start: int
    side: int


@dataclass(frozen=True)
class PictureRow(Picture):
    """The places back to the one above it: a row's length, across the edge."""


@dataclass(frozen=True)
class PictureColumn(Picture):
    """The places of its own column."""


@dataclass(frozen=True)
class PictureWindow(Picture):
    """The places of a square of ``kernel`` around it, across the edges too, as a causal convolution would read."""

    kernel: int


@dataclass(frozen=True)
class BlockSparse(Mask):
    """Blocks of tokens that see the first and the last block, three around their own, and ``random`` others.

    The first and the last block see all (Zaheer et al. 2020, section 2; the variant named ITC). It stands alone in an
    attention, and its cost grows linearly with the tokens. What is drawn depends on the layer's depth, the head, the
    tokens and ``length``, the most tokens that the model reads; outside of training the random blocks are all the first
    one, as in the published code. Up to ``(5 + 2 * random) * block`` tokens see each other all.
    """

    block: int = 64
    random: int = 3
    length: int = 4096
