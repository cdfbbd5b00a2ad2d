"""Updates of pairs by products: along triangles, and of the columns of an alignment (algorithms 10 to 12)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.gated import Streams
from bestiary.nn.mlp import MLP
from bestiary.nn.norms import norm


class TriangleOutgoing(nn.Module):
    """For each pair, the sum over a third residue of the products of the edges that go there."""

    formula = "bikc,bjkc->bijc"

    def __init__(self, node: spec.TriangleProduct, dim: int, pair: int) -> None:
        super().__init__()
        self.left, self.right, self.left_gate, self.right_gate = (nn.Linear(pair, node.hidden) for _ in range(4))
        self.norm = norm(spec.LayerNorm(), node.hidden)
        self.output, self.gate = nn.Linear(node.hidden, pair), nn.Linear(pair, pair)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed pairs to what is added to them."""
        mask = streams.pair_mask[..., None]
        left = mask * self.left_gate(x).sigmoid() * self.left(x)
        right = mask * self.right_gate(x).sigmoid() * self.right(x)
        return self.gate(x).sigmoid() * self.output(self.norm(torch.einsum(self.formula, left, right)))


class TriangleIncoming(TriangleOutgoing):
    """The same with the edges that come from there."""

    formula = "bkic,bkjc->bijc"


class OuterProductMean(nn.Module):
    """For each pair, the mean over rows of the outer product of two maps of its columns."""

    def __init__(self, node: spec.OuterProductMean, dim: int, pair: int) -> None:
        super().__init__()
        self.left, self.right = (nn.Linear(dim, node.hidden) for _ in range(2))
        self.output = nn.Linear(node.hidden**2, pair)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed alignment to what is added to the pairs."""
        mask = streams.row_mask
        left, right = self.left(x) * mask[..., None], self.right(x) * mask[..., None]
        outer = torch.einsum("bsic,bsjd->bijcd", left, right).flatten(-2)
        return self.output(outer) / (torch.einsum("bsi,bsj->bij", mask, mask) + 1e-3)[..., None]


class StreamMLP(MLP):
    """An MLP of one of the streams."""

    def __init__(self, node: spec.MLP, dim: int, pair: int) -> None:
        super().__init__(node, pair if isinstance(node, spec.PairMLP) else dim)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:  # type: ignore[override]
        """Map a normed stream to what is added to it."""
        return super().forward(x, None)  # type: ignore[arg-type]
