"""Bands of a matrix of all pairs, without the matrix: what windows of attention are computed from.

Tokens are cut into chunks of ``w``. A query sees at most ``w`` keys on either side, so all that its chunk sees lies in
three chunks. The products are batched over chunks, and everything here grows linearly with the tokens.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def chunks(x: Tensor, w: int) -> Tensor:
    """Cut ``[..., T, d]`` into chunks, ``[..., C, w, d]``, zeros behind the last token."""
    tokens = x.shape[-2]
    return F.pad(x, (0, 0, 0, -tokens % w)).unflatten(-2, (-1, w))


def neighbors(x: Tensor, w: int) -> Tensor:
    """Return each chunk of ``[..., T, d]`` between the one before and the one after: a view ``[..., C, 3 w, d]``."""
    tokens = x.shape[-2]
    return F.pad(x, (0, 0, w, w + -tokens % w)).unfold(-2, 3 * w, w).transpose(-1, -2)


def windows(x: Tensor, w: int) -> Tensor:
    """Return what lies around each token of ``[..., T]``, a view ``[..., T, 2 w + 1]``; zero outside of it."""
    return F.pad(x, (w, w)).unfold(-1, 2 * w + 1, 1)


def rows(products: Tensor, w: int) -> Tensor:
    """Take the band out of products of chunks and their neighbors: ``[..., C, w, 3 w]`` to ``[..., C, w, 2 w + 1]``.

    The i-th query of a chunk sees columns i to i + 2 w. With one number more in each row, rows start where bands do.
    """
    shifted = F.pad(products.flatten(-2), (0, w)).unflatten(-1, (w, 3 * w + 1))
    return shifted[..., : 2 * w + 1]


def columns(band: Tensor, w: int) -> Tensor:
    """Put a band back where it was, zeros around it: the inverse of ``rows``."""
    shifted = F.pad(band, (0, w)).flatten(-2)
    return shifted[..., : 3 * w * w].unflatten(-1, (w, 3 * w))
