"""Stacks in which an alignment and its pairs refine each other: residual branches on two streams (algorithm 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.gated import ColumnAttention, GlobalColumnAttention, RowAttention, Streams, TriangleEnd, TriangleStart
from bestiary.nn.norms import norm
from bestiary.nn.triangles import OuterProductMean, StreamMLP, TriangleIncoming, TriangleOutgoing

Stream = Literal["rows", "pairs"]

UPDATES: dict[type[spec.Op], Callable[[Any, int, int], nn.Module]] = {
    spec.RowAttention: RowAttention,
    spec.ColumnAttention: ColumnAttention,
    spec.GlobalColumnAttention: GlobalColumnAttention,
    spec.MLP: StreamMLP,
    spec.PairMLP: StreamMLP,
    spec.OuterProductMean: OuterProductMean,
    spec.TriangleOutgoing: TriangleOutgoing,
    spec.TriangleIncoming: TriangleIncoming,
    spec.TriangleStart: TriangleStart,
    spec.TriangleEnd: TriangleEnd,
}


class RefiningLayer(nn.Module):
    """Residual branches, each reading one normed stream and adding to one."""

    def __init__(self, node: spec.Layer, dim: int, pair: int) -> None:
        super().__init__()
        self.branches = tuple(zip(spec.branch_names(node), node, strict=True))
        for name, branch in self.branches:
            self.add_module(name, UPDATES[type(branch.op)](branch.op, dim, pair))
            assert branch.norm is not None
            self.add_module(f"{name}_norm", norm(branch.norm, pair if spec.reads(branch.op) == "pairs" else dim))

    def forward(self, streams: Streams) -> Streams:
        """Refine both streams."""
        for name, branch in self.branches:
            x = getattr(self, f"{name}_norm")(getattr(streams, spec.reads(branch.op)))
            update = getattr(self, name)(x, streams)
            streams = streams.plus(spec.adds_to(branch.op), self.dropped(update, branch))
        return streams

    def dropped(self, update: Tensor, branch: spec.Residual) -> Tensor:
        """Drop whole lines: what a row of the update loses, every row loses (supplement 1.11.6)."""
        if not branch.dropout or not self.training:
            return update
        across = 2 if isinstance(branch.op, spec.TriangleEnd) else 1
        shape = [1 if axis == across else size for axis, size in enumerate(update.shape)]
        return update * F.dropout(torch.ones(shape, dtype=update.dtype, device=update.device), branch.dropout)


class RefiningStack(nn.Module):
    """Layers in order, and the norm of the pairs after the last, where the spec has one."""

    def __init__(self, node: spec.Stack, dim: int, pair: int) -> None:
        super().__init__()
        self.order = spec.run_order(node)
        self.layers = nn.ModuleList(RefiningLayer(layer, dim, pair) for layer in spec.own_layers(node))
        self.norm = None if node.norm is None else norm(node.norm, pair)

    def forward(self, streams: Streams) -> Streams:
        """Refine both streams."""
        for index in self.order:
            streams = self.layers[index](streams)
        return streams if self.norm is None else Streams(
            streams.rows, self.norm(streams.pairs), streams.row_mask, streams.pair_mask
        )  # fmt: skip
