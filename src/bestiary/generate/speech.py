"""Writing down what is said: a sound of any length, heard in pieces, with the times that the model writes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.data.tokenizers.speech import LANGUAGES, TICK, SpeechTokens, speech_tokens
from bestiary.errors import BestiaryError
from bestiary.generate.sampling import Sampling, pick
from bestiary.nn import Cache, Model
from bestiary.spec import vocab_size
from bestiary.untrusted import quoted

FIRST = 1.0
"""Seconds by which a piece's first time must come."""
SILENT, DOUBTFUL = 0.6, -1.0
"""A piece is silence where that is likelier than the first and its transcript's mean logarithm is less than the second
(Radford et al. 2022, section 4.5)."""
REPEATED = 2.4
"""A transcript that shrinks by more than this when compressed says the same thing again and again (section 4.5)."""
WAYS = tuple(Sampling(fifth / 5) for fifth in range(6))
"""How tokens are chosen: each next way is tried where what the one before wrote is not to be believed (section 4.5)."""


@dataclass(frozen=True)
class Segment:
    """What is said from one time to another, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Written:
    """The tokens written for one piece."""

    tokens: list[int]
    mean: float
    """Of the logarithms of their probabilities, the end's included."""
    silence: float
    """The probability that nobody speaks."""

    @property
    def silent(self) -> bool:
        """Whether nobody is thought to speak."""
        return self.silence > SILENT and self.mean < DOUBTFUL

    def doubted(self, text: str) -> bool:
        """Return whether the tokens, ``text`` in letters, should be written anew in another way."""
        return compression(text) > REPEATED or (self.mean < DOUBTFUL and not self.silent)


@torch.inference_mode()
def transcribe(
    model: Model,
    sound: Tensor,
    *,
    language: str | None = None,
    task: Literal["transcribe", "translate"] = "transcribe",
    sampling: Sampling | None = None,
    seed: int | None = None,
) -> Iterator[Segment]:
    """Yield what is said in a sound, ``[samples]`` at the model's rate, segment by segment.

    A piece begins where the last whole segment of the one before ended. ``language`` is a code such as ``de``; a model
    of many languages tells it by the first piece where it is not given. ``task`` may be ``translate``, into English.
    Without ``sampling`` the likeliest tokens are taken, and a transcript that repeats itself or is improbable is
    written again with more and more chance, drawn by ``seed``. The model must have been loaded with a tokenizer.
    Raises ``BestiaryError`` for what it cannot do.
    """
    layout, reader = _layout(model), model.processor
    generator = None if seed is None else torch.Generator(model.device).manual_seed(seed)
    never, at_first = layout.never(model.tokenizer), layout.at_first(model.tokenizer)
    rules, ways = _Rules(layout, never, at_first), (sampling,) if sampling else WAYS
    prompt: list[int] | None = None
    place = 0
    while place < len(sound):
        piece = sound[place : place + reader.samples]
        memory = model.encode(features(model, piece))  # type: ignore[operator]
        if prompt is None:
            prompt = _prompt(model, memory, layout, language, task)
        written = _believed(model, memory, prompt, rules, ways, generator)
        lasts = len(piece) / reader.rate
        if written.silent:
            place += len(piece)
            continue
        heard, segments = _segments(written.tokens, layout, lasts)
        for start, end, ids in segments:
            text = _text(model, layout, ids)
            if text.strip():
                yield Segment(place / reader.rate + start, place / reader.rate + end, text)
        place += len(piece) if heard is None or heard <= 0 else round(heard * reader.rate)


def features(model: Model, piece: Tensor) -> Tensor:
    """Return what a model hears of a piece of sound, in its own precision."""
    return model.processor([piece])["input_features"].to(model.device, model.dtype)


def steps(model: Any, memory: Tensor, prompt: Sequence[int]) -> Iterator[tuple[Tensor, list[int]]]:
    """Yield scores of the next token, ``[1, T, vocab]``, and the list that the chosen one must be appended to."""
    cache, new = Cache(), list[int]()
    read = torch.tensor([list(prompt)], device=memory.device)
    while True:
        out = model(decoder_input_ids=read, encoder_outputs=memory, past_key_values=cache)
        yield out.logits.float(), new
        read = torch.tensor([[new[-1]]], device=memory.device)


def written(
    model: Model, memory: Tensor, prompt: Sequence[int], most: int, *, sampling: Sampling, seed: int | None = None
) -> Iterator[int]:
    """Yield up to ``most`` tokens of what a decoder writes on what was heard, by no rules."""
    generator = None if seed is None else torch.Generator(model.device).manual_seed(seed)
    room: int = model.spec.decoder.embed.position.length - len(prompt)
    for scores, new in steps(model, memory, prompt):
        new.append(int(pick(scores[:, -1], sampling, generator)[0]))
        yield new[-1]
        if len(new) >= min(most, room):
            return


def _layout(model: Any) -> SpeechTokens:
    layout = speech_tokens(vocab_size(model.spec) or 0)
    if layout is None:
        raise BestiaryError(f"a vocabulary of {vocab_size(model.spec):,} tokens has none that tell languages and times")
    if model.tokenizer is None:
        raise BestiaryError(
            "this model was loaded without a tokenizer: put GPT-2's vocab.json and merges.txt (of a model of many"
            " languages its own) beside the weights"
        )
    return layout


