"""The tensors of a checkpoint, known by name, shape and dtype before any is read; the check of their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import quoted

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1 << 20  # values that are summed at once: a half-precision chunk is widened inside the cache


@dataclass(frozen=True)
class TensorInfo:
    """What a file's header says of one tensor."""

    file: Path
    dtype: str  # in torch's words: the dtype that `TensorFiles.get` returns
    shape: tuple[int, ...]
    stored: str  # in the file's words: "BF16", "Q4_K"


@dataclass(frozen=True)
class TensorFiles:
    """A read-only mapping of the tensors in one file or a set of shards.

    `get` maps the file's memory and copies nothing, unless the file holds the values quantized or is an old one that
    torch can only read whole. A tensor keeps its file mapped for as long as it lives, so there is nothing to close.
    Its memory is private: writing into a tensor never reaches the file.
    """

    infos: Mapping[str, TensorInfo]
    read: Callable[[str], Tensor]
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __contains__(self, name: object) -> bool:
        return name in self.infos

    def __iter__(self) -> Iterator[str]:
        return iter(self.infos)

    def __len__(self) -> int:
        return len(self.infos)

    def names(self) -> tuple[str, ...]:
        """Return the names of all tensors in the order of the file."""
        return tuple(self.infos)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape in torch's order, without reading its values."""
        return self.info(name).shape

    def dtype(self, name: str) -> str:
        """Return the dtype in torch's words ("bfloat16") of what `get` returns, without reading the values."""
        return self.info(name).dtype

    def get(self, name: str) -> Tensor:
        """Return the tensor ``name`` on the CPU; raise BestiaryError where the checkpoint has none of that name."""
        self.info(name)
        return self.read(name)

    def info(self, name: str) -> TensorInfo:
        """Return what the header says of the tensor ``name``, or raise BestiaryError with the nearest names."""
        try:
            return self.infos[name]
        except KeyError:
            hint = nearest(name, self.infos) or "; see .names()"
            raise BestiaryError(f"the checkpoint has no tensor {quoted(name)}{hint}") from None


def joined(shards: Sequence[TensorFiles]) -> TensorFiles:
    """Return the shards as one mapping; their names must be distinct. The metadata of the first shard wins."""
    infos = {name: info for shard in shards for name, info in shard.infos.items()}
    readers = {name: shard.read for shard in shards for name in shard.infos}
    metadata = {key: value for shard in reversed(shards) for key, value in shard.metadata.items()}
    return TensorFiles(infos, lambda name: readers[name](name), metadata)


def value_fault(tensor: Tensor) -> str | None:
    """Say what is wrong with the values of a weight (not of floating point, NaN, infinite), or None.

    One pass in steps of a few MB: a finite sum proves that every term is finite, and only a chunk whose sum is not
    (which large finite values can also cause) is looked at value by value.
    """
    import torch

    if not tensor.is_floating_point():
        dtype = str(tensor.dtype).removeprefix("torch.")
        return f"is of dtype {dtype} where a weight must be floating-point; use the unquantized checkpoint"
    wide = torch.promote_types(tensor.dtype, torch.float32) if tensor.element_size() > 1 else torch.float32
    for chunk in _chunks(tensor.detach()):
        values = chunk.to(wide)
        if not torch.isfinite(values.sum()) and not torch.isfinite(values).all():
            kind = "NaN" if torch.isnan(values).any() else "infinite"
            return f"holds {kind} values; the checkpoint is damaged or its training diverged, so use another"
    return None


def check_values(name: str, tensor: Tensor, file: Path | None = None) -> None:
    """Raise BestiaryError, naming file and tensor, unless ``tensor`` is floating-point and all finite."""
    if fault := value_fault(tensor):
        raise BestiaryError(f"{file or 'the checkpoint'}: tensor {quoted(name)} {fault}")


def _chunks(tensor: Tensor) -> Sequence[Tensor]:
    if tensor.is_contiguous():
        return tensor.view(-1).split(CHUNK)
    rows = max(1, CHUNK * len(tensor) // max(1, tensor.numel()))
    return tensor.split(rows)
