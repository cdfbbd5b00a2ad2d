"""Where a second stream of vectors is fused with that of tokens (Zhang et al. 2019, section 3.3)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.attention import Projections, biased
from bestiary.nn.context import Context
from bestiary.nn.norms import norm


class SideAttention(Projections):
    """Self-attention inside the second stream, to the vectors of aligned tokens."""

    def __init__(self, node: spec.SideAttention, width: int) -> None:
        super().__init__(spec.Attention(node.heads, dropout=node.dropout), width)

    def forward(self, side: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, width]`` to the same shape."""
        q, k, v = (self.split(project(side), self.heads) for project in (self.q, self.k, self.v))
        return self.attend(q, k, v, context.once("aligned", lambda: _seen(side, context)))


class Fusion(nn.Module):
    """Hidden units that read a token and what it is aligned with, and give each what is added to it."""

    def __init__(self, node: spec.Fusion, dim: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.attention = None if node.attention is None else SideAttention(node.attention, node.width)
        self.attention_norm = None if node.attention is None else norm(node.norm, node.width)
        self.up, self.up_side = nn.Linear(dim, node.hidden), nn.Linear(node.width, node.hidden)
        self.down, self.down_side = nn.Linear(node.hidden, dim), nn.Linear(node.hidden, node.width)
        self.side_norm = norm(node.norm, node.width)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, and put the stream's next vectors in place of ``context.side``."""
        side, aligned = context.side, context.aligned
        assert side is not None, "a fusion was run without a second stream"
        assert aligned is not None
        if self.attention is not None:
            assert self.attention_norm is not None
            side = self.attention_norm(side + self.drop(self.attention(side, context)))
        side = side * aligned[..., None]
        hidden = self.activation(self.up(x) + self.up_side(side))
        context.side = self.side_norm(side + self.drop(self.down_side(hidden)))
        return self.down(hidden)

    def drop(self, added: Tensor) -> Tensor:
        """Apply dropout to what is added to the second stream."""
        return F.dropout(added, self.dropout, self.training)


def _seen(side: Tensor, context: Context) -> Tensor:
    """Return what is added to scores, ``[B, 1, 1, T]``: the least number hides a key.

    Where nothing is aligned all keys are equal, and what they give is set to zero after.
    """
    assert context.aligned is not None
    return biased(side.new_zeros(1), context.aligned[:, None, None, :])
