"""Everything as one sequence: texts, pictures in patches, numbers in bins, actions (Reed et al. 2022, section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bestiary.data.episodes.environment import Numbers
from bestiary.errors import BestiaryError

Ids = NDArray[np.int64]
MU, LIMIT = 100.0, 256.0
"""The constants of the law: numbers as large as the limit are one."""


def squash(values: Numbers, mu: float = MU, limit: float = LIMIT) -> Numbers:
    """Bring numbers between -1 and 1 by the mu-law: small ones are told apart better than large ones."""
    return np.sign(values) * np.log(np.abs(values) * mu + 1) / np.log(limit * mu + 1)


@dataclass(frozen=True)
class Alphabet:
    """Which token stands for what: ``text`` tokens, ``bins`` of numbers after them, and then what separates."""

    text: int = 32000
    bins: int = 1024

    @property
    def separator(self) -> int:
        """What stands between what is seen and what is done."""
        return self.text + self.bins

    def numbers(self, values: Numbers, squashed: bool = True) -> Ids:
        """Return the tokens of numbers; those that already are between -1 and 1 are not squashed."""
        if not np.isfinite(values).all():
            raise BestiaryError("numbers that are not finite have no token")
        within = squash(values) if squashed else values
        place = np.floor((within.ravel() + 1) / 2 * self.bins).astype(np.int64)
        return self.text + place.clip(0, self.bins - 1)

    def values(self, ids: Ids) -> Numbers:
        """Return the middle of each bin, between -1 and 1."""
        return ((ids - self.text + 0.5) / self.bins * 2 - 1).astype(np.float32)

    def choices(self, values: Ids) -> Ids:
        """Return the tokens of whole numbers, which are those numbers (section 2.1: they are not shifted)."""
        if values.size and not 0 <= values.min() <= values.max() < self.bins:
            raise BestiaryError(f"choices are from 0 to {self.bins - 1}; another has no token")
        return values.ravel().astype(np.int64)


def patches(picture: NDArray[np.uint8], size: int) -> tuple[Numbers, Numbers]:
    """Cut a picture ``[height, width, 3]`` into patches in raster order, ``[P, 3, size, size]``, and their spans.

    Pixels are between -1 and 1, divided by the root of the patch's side. Spans ``[P, 2, 2]`` are the rows and columns
    that a patch reaches over, from and to, in a picture one high and wide.
    """
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    if picture.ndim != 3 or picture.shape != (rows * size, columns * size, 3) or not rows * columns:
        raise BestiaryError(f"a picture of shape {list(picture.shape)} is not made of patches of {size} x {size} x 3")
    cut = picture.reshape(rows, size, columns, size, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, size, size)
    row, column = (place.ravel() for place in np.meshgrid(range(rows), range(columns), indexing="ij"))
    spans = np.stack(
        (np.stack((row, row + 1), -1) / rows, np.stack((column, column + 1), -1) / columns), axis=1
    ).astype(np.float32)
    return (cut.astype(np.float32) / 127.5 - 1) / np.float32(size**0.5), spans


@dataclass
class Sequence:
    """A sequence as it grows. What is seen in a step counts its places; all that is done has the place ``done``."""

    alphabet: Alphabet
    done: int
    ids: list[int] = field(default_factory=list[int])
    places: list[int] = field(default_factory=list[int])
    pictured: list[bool] = field(default_factory=list[bool])
    patches: list[Numbers] = field(default_factory=list[Numbers])
    spans: list[Numbers] = field(default_factory=list[Numbers])
    _place: int = 0

    def begin(self) -> None:
        """Begin a time step."""
        self._place = 0

    def see(self, ids: Ids) -> None:
        """Append tokens that are seen."""
        self._append(ids.tolist(), False)

    def see_picture(self, picture: NDArray[np.uint8], size: int) -> None:
        """Append a picture's patches."""
        cut, spans = patches(picture, size)
        self._append([0] * len(cut), True)
        self.patches += list(cut)
        self.spans += list(spans)

    def separate(self) -> None:
        """Append what stands between what is seen and what is done."""
        self._done(self.alphabet.separator)

    def do(self, token: int) -> None:
        """Append one token of an action."""
        self._done(token)

    def last(self, tokens: int) -> Sequence:
        """Return the last so many tokens."""
        cut = max(0, len(self.ids) - tokens)
        gone = sum(self.pictured[:cut])
        return Sequence(
            self.alphabet, self.done, self.ids[cut:], self.places[cut:], self.pictured[cut:], self.patches[gone:],
            self.spans[gone:],
        )  # fmt: skip

    def _append(self, ids: list[int], pictured: bool) -> None:
        if self._place + len(ids) > self.done:
            raise BestiaryError(f"a time step shows more than the {self.done} tokens that have a place; show less")
        self.ids += ids
        self.places += range(self._place, self._place + len(ids))
        self.pictured += [pictured] * len(ids)
        self._place += len(ids)

    def _done(self, token: int) -> None:
        self.ids.append(token)
        self.places.append(self.done)
        self.pictured.append(False)
