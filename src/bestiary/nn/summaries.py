"""Summaries: one vector for a whole text or image, and its map to where both are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.attention import CrossAttention
from bestiary.nn.context import Context
from bestiary.nn.mlp import MLP
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


class LastSummary(Summary):
    """The vector at the last place, mapped."""

    def __init__(self, node: spec.LastSummary, model: spec.Model) -> None:
        super().__init__()
        self.output = nn.Linear(model.dim, node.width)

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, width]``."""
        return self.output(x[:, -1])


class ProbeSummary(Summary):
    """What a learned vector is told by all tokens, through an MLP."""

    def __init__(self, node: spec.ProbeSummary, model: spec.Model) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.empty(1, model.dim))
        self.cross, self.norm = CrossAttention(node.attention, model.dim), norm(node.norm, model.dim)
        self.mlp = MLP(node.mlp, model.dim)

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, dim]``."""
        asked = Context(context.positions[:, :1], 1, memory=x, memory_keep=context.keep)
        h = self.cross(self.probe.expand(len(x), -1, -1), asked)
        return (h + self.mlp(self.norm(h), asked))[:, 0]


class AttentionSummary(Summary):
    """What the mean of all places is told by them and itself."""

    def __init__(self, node: spec.AttentionSummary, model: spec.ConvNet) -> None:
        super().__init__()
        assert model.image is not None
        places = (model.image // model.shrinks) ** 2
        self.position = nn.Parameter(torch.empty(places + 1, model.dim))
        self.cross = CrossAttention(node.attention, model.dim)
        self.cross.o = nn.Linear(self.cross.o.in_features, node.width, bias="o" in node.attention.bias)

    def pick(self, x: Tensor, context: Context) -> Tensor:
        """Return ``[B, width]``."""
        x = torch.cat((x.mean(1, keepdim=True), x), dim=1) + self.position
        asked = Context(context.positions[:, :1], 1, memory=x)
        return self.cross(x[:, :1], asked)[:, 0]


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


class Contrast(nn.Module):
    """Cosines of texts and images, scaled."""

    def __init__(self, node: spec.Contrast, model: spec.Model) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(()))

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits_per_text``, ``[N, M]``, and ``logits_per_image``, ``[M, N]``."""
        assert output.text_embeds is not None and output.image_embeds is not None
        output.logits_per_text = self.score(output.text_embeds @ output.image_embeds.T)
        output.logits_per_image = output.logits_per_text.T

    def score(self, cosines: Tensor) -> Tensor:
        """Return the likeness, ``[N, M]``."""
        return cosines * self.scale.exp()


class SigmoidContrast(Contrast):
    """The same, shifted."""

    def __init__(self, node: spec.SigmoidContrast, model: spec.Model) -> None:
        super().__init__(node, model)
        self.scale = nn.Parameter(torch.empty(1))
        self.bias = nn.Parameter(torch.empty(1))

    def score(self, cosines: Tensor) -> Tensor:
        """Return the likeness, ``[N, M]``."""
        return super().score(cosines) + self.bias


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
    spec.LastSummary: LastSummary,
    spec.ProbeSummary: ProbeSummary,
    spec.AttentionSummary: AttentionSummary,
    spec.TextEmbedding: TextEmbedding,
    spec.ImageEmbedding: ImageEmbedding,
    spec.Contrast: Contrast,
    spec.SigmoidContrast: SigmoidContrast,
}
