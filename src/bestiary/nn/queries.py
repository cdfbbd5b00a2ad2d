"""A transformer that begins with learned queries and is told everything by what they attend to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.base import OneTower
from bestiary.nn.context import Context
from bestiary.nn.norms import norm
from bestiary.nn.output import Output


class Queries(nn.Module):
    """Learned vectors, the same for every input."""

    def __init__(self, node: spec.Queries, dim: int) -> None:
        super().__init__()
        self.dropout = node.dropout
        self.queries = nn.Parameter(torch.empty(node.count, dim))
        self.norm = None if node.norm is None else norm(node.norm, dim)

    def forward(self, batch: int) -> Tensor:
        """Return the first hidden state, ``[batch, count, dim]``."""
        x = self.queries.expand(batch, -1, -1)
        return F.dropout(x if self.norm is None else self.norm(x), self.dropout, self.training)


class QueryTransformer(OneTower):
    """One tower of queries."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node, Queries(node.embed, node.dim))  # type: ignore[arg-type]

    def forward(self, encoder_hidden_states: Tensor) -> Output:
        """Ask vectors of an image, ``[B, S, width]``; ``last_hidden_state`` is the answer, ``[B, count, dim]``."""
        x = self.embed(len(encoder_hidden_states))
        context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1], memory=encoder_hidden_states)
        return self.answer(self.stack(x, context), context)
