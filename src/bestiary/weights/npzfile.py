"""Archives of numpy's arrays (``.npz``), opened without trust: headers checked, nothing unpickled or inflated."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bestiary.errors import BestiaryError
from bestiary.untrusted import is_count, listed, mistaken_for, quoted, regular_file
from bestiary.weights.tensorfiles import TensorFiles, TensorInfo

if TYPE_CHECKING:
    from torch import Tensor

ZIP, LOCAL_HEADER, ENDING = b"PK\x03\x04", 30, ".npy"
HEADER_LIMIT, MOST_MEMBERS, MOST_DIMENSIONS = 10_000, 100_000, 64
DTYPES = {"f2": "float16", "f4": "float32", "f8": "float64", "i4": "int32", "i8": "int64", "u1": "uint8"}


def open_npz(path: str | os.PathLike[str]) -> TensorFiles:
    """Return the arrays of a ``.npz`` file, mapped from it when they are read.

    Raises BestiaryError for an archive that is damaged or compressed, and for arrays of objects, which are pickles.
    """
    path = regular_file(path)
    places: dict[str, int] = {}
    infos: dict[str, TensorInfo] = {}
    faults: list[str] = []
    try:
        with path.open("rb") as file:
            start = file.read(64)
            if not start.startswith(ZIP):
                raise BestiaryError(f"{path} {mistaken_for(start) or 'is no archive that numpy.savez writes'}")
        with zipfile.ZipFile(path) as archive:
            for member in _members(path, archive):
                name = member.filename.removesuffix(ENDING)
                try:
                    infos[name], places[name] = _opened(path, archive, member)
                except BestiaryError as error:
                    faults.append(f"{quoted(name)} {error}")
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError):
        raise BestiaryError(f"{path} is a damaged or truncated archive; download it again") from None
    if faults:
        raise BestiaryError(f"{path}: {listed(faults, '; ')}; save the arrays with numpy.savez")
    return TensorFiles(infos, lambda name: _mapped(infos[name], places[name]))


def write_npz(tensors: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write tensors as numpy.savez would, under names that may hold slashes."""
    import numpy as np
    import torch

    if any(tensor.dtype == torch.bfloat16 for tensor in tensors.values()):
        raise BestiaryError("numpy's files hold no bfloat16; convert the model to float32 and save it again")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in tensors.items():
            with archive.open(zipfile.ZipInfo(name + ENDING), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, tensor.detach().cpu().numpy(), allow_pickle=False)


def _members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    names = {member.filename for member in members}
    if not members or len(members) > MOST_MEMBERS or len(names) < len(members):
        raise BestiaryError(f"{path} holds {len(members):,} members of {len(names):,} names; download it again")
    return members


def _opened(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[TensorInfo, int]:
    """Return what a member's header says, and where in the archive its values begin."""
    if not member.filename.endswith(ENDING):
        raise BestiaryError("is no array")
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise BestiaryError("is compressed or encrypted")
    with archive.open(member) as file:
        shape, dtype, header = _header(file)
    size = math.prod(shape) * int(dtype[1])
    if header + size != member.file_size:
        raise BestiaryError(f"is {member.file_size:,} bytes long, not the {header + size:,} that its header says")
    with path.open("rb") as file:
        file.seek(member.header_offset)
        local = file.read(LOCAL_HEADER)
    names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    place = member.header_offset + LOCAL_HEADER + names + header
    if place + size > path.stat().st_size:
        raise BestiaryError("reaches beyond the end of the file")
    return TensorInfo(path, DTYPES[dtype], shape, dtype), place


def _header(file: Any) -> tuple[tuple[int, ...], str, int]:
    """Return an array's shape, its dtype as ``f4``, and how long its header is."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file, max_header_size=HEADER_LIMIT)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise BestiaryError("has a header that is not numpy's") from None
    kind = f"{dtype.kind}{dtype.itemsize}"
    if kind not in DTYPES or not dtype.isnative:
        raise BestiaryError(f"holds {quoted(dtype)}, where numbers are expected")
    if (fortran and len(shape) > 1) or len(shape) > MOST_DIMENSIONS or not all(is_count(axis) for axis in shape):
        raise BestiaryError(f"has shape {list(shape)[:8]}, or is laid out by columns")
    return shape, kind, file.tell()


def _mapped(info: TensorInfo, place: int) -> Tensor:
    import numpy as np
    import torch

    if not math.prod(info.shape):
        return torch.empty(info.shape, dtype=getattr(torch, info.dtype))
    values = np.memmap(info.file, np.dtype(info.stored), "c", place, info.shape)
    return torch.from_numpy(np.asarray(values))
