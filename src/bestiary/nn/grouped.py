"""Products of vectors with the matrices of many experts: sorted by expert, and multiplied group by group.

No group is visited by Python. Where torch has a kernel for it, that does the work; elsewhere the groups are cut into
blocks of the mean size of a group, the last of each filled up with zeros: at most twice the vectors, and two matrices
for each expert. One vector to a block, as when a single token is read, needs no filling and touches no expert that was
not chosen.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ALIGNED = 16
"""Bytes that rows, and the address of a tensor, must be a multiple of, for torch's kernel."""


class Blocks(NamedTuple):
    """``count`` blocks of ``size`` vectors, those of one expert together."""

    count: int
    size: int
    owner: Tensor
    """The expert of each block, ``[count]``."""
    place: Tensor
    """Where each vector goes among all places of blocks, ``[A]``."""


class Groups:
    """A vectors in the order of their experts."""

    def __init__(self, expert: Tensor, experts: int) -> None:
        """``expert`` is that of each vector, ``[A]``."""
        self.order = expert.argsort(stable=True)
        """Which vector comes at each place."""
        self.expert = expert[self.order]
        ones = torch.ones_like(expert)
        self.counts = torch.zeros(experts, dtype=expert.dtype, device=expert.device).scatter_add(0, expert, ones)
        self.ends = self.counts.cumsum(0)

    def back(self, sorted_vectors: Tensor) -> Tensor:
        """Return vectors in the order that they had before sorting."""
        return sorted_vectors.index_select(0, self.order.argsort())

    @cached_property
    def blocks(self) -> Blocks:
        """The vectors cut into blocks; how many there are depends on A and the experts alone."""
        vectors, experts = len(self.expert), len(self.counts)
        size = max(1, -(-vectors // experts))
        count = min(vectors, vectors // size + experts)
        each = (self.counts + size - 1) // size
        last = each.cumsum(0)
        device = self.expert.device
        rank = torch.arange(vectors, device=device) - (self.ends - self.counts)[self.expert]
        place = (last - each)[self.expert] * size + rank
        owner = torch.searchsorted(last, torch.arange(count, device=device), right=True).clamp(max=experts - 1)
        return Blocks(count, size, owner, place)


class GroupedLinear(nn.Module):
    """A linear map for each expert, in one tensor."""

    def __init__(self, experts: int, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(experts, outputs)) if bias else None

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """Map sorted vectors, ``[A, inputs]``, each by its expert's matrix, to ``[A, outputs]``."""
        product = kernel(x, self.weight, groups) if has_kernel(x, self.weight) else in_blocks(x, self.weight, groups)
        return product if self.bias is None else product + self.bias[groups.expert]


def has_kernel(x: Tensor, weight: Tensor) -> bool:
    """Tell whether torch multiplies such vectors and matrices group by group."""
    if not hasattr(F, "grouped_mm") or x.dtype not in KERNEL_DTYPES or x.dtype != weight.dtype or x.is_meta:
        return False
    if x.device.type == "cuda" and torch.cuda.get_device_capability(x.device) < (8, 0):
        return False
    compiling = torch.compiler.is_compiling()
    if (compiling and x.dtype != torch.bfloat16) or (not compiling and weight.data_ptr() % ALIGNED):
        return False
    return x.device.type in ("cpu", "cuda") and all(n * x.element_size() % ALIGNED == 0 for n in weight.shape[1:])


def kernel(x: Tensor, weight: Tensor, groups: Groups) -> Tensor:
    """Multiply by torch's kernel."""
    return F.grouped_mm(x, weight.transpose(1, 2), offs=groups.ends.to(torch.int32))


def in_blocks(x: Tensor, weight: Tensor, groups: Groups) -> Tensor:
    """Multiply block by block, all blocks at once."""
    blocks = groups.blocks
    filled = x.new_zeros(blocks.count * blocks.size, x.shape[1]).index_copy(0, blocks.place, x)
    products = filled.unflatten(0, (blocks.count, blocks.size)) @ weight[blocks.owner].transpose(1, 2)
    return products.flatten(0, 1)[blocks.place]
