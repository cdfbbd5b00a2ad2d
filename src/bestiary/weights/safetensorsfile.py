"""Safetensors files, opened without trust: the whole header is checked here, then safetensors maps the memory.

Layout: eight bytes (the header's length, little-endian), a JSON header, then the tensors' bytes without gap or overlap.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bestiary.errors import BestiaryError
from bestiary.jsonfile import parse_json
from bestiary.untrusted import is_count, listed, mistaken_for, quoted, regular_file
from bestiary.weights.tensorfiles import TensorFiles, TensorInfo

if TYPE_CHECKING:
    from torch import Tensor

HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
MOST_DIMENSIONS = 64  # torch's own limit
DOWNLOAD = "download the file again"

# The file's word for a dtype: torch's word, and bytes for each value.
DTYPES = {
    "BOOL": ("bool", 1),
    "U8": ("uint8", 1),
    "I8": ("int8", 1),
    "U16": ("uint16", 2),
    "I16": ("int16", 2),
    "U32": ("uint32", 4),
    "I32": ("int32", 4),
    "U64": ("uint64", 8),
    "I64": ("int64", 8),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F32": ("float32", 4),
    "F64": ("float64", 8),
    "C64": ("complex64", 8),
}

# How the files begin that are most often renamed to .safetensors, and what to do instead.
RENAMED = (
    (b"PK\x03\x04", "is a zip archive, as torch.save writes; name it pytorch_model.bin"),
    (b"GGUF", "is a GGUF file; name it with .gguf"),
    (b"\x80\x02", "is a Python pickle; convert it to safetensors where you trust its author"),
    (b"\x80\x03", "is a Python pickle; convert it to safetensors where you trust its author"),
    (b"\x80\x04", "is a Python pickle; convert it to safetensors where you trust its author"),
    (b"\x80\x05", "is a Python pickle; convert it to safetensors where you trust its author"),
)


def open_safetensors(path: str | os.PathLike[str]) -> TensorFiles:
    """Return the tensors of a safetensors file, none of them read yet.

    Raises BestiaryError, with every fault in one message, unless header, offsets, shapes and dtypes agree with each
    other and with the file's length.
    """
    path = regular_file(path)
    try:
        with path.open("rb") as file:
            header, room = _read_header(path, file)
    except OSError as error:
        raise BestiaryError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    metadata = header.pop("__metadata__", {})
    faults = [*_metadata_faults(metadata), *_entry_faults(header)] or list(_layout_faults(header, room))
    if faults:
        raise BestiaryError(f"{path}: {listed(faults, '; ')}; {DOWNLOAD}")
    infos = {
        name: TensorInfo(path, DTYPES[entry["dtype"]][0], tuple(entry["shape"]), entry["dtype"])
        for name, entry in header.items()
    }
    return TensorFiles(infos, _reader(path), metadata)


def _read_header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Return the header and the number of bytes that follow it."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(64)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length > min(size - 8, HEADER_LIMIT) or start[8:9] != b"{":
        raise BestiaryError(f"{path} {_no_header(start, size, length)}")
    file.seek(8)
    return parse_json(file.read(length), f"the header of {path}"), size - 8 - length


def _no_header(start: bytes, size: int, length: int) -> str:
    """Say why the file has no safetensors header."""
    if mistake := mistaken_for(start) or next((words for magic, words in RENAMED if start.startswith(magic)), None):
        return mistake
    if start[8:9] != b"{":
        return f"is not a safetensors file, whose header begins with '{{'; {DOWNLOAD}"
    if length > HEADER_LIMIT:
        return f"declares a header of {length:,} bytes where the format allows {HEADER_LIMIT:,}; {DOWNLOAD}"
    return f"is truncated: its header takes {length:,} bytes and the file has {size:,}; {DOWNLOAD}"


def _metadata_faults(metadata: Any) -> Iterator[str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield "'__metadata__' must map words to words"


def _entry_faults(header: dict[str, Any]) -> Iterator[str]:
    """Give what is wrong in single entries: their keys, dtypes, shapes, and the bytes that these need."""
    for name, entry in header.items():
        if fault := _entry_fault(entry):
            yield f"tensor {quoted(name)} {fault}"


def _entry_fault(entry: Any) -> str | None:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        return "must have dtype, shape and data_offsets, and nothing else"
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        return f"has the unknown dtype {quoted(dtype)}"
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS or not all(map(is_count, shape)):
        return f"has the impossible shape {quoted(shape)}"
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_count, offsets)):
        return f"has the impossible data_offsets {quoted(offsets)}"
    needed, given = math.prod(shape) * DTYPES[dtype][1], offsets[1] - offsets[0]
    return None if needed == given else f"needs {needed:,} bytes for {quoted(shape)} of {dtype} but is given {given:,}"


def _layout_faults(header: dict[str, Any], room: int) -> Iterator[str]:
    """Give every place where the tensors, in the order of their bytes, do not follow one another up to the end."""
    end = 0
    for start, stop, name in sorted((*entry["data_offsets"], name) for name, entry in header.items()):
        if stop > room:
            yield f"the file is truncated: tensor {quoted(name)} ends at byte {stop:,} of {room:,}"
            return
        if start != end:
            yield f"tensor {quoted(name)} {'overlaps the one before' if start < end else 'leaves a gap before it'}"
        end = max(end, stop)
    if end < room:
        yield f"{room - end:,} bytes at the end belong to no tensor"


def _reader(path: Path) -> Callable[[str], Tensor]:
    """Return a function that maps one tensor; torch is imported, and the file mapped, at its first call."""
    opened: list[Any] = []

    def read(name: str) -> Tensor:
        from safetensors import SafetensorError, safe_open

        try:
            if not opened:
                opened.append(safe_open(path, framework="pt", device="cpu"))
            return opened[0].get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise BestiaryError(f"{path} changed after it was opened ({error}); open it again") from None

    return read
