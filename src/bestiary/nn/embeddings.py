"""Embeddings: tokens to the first hidden state, and the positions added to it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.norms import norm
from bestiary.nn.positions import POSITIONS


class SharedTokens(nn.Module):
    """Vectors read from a token table that another module owns, plus positions."""

    def __init__(self, node: spec.Tokens | spec.SharedTokens, dim: int) -> None:
        super().__init__()
        self.scaled, self.dropout = node.scaled, node.dropout
        width = (node.width if isinstance(node, spec.Tokens) else None) or dim
        self.position = None if node.position is None else POSITIONS[type(node.position)](node.position, width)
        self.norm = None if node.norm is None else norm(node.norm, width)

    def forward(self, context: Context, inputs_embeds: Tensor | None = None, **segments: Tensor | None) -> Tensor:
        """Return the first hidden state, ``[B, T, dim]``, of ``context.input_ids`` or of given vectors."""
        x = self.look_up(context) if inputs_embeds is None else inputs_embeds
        if self.scaled:
            x = x * math.sqrt(x.shape[-1])
        x = self.add_segments(x, **segments)
        x = self.place(x, context)
        return self.project_up(F.dropout(x, self.dropout, self.training))

    def place(self, x: Tensor, context: Context) -> Tensor:
        """Add positions, then norm."""
        if self.position is not None:
            x = x + self.position(context).to(x.dtype)
        return x if self.norm is None else self.norm(x)

    def look_up(self, context: Context) -> Tensor:
        """Return the token vectors, ``[B, T, width]``."""
        assert context.input_ids is not None and context.table is not None
        return F.embedding(context.input_ids, context.table)

    def add_segments(self, x: Tensor, **segments: Tensor | None) -> Tensor:
        """Return ``x``: a table read by others has no segment types."""
        return x

    def project_up(self, x: Tensor) -> Tensor:
        """Return ``x``: a table read by others is as wide as the model."""
        return x


class NormedTokens(SharedTokens):
    """The same, the norm before the positions."""

    def place(self, x: Tensor, context: Context) -> Tensor:
        """Norm, then add positions."""
        assert self.norm is not None
        x = self.norm(x)
        return x if self.position is None else x + self.position(context).to(x.dtype)


class Tokens(SharedTokens):
    """A token table, with segment types and a projection where the spec has them."""

    def __init__(self, node: spec.Tokens, dim: int) -> None:
        super().__init__(node, dim)
        width = node.width or dim
        self.tokens = empty_table(node.vocab, width)
        self.types = empty_table(node.types, width) if node.types else None
        self.project = nn.Linear(width, dim) if node.width else None

    @property
    def table(self) -> Tensor:
        """The token table, ``[vocab, width]``."""
        return self.tokens.weight

    def add_segments(self, x: Tensor, token_type_ids: Tensor | None = None, **segments: Tensor | None) -> Tensor:
        """Add the vectors of ``token_type_ids``, ``[B, T]``, or of segment 0 where none are given."""
        if self.types is None:
            return x
        return x + (self.types.weight[0] if token_type_ids is None else self.types(token_type_ids))

    def project_up(self, x: Tensor) -> Tensor:
        """Project a narrow table's vectors to the model's width."""
        return x if self.project is None else self.project(x)


class TaskTokens(Tokens):
    """Tokens, and a table of the tasks that they may belong to."""

    def __init__(self, node: spec.TaskTokens, dim: int) -> None:
        super().__init__(node, dim)
        self.tasks = empty_table(node.tasks, node.width or dim)

    def add_segments(self, x: Tensor, task_type_ids: Tensor | None = None, **segments: Tensor | None) -> Tensor:
        """Add the vectors of ``task_type_ids`` too, ``[B, T]``, or of task 0 where none are given."""
        x = super().add_segments(x, **segments)
        return x + (self.tasks.weight[0] if task_type_ids is None else self.tasks(task_type_ids))


class Targeted(Tokens):
    """A token table beside the vector in which the query of every target begins."""

    def __init__(self, node: spec.Targeted, dim: int) -> None:
        super().__init__(node.tokens, dim)
        self.target = nn.Parameter(torch.empty(dim))

    def with_targets(self, x: Tensor, targets: Tensor) -> Tensor:
        """Put a query for each target, ``[B, P, T]``, behind the tokens: ``[B, T + P, dim]``."""
        queries = self.target.expand(*targets.shape[:2], -1)
        return torch.cat((x, F.dropout(queries, self.dropout, self.training)), dim=1)


class ScaledTokens(Tokens):
    """A token table whose vectors are multiplied by the root of their width, rounded as they are."""

    def look_up(self, context: Context) -> Tensor:
        """Return the token vectors, ``[B, T, width]``."""
        x = super().look_up(context)
        return x * torch.tensor(x.shape[-1] ** 0.5, dtype=torch.float32).to(x.dtype)


class NarrowTokens(nn.Module):
    """A narrow token table, and the maps up to the model's width and, for what heads read, down again."""

    def __init__(self, node: spec.NarrowTokens, dim: int) -> None:
        super().__init__()
        self.dropout = node.dropout
        self.tokens = empty_table(node.vocab, node.width)
        self.project = nn.Linear(node.width, dim, bias=False)
        self.position = None if node.position is None else POSITIONS[type(node.position)](node.position, dim)
        self.narrow = nn.Linear(dim, node.width, bias=False)

    def forward(self, context: Context, inputs_embeds: Tensor | None = None, **segments: Tensor | None) -> Tensor:
        """Return the first hidden state, ``[B, T, dim]``, of ``context.input_ids`` or of given ``[B, T, width]``."""
        if inputs_embeds is None:
            assert context.input_ids is not None
            inputs_embeds = self.tokens(context.input_ids)
        x = self.project(inputs_embeds)
        if self.position is not None:
            x = x + self.position(context).to(x.dtype)
        return F.dropout(x, self.dropout, self.training)


def empty_table(rows: int, width: int) -> nn.Embedding:
    """An embedding whose rows are not drawn here: drawing on the meta device makes torch import its compiler."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))
