"""What a task keeps in memory, as formulas: ``plan(spec, "serve").bytes(context=8192, precision="bfloat16")``.

A plan as JSON is all that a browser needs to reckon as Python does (see ``formula`` for the formulas); this is that of
serving Mistral 7B:

    {"task": "serve",
     "lines": [
       {"name": "weights", "part": "weights",
        "formula": [[1, "block_bytes", {"ceil": [[[7241732096]], [[1, "block"]]]}]],
        "why": "7,241,732,096 parameters, each stored at the weights' precision."},
       {"name": "keys and values, window of 4,096", "part": "cache",
        "formula": [[65536, "batch", "number", {"min": [[[1, "context"]], [[4096]]]}]],
        "why": "32 attentions keep a key and a value of 8 heads, 128 numbers each, for ..."}],
     "variables": [
       {"name": "context", "default": 32768, "least": 1, "most": null, "why": "tokens of each sequence"},
       {"name": "batch", "default": 1, "least": 1, "most": null, "why": "sequences at once"}],
     "precisions": {
       "bfloat16": {"block": 1, "block_bytes": 2, "number": 2, "master": 4},
       "int4": {"block": 32, "block_bytes": 18, "number": 2, "master": 4}},
     "complete": true,
     "leaves_out": ["Activations of a pass ..."]}

A line's bytes are its formula at the variables' values together with the numbers of one of ``precisions``; a variable
whose default is null takes the value of ``context``. A plan that is not complete tells less than the task takes, or has
no lines: ``leaves_out`` says why. Its sum is then no answer to whether a model fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from bestiary.errors import BestiaryError, nearest
from bestiary.sizing.formula import from_json
from bestiary.sizing.interleaved import shown
from bestiary.sizing.lines import PRECISIONS, Line, Variable, numbers
from bestiary.sizing.reach import context_length, longest
from bestiary.sizing.serving import serving
from bestiary.sizing.table import html, text
from bestiary.sizing.tape import Trained
from bestiary.sizing.training import LORA, QLORA, lora, preferences, qlora, reinforcement, training, untold
from bestiary.spec import EncoderDecoder, Interleaved, Model, Spectrogram, text_side

USUAL_CONTEXT = 512
"""Tokens of a sequence where a model's positions have no end of their own and nobody names a number."""


@dataclass(frozen=True)
class Plan:
    """Lines of bytes that a task takes, the numbers it asks for, and what it leaves out, in sentences."""

    task: str
    lines: tuple[Line, ...]
    variables: tuple[Variable, ...]
    precisions: tuple[str, ...]
    complete: bool
    """Whether the lines are all that ``task`` takes, but for what ``leaves_out`` names for every model."""
    leaves_out: tuple[str, ...]

    def values(self, precision: str = "bfloat16", **values: int) -> dict[str, int]:
        """Return the value of every variable, a precision's among them; raises ``BestiaryError`` for a bad one."""
        if precision not in self.precisions:
            known = ", ".join(self.precisions)
            raise BestiaryError(
                f"precision is '{precision}'; use one of {known} to {self.task}{nearest(precision, self.precisions)}"
            )
        return {**numbers(PRECISIONS[precision]), **self._checked(values)}

    def bytes(self, precision: str = "bfloat16", **values: int) -> dict[str, int]:
        """Return the exact bytes of each line by its name."""
        known = self.values(precision, **values)
        return {line.name: line.formula.evaluate(known) for line in self.lines}

    def total(self, precision: str = "bfloat16", **values: int) -> int:
        """Return the bytes of all lines together."""
        return sum(self.bytes(precision, **values).values())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, as the head of this file shows."""
        return {
            "task": self.task,
            "lines": [line.to_json() for line in self.lines],
            "variables": [variable.to_json() for variable in self.variables],
            "precisions": {name: numbers(PRECISIONS[name]) for name in self.precisions},
            "complete": self.complete,
            "leaves_out": list(self.leaves_out),
        }

    @staticmethod
    def from_json(data: Any) -> Plan:
        """Return the plan that ``to_json`` wrote."""
        lines = [Line(one["name"], one["part"], from_json(one["formula"]), one["why"]) for one in data["lines"]]
        variables = tuple(Variable(**one) for one in data["variables"])
        precisions, said = tuple(data["precisions"]), tuple(data["leaves_out"])
        return Plan(data["task"], tuple(lines), variables, precisions, data["complete"], said)

    def __str__(self) -> str:
        return text(self._rows())

    def _repr_html_(self) -> str:
        return html(self._rows(), ("what", "bytes"))

    def _rows(self) -> list[tuple[str, str]]:
        return [(line.name, str(line.formula)) for line in self.lines] or [("nothing is known", "")]

    def _checked(self, given: dict[str, int]) -> dict[str, int]:
        known = {variable.name: variable for variable in self.variables}
        # A number that the formulas do not ask for changes nothing: a model that reads one input has no context.
        values = {name: value for name, value in given.items() if name in known}
        for name, value in values.items():
            least, most = known[name].least, known[name].most
            if value < least or (most is not None and value > most):
                bounds = f"at least {least:,}" if most is None else f"{least:,} to {most:,}"
                raise BestiaryError(f"{name} is {value:,}; this model and task take {bounds}")
        context = values.get("context", known["context"].default if "context" in known else None)
        defaults = {name: context if one.default is None else one.default for name, one in known.items()}
        return {name: value for name, value in defaults.items() if value is not None} | values


class Task(NamedTuple):
    """How a task's plan is made: its lines, what is trained if anything, the precisions it runs at."""

    lines: Callable[[Model], Iterable[Line]]
    trained: Trained | None
    precisions: tuple[str, ...]


