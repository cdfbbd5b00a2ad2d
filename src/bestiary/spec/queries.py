"""Learned queries: what a transformer begins with that is told everything by attention to other vectors."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.embeddings import Embedding
from bestiary.spec.norms import Norm


@dataclass(frozen=True)
class Queries(Embedding):
    """``count`` learned vectors, the same for every input, then norm and dropout (Li et al. 2023, section 3.1)."""

    count: int
    norm: Norm | None = None
    dropout: float = 0.0
