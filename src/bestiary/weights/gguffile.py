"""GGUF files: names, shapes and metadata from a checked header; quantized tensors widened when they are asked for."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bestiary.errors import BestiaryError
from bestiary.untrusted import listed, mistaken_for, quoted, regular_file
from bestiary.weights.ggufheader import Header, HeaderFault, Stored, read_header
from bestiary.weights.tensorfiles import TensorFiles, TensorInfo

if TYPE_CHECKING:
    from torch import Tensor

# GGML's types that torch has too: returned as they are, straight from the file's memory. All others become float32.
PLAIN = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F64": "float64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
}


def open_gguf(path: str | os.PathLike[str]) -> TensorFiles:
    """Return the tensors of a GGUF file, shapes in torch's order, and its metadata as plain Python values.

    `get` maps float and integer tensors and dequantizes the others to float32. Raises BestiaryError, every fault in
    one message, where a count, type, shape or offset does not fit the file.
    """
    path = regular_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
            if mistake := mistaken_for(start):
                raise BestiaryError(f"{path} {mistake}")
            buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        header = read_header(memoryview(buffer))
    except OSError as error:
        raise BestiaryError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    except HeaderFault as fault:
        raise BestiaryError(f"{path} {fault}") from None
    if faults := list(_faults(header, len(buffer) - header.start)):
        raise BestiaryError(f"{path}: {listed(faults, '; ')}; download the file again")
    infos: dict[str, TensorInfo] = {}
    for name, stored in header.tensors.items():
        word = _type_name(stored.type)
        infos[name] = TensorInfo(path, PLAIN.get(word, "float32"), tuple(reversed(stored.sizes)), word)
    return TensorFiles(infos, _reader(buffer, header), header.metadata)


def _type_name(number: int) -> str:
    from gguf.constants import GGMLQuantizationType

    return GGMLQuantizationType(number).name


def _readable_types() -> dict[int, tuple[int, int]]:
    """Return GGML's types that can be returned or dequantized, each with values and bytes of a block."""
    import numpy as np
    from gguf.constants import GGML_QUANT_SIZES
    from gguf.quants import dequantize

    readable: dict[int, tuple[int, int]] = {}
    for kind, (values, size) in GGML_QUANT_SIZES.items():
        try:
            if kind.name not in PLAIN:
                dequantize(np.zeros((1, size), np.uint8), kind)
        except NotImplementedError:
            continue
        readable[int(kind)] = (values, size)
    return readable


def _bytes(stored: Stored, block: tuple[int, int]) -> int:
    return math.prod(stored.sizes) // block[0] * block[1]


def _faults(header: Header, room: int) -> Iterator[str]:
    """Give every tensor whose type is not read, or whose bytes do not fit its rows, the file, or its neighbor."""
    readable, end, before = _readable_types(), 0, ""
    for name, stored in sorted(header.tensors.items(), key=lambda item: item[1].offset):
        block = readable.get(stored.type)
        if block is None:
            yield f"tensor {quoted(name)} is of GGML type {stored.type}, which the gguf library does not read"
            continue
        if (row := math.prod(stored.sizes[:1])) % block[0]:
            yield f"tensor {quoted(name)} has rows of {row:,} values, not a multiple of {block[0]}"
        if stored.offset < end:
            yield f"tensor {quoted(name)} overlaps {quoted(before)}"
        end, before = max(end, stored.offset + _bytes(stored, block)), name
        if stored.offset + _bytes(stored, block) > room:
            yield f"the file is truncated: tensor {quoted(name)} ends at byte {end:,} of {room:,}"


def _reader(buffer: mmap.mmap, header: Header) -> Callable[[str], Tensor]:
    def read(name: str) -> Tensor:
        import numpy as np
        import torch
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
        from gguf.quants import dequantize

        stored = header.tensors[name]
        kind, shape = GGMLQuantizationType(stored.type), tuple(reversed(stored.sizes))
        count, offset = math.prod(shape), header.start + stored.offset
        if not count:
            return torch.empty(shape, dtype=getattr(torch, PLAIN.get(kind.name, "float32")))
        if kind.name in PLAIN:
            dtype = getattr(torch, PLAIN[kind.name])
            return torch.frombuffer(buffer, dtype=dtype, count=count, offset=offset).view(shape)
        size = _bytes(stored, GGML_QUANT_SIZES[kind])
        raw: Any = np.frombuffer(buffer, np.uint8, size, offset).reshape(math.prod(shape[:-1]), -1)
        return torch.from_numpy(dequantize(raw, kind)).view(shape)

    return read
