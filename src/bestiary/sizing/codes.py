"""Sizes of what tells pictures in codes, and of what writes these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bestiary.sizing.convolution_blocks import conv
from bestiary.sizing.feature_maps import Piece, levels_pieces
from bestiary.sizing.inside import Parts, Rule, inside, model_inside, own
from bestiary.sizing.linear import Maps
from bestiary.sizing.multimodal import part_costs
from bestiary.spec import CaptionedGrid, CaptionTokens, CodeWriter, DiscreteAutoencoder, Model, Node
from bestiary.spec.codes import code_side

Costs = Iterable[tuple[str, int]]


def pieces(node: DiscreteAutoencoder) -> Iterator[Piece]:
    """Yield the pieces of an autoencoder to words: a pass is there and back."""
    side, encoder, decoder = code_side(node), node.encoder, node.decoder
    yield Piece("encoder.enter", *conv(encoder.channels, encoder.dim, encoder.kernel, node.size))
    for piece in levels_pieces(encoder.levels, encoder.dim, node.size):
        yield piece._replace(path=f"encoder.{piece.path}")
    yield Piece("enter", *conv(encoder.levels[-1].dim, node.dim, 1, side))
    yield Piece("leave", *conv(node.dim, decoder.dim, 1, side))
    for piece in levels_pieces(decoder.levels, decoder.dim, side):
        yield piece._replace(path=f"decoder.{piece.path}")
    yield Piece("decoder.leave", *conv(decoder.levels[-1].dim, decoder.out, 1, node.size))


def _autoencoder(node: DiscreteAutoencoder, width: int, model: Model) -> Parts:
    yield from ((piece.path, piece.parameters) for piece in pieces(node))


def _caption_tokens(node: CaptionTokens, width: int, model: Model) -> Parts:
    yield "tokens", node.vocab * width
    yield "starts", 2 * width
    yield from inside("position", node.position, width, model)
    yield "padding", node.length * width


def _writer(node: CodeWriter, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    yield from model_inside("image", node.image)


def _autoencoder_pass(node: DiscreteAutoencoder, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One picture, there and back."""
    return 1, [(piece.path, piece.operations) for piece in pieces(node)]


def _writer_pass(node: CodeWriter, context: int | None, source: int | None) -> tuple[int, Costs]:
    """A text and a picture's codes, and the picture of them."""
    tokens, text = part_costs(node.text, context)
    back = [piece for piece in pieces(node.image) if piece.path.startswith(("decoder.", "leave"))]
    return tokens, [
        *((f"text.{path}", number) for path, number in text),
        *((f"image.{piece.path}", piece.operations) for piece in back),
    ]


PARTS: dict[type[Node], Rule] = {
    DiscreteAutoencoder: _autoencoder,
    CaptionTokens: _caption_tokens,
    CaptionedGrid: own(lambda node, width: (node.text + 2 * node.side) * width),
    CodeWriter: _writer,
}

MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {CaptionTokens: lambda node, model: {}}

WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    DiscreteAutoencoder: _autoencoder_pass,
    CodeWriter: _writer_pass,
}
