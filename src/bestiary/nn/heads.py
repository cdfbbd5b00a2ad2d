"""Heads: what is read off the last hidden state. Each fills its own field of the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.adaptive import AdaptiveLMHead
from bestiary.nn.context import Context
from bestiary.nn.foretold import FORETOLD
from bestiary.nn.image_heads import HEADS as IMAGE_HEADS
from bestiary.nn.norms import norm
from bestiary.nn.object_heads import HEADS as OBJECT_HEADS
from bestiary.nn.output import Output
from bestiary.nn.proteins import Contacts
from bestiary.nn.sound_heads import HEADS as SOUND_HEADS
from bestiary.nn.summaries import SUMMARIES


class Transform(nn.Module):
    """Linear, nonlinearity, norm."""

    def __init__(self, node: spec.Transform, dim: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, width, bias=node.bias)
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.norm = None if node.norm is None else norm(node.norm, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., dim]`` to ``[..., width]``."""
        x = self.activation(self.dense(F.dropout(x, self.dropout, self.training)))
        return x if self.norm is None else self.norm(x)


class Pooler(nn.Module):
    """The first token's vector through a linear map and a nonlinearity."""

    def __init__(self, node: spec.Pooler, model: spec.Model) -> None:
        super().__init__()
        self.dense, self.activation = nn.Linear(model.dim, model.dim), ACTIVATIONS[node.activation]

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pooler_output``, ``[B, dim]``."""
        output.pooler_output = context.pooled = self.activation(self.dense(x[:, 0]))


class Prepares(nn.Module):
    """A head that tells something by the input before the body runs, where the input does not say it."""

    def prepare(self, context: Context) -> None:
        """Fill what is missing in the context."""
        raise NotImplementedError


class FirstGlobal(Prepares):
    """The first token is global."""

    def __init__(self, node: spec.FirstGlobal, model: spec.Model) -> None:
        super().__init__()

    def prepare(self, context: Context) -> None:
        """Fill ``everywhere``, ``[1, T]``."""
        if context.everywhere is None:
            context.everywhere = torch.arange(context.queries, device=context.positions.device)[None] == 0

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill nothing."""


class QuestionGlobal(Prepares):
    """The tokens before the first separator are global."""

    def __init__(self, node: spec.QuestionGlobal, model: spec.Model) -> None:
        super().__init__()
        self.separator = node.separator

    def prepare(self, context: Context) -> None:
        """Fill ``everywhere``, ``[B, T]``."""
        if context.everywhere is not None:
            return
        found = None if context.input_ids is None else context.input_ids == self.separator
        if found is None or not bool(found.any(-1).all()):
            raise BestiaryError(
                f"the question ends at the token {self.separator}, which some text of the batch lacks: separate"
                " question and text by it, or say by global_attention_mask which tokens are global"
            )
        context.everywhere = found.cumsum(-1) == 0

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill nothing."""


class LMHead(nn.Module):
    """A score for each token of the vocabulary."""

    def __init__(self, node: spec.LMHead, model: spec.Model) -> None:
        super().__init__()
        table = spec.vocabulary(model)
        assert table is not None
        width = (table.width or model.dim) if node.tied else model.dim
        self.scale = model.dim**-0.5 if node.scaled else 1.0
        self.transform = None if node.transform is None else Transform(node.transform, model.dim, width)
        self.output = None if node.tied else nn.Linear(width, table.vocab, bias=node.bias)
        self.bias = nn.Parameter(torch.zeros(table.vocab)) if node.tied and node.bias else None
        self.offset: Tensor | None
        self.register_buffer("offset", torch.zeros(table.vocab) if node.offset else None)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T, vocab]``, or those of the last tokens where only they are wanted."""
        x = x[:, -context.logits_to_keep :]
        x = x if self.transform is None else self.transform(x)
        x = x if self.scale == 1.0 else x * self.scale
        assert context.table is not None
        logits = F.linear(x, context.table, self.bias) if self.output is None else self.output(x)
        output.logits = logits if self.offset is None else logits + self.offset


class Classifier(nn.Module):
    """Scores of labels for the vectors that its source names."""

    def __init__(self, node: spec.Classifier, model: spec.Model) -> None:
        super().__init__()
        self.source, self.dropout = SOURCES[node.source], node.dropout
        self.transform = None if node.transform is None else Transform(node.transform, model.dim, model.dim)
        self.output = nn.Linear(model.dim * (1 + (node.source == "first_and_mean")), node.labels, bias=node.bias)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, labels]`` or ``[B, T, labels]``."""
        x = self.source(x, context)
        x = x if self.transform is None else self.transform(x)
        output.logits = self.output(F.dropout(x, self.dropout, self.training))


class SentencePair(nn.Module):
    """Whether two segments belong together, in this order."""

    def __init__(self, node: spec.SentencePair, model: spec.Model) -> None:
        super().__init__()
        self.dropout, self.output = node.dropout, nn.Linear(model.dim, 2)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``seq_relationship_logits``, ``[B, 2]``, which are ``logits`` too where no other head fills them."""
        output.logits = output.seq_relationship_logits = self.output(
            F.dropout(_pooled(x, context), self.dropout, self.training)
        )


