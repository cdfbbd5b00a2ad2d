"""The flat view of what hears: how spectrograms and waveforms are embedded, and what is read off their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.embeddings import Embedding
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.heads import Head
from bestiary.spec.speech import CTCHead, MeanClassifier, QuantizedTargets, Spectrogram, TimeNorm, UnitScores, Waveform


def _spectrogram(embed: Spectrogram, spec: Any, length: str) -> Iterator[Line]:
    dim = spec.dim
    places = embed.position.length
    yield "x = gelu(conv(input_features) + b)", f"over 3 frames: [B, {embed.mels}, {2 * places}] -> {dim} wide"
    yield "x = gelu(conv(x) + b)", f"over 3 places, every other one: [B, {length}, {dim}], {length} = {places}"
    yield "x = x + sines_and_cosines", ""


def _waveform(embed: Waveform, spec: Any, length: str) -> Iterator[Line]:
    yield "x = input_values", "[B, samples]"
    for one in embed.filters:
        word = "time_norm" if isinstance(one.norm, TimeNorm) else norm_word(one.norm) if one.norm else ""
        inner = "conv(x) + b" if one.bias else "conv(x)"
        code = f"x = gelu({word}({inner}))" if word else f"x = gelu({inner})"
        yield code, f"over {one.kernel} places, every {one.stride}: {one.channels} wide"
    if embed.filtered_norm is not None:
        yield f"x = filtered = {norm_word(embed.filtered_norm)}(x)", ""
    yield "x = x @ W + b", f"[B, {length}, {spec.dim}]"
    if embed.masked:
        yield "x[mask_time_indices] = mask", "where the input names any"
    added = f"over {embed.position.kernel} places, {embed.position.groups} groups"
    yield "x = x + gelu(conv(x) + b)", f"{added}: positions"
    if embed.norm is not None:
        yield f"x = {norm_word(embed.norm)}(x)", ""


def _ctc(name: str, head: CTCHead, spec: Any) -> Iterator[Line]:
    yield "logits = x @ W + b", f"head {name}: {head.vocab} letters, {head.blank} the blank"


def _mean(name: str, head: MeanClassifier, spec: Any) -> Iterator[Line]:
    yield "logits = mean(x @ W1 + b1) @ W2 + b2", f"head {name}: {spec.dim} -> {head.width} -> {head.labels} labels"


def _quantized(name: str, head: QuantizedTargets, spec: Any) -> Iterator[Line]:
    yield "i = argmax(filtered @ Ws + bs)", f"head {name}: one of {head.entries} in each of {head.groups} codebooks"
    yield "projected_quantized_states = concat(codebook[i]) @ Wc + bc", f"{head.code} -> {head.width}"
    yield "projected_states = x @ Wx + bx", f"{spec.dim} -> {head.width}"


def _units(name: str, head: UnitScores, spec: Any) -> Iterator[Line]:
    yield "logits = cosine(x @ W + b, unit) / 0.1", f"head {name}: {head.units} units, {head.width} wide"


EMBEDDINGS: dict[type[Embedding], Callable[[Any, Any, str], Iterator[Line]]] = {
    Spectrogram: _spectrogram,
    Waveform: _waveform,
}

HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    CTCHead: _ctc,
    MeanClassifier: _mean,
    QuantizedTargets: _quantized,
    UnitScores: _units,
}
