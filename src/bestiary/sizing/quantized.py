"""Bytes of a model whose matrices and token vectors are quantized, and nothing else."""

from __future__ import annotations

from bestiary.sizing.count import count
from bestiary.sizing.matrices import matrices
from bestiary.spec import Model, Tokens, walk

FULL = 32
"""Bits of what is not quantized, and of each scale."""


def quantized_bytes(spec: Model, weights: int = 8, embeddings: int = 8) -> int:
    """Return the bytes of the matrices of the layers at so many bits, the token tables at so many, the rest in float32.

    Each matrix has a scale, and each row of a table (Li et al. 2022, section 2.1). Numbers are packed without gaps.
    """
    found = matrices(spec)
    numbers = sum(matrix.weights for matrix in found)
    tables = [(node.vocab, node.width or spec.dim) for _, node in walk(spec) if isinstance(node, Tokens)]
    rows, entries = sum(vocab for vocab, _ in tables), sum(vocab * width for vocab, width in tables)
    rest = count(spec).total - numbers - entries
    bits = numbers * weights + entries * embeddings + (rest + sum(matrix.times for matrix in found) + rows) * FULL
    return -(-bits // 8)
