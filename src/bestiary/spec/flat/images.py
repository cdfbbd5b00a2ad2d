"""The flat view of what images brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.embeddings import Patches
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.global_context import ConvPatches
from bestiary.spec.heads import Head
from bestiary.spec.images import (
    DistilledClassifier,
    FirstVector,
    MaskedPatches,
    PatchClassifier,
    PatchMean,
    PatchPixels,
    SinusoidalGrid,
    StretchedGrid,
    VisiblePatches,
    places,
)
from bestiary.spec.multimodal import NormedPatches
from bestiary.spec.pyramids import PaddedPatches, PixelBlocks, PlaceMean


def patch_lines(embed: Patches, dim: int) -> Iterator[Line]:
    """Yield the lines of an embedding of patches."""
    count = (embed.image // embed.patch) ** 2
    pixels = embed.channels * embed.patch**2
    if isinstance(embed, ConvPatches):
        norm = norm_word(embed.norm)
        yield "x = conv3x3(pixel_values, stride 2) + b", f"{embed.channels} -> {dim}"
        yield f"x = {norm}(conv3x3(block({norm}(x)), stride 2))", f"[B, {count}, {dim}]"
        return
    bias = "" if isinstance(embed, NormedPatches) else " + b"
    yield f"x = patches(pixel_values) @ W{bias}", f"{count} patches of {pixels} values -> [B, {count}, {dim}]"
    if isinstance(embed, PaddedPatches):
        yield f"x = {norm_word(embed.norm)}(x)", ""
    if isinstance(embed, MaskedPatches):
        yield "x = where(bool_masked_pos, mask, x)", "a learned vector for masked patches"
    if isinstance(embed, VisiblePatches):
        yield "x = (x + position)[random order][:visible]", f"{places(embed) - embed.extra} of them are read"
    if embed.extra:
        yield "x = concat(extra_tokens, x)", f"[B, {places(embed)}, {dim}]"
    if embed.position is not None and not isinstance(embed, VisiblePatches):
        word = "sines_and_cosines" if isinstance(embed.position, SinusoidalGrid) else "position"
        stretched = ", stretched to fit" if isinstance(embed.position, StretchedGrid) else ""
        yield f"x = x + {word}", f"a vector for each place{stretched}"
    if isinstance(embed, NormedPatches):
        yield f"x = {norm_word(embed.norm)}(x)", ""


def _first(name: str, head: FirstVector, spec: Any) -> Iterator[Line]:
    yield "pooler_output = x[:, 0]", f"head {name}"


def _mean(name: str, head: PatchMean, spec: Any) -> Iterator[Line]:
    yield f"pooler_output = {norm_word(head.norm)}(mean(x[:, 1:]))", f"head {name}"


def _distilled(name: str, head: DistilledClassifier, spec: Any) -> Iterator[Line]:
    yield "logits = (x[:, 0] @ W + b + x[:, 1] @ V + c) / 2", f"head {name}: {head.labels} labels"


def _patch_classifier(name: str, head: PatchClassifier, spec: Any) -> Iterator[Line]:
    yield f"logits = {norm_word(head.norm)}(x)[:, 1:] @ W + b", f"head {name}: {head.labels} labels for each patch"


def _pixels(name: str, head: PatchPixels, spec: Any) -> Iterator[Line]:
    decoder, embed = head.decoder, spec.embed
    yield "d = x @ W + b", f"{spec.dim} -> {decoder.dim}"
    yield "d = in_order(d, mask for each patch that was not read) + position", ""
    yield f"repeat {len(decoder.stack.layers)} times: d = layer(d)", f"head {name}: layers {decoder.dim} wide"
    norm = f"{norm_word(decoder.stack.norm)}(d)" if decoder.stack.norm else "d"
    yield f"logits = {norm}[:, 1:] @ W + b", f"{embed.channels * embed.patch**2} values for each patch"


def _place_mean(name: str, head: PlaceMean, spec: Any) -> Iterator[Line]:
    yield "pooler_output = mean(x)", f"head {name}: over all places"


def _blocks(name: str, head: PixelBlocks, spec: Any) -> Iterator[Line]:
    side = head.side
    yield "reconstruction = blocks(x @ W + b)", f"head {name}: {side} x {side} pixels for each place"


HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    FirstVector: _first,
    PatchMean: _mean,
    DistilledClassifier: _distilled,
    PatchClassifier: _patch_classifier,
    PatchPixels: _pixels,
    PlaceMean: _place_mean,
    PixelBlocks: _blocks,
}
