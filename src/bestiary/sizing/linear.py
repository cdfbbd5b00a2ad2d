"""A linear map as sizes see it: so many inputs, so many outputs, a bias or none."""

from __future__ import annotations

from typing import NamedTuple


class Linear(NamedTuple):
    """A matrix from ``inputs`` to ``outputs`` numbers, with a bias or not."""

    inputs: int
    outputs: int
    bias: bool = True

    @property
    def weights(self) -> int:
        """Entries of the matrix, which are the multiply-adds that one vector costs."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Entries of the matrix and of the bias."""
        return self.weights + self.bias * self.outputs


Maps = dict[str, Linear]
