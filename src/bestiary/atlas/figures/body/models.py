"""Whole models: a layout for each kind of model that has one, and boxes within boxes for all others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bestiary.atlas.figures.body.boxes import FULL_WIDTH, Said, across, bar, box
from bestiary.atlas.figures.body.composites import detector, dual, framed, pair, pyramid, under
from bestiary.atlas.figures.body.ledger import Ledger
from bestiary.atlas.figures.body.levels import autoencoder, u_net
from bestiary.atlas.figures.body.pieces import Piece, column
from bestiary.atlas.figures.body.rows import Flow, in_row
from bestiary.atlas.figures.body.streams import folding
from bestiary.atlas.figures.body.terms import kind_of, sizes, spoken
from bestiary.atlas.figures.body.towers import entered, flowing, head_pieces, stack_piece, tower
from bestiary.atlas.figures.body.words import said_of, told_of
from bestiary.spec import (
    Autoencoder,
    CodedVector,
    CodeWriter,
    Detector,
    DiscreteAutoencoder,
    DualEncoder,
    EfficientUNet,
    EncoderDecoder,
    FoldingModel,
    Interleaved,
    LatentDiffusion,
    Model,
    Node,
    PriorCascade,
    Pyramid,
    QueryConnector,
    SharedTextCascade,
    Stack,
    TextDiffusion,
    Transformer,
    UNet,
    VectorDiffusion,
    VisionLanguage,
    as_heads_see,
)

Layout = Callable[[Any, str, Ledger], Piece]


def whole(spec: Model, ledger: Ledger) -> tuple[Piece, list[str]]:
    """Return a model with all that it has, and what else is to be said of it."""
    return laid(spec, "", ledger), notes_of(spec)


def laid(node: Model, path: str, ledger: Ledger) -> Piece:
    """Return a model by its own layout where it has one; parts that no box has claimed stand at its foot."""
    piece = (_layout(node) or _generic)(node, path, ledger)
    rest = [place for place, number in ledger.left.items() if number and (not path or place.startswith(f"{path}."))]
    if not rest:
        return piece
    bars = [_rest(place, place.removeprefix(f"{path}."), ledger) for place in rest]
    both = column([column(list(reversed(bars)), 4), dataclasses.replace(piece, enter=None)])
    return dataclasses.replace(both, leave=piece.outlet(both.axis - piece.axis, 0))


def _rest(place: str, name: str, ledger: Ledger) -> Piece:
    said = Said("other", _PARTS.get(name, spoken(name.replace(".", " of ").replace("_", " ")).capitalize()))
    return across(bar(said, ledger.claim(place, said), FULL_WIDTH, place))


_PARTS = {
    "stem": "First convolution",
    "top": "Last convolution",
    "last": "What comes last",
    "blocks": "Blocks of all stages",
    "bridge": "Map to the width that the text reads",
    "single": "Map to the vectors of single residues",
    "frames": "A vector for each frame of a film",
    "latents": "Vectors that ask",
    "enter": "Map of what enters",
    "leave": "Map of what leaves",
    "words": "Map of the text's vectors",
    "whole": "Map of the whole text's vector",
    "image": "Map of the image's vector",
    "output": "Map to what is answered",
    "position": "Positions",
    "extra": "Map to vectors behind the text's",
    "mean": "Mean of vectors",
    "deviation": "Deviation of vectors",
    "nothing": "Vector of no image",
    "nearness": "Vectors of how near text and image are",
    "codes": "Vectors of codes",
    "shift": "Shift, told at the end",
    "scale": "Scale, told at the end",
}
"""What is said of parts that belong to a model itself."""


def notes_of(node: Model) -> list[str]:
    """Return what is said of a model below its name: its width, and parts that draw no box."""
    inside = dict(_models(node))
    notes: list[str] = [] if inside or isinstance(node, UNet | EfficientUNet) else [f"{node.dim:,} wide"]
    notes += [] if _layout(node) else [*_said_aside(node), *sizes(node, ("dim", "bridge", "token"))]
    if len(inside) == 1 and not _layout(node):
        notes += [note for part in inside.values() if isinstance(part, Model) for note in notes_of(part)]
    return notes


def _layout(node: Model) -> Layout | None:
    return next((_LAYOUTS[kind] for kind in type(node).__mro__ if kind in _LAYOUTS), None)


def _transformer(spec: Transformer, path: str, ledger: Ledger) -> Piece:
    return flowing(tower(spec, path, spec.dim, spec, ledger))


def _generic(node: Model, path: str, ledger: Ledger) -> Piece:
    """Return a model by what it holds: models side by side, what one leaves read by the next; or one tower."""
    parts = list(_models(node))
    if not parts:
        return _held(node, path, ledger)
    if len(parts) == 1 and isinstance(parts[0][1], Model) and not _small(node):
        return laid(parts[0][1], under(path, parts[0][0]), ledger)
    pieces = [_part(name, part, path, ledger) for name, part in parts]
    pieces += [_small_parts(node, path, ledger)] if _small(node) else []
    flows = next((_FLOWS[kind] for kind in type(node).__mro__ if kind in _FLOWS), _chained)
    return in_row(pieces, flows(len(pieces)))


def _chained(count: int) -> list[Flow]:
    return [Flow(index, index + 1) for index in range(count - 1)]


def _small(node: Model) -> bool:
    return any(isinstance(getattr(node, field.name), Stack) for field in dataclasses.fields(node))


def _small_parts(node: Model, path: str, ledger: Ledger) -> Piece:
    """Return the tower that a model is beside the models that it holds."""
    pieces: list[Piece] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if not isinstance(value, Model):
            pieces += _parts(value, under(path, field.name), node, ledger)
    return flowing(column(pieces))


def _part(name: str, part: Node, path: str, ledger: Ledger) -> Piece:
    place = under(path, name)
    if isinstance(part, Model):
        return framed(laid(part, place, ledger), _title(name), notes_of(part))
    if isinstance(part, QueryConnector):
        said = Said("mlp", "Map to the text's width")
        former = laid(part.former, under(place, "former"), ledger)
        high = across(box(said, ledger.claim(under(place, "map"), said), FULL_WIDTH, told_of(place, part)))
        both = column([dataclasses.replace(former, leave=None), high])
        kept = tuple(anchor for anchor in both.anchors if anchor.name != "in")
        return framed(dataclasses.replace(both, anchors=kept), _title(name), notes_of(part.former), closed=True)
    said = said_of(part, 0)
    return flowing(entered(across(box(said, ledger.claim(place, said), FULL_WIDTH, told_of(place, part)))))


def _title(name: str) -> str:
    word, _, number = name.partition("[")
    if number:
        return f"{word.removesuffix('s')} {int(number[:-1]) + 1}"
    return {"unet": "U-Net"}.get(word, word.replace("_", " "))


def _models(node: Node) -> Iterable[tuple[str, Node]]:
    """Yield the parts of a model that are models, and what stands between them, with their names."""
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Model) or field.name == "connector":
            yield field.name, value
        elif isinstance(value, tuple) and any(isinstance(each, Model) for each in value):
            yield from ((f"{field.name}[{index}]", each) for index, each in enumerate(value))


def _said_aside(node: Node) -> list[str]:
    """Return what else a model of models says: nodes without parts, such as a schedule of noise."""
    said: list[str] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if not isinstance(value, Node) or isinstance(value, Model | Stack) or field.name in ("connector", "time"):
            continue
        inner = [spoken(type(part).__name__).lower() for part in _nodes(value)]
        said.append(f"{field.name}: {', '.join((*inner, *sizes(value))) or spoken(type(value).__name__).lower()}")
    return said


def _nodes(node: Node) -> list[Node]:
    values = (getattr(node, field.name) for field in dataclasses.fields(node))
    return [value for value in values if isinstance(value, Node)]


def _held(node: Model, path: str, ledger: Ledger) -> Piece:
    """Return a model that holds no other: its parts in their order, from the bottom up."""
    pieces: list[Piece] = []
    for field in dataclasses.fields(node):
        pieces += _parts(getattr(node, field.name), under(path, field.name), node, ledger)
    if not pieces:
        said = said_of(node, node.dim)
        pieces = [across(box(said, ledger.claim(path, said) if path else None, FULL_WIDTH))]
    return flowing(column([entered(pieces[0]), *pieces[1:]]))


def _parts(value: Any, path: str, model: Model, ledger: Ledger) -> list[Piece]:
    if isinstance(value, Stack):
        return [stack_piece(value, path, model.dim, model, ledger)]
    if isinstance(value, Mapping):
        return head_pieces(value, path, as_heads_see(model), ledger)
    if isinstance(value, tuple):
        nodes = [each for each in value if isinstance(each, Node)]
        return [_leaf(each, _numbered(path, index, ledger), model, ledger) for index, each in enumerate(nodes)]
    if not isinstance(value, Node) or (kind_of(value) == "norm" and not ledger.holds(path)):
        return []  # the norm of a network is that of its every block
    return [_leaf(value, path, model, ledger)]


def _numbered(path: str, index: int, ledger: Ledger) -> str:
    return f"{path}.{index}" if ledger.holds(f"{path}.{index}") else f"{path}[{index}]"


def _leaf(value: Node, path: str, model: Model, ledger: Ledger) -> Piece:
    said = said_of(value, model.dim)
    return across(box(said, ledger.claim(path, said), FULL_WIDTH, told_of(path, value)))


_FLOWS: dict[type, Callable[[int], list[Flow]]] = {
    VisionLanguage: lambda count: [Flow(0, 1, "cross"), Flow(0, 1), Flow(1, 2)],
    Interleaved: lambda count: [Flow(index, index + 1, "cross") for index in range(count - 1)],
    LatentDiffusion: lambda count: [Flow(0, 1, "told"), Flow(1, 2, "code")],
    CodeWriter: lambda count: [Flow(0, 1, "code")],
    CodedVector: lambda count: [Flow(0, 1, "cross")],
    TextDiffusion: lambda count: [Flow(0, 1, "told")],
    VectorDiffusion: lambda count: [Flow(0, 1, "told")],
    PriorCascade: lambda count: [
        Flow(0, 1),
        Flow(1, 2, "frame"),
        *(Flow(index, index + 1) for index in range(2, count - 1)),
    ],
    SharedTextCascade: lambda count: [
        *(Flow(0, index, "told") for index in range(1, count)),
        *(Flow(index, index + 1) for index in range(1, count - 1)),
    ],
}
_LAYOUTS: dict[type, Layout] = {
    Transformer: _transformer,
    EncoderDecoder: pair,
    DualEncoder: lambda spec, path, ledger: dual(spec, path, ledger, laid),
    Pyramid: pyramid,
    Detector: lambda spec, path, ledger: detector(spec, path, ledger, laid),
    FoldingModel: folding,
    UNet: u_net,
    EfficientUNet: u_net,
    Autoencoder: autoencoder,
    DiscreteAutoencoder: autoencoder,
}
