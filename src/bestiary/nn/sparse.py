"""Self-attention whose masks leave so few keys to a query that it is computed without the matrix of all pairs."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Attention
from bestiary.nn.bands import chunks, neighbors
from bestiary.nn.blocks import drawn_blocks, own_blocks
from bestiary.nn.context import Context
from bestiary.nn.rotary import rotate


def self_attention(node: spec.Attention, dim: int) -> nn.Module:
    """Build a self-attention: its mask decides what computes it."""
    only = type(node.mask[0]) if len(node.mask) == 1 else None
    return _SPARSE.get(only, Attention)(node, dim)


class SparseAttention(Attention):
    """What sparse kinds share: they are dense where that is no more work, or where something else asks for it."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        scored = self.position is not None or context.shared_scores is not None
        if scored or context.cache is not None or not self.worthwhile(context):
            return super().forward(x, context)
        q, k = self.split(self.q(x), self.heads), self.split(self.k(x), self.kv_heads)
        if self.rotary is not None:
            q, k = rotate(self.rotary, q, k, context)
        return self.sparse(q, k, self.split(self.v(x), self.kv_heads), context)

    def worthwhile(self, context: Context) -> bool:
        """Say whether so many tokens are better read sparsely."""
        raise NotImplementedError

    def sparse(self, q: Tensor, k: Tensor, v: Tensor, context: Context) -> Tensor:
        """Map queries, keys and values, ``[B, heads, T, head_dim]``, to ``[B, T, dim]``."""
        raise NotImplementedError


class BandedAttention(SparseAttention):
    """A window on either side: each chunk of queries sees itself and the chunks around it."""

    def __init__(self, node: spec.Attention, dim: int) -> None:
        super().__init__(node, dim)
        window = node.mask[0]
        assert isinstance(window, spec.Window)
        self.size, self.chunk = window.size, max(1, window.size - 1)

    def worthwhile(self, context: Context) -> bool:
        """Three chunks are more than so many tokens, otherwise."""
        return context.queries > 3 * self.chunk

    def sparse(self, q: Tensor, k: Tensor, v: Tensor, context: Context) -> Tensor:
        """Fold chunks into the batch, which the kernels run side by side."""
        batch, tokens, w = len(q), q.shape[2], self.chunk
        mask = context.once(("band", self.size), partial(self.visible, context, tokens, q.device))
        mask = mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]
        cut = (chunks(q, w), neighbors(k, w), neighbors(v, w))
        q, k, v = (part.transpose(1, 2).flatten(0, 1) for part in cut)  # [B C, heads, w or 3 w, head_dim]
        return self.attend(q, k, v, mask).unflatten(0, (batch, -1)).flatten(1, 2)[:, :tokens]

    def visible(self, context: Context, tokens: int, device: torch.device) -> Tensor:
        """Return which keys of the three chunks a query sees, ``[1 or B, C, w, 3 w]`` bool."""
        w = self.chunk
        keep = torch.ones(1, tokens, dtype=torch.bool, device=device) if context.keep is None else context.keep
        distance = torch.arange(3 * w, device=device) - w - torch.arange(w, device=device)[:, None]
        return (distance.abs() < self.size) & neighbors(keep[..., None], w).transpose(-1, -2)


class BlockSparseAttention(SparseAttention):
    """Blocks that see the first, the last, three around their own and some others (Zaheer et al. 2020, section 2)."""

    def __init__(self, node: spec.Attention, dim: int) -> None:
        super().__init__(node, dim)
        blocks = node.mask[0]
        assert isinstance(blocks, spec.BlockSparse)
        self.blocks, self.mask = blocks, ()  # few tokens see each other all

    def worthwhile(self, context: Context) -> bool:
        """So many tokens are needed for the random blocks to be drawn from."""
        return context.queries > (5 + 2 * self.blocks.random) * self.blocks.block

    def sparse(self, q: Tensor, k: Tensor, v: Tensor, context: Context) -> Tensor:
        """Run the first and last block over all keys, and the others over those that they see."""
        tokens, size = q.shape[2], self.blocks.block
        q, k, v = (chunks(part, size) for part in (q, k, v))  # [B, heads, N, size, head_dim]
        keep = context.once(("blocks", size), partial(self.real, context, tokens, q.device))
        ends = torch.cat((q[:, :, 0], q[:, :, -1]), dim=2)
        ends = self.attend(ends, k.flatten(2, 3), v.flatten(2, 3), keep.flatten(1)[:, None, None])
        inner = self.inner(q, k, v, keep, context.depth)
        read = torch.cat((ends[:, :size], inner, ends[:, size:]), dim=1)[:, :tokens]
        if context.keep is None:
            return read
        nothing = read.new_zeros(()) if self.o.bias is None else self.o.bias  # padding reads nothing, as published
        return torch.where(context.keep[..., None], read, nothing)

    def inner(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor, depth: int) -> Tensor:
        """Return what all blocks but the first and the last read, ``[B, (N - 2) size, dim]``."""
        batch, heads, number, _, _ = q.shape
        seen, once = own_blocks(number, q.device)
        others = self.others(number, heads, depth, q.device)
        index = torch.cat((seen.expand(heads, -1, -1), others), dim=-1).transpose(0, 1)  # [N - 2, heads, 5 + random]
        real = F.pad(once, (0, others.shape[-1]), value=True)[:, None, :, None] & keep.expand(batch, -1, -1)[:, index]
        mask = real.flatten(-2).flatten(0, 1)[:, :, None]  # [B (N - 2), heads, 1, (5 + random) size]
        shared = torch.arange(heads, device=q.device)[:, None] // (heads // self.kv_heads)
        k, v = (part[:, shared, index].flatten(3, 4).flatten(0, 1) for part in (k, v))
        q = q[:, :, 1:-1].transpose(1, 2).flatten(0, 1)
        mixed = F.scaled_dot_product_attention(
            q, k, v, mask, dropout_p=self.dropout if self.training else 0.0, scale=self.scale
        )
        return self.o(mixed.transpose(1, 2).flatten(2)).unflatten(0, (batch, -1)).flatten(1, 2)

    def others(self, number: int, heads: int, depth: int, device: torch.device) -> Tensor:
        """Return each head's random blocks for the inner ones, ``[heads, N - 2, random]``: in evaluation the first."""
        if self.training:
            return drawn_blocks(self.blocks, number, heads, depth).to(device)
        return torch.zeros(heads, number - 2, self.blocks.random, dtype=torch.long, device=device)

    def real(self, context: Context, tokens: int, device: torch.device) -> Tensor:
        """Return which tokens of each block are real, ``[1 or B, N, size]`` bool."""
        keep = torch.ones(1, tokens, dtype=torch.bool, device=device) if context.keep is None else context.keep
        return chunks(keep[..., None], self.blocks.block)[..., 0]


_SPARSE: dict[type[spec.Mask] | None, type[Attention]] = {
    spec.Window: BandedAttention,
    spec.BlockSparse: BlockSparseAttention,
}
