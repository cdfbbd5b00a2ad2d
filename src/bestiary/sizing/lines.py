"""What plans are made of: named lines, each a formula with the sentence that says why, and the variables in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from bestiary.sizing.formula import Formula

Part: TypeAlias = Literal["weights", "cache", "gradients", "optimizer", "activations", "logits"]
"""What a line's bytes hold."""


@dataclass(frozen=True)
class Line:
    """So many bytes, and why; ``name`` is the line's own in its plan, ``part`` what its bytes hold."""

    name: str
    part: Part
    formula: Formula
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"name": self.name, "part": self.part, "formula": self.formula.to_json(), "why": self.why}


@dataclass(frozen=True)
class Variable:
    """A number that a plan asks for. ``default`` is what is taken where none is given, ``None`` as many as context."""

    name: str
    default: int | None
    why: str
    least: int = 1
    most: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name, "default": self.default, "least": self.least, "most": self.most, "why": self.why,
        }  # fmt: skip


class Precision(NamedTuple):
    """Numbers are stored in blocks of ``values`` that take ``bytes``, a scale for each block included."""

    values: int
    bytes: int
    cache: str
    """The precision that is computed in, and the cache kept in, beside weights of this one."""


PRECISIONS: dict[str, Precision] = {
    "float32": Precision(1, 4, "float32"),
    "bfloat16": Precision(1, 2, "bfloat16"),
    "float16": Precision(1, 2, "float16"),
    # A float16 scale for 32 values, as in GGUF's Q8_0 and Q4_0: 8.5 and 4.5 bits a value. Only weights are quantized.
    "int8": Precision(32, 34, "float16"),
    "int4": Precision(32, 18, "float16"),
}

FLOAT32 = 4
"""Bytes of a number that stays in float32 whatever the precision: moments, master weights, sums of losses."""


def numbers(precision: Precision) -> dict[str, int]:
    """Return the variables that a precision gives to formulas.

    ``block_bytes`` holds ``block`` stored weights; ``number`` are the bytes of a number that is computed with: of keys
    and values, activations, gradients, trained weights; ``master`` those of the copy in float32 that an optimizer
    keeps of each trained weight, none where that is float32 itself.
    """
    number = PRECISIONS[precision.cache].bytes
    return {
        "block": precision.values, "block_bytes": precision.bytes, "number": number,
        "master": 0 if number == FLOAT32 else FLOAT32,
    }  # fmt: skip
