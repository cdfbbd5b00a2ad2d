"""The flat view of what reads texts and images together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.convolutional import AttentionSummary
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.heads import Head
from bestiary.spec.multimodal import Contrast, SigmoidContrast
from bestiary.spec.summaries import (
    Embedded,
    EndSummary,
    FirstSummary,
    HighestSummary,
    ImageEmbedding,
    LastSummary,
    ProbeSummary,
    TextEmbedding,
)


def _embedded(field: str) -> Callable[[str, Embedded, Any], Iterator[Line]]:
    def lines(name: str, head: Embedded, spec: Any) -> Iterator[Line]:
        yield f"{field} = pooler_output @ W{' + b' if head.bias else ''}", f"head {name}: {spec.dim} -> {head.width}"

    return lines


def _probe(name: str, head: ProbeSummary, spec: Any) -> Iterator[Line]:
    yield "k, v = x @ Wk, x @ Wv", f"{head.attention.heads} heads"
    yield "h = softmax((probe @ Wq) @ k.T) @ v @ Wo", "a learned vector asks all tokens"
    norm = norm_word(head.norm)
    yield f"pooler_output = h + {head.mlp.activation}({norm}(h) @ W1 + b1) @ W2 + b2", f"head {name}"


def _attention(name: str, head: AttentionSummary, spec: Any) -> Iterator[Line]:
    yield "x = concat(mean(x), x) + position", "a learned vector for each place and their mean"
    yield "k, v = x @ Wk, x @ Wv", f"{head.attention.heads} heads"
    yield "pooler_output = softmax((x[:, 0] @ Wq) @ k.T) @ v @ Wo", f"head {name}: {spec.dim} -> {head.width}"


HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    EndSummary: lambda name, head, spec: iter(
        [(f"pooler_output = x[:, first {head.token} of input_ids]", f"head {name}: where the text ends")]
    ),
    HighestSummary: lambda name, head, spec: iter(
        [("pooler_output = x[:, argmax(input_ids)]", f"head {name}: the highest token ends a text")]
    ),
    FirstSummary: lambda name, head, spec: iter([(f"pooler_output = {norm_word(head.norm)}(x[:, 0])", f"head {name}")]),
    LastSummary: lambda name, head, spec: iter(
        [("pooler_output = x[:, -1] @ W + b", f"head {name}: {spec.dim} -> {head.width}")]
    ),
    ProbeSummary: _probe,
    AttentionSummary: _attention,
    Contrast: lambda name, head, spec: iter(
        [("logits_per_text = exp(scale) * text_embeds @ image_embeds.T", f"head {name}: one scale")]
    ),
    SigmoidContrast: lambda name, head, spec: iter(
        [("logits_per_text = exp(scale) * text_embeds @ image_embeds.T + bias", f"head {name}: one scale, one bias")]
    ),
    TextEmbedding: _embedded("text_embeds"),
    ImageEmbedding: _embedded("image_embeds"),
}
