"""The flat view of language models that are shown pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.flat.multimodal_whole import Sheet, part_lines
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.models import EncoderDecoder, Model
from bestiary.spec.queries import Queries
from bestiary.spec.vision_language import (
    Connector,
    LinearConnector,
    MLPConnector,
    NormedMLPConnector,
    QueryConnector,
    VisionLanguage,
    as_read,
    read_width,
    shown_vectors,
)


def query_lines(embed: Queries, spec: Any, length: str) -> Iterator[Line]:
    """Yield the lines of learned queries."""
    norm = f"{norm_word(embed.norm)}(queries)" if embed.norm else "queries"
    yield f"x = {norm}", f"[B, {embed.count}, {spec.dim}], the same for every input"


def _linear(node: LinearConnector, spec: VisionLanguage) -> Iterator[Line]:
    yield "x = x @ W + b", f"{read_width(spec)} -> {spec.dim}"


def _mlp(node: MLPConnector, spec: VisionLanguage) -> Iterator[Line]:
    one, two = (" + b1", " + b2") if node.bias else ("", "")
    yield f"x = {node.activation}(x @ W1{one}) @ W2{two}", f"{read_width(spec)} -> {spec.dim} -> {spec.dim}"


def _normed_mlp(node: NormedMLPConnector, spec: VisionLanguage) -> Iterator[Line]:
    yield f"x = {norm_word(node.norm)}(x)", ""
    yield from _mlp(node, spec)


def _queries(node: QueryConnector, spec: VisionLanguage) -> Iterator[Line]:
    yield "memory = x", ""
    yield from list(part_lines("connector", node.former))[1:]
    yield "x = x @ W + b", f"{node.former.dim} -> {spec.dim}"


_CONNECTORS: dict[type[Connector], Callable[[Any, VisionLanguage], Iterator[Line]]] = {
    LinearConnector: _linear,
    MLPConnector: _mlp,
    NormedMLPConnector: _normed_mlp,
    QueryConnector: _queries,
}


def _vision_language(spec: VisionLanguage) -> Sheet:
    lines = list(part_lines("image", as_read(spec)))
    if spec.reads is not None and len(spec.reads.layers) > 1:
        named = ", ".join(str(layer) for layer in spec.reads.layers)
        lines.append((f"x = concat(what layers {named} leave)", "side by side"))
    if spec.reads is not None and spec.reads.skipped:
        lines.append((f"x = x[:, {spec.reads.skipped}:]", "without the first"))
    lines += [
        ("", ""),
        ("# connector", ""),
        *_CONNECTORS[type(spec.connector)](spec.connector, spec),
        ("shown = x", ""),
    ]
    lines += [("", ""), *part_lines("text", spec.text)]
    where = f"where input_ids is {spec.token}, {shown_vectors(spec)} times for each image, x = the next of shown"
    place = next(index for index, (code, _) in enumerate(lines) if code.startswith("x = token["))
    lines.insert(place + 1, (f"# {where}", ""))
    more = ", decoder_input_ids" if isinstance(spec.text, EncoderDecoder) else ""
    return f"def forward(pixel_values, input_ids{more}):", lines


WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {VisionLanguage: _vision_language}
