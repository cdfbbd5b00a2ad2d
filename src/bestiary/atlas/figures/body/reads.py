"""What the box of an embedding says: what a model reads, and how wide a vector each piece of it becomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bestiary.atlas.figures.body.boxes import Pill, Said
from bestiary.atlas.figures.body.terms import BY, plural, sizes
from bestiary.atlas.figures.body.words import said_of
from bestiary.spec import (
    AdaptiveTokens,
    Looks,
    NarrowTokens,
    Node,
    ScaledTokens,
    SharedTokens,
    Spectrogram,
    Steps,
    Targeted,
    Tokens,
    Transitions,
    Waveform,
)


def said_embedding(node: Any, dim: int) -> Said:
    """Return what the box of an embedding says, but for positions and norms, which stand in boxes of their own."""
    for kind in type(node).__mro__:
        if kind in _WORDS:
            name, *details = _WORDS[kind](node, dim)
            return Said("embedding", name, tuple(details), _filters(node))
    said = said_of(node, dim)
    own = tuple(pill for pill in said.pills if pill.kind not in ("norm", "position"))
    return dataclasses.replace(said, pills=own)


def _filters(node: Node) -> tuple[Pill, ...]:
    """Return the convolutions that a waveform goes through, equal ones in a row together."""
    runs: list[tuple[int, str]] = []
    for each in getattr(node, "filters", ()):
        text = f"{each.channels} channels, {each.kernel} wide, every {each.stride}"
        if runs and runs[-1][1] == text:
            runs[-1] = (runs[-1][0] + 1, text)
        else:
            runs.append((1, text))
    return tuple(Pill("convolution", f"{times} {BY} {text}" if times > 1 else text) for times, text in runs)


def _tokens(node: Tokens, dim: int) -> tuple[str, ...]:
    wide = f"{node.width:,}, projected to {dim:,}" if node.width else f"{dim:,}"
    kept = sizes(node, ("vocab", "types", "width", "scaled"))
    is_scaled = node.scaled or isinstance(node, ScaledTokens)
    scaled = (f"times the root of {node.width or dim:,}",) if is_scaled else ()
    return "Tokens", f"{node.vocab:,} tokens {BY} {wide}", *kept, *scaled


def _bands(node: AdaptiveTokens, dim: int) -> tuple[str, ...]:
    widths = ", ".join(f"{width or dim:,}" for width in node.widths)
    return "Tokens in bands", f"{node.vocab:,} tokens", f"{widths} wide"


def _steps(node: Steps, dim: int) -> tuple[str, ...]:
    return "Steps of an episode", f"states of {node.state}, actions of {node.action}", plural(node.length, "step")


def _transitions(node: Transitions, dim: int) -> tuple[str, ...]:
    return (
        "Transitions of an episode",
        f"observations of {node.observation}, actions of {node.action}",
        f"{plural(node.bins, 'bin')} for each number",
    )


def _looks(node: Looks, dim: int) -> tuple[str, ...]:
    seen = f"{plural(node.images, 'image')} of {node.image} {BY} {node.image}"
    return "Looks of a robot", seen, f"{node.learner.tokens} tokens of each", plural(node.actions, "action")


_WORDS: dict[type, Callable[[Any, int], tuple[str, ...]]] = {
    SharedTokens: lambda node, dim: ("Tokens", "the encoder's table, read again"),
    NarrowTokens: lambda node, dim: ("Tokens", f"{node.vocab:,} tokens {BY} {node.width:,}, projected to {dim:,}"),
    Targeted: lambda node, dim: (*_tokens(node.tokens, dim), "a vector in which targets begin"),
    Tokens: _tokens,
    AdaptiveTokens: _bands,
    Spectrogram: lambda node, dim: ("Spectrogram", f"{node.mels} bands", "two convolutions"),
    Waveform: lambda node, dim: ("Waveform", plural(len(node.filters), "convolution")),
    Steps: _steps,
    Transitions: _transitions,
    Looks: _looks,
}