def _prompt(model: Any, memory: Tensor, layout: SpeechTokens, language: str | None, task: str) -> list[int]:
    """Return the tokens that a transcript begins with; one for English alone is told neither language nor task."""
    if not layout.multilingual:
        if language not in (None, "en") or task != "transcribe":
            raise BestiaryError("this model knows English alone and does not translate; take one of many languages")
        return [layout.start]
    if language is not None and layout.language(language) is None:
        raise BestiaryError(f"{quoted(language)} is no language of this model; {', '.join(LANGUAGES[:12])} are some")
    spoken = layout.language(language) if language else None
    if spoken is None:
        scores, _ = next(steps(model, memory, [layout.start]))
        first = layout.start + 1
        spoken = first + int(scores[0, -1, first : first + layout.languages].argmax())
    return [layout.start, spoken, layout.translate if task == "translate" else layout.transcribe]


@dataclass(frozen=True)
class _Rules:
    """What may come next (as in the authors' code): no sign of what is not said, and times in order and in pairs."""

    layout: SpeechTokens
    never: list[int]
    at_first: list[int]

    def apply(self, scores: Tensor, new: list[int]) -> Tensor:
        """Return scores, ``[vocab]``, with minus infinity for what may not come next."""
        layout, times = self.layout, self.layout.first_time
        scores = scores.clone()
        scores[[*self.never, layout.no_times]] = -torch.inf
        if not new:
            scores[self.at_first] = -torch.inf
            scores[:times] = -torch.inf
            scores[times + round(FIRST / TICK) + 1 :] = -torch.inf
            return scores
        self._keep_order(scores, new)
        logs = scores.log_softmax(-1)
        if logs[times:].logsumexp(-1) > logs[:times].max():  # time is likelier than any one word
            scores[:times] = -torch.inf
        return scores

    def _keep_order(self, scores: Tensor, new: list[int]) -> None:
        """A segment ends with a time, the next begins with one, and none comes before another."""
        times = self.layout.first_time
        ended, begun = new[-1] >= times, len(new) < 2 or new[-2] >= times
        if ended and begun:
            scores[times:] = -torch.inf
        elif ended:
            scores[: self.layout.end] = -torch.inf
        last = next((token for token in reversed(new) if token >= times), None)
        if last is not None:
            scores[times : last if ended and not begun else last + 1] = -torch.inf


def _write(model: Any, memory: Tensor, prompt: list[int], rules: _Rules, sampling: Sampling, generator: Any) -> Written:
    room = model.spec.decoder.embed.position.length // 2
    total, silence, layout = 0.0, 0.0, rules.layout
    for scores, new in steps(model, memory, prompt):
        if not new:
            silence = float(scores[0, 0].softmax(-1)[layout.no_speech])
        allowed = rules.apply(scores[0, -1], new)
        chosen = int(pick(allowed[None], sampling, generator)[0])
        total += float(F.log_softmax(allowed, dim=-1)[chosen])
        if chosen == layout.end:
            break
        new.append(chosen)
        if len(new) >= room:
            break
    return Written(new, total / (len(new) + 1), silence)


def _believed(
    model: Any, memory: Tensor, prompt: list[int], rules: _Rules, ways: Sequence[Sampling], generator: Any
) -> Written:
    """Return what is written in the first way that gives something to believe, or in the last."""
    for way in ways[:-1]:
        found = _write(model, memory, prompt, rules, way, generator)
        if not found.doubted(_text(model, rules.layout, found.tokens)):
            return found
    return _write(model, memory, prompt, rules, ways[-1], generator)


def _text(model: Any, layout: SpeechTokens, ids: Sequence[int]) -> str:
    return model.tokenizer.decode([token for token in ids if token < layout.end])


def compression(text: str) -> float:
    """Return how many times shorter a text is when compressed."""
    said = text.encode()
    return len(said) / len(zlib.compress(said))


def _segments(
    tokens: list[int], layout: SpeechTokens, lasts: float
) -> tuple[float | None, list[tuple[float, float, list[int]]]]:
    """Cut tokens where one time follows another; return too up to when the piece was heard, ``None`` for all of it.

    A single time at the end says that nothing comes after it; two, that a segment begins which the piece cuts off.
    """
    times = layout.first_time

    def seconds(token: int) -> float:
        return min((token - times) * TICK, lasts)

    timed = [token >= times for token in tokens]
    cuts = [index for index in range(1, len(tokens)) if timed[index] and timed[index - 1]]
    whole = timed[-2:] == [False, True]
    if not cuts:
        ends = [seconds(token) for token in tokens if token > times]
        return None, [(0.0, ends[-1] if ends else lasts, tokens)]
    edges = [0, *cuts, *([len(tokens)] if whole else [])]
    parts = [tokens[a:b] for a, b in pairwise(edges)]
    segments = [(seconds(part[0]), seconds(part[-1]), part) for part in parts]
    return None if whole else segments[-1][1], segments
