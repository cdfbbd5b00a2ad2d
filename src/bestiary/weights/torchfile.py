"""Old checkpoints that torch.save wrote: read with weights_only, which executes nothing, and in no other way."""

from __future__ import annotations

import io
import os
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

from bestiary.errors import BestiaryError
from bestiary.untrusted import listed, mistaken_for, quoted, regular_file
from bestiary.weights.tensorfiles import TensorFiles, TensorInfo

PICKLE_LIMIT = 4_000_000  # bytes of the pickle inside a zip: names and shapes, some 150 bytes for each tensor
ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number that torch.save pickled first until 1.6
LEGACY_PICKLES = 5  # magic number, version, machine, tensors, keys of the storages
MOST_STEPS = 500_000  # of one pickle; some forty for each tensor
DIMS, STATE = "dims", "model_state_dict"  # sizes beside tensors, as Whisper was first published
INSTEAD = "use the checkpoint's safetensors file instead"

# All that a pickle of dense tensors names. The restricted unpickler also calls, for one, bytearray, which a few bytes
# of pickle make fill the memory.
NAMED = re.compile(
    r"collections OrderedDict|torch._utils _rebuild_(tensor|tensor_v2|tensor_v3|parameter)"
    r"|torch(\.storage)? \w+Storage|torch (bool|((b?float|u?int|complex)\d+\w*))"
)
CALLS = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}  # torch.save writes none of them

# What the restricted unpickler and the readers under it raise on damaged or hostile bytes.
REFUSALS = (
    UnpicklingError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    OSError,
    MemoryError,
    struct.error,
)


def open_torch(path: str | os.PathLike[str]) -> TensorFiles:
    """Return the tensors of a ``pytorch_model.bin``, mapped where the file is a zip (torch 1.6 and later).

    Names and shapes stand in a pickle, so torch is needed to open the file. Raises BestiaryError unless the file holds
    one flat table of dense tensors, or such a table beside one of sizes, which is then the metadata. A pickle that
    names anything to call is refused before it is called.
    """
    path = regular_file(path)
    tensors = _load(path, mapped=_is_zip(path))
    metadata: dict[str, Any] = {}
    if isinstance(tensors, dict) and tensors.keys() == {DIMS, STATE} and isinstance(tensors[DIMS], dict):
        metadata, tensors = {DIMS: dict(tensors[DIMS])}, tensors[STATE]
    if not isinstance(tensors, dict):
        kind = type(tensors).__name__
        raise BestiaryError(f"{path} holds a {kind} where a table of tensors is expected; save its state_dict()")
    if faults := list(_faults(tensors)):
        raise BestiaryError(f"{path}: {listed(faults, '; ')}; {INSTEAD}")
    infos = {name: _info(path, tensor) for name, tensor in tensors.items()}
    return TensorFiles(infos, lambda name: tensors[name].detach(), metadata)


def _is_zip(path: Path) -> bool:
    """Tell a zip from the legacy format by the first bytes; refuse all else, and every pickle that names too much."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
            if start.startswith(LEGACY):
                file.seek(0)
                for _ in range(LEGACY_PICKLES):
                    _check_pickle(path, file)
                return False
    except OSError as error:
        raise BestiaryError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    if not start.startswith(ZIP):
        raise BestiaryError(f"{path} {mistaken_for(start) or f'is not a file that torch.save writes; {INSTEAD}'}")
    _check_zip(path)
    return True


def _check_zip(path: Path) -> None:
    """Refuse an archive that is cut short, compressed (torch never does; a bomb would be), or not of torch's layout."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise BestiaryError(f"{path} is a compressed zip archive, which torch.save never writes; {INSTEAD}")
            pickles = [member for member in members if member.filename.endswith("data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > PICKLE_LIMIT:
                raise BestiaryError(f"{path} is a zip archive without the data.pkl that torch.save writes; {INSTEAD}")
            data = archive.read(pickles[0])
    except BestiaryError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError):
        raise BestiaryError(f"{path} is a damaged or truncated zip archive; download it again") from None
    _check_pickle(path, io.BytesIO(data))


def _check_pickle(path: Path, stream: BinaryIO | io.BytesIO) -> None:
    """Read one pickle's steps without taking them, and refuse it where it names anything but the parts of tensors."""
    try:
        for count, (step, argument, _) in enumerate(pickletools.genops(stream)):
            named = step.name in CALLS or (step.name == "GLOBAL" and not NAMED.fullmatch(str(argument)))
            if named or count > MOST_STEPS:
                what = f"names {quoted(argument or step.name)}" if named else f"takes over {MOST_STEPS:,} steps"
                raise BestiaryError(f"{path} is refused: its pickle {what}, and nothing of it was executed; {INSTEAD}")
    except BestiaryError:
        raise
    except (ValueError, EOFError, struct.error, MemoryError):
        raise BestiaryError(f"{path} is damaged or truncated inside its pickle; download it again") from None


def _load(path: Path, *, mapped: bool) -> Any:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # of odd pickle protocols, which only damage produces
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except UnpicklingError:
        reason = "its pickle asks for more than tensors, or is damaged, and nothing of it was executed"
        raise BestiaryError(f"{path} is refused: {reason}; {INSTEAD}") from None
    except REFUSALS as error:
        reason = quoted(str(error).partition("\n")[0] or type(error).__name__)
        raise BestiaryError(f"{path} is damaged or truncated ({reason}); download it again") from None


def _faults(tensors: dict[Any, Any]) -> Iterator[str]:
    import torch

    for name, tensor in tensors.items():
        if not isinstance(name, str):
            yield f"the key {quoted(name)} is not a name"
        elif not isinstance(tensor, torch.Tensor):
            yield f"{quoted(name)} is a {type(tensor).__name__} and not a tensor"
        elif tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            yield f"tensor {quoted(name)} claims {tensor.numel():,} values, more than the file stores"


def _info(path: Path, tensor: Any) -> TensorInfo:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorInfo(path, dtype, tuple(tensor.shape), dtype)
