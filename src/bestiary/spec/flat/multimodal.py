"""The flat view of what reads texts and images together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.heads import Head
from bestiary.spec.summaries import Embedded, EndSummary, FirstSummary, HighestSummary, ImageEmbedding, TextEmbedding


def _embedded(field: str) -> Callable[[str, Embedded, Any], Iterator[Line]]:
    def lines(name: str, head: Embedded, spec: Any) -> Iterator[Line]:
        yield f"{field} = pooler_output @ W{' + b' if head.bias else ''}", f"head {name}: {spec.dim} -> {head.width}"

    return lines


HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    EndSummary: lambda name, head, spec: iter(
        [(f"pooler_output = x[:, first {head.token} of input_ids]", f"head {name}: where the text ends")]
    ),
    HighestSummary: lambda name, head, spec: iter(
        [("pooler_output = x[:, argmax(input_ids)]", f"head {name}: the highest token ends a text")]
    ),
    FirstSummary: lambda name, head, spec: iter([(f"pooler_output = {norm_word(head.norm)}(x[:, 0])", f"head {name}")]),
    TextEmbedding: _embedded("text_embeds"),
    ImageEmbedding: _embedded("image_embeds"),
}
