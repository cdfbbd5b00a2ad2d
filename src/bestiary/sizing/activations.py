"""What a training step keeps of its forward pass, closed form over a spec: by layer, and what stands around layers.

It is what ``torch`` keeps where nothing is compiled, dropout is off, no token is padding, and attention runs in torch's
fused kernel; the same op by op as in ``bestiary.nn``. Where a kind of node has no rule, ``Unknown`` names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from bestiary.sizing.formula import Formula, formula, most
from bestiary.sizing.kept import head, op
from bestiary.sizing.kept_attention import score_bias
from bestiary.sizing.kept_norms import norm
from bestiary.sizing.layers import runs
from bestiary.sizing.linear import maps
from bestiary.sizing.reach import positions
from bestiary.sizing.tape import INDEX, NUMBER, Tape, Tensor, Trained, Unknown
from bestiary.spec import (
    AddedTokens,
    Attention,
    EncoderDecoder,
    Layer,
    LayerScale,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    Model,
    NarrowTokens,
    Node,
    NormedTokens,
    Patches,
    ScaledTokens,
    SharedTokens,
    Spectrogram,
    Stack,
    TaskTokens,
    Tokens,
    Transformer,
    as_heads_see,
    own_layers,
    run_order,
    walk_once,
)


@dataclass(frozen=True)
class Run:
    """One kind of layer: the bytes that it keeps, how often it runs, the vectors it reads and the bytes of these."""

    kept: Formula
    times: int
    rows: Formula
    entering: Formula


@dataclass(frozen=True)
class Kept:
    """What a pass keeps: of each kind of layer, and around the layers."""

    runs: tuple[Run, ...]
    around: Formula

    @property
    def all(self) -> Formula:
        """Bytes where everything is kept."""
        return sum((run.kept * run.times for run in self.runs), self.around)

    @property
    def entering(self) -> Formula:
        """Bytes of what enters each layer: all that checkpointing keeps of them."""
        return sum((run.entering * run.times for run in self.runs), Formula())

    @property
    def largest(self) -> Formula:
        """Bytes that the layer which keeps most needs while it is computed again."""
        return reduce(most, dict.fromkeys(run.kept for run in self.runs), Formula())

    @property
    def rows(self) -> Formula:
        """How many vectors the layer reads that reads most."""
        return reduce(most, dict.fromkeys(run.rows for run in self.runs), Formula())


def kept(spec: Model, trained: Trained) -> Kept:
    """Return what a training step keeps of ``batch`` sequences of ``context`` tokens; raises ``Unknown``."""
    rule = MODELS.get(type(spec))
    if rule is None:
        raise Unknown(type(spec).__name__)
    return rule(spec, trained)


def _tape(spec: Model, trained: Trained, embed: Node, name: str) -> Tape:
    """Return the tape of a tower: pictures and sounds have places of their own, texts as many as are asked for."""
    length = formula(positions(embed) or 0) if isinstance(embed, Patches | Spectrogram) else formula(name)
    return Tape(spec, trained, length, formula("batch"))


def _one_tower(spec: Transformer, trained: Trained) -> Kept:
    tape = _tape(spec, trained, spec.embed, "context")
    runs, x = _stack(spec.stack, _embedded(spec.embed, tape), tape)
    return Kept(runs, _answers(spec, x, tape))


def _two_towers(spec: EncoderDecoder, trained: Trained) -> Kept:
    tape = _tape(spec, trained, spec.encoder.embed, "source")
    below, memory = _stack(spec.encoder.stack, _embedded(spec.encoder.embed, tape), tape)
    memory.shared = True
    above = _tape(spec, trained, spec.decoder.embed, "context")
    above.memory, above.source = memory, tape.length
    runs, x = _stack(spec.decoder.stack, _embedded(spec.decoder.embed, above), above)
    return Kept((*below, *runs), tape.bytes() + tape.common_bytes() + _answers(spec, x, above))


MODELS: dict[type[Model], Callable[[Any, Trained], Kept]] = {Transformer: _one_tower, EncoderDecoder: _two_towers}


def _answers(spec: Transformer | EncoderDecoder, x: Tensor, tape: Tape) -> Formula:
    """Run the heads; return the bytes of all that is kept outside of layers."""
    if isinstance(spec, Transformer) and isinstance(spec.embed, NarrowTokens):
        x = tape.linear("narrow", maps(spec.embed, spec)["narrow"], x)
    tape.model = as_heads_see(spec)
    for one in spec.heads.values():
        head(one, x, tape)
    return tape.bytes() + tape.common_bytes()


def _embedded(embed: Node, tape: Tape) -> Tensor:
    rule = EMBEDS.get(type(embed))
    if rule is None:
        raise Unknown(type(embed).__name__)
    return rule(embed, tape)


def _tokens(embed: Tokens | SharedTokens, tape: Tape) -> Tensor:
    width = (embed.width if isinstance(embed, Tokens) else None) or tape.model.dim
    x = _looked_up(tape, width, embed.position)
    if isinstance(embed, ScaledTokens) and x.grad:
        tape.keep_numbers(1, NUMBER)  # the root that is multiplied with
    x = x if embed.norm is None else norm(embed.norm, x, tape.rows, tape)
    linear = maps(embed, tape.model)
    return tape.linear("project", linear["project"], x) if "project" in linear else x


def _narrow_tokens(embed: NarrowTokens, tape: Tape) -> Tensor:
    x = _looked_up(tape, embed.width, embed.position)
    return tape.linear("project", maps(embed, tape.model)["project"], x)


def _looked_up(tape: Tape, width: int, position: Node | None) -> Tensor:
    """Look tokens up: a table that is trained keeps which rows were read."""
    if tape.trained.weights:
        tape.keep_numbers(tape.rows, INDEX)
        if isinstance(position, Learned | LearnedByMask | LearnedBlocks):
            tape.keep_numbers(tape.length, INDEX)
        if isinstance(position, LearnedAfterPadding):
            tape.keep_numbers(tape.rows, INDEX)
    return Tensor(tape.rows * width, tape.trained.weights)


def _patches(embed: Patches, tape: Tape) -> Tensor:
    pixels = Tensor(tape.batch * ((embed.image // embed.patch) ** 2 * embed.channels * embed.patch**2), False)
    tape.linear("patches", maps(embed, tape.model)["patches"], pixels)
    return Tensor(tape.rows * tape.model.dim, tape.trained.weights)


def _spectrogram(embed: Spectrogram, tape: Tape) -> Tensor:
    """Two convolutions with nonlinearities, the first over twice as many frames as there are vectors."""
    if tape.trained.weights:
        tape.keep_numbers(tape.rows * (2 * embed.mels + 5 * tape.model.dim), NUMBER)
    return Tensor(tape.rows * tape.model.dim, tape.trained.weights)


EMBEDS: dict[type[Node], Callable[[Any, Tape], Tensor]] = {
    Tokens: _tokens, TaskTokens: _tokens, ScaledTokens: _tokens, AddedTokens: _tokens, SharedTokens: _tokens,
    NormedTokens: _tokens, NarrowTokens: _narrow_tokens, Patches: _patches, Spectrogram: _spectrogram,
}  # fmt: skip


def _stack(stack: Stack, x: Tensor, tape: Tape) -> tuple[tuple[Run, ...], Tensor]:
    """Run a stack: return what each kind of layer keeps, and what the last one leaves."""
    if stack.position is not None:
        heads = next((part.heads for _, part in walk_once(own_layers(stack)) if isinstance(part, Attention)), 1)
        tape.bias = score_bias(stack.position, heads, tape)
        tape.bias.shared = True
    times = dict(runs(stack))
    first = own_layers(stack)[run_order(stack)[0]]
    made: list[Run] = []
    if not x.grad:  # a frozen embedding: the first layer begins without a gradient
        times[first] -= 1
        made.append(_run(first, 1, Tensor(x.numbers, False), tape))
    made += [_run(layer, number, Tensor(x.numbers), tape) for layer, number in times.items() if number]
    x = Tensor(x.numbers)
    return tuple(made), x if stack.norm is None else norm(stack.norm, x, tape.rows, tape)


def _run(layer: Layer, times: int, x: Tensor, tape: Tape) -> Run:
    own, floats = tape.own, tape.floats
    tape.own, tape.floats = {}, {}
    _layer(layer, x, tape)
    run = Run(tape.bytes(), times, tape.rows, x.numbers * NUMBER)
    tape.own, tape.floats = own, floats
    return run


def _layer(layer: Layer, x: Tensor, tape: Tape) -> Tensor:
    for branch in layer:
        before = branch.norm if branch.placement in ("pre", "both") else None
        h = x if before is None else norm(before, x, tape.rows, tape)
        h = op(branch.op, h, tape)
        after = branch.norm if branch.placement in ("output", "both") else None
        h = h if after is None else norm(after, h, tape.rows, tape)
        if isinstance(branch.scale, LayerScale) and tape.trained.weights:
            tape.keep(h)
        x = Tensor(x.numbers, x.grad or h.grad)
        if branch.norm is not None and branch.placement == "post":
            x = norm(branch.norm, x, tape.rows, tape)
    return x
