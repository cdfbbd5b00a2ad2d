"""The tape of a training step: which tensors autograd holds from the forward pass until the backward pass needs them.

What an op keeps is what its derivative is written with, in torch's own rules: a product keeps both sides as far as the
other one has a gradient, a norm what it normed and the statistics, a nonlinearity its input or its output. A tensor
that several ops keep is one tensor. Nothing is kept for what has no gradient: frozen weights keep no inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bestiary.sizing.formula import Formula, formula
from bestiary.sizing.linear import Linear
from bestiary.sizing.lines import FLOAT32
from bestiary.spec import Model

NUMBER = formula("number")
INDEX = 8
"""Bytes of an index of a table, a place in a sorting: torch's int64."""


class Unknown(Exception):
    """A kind of node that no rule says of what it keeps."""


@dataclass(frozen=True)
class Trained:
    """What is trained: all weights, or beside frozen ones the adapters of linear maps with these names."""

    adapted: tuple[str, ...] | None = None

    @property
    def weights(self) -> bool:
        """Whether the model's own weights are trained."""
        return self.adapted is None

    def adapts(self, name: str) -> bool:
        """Tell whether a linear map has an adapter."""
        return self.adapted is not None and name in self.adapted


@dataclass(eq=False)
class Tensor:
    """So many numbers, and whether a gradient flows back through them.

    One that is ``shared`` is made once for all layers. One that is ``by_head`` lies in memory head by head, so that
    what attention makes of it is copied before heads are joined.
    """

    numbers: Formula
    grad: bool = True
    shared: bool = False
    by_head: bool = False
    bytes_each: Formula = field(default=NUMBER)


@dataclass
class Tape:
    """One pass over ``rows`` vectors, ``length`` of them a sequence, and what it keeps.

    ``memory`` is the encoder's output, ``source`` its vectors in a sequence. ``bias`` is what a stack's position adds
    to all its scores.
    """

    model: Model
    trained: Trained
    length: Formula
    batch: Formula
    source: Formula = field(default_factory=Formula)
    memory: Tensor | None = None
    bias: Tensor | None = None
    own: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    common: dict[object, Tensor] = field(default_factory=dict[object, Tensor])
    floats: dict[int, Tensor] = field(default_factory=dict[int, Tensor])

    @property
    def rows(self) -> Formula:
        """How many vectors pass: those of all sequences."""
        return self.batch * self.length

    def vectors(self, width: int, like: Tensor | None = None) -> Tensor:
        """Return a new tensor of so many numbers a row; its gradient flows where that of another one does."""
        return Tensor(self.rows * width, like is None or like.grad)

    def keep(self, *tensors: Tensor) -> None:
        """Hold tensors until the backward pass."""
        for tensor in tensors:
            if tensor.shared:
                self.common[id(tensor)] = tensor
            else:
                self.own[id(tensor)] = tensor

    def keep_float(self, tensor: Tensor) -> None:
        """Hold a tensor in float32: itself where it is so already, else a copy."""
        self.floats[id(tensor)] = tensor

    def keep_numbers(self, numbers: Formula | int, each: Formula | int = FLOAT32) -> None:
        """Hold so many numbers that no other op reads: statistics of norms, indices, masks."""
        self.keep(Tensor(formula(numbers), bytes_each=formula(each)))

    def once(self, key: object, numbers: Formula, each: Formula | int = NUMBER) -> Tensor:
        """Hold a tensor that is made once for all layers that ask for it by this key."""
        self.common.setdefault(key, Tensor(numbers, grad=False, shared=True, bytes_each=formula(each)))
        return self.common[key]

    def linear(self, name: str, one: Linear, x: Tensor, rows: Formula | None = None) -> Tensor:
        """Run a linear map: the gradient of its matrix needs what it read, that of what it read the matrix alone."""
        rows = self.rows if rows is None else rows
        adapted = self.trained.adapts(name)
        if self.trained.weights or adapted:
            self.keep(x)
        if adapted:  # the second of the adapter's two matrices reads what the first one makes
            self.keep_numbers(rows * formula("rank"), NUMBER)
        return Tensor(rows * one.outputs, self.trained.weights or adapted or x.grad)

    def bytes(self) -> Formula:
        """Return the bytes that are kept, without what layers share."""
        held = _sum(self.own.values())
        for key, tensor in self.floats.items():
            # In float32 the copy is the tensor itself, and ``master``, which is 0 there, else 4, adds nothing to it.
            held += tensor.numbers * (formula("master") if key in self.own or tensor.shared else formula(FLOAT32))
        return held

    def common_bytes(self) -> Formula:
        """Return the bytes that are kept once for all layers."""
        return _sum(self.common.values())


def _sum(tensors: Iterable[Tensor]) -> Formula:
    return sum((tensor.numbers * tensor.bytes_each for tensor in tensors), Formula())
