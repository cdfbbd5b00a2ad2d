"""The flat view of what tells pictures in codes, and of what writes these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.codes import CaptionTokens, CodeWriter, DiscreteAutoencoder, code_side
from bestiary.spec.flat.feature_maps import Layers, Sheet, level_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.models import Model, Transformer
from bestiary.spec.positions import CaptionedGrid


def caption_lines(embed: CaptionTokens, spec: Any, length: str) -> Iterator[Line]:
    """Yield the lines of what embeds a text and the picture behind it."""
    yield "x = token[input_ids]", f"[B, {length}, {spec.dim}]; begin_text and begin_picture are tokens of their own"
    if isinstance(embed.position, CaptionedGrid):
        yield f"x[:, :{embed.length}] += place", "a vector for each place of the text"
        yield f"x[:, {embed.length}:] += row + column", f"of a picture {embed.position.side} codes high and wide"
    yield f"x[:, :{embed.length}] = where(attention_mask, x, padding)", "a vector for each place; read as words are"


def _encoder(node: DiscreteAutoencoder, layers: Layers) -> Iterator[Line]:
    margin, encoder, side = node.pixels.margin, node.encoder, code_side(node)
    yield f"x = {1 - 2 * margin:g} * pixel_values + {margin:g}", f"[B, {encoder.channels}, {node.size}, {node.size}]"
    yield "x = conv(x)", f"{encoder.kernel} x {encoder.kernel}, to {encoder.dim} channels"
    for index, level in enumerate(encoder.levels):
        yield from level_lines(level, f"level {index}", layers)
    yield "codes = argmax(relu(x) @ W + b)", f"{node.dim} words, {side} x {side} places"


def _decoder(node: DiscreteAutoencoder, layers: Layers) -> Iterator[Line]:
    yield "x = word[codes] + b", f"{node.decoder.dim} channels"
    for index, level in enumerate(node.decoder.levels):
        yield from level_lines(level, f"level {index}", layers)
    margin = node.pixels.margin
    yield "place, logspread = relu(x) @ W + b", f"{node.decoder.out} channels: how each pixel is distributed"
    yield f"sample = clip((sigmoid(place) - {margin:g}) / {1 - 2 * margin:g}, 0, 1)", ""


def sheets(layers: Layers, text: Callable[[Transformer], Sheet]) -> dict[type[Model], Callable[[Any], Sheet]]:
    """Return the sheets of whole models, given what writes out a stack's layers and a transformer."""

    def writer(node: CodeWriter) -> Sheet:
        header, lines = text(node.text)
        written = ("codes = draw(logits), one after another", "each is the next token; those of a whole picture")
        return header, [*lines, ("", ""), written, ("", ""), *_decoder(node.image, layers)]

    return {
        DiscreteAutoencoder: lambda node: (
            "def forward(pixel_values):",
            [*_encoder(node, layers), ("", ""), *_decoder(node, layers)],
        ),
        CodeWriter: writer,
    }
