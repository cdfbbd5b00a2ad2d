"""Summaries: one vector for a whole text or image, and its map to where both are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.context import Context
from bestiary.nn.norms import norm
from bestiary.nn.output import Output


class Summary(nn.Module):
    """A head that says where its vector is."""

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pooler_output``, ``[B, dim]``."""
        output.pooler_output = context.pooled = self.pick(x, context)

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return the summary of ``[B, T, dim]``."""
        raise NotImplementedError


class EndSummary(Summary):
    """The vector at the first token that ends the text; at the first of all where none does."""

    def __init__(self, node: spec.EndSummary, model: spec.Model) -> None:
        super().__init__()
        self.token = node.token

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, dim]``."""
        return _at(x, (_ids(context) == self.token).int().argmax(-1))


class HighestSummary(Summary):
    """The vector at the token of the highest number."""

    def __init__(self, node: spec.HighestSummary, model: spec.Model) -> None:
        super().__init__()

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, dim]``."""
        return _at(x, _ids(context).argmax(-1))


class FirstSummary(Summary):
    """The first token's vector, normalized."""

    def __init__(self, node: spec.FirstSummary, model: spec.Model) -> None:
        super().__init__()
        self.norm = norm(node.norm, model.dim)

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, dim]``."""
        return self.norm(x[:, 0])


class Embedded(nn.Module):
    """A linear map of the summary."""

    def __init__(self, node: spec.Embedded, model: spec.Model) -> None:
        super().__init__()
        self.output = nn.Linear(model.dim, node.width, bias=node.bias)

    def embed(self, context: Context) -> Tensor:
        """Return ``[B, width]``."""
        assert context.pooled is not None
        return self.output(context.pooled)


class TextEmbedding(Embedded):
    """That of a text."""

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``text_embeds``, ``[B, width]``."""
        output.text_embeds = self.embed(context)


class ImageEmbedding(Embedded):
    """That of an image."""

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``image_embeds``, ``[B, width]``."""
        output.image_embeds = self.embed(context)


def _ids(context: Context) -> Tensor:
    if context.input_ids is None:
        raise BestiaryError("this model tells where a text ends by its input_ids: give them")
    return context.input_ids


def _at(x: Tensor, places: Tensor) -> Tensor:
    return x[torch.arange(len(x), device=x.device), places]


SUMMARIES: dict[type[spec.Head], Callable[[Any, Any], nn.Module]] = {
    spec.EndSummary: EndSummary,
    spec.HighestSummary: HighestSummary,
    spec.FirstSummary: FirstSummary,
    spec.TextEmbedding: TextEmbedding,
    spec.ImageEmbedding: ImageEmbedding,
}
