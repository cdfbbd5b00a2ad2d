"""Tokens in bands by frequency: an embedding and a head that spend less on rare ones (Grave et al. 2016)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.embeddings import empty_table
from bestiary.nn.output import Output
from bestiary.spec import band_sizes, band_widths


class AdaptiveTokens(nn.Module):
    """A table for each band, and a projection for each that is not as wide as the model."""

    def __init__(self, node: spec.AdaptiveTokens, dim: int) -> None:
        super().__init__()
        self.scale, self.dropout = math.sqrt(dim), node.dropout
        self.edges = (0, *node.cutoffs, node.vocab)
        pairs = zip(band_sizes(node.vocab, node.cutoffs), band_widths(node, dim), strict=True)
        self.tables = nn.ModuleList(empty_table(size, width) for size, width in pairs)
        own = {str(band): nn.Linear(width, dim, bias=False) for band, width in enumerate(node.widths) if width}
        self.projections = nn.ModuleDict(own)

    @property
    def table(self) -> Tensor:
        """The first band's table."""
        return self.tables[0].weight  # type: ignore[return-value]

    def forward(self, context: Context, inputs_embeds: Tensor | None = None) -> Tensor:
        """Return the first hidden state, ``[B, T, dim]``, of ``context.input_ids`` or of given vectors."""
        x = inputs_embeds
        if x is None:
            assert context.input_ids is not None
            x = self.look_up(context.input_ids) * self.scale
        return F.dropout(x, self.dropout, self.training)

    def look_up(self, ids: Tensor) -> Tensor:
        """Sum over the bands what each makes of its tokens, and of those of others zeros: no shape depends on them."""
        parts: list[Tensor] = []
        for band, table in enumerate(self.tables):
            first, end = self.edges[band : band + 2]
            inside = (ids >= first) & (ids < end)
            vectors = table((ids - first).clamp(0, end - first - 1)).masked_fill(~inside[..., None], 0.0)
            parts.append(self.projections[str(band)](vectors) if str(band) in self.projections else vectors)
        return torch.stack(parts).sum(0)

    def narrowed(self, x: Tensor, band: int) -> Tensor:
        """Project a hidden state back to the width of a band."""
        name = str(band)
        return F.linear(x, self.projections[name].weight.t()) if name in self.projections else x  # type: ignore[arg-type]


class AdaptiveLMHead(nn.Module):
    """Log-probabilities: the first band's beside the clusters', then each cluster's own."""

    def __init__(self, node: spec.AdaptiveLMHead, model: spec.Transformer) -> None:
        super().__init__()
        embed = model.embed
        assert isinstance(embed, spec.Tokens | spec.AdaptiveTokens)
        banded = isinstance(embed, spec.AdaptiveTokens)
        self.sizes = band_sizes(embed.vocab, node.cutoffs)
        rows = self.sizes if banded else [embed.vocab]
        widths = band_widths(embed, model.dim) if banded else [model.dim]
        pairs = zip(rows, widths, strict=True)
        self.tables = None if node.tied else nn.ParameterList(torch.empty(size, width) for size, width in pairs)
        self.biases = nn.ParameterList(torch.zeros(size) for size in rows)
        self.clusters = nn.Linear(widths[0], len(node.cutoffs)) if node.cutoffs else None
        own = {str(band): nn.Linear(model.dim, widths[band], bias=False) for band in node.own}
        self.projections = nn.ModuleDict(own)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T, vocab]``, with log-probabilities, of the last tokens where only they are wanted."""
        x = x[:, -context.logits_to_keep :]
        first, *others = zip(self.weights(context), self.offsets(), strict=True)
        if self.clusters is None:
            output.logits = F.linear(self.narrowed(x, 0, context), *first).log_softmax(-1)
            return
        weight, bias = torch.cat((first[0], self.clusters.weight)), torch.cat((first[1], self.clusters.bias))
        head = F.linear(self.narrowed(x, 0, context), weight, bias).log_softmax(-1)
        frequent, clusters = head.split((self.sizes[0], len(others)), dim=-1)
        rare = [
            F.linear(self.narrowed(x, band, context), *matrix).log_softmax(-1) + clusters[..., band - 1 : band]
            for band, matrix in enumerate(others, 1)
        ]
        output.logits = torch.cat((frequent, *rare), dim=-1)

    def weights(self, context: Context) -> list[Tensor]:
        """Return each band's matrix: the head's own or the embedding's, or slices of one table."""
        if self.tables is not None:
            tables = list(self.tables)
        elif context.bands is not None:
            tables = [table.weight for table in context.bands.tables]
        else:
            assert context.table is not None
            tables = [context.table]
        return tables if len(tables) == len(self.sizes) else list(tables[0].split(self.sizes))

    def offsets(self) -> list[Tensor]:
        """Return each band's biases."""
        biases = list(self.biases)
        return biases if len(biases) == len(self.sizes) else list(biases[0].split(self.sizes))

    def narrowed(self, x: Tensor, band: int, context: Context) -> Tensor:
        """Project the hidden state to the width of a band, where bands have widths."""
        if str(band) in self.projections:
            return self.projections[str(band)](x)
        return x if context.bands is None else context.bands.narrowed(x, band)