FLOATS = ("float32", "bfloat16", "float16")

TASKS: dict[str, Task] = {
    "serve": Task(serving, None, tuple(PRECISIONS)),
    "train": Task(training, Trained(), FLOATS),
    "lora": Task(lora, Trained(LORA), FLOATS),
    "qlora": Task(qlora, Trained(QLORA), FLOATS),
    "dpo": Task(preferences, Trained(), FLOATS),
    "ppo": Task(reinforcement, Trained(), FLOATS),
}
"""What can be done with a model, by the names that the command line takes."""


def plan(spec: Model, task: str = "serve") -> Plan:
    """Return what a task keeps in memory; raises ``BestiaryError`` where there is no such task."""
    if task not in TASKS:
        raise BestiaryError(f"task is '{task}'; use one of {', '.join(TASKS)}{nearest(task, TASKS)}")
    lines, trained, precisions = TASKS[task]
    made = tuple(lines(spec))
    untrained = None if trained is None or not made else untold(spec, trained)
    said = _left_out(made, trained, untrained)
    return Plan(task, made, tuple(_variables(spec, made)), precisions, bool(made) and untrained is None, tuple(said))


def _left_out(lines: tuple[Line, ...], trained: Trained | None, untold: str | None) -> Iterator[str]:
    """Yield what the lines of a plan do not hold, and what they take for granted."""
    if not lines:
        yield "It writes no tokens, so there are no answers of its own to prefer or to reward."
    elif trained is None:
        if not any(line.part == "cache" for line in lines):
            yield "It keeps nothing from one token to the next: it reads its input whole, or writes no tokens."
        yield (
            "Activations of a pass and the engine's own memory come on top; they depend on the engine, which may read "
            "a long prompt in pieces."
        )
    else:
        if untold is not None:
            yield f"Activations are left out, so it takes more: no rule says what {untold} keeps for its derivative."
        yield (
            "Activations are those of plain torch: nothing compiled, no dropout, no padding, attention in the fused "
            "kernel. The framework's own memory and what several machines exchange come on top."
        )


def _variables(spec: Model, lines: tuple[Line, ...]) -> list[Variable]:
    asked = frozenset[str]().union(*(line.formula.variables() for line in lines))
    return [made for name, make in _VARIABLES.items() if name in asked for made in [make(spec)]]


def _context(spec: Model) -> Variable:
    why = "tokens of each sequence, those read and those written"
    most = longest(spec)
    try:
        return Variable("context", context_length(spec), why, most=most)
    except BestiaryError:  # positions without an end
        return Variable("context", USUAL_CONTEXT, why, most=most)


def _source(spec: Model) -> Variable:
    side = text_side(spec)
    if isinstance(spec, Interleaved):
        return Variable(
            "source", shown(spec), "vectors of the pictures that a text looks at; one picture's unless said"
        )
    if isinstance(side, EncoderDecoder) and isinstance(side.encoder.embed, Spectrogram):
        length = side.encoder.embed.position.length
        return Variable("source", length, "vectors of a piece of sound", length, length)
    return Variable("source", None, "tokens that the encoder reads; as many as context unless said")


_VARIABLES: dict[str, Callable[[Model], Variable]] = {
    "context": _context,
    "source": _source,
    "batch": lambda spec: Variable("batch", 1, "sequences at once; of preferences, pairs of them"),
    "rank": lambda spec: Variable("rank", 8, "numbers between the two matrices of an adapter"),
    "checkpointing": lambda spec: Variable(
        "checkpointing", 0, "1 to keep only what enters each layer and compute the rest again", 0, 1
    ),
}