class Spans(nn.Module):
    """For each token, how likely the answer begins and ends there."""

    def __init__(self, node: spec.Spans, model: spec.Model) -> None:
        super().__init__()
        self.dropout = node.dropout
        self.transform = None if node.transform is None else Transform(node.transform, model.dim, model.dim)
        self.output = nn.Linear(model.dim, 2)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``start_logits`` and ``end_logits``, ``[B, T]`` each."""
        x = x if self.transform is None else self.transform(x)
        scores = self.output(F.dropout(x, self.dropout, self.training))
        output.start_logits, output.end_logits = scores.unbind(-1)


class SpansAfterQuestion(Prepares):
    """The same behind one more MLP, the question's own tokens out of the competition."""

    def __init__(self, node: spec.SpansAfterQuestion, model: spec.Model) -> None:
        super().__init__()
        self.separator, self.dropout = node.separator, node.dropout
        self.activation = ACTIVATIONS[node.activation]
        self.up, self.down = nn.Linear(model.dim, node.hidden), nn.Linear(node.hidden, model.dim)
        self.norm, self.output = norm(node.norm, model.dim), nn.Linear(model.dim, 2)

    def prepare(self, context: Context) -> None:
        """Fill ``segments``, ``[B, T]``: 0 for the question, 1 for what follows."""
        if context.segments is None and context.input_ids is not None:
            context.segments = 1 - self.question(context.input_ids).long()

    def question(self, input_ids: Tensor) -> Tensor:
        """Return which tokens are the question's, its separator included, ``[B, T]`` bool; without one, the first."""
        last = (input_ids == self.separator).int().argmax(-1, keepdim=True)
        return torch.arange(input_ids.shape[1], device=input_ids.device) <= last

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``start_logits`` and ``end_logits``, ``[B, T]`` each."""
        h = self.down(self.activation(self.up(F.dropout(x, self.dropout, self.training))))
        scores = self.output(self.norm(x + F.dropout(h, self.dropout, self.training)))
        if context.input_ids is not None:
            hidden = self.question(context.input_ids)
            hidden[:, 0] = False  # the first token stays: it says that there is no answer
            scores = scores - hidden[..., None] * 1e6
        output.start_logits, output.end_logits = scores.unbind(-1)


class EntityScores(nn.Module):
    """For each token, a score for each entity that the input lists."""

    def __init__(self, node: spec.EntityScores, model: spec.Model) -> None:
        super().__init__()
        width = spec.side_width(model)
        assert width is not None
        self.transform = Transform(node.transform, model.dim, width)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``entity_states``, ``[B, T, width]``, and, where candidates are listed, ``entity_logits``."""
        output.entity_states = states = self.transform(x)
        if context.candidates is not None:
            output.entity_logits = states @ context.candidates.T


class ReplacedTokens(nn.Module):
    """For each token, whether another model put it there."""

    def __init__(self, node: spec.ReplacedTokens, model: spec.Model) -> None:
        super().__init__()
        self.dense, self.activation = nn.Linear(model.dim, model.dim), ACTIVATIONS[node.activation]
        self.output = nn.Linear(model.dim, 1)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T]``: above zero where a token was replaced."""
        output.logits = self.output(self.activation(self.dense(x))).squeeze(-1)


def _pooled(x: Tensor, context: Context) -> Tensor:
    assert context.pooled is not None
    return context.pooled


def _last(x: Tensor, context: Context) -> Tensor:
    if context.keep is None:
        return x[:, -1]
    return _at_last(x, context.keep)


def _at_last(x: Tensor, keep: Tensor) -> Tensor:
    """Return each row's vector at its last kept place, ``[B, dim]``."""
    last = (torch.arange(keep.shape[1], device=x.device) * keep).argmax(-1)
    return x[torch.arange(len(x), device=x.device), last]


def _mean(x: Tensor, context: Context) -> Tensor:
    if context.keep is None:
        return x.mean(1)
    return (x * context.keep[..., None]).sum(1) / context.keep.sum(1, keepdim=True)


def _source_end(x: Tensor, context: Context) -> Tensor:
    assert context.memory is not None
    places = context.memory.shape[1]
    if x.shape[1] != places:
        raise BestiaryError(
            f"the decoder was given {x.shape[1]} tokens and the encoder {places}: what is classified is the source,"
            " so give both the same text, the decoder's shifted right by one"
        )
    keep = context.memory_keep
    return x[:, -1] if keep is None else _at_last(x, keep)


SOURCES: dict[str, Callable[[Tensor, Context], Tensor]] = {
    "every": lambda x, context: x,
    "first": lambda x, context: x[:, 0],
    "last": _last,
    "end": lambda x, context: x[:, -1],
    "mean": _mean,
    "source_end": _source_end,
    "pooled": _pooled,
    "first_and_mean": lambda x, context: torch.cat((x[:, 0], x[:, 1:].mean(1)), dim=-1),
}

HEADS: dict[type[spec.Head], Callable[[Any, Any], nn.Module]] = {
    **IMAGE_HEADS,
    **SOUND_HEADS,
    **OBJECT_HEADS,
    spec.Pooler: Pooler,
    spec.FirstGlobal: FirstGlobal,
    spec.QuestionGlobal: QuestionGlobal,
    spec.LMHead: LMHead,
    spec.AdaptiveLMHead: AdaptiveLMHead,
    spec.Classifier: Classifier,
    spec.SentencePair: SentencePair,
    spec.Spans: Spans,
    spec.EntityScores: EntityScores,
    spec.ReplacedTokens: ReplacedTokens,
    spec.SpansAfterQuestion: SpansAfterQuestion,
    **SUMMARIES,
    spec.Contacts: Contacts,
    **FORETOLD,
}
