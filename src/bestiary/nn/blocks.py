"""Which blocks a block sees in block-sparse attention (Zaheer et al. 2020, section 2), drawn as in the published code.

Its random blocks come from numpy's legacy generator, seeded by the depth of the layer, which numpy promises never to
change. Which ones may be drawn differs between lengths: those of pretraining have a plan of their own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.spec import BlockSparse

PUBLISHED = (1024, 3072, 4096)
"""Lengths that were drawn for by the first plan, over the whole length of the model but up to token ``REACH`` only."""
REACH = 1024


def own_blocks(number: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the blocks that each inner block sees whatever is drawn, ``[N - 2, 5]``, and which of them count.

    They are the first, the three around, and the last. Beside the ends one of the three is the first or the last again.
    """
    inner = torch.arange(1, number - 1, device=device)
    first, last = torch.zeros_like(inner), torch.full_like(inner, number - 1)
    seen = torch.stack((first, inner - 1, inner, inner + 1, last), dim=-1)
    once = torch.ones_like(seen, dtype=torch.bool)
    once[0, 1] = once[-1, 3] = False
    return seen, once


@lru_cache(maxsize=64)
def drawn_blocks(node: BlockSparse, number: int, heads: int, depth: int) -> Tensor:
    """Return the random blocks of each head and inner block, ``[heads, N - 2, random]``."""
    from numpy.random import RandomState

    draw = RandomState(depth)
    if number * node.block in PUBLISHED:
        rows = [_published(node, draw)[: number - 2] for _ in range(heads)]
    else:
        rows = _planned(node, number, heads, draw)
    if any(len(row) < node.random for head in rows for row in head):
        raise BestiaryError(
            f"{node.random} random blocks cannot be drawn for each block of {node.block} tokens: take less"
        )
    return torch.tensor(rows, dtype=torch.long).view(heads, number - 2, node.random)


def _published(node: BlockSparse, draw: Any) -> list[list[int]]:
    """Draw for one head by the first plan; its bounds near the ends are those of the code that models trained with."""
    number = node.length // node.block
    middle = list(range(1, number - 1))
    last = REACH // node.block - 1 if 2 * node.block < REACH else number - 1
    rows: list[list[int]] = []
    for block in range(1, number - 1):
        start, end = block - 2, block
        if block <= 2:
            open_ = middle[block + 1 : last]
        elif block >= number - 3 or start > last:
            open_ = middle[:last]
        elif end + 1 == last:
            open_ = middle[:start]
        else:
            open_ = middle[:start] + middle[end + 1 : last]
        rows.append(draw.permutation(open_)[: node.random].tolist())
    return rows


def _planned(node: BlockSparse, number: int, heads: int, draw: Any) -> list[list[list[int]]]:
    """Draw for all heads by the other plan: only the first ``5 + 2 random`` blocks are drawn from."""
    bound = 5 + 2 * node.random
    rows: list[list[list[int]]] = [[] for _ in range(heads)]
    for block in range(1, number):  # the last block is drawn for too, and sees all anyway
        closed = {block - 1, block, block + 1, 0, bound - 1}
        closed |= ({bound - 2} if block == 1 else set()) | ({1} if block == bound - 2 else set())
        for head in range(heads if node.random else 0):
            order = draw.permutation(bound).tolist()
            rows[head].append([other for other in order if other not in closed][: node.random])
    return [head[:-1] for head in rows]
