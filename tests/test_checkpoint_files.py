"""Checkpoint files open safely and without a copy, and every damaged or hostile one is refused in one sentence."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json
from bestiary.weights.folder import open_folder
from bestiary.weights.gguffile import open_gguf
from bestiary.weights.safetensorsfile import HEADER_LIMIT, open_safetensors
from bestiary.weights.tensorfiles import CHUNK, check_values, value_fault
from bestiary.weights.torchfile import LEGACY, open_torch

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


@contextmanager
def refused(*fragments: str) -> Iterator[None]:
    """Expect one printable line that holds every fragment, in under two seconds."""
    import torch.serialization  # noqa: F401  (what importing costs is not the refusal's)

    start = time.process_time()
    with pytest.raises(BestiaryError) as caught:
        yield
    assert time.process_time() - start < 2
    message = str(caught.value)
    assert message.isprintable()
    for fragment in fragments:
        assert fragment in message


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def header(table: Any, body: bytes = b"") -> bytes:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# --- JSON -------------------------------------------------------------------------------------------------------

BAD_JSON = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "html": (HTML, "web page"),
    "html after a byte-order mark": (b"\xef\xbb\xbf\n" + HTML, "web page"),
    "pointer": (POINTER, "git lfs pull"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "list": (b"[1]", "holds a JSON list"),
    "null": (b"null", "holds a JSON null"),
    "truncated": (b'{"a": [1,', "line 1, column 10"),
    "nan": (b'{"rope": {"factor": NaN}}', "'rope.factor' is NaN"),
    "infinity": (b'{"a": [0, -Infinity]}', "'a.1' is -Infinity"),
    "overflow": (b'{"a": 1e999}', "'a' is 1e999"),
    "duplicate": (b'{"a": {"dim": 1, "dim": 2}}', "'a' has the key 'dim' more than once"),
    "escape codes": (b'{"\\u001b[2J": NaN}', "\\x1b"),
    "many digits": (b'{"a": ' + b"1" * 9999 + b"}", "thousands of digits"),
    "33 levels": (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}", "deeper than 32"),
    "a million levels": (b'{"a": ' + b"[" * 1_000_000, "deeper than 32"),
    "large": (b'{"a": "' + b"x" * (4 << 20) + b'"}', "larger than 4,194,304 bytes"),
    "many NaNs": (b'{"' + b"k" * 1_000_000 + b'": [' + b"NaN," * 200_000 + b"0]}", "and others"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json_is_refused(case: str, tmp_path: Path) -> None:
    data, fragment = BAD_JSON[case]
    path = written(tmp_path / "config.json", data)
    with refused(str(path), fragment):
        read_json(path)


def test_json_at_the_limits_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json", b'{"a": ' + b"[" * 31 + b"]" * 31 + b', "b": 1.5, "c": "\xc3\xa9"}')
    value = read_json(path, limit=path.stat().st_size)
    assert value["b"] == 1.5 and value["c"] == "é"


def test_json_is_read_from_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, fragment in {"pipe": "not a regular file", "none": "No such file", ".": "is a folder"}.items():
        with refused(fragment):
            read_json(tmp_path / name)


def test_more_than_five_million_values_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "tokenizer.json", b'{"a": [' + b"1," * 5_000_000 + b"1]}")
    with refused("more than 5,000,000 values"):
        read_json(path, limit=1 << 26)


# --- safetensors ------------------------------------------------------------------------------------------------

BAD_SAFETENSORS = {
    "empty": (b"", "is empty"),
    "four bytes": (b"\x08\0\0\0", "is not a safetensors file"),
    "html": (HTML, "web page"),
    "pointer": (POINTER, "git-lfs pointer"),
    "pickle": (b"\x80\x04cposix\nsystem\n(S'touch executed'\ntR.", "Python pickle"),
    "zip": (b"PK\x03\x04" + bytes(60), "pytorch_model.bin"),
    "gguf": (b"GGUF" + bytes(60), ".gguf"),
    "header over the limit": (struct.pack("<Q", HEADER_LIMIT + 1) + b"{}", "100,000,001 bytes"),
    "header over the file": (struct.pack("<Q", 900) + b"{}", "is truncated"),
    "header not JSON": (header(b"{oops"), "is not JSON"),
    "duplicate tensor": (header(b'{"a": {}, "a": {}}'), "more than once"),
    "duplicate field": (
        header(b'{"a": {"dtype": "F32", "dtype": "F16", "shape": [], "data_offsets": [0, 4]}}', bytes(4)),
        "'a' has the key 'dtype' more than once",
    ),
    "metadata": (header({"__metadata__": {"a": 1}}), "'__metadata__' must map words to words"),
    "not an entry": (header({"a": 3}), "must have dtype, shape and data_offsets"),
    "extra field": (header({"a": entry() | {"hook": "os.system"}}, bytes(8)), "nothing else"),
    "unknown dtype": (header({"a": entry("F31")}, bytes(8)), "unknown dtype 'F31'"),
    "dtype a list": (header({"a": entry(["F32"])}, bytes(8)), "unknown dtype"),
    "negative shape": (header({"a": entry(shape=[-2])}, bytes(8)), "impossible shape '[-2]'"),
    "boolean shape": (header({"a": entry(shape=[True])}, bytes(8)), "impossible shape"),
    "65 dimensions": (header({"a": entry(shape=[1] * 65)}, bytes(8)), "impossible shape"),
    "billions": (header({"a": entry(shape=[10**9] * 64)}, bytes(8)), "but is given 8"),
    "wrong length": (header({"a": entry(shape=[3])}, bytes(8)), "needs 12 bytes for '[3]' of F32 but is given 8"),
    "offsets reversed": (header({"a": entry(offsets=[8, 0])}, bytes(8)), "is given -8"),
    "offsets negative": (header({"a": entry(offsets=[-8, 0])}, bytes(8)), "impossible data_offsets"),
    "out of range": (header({"a": entry(offsets=[8, 16])}, bytes(8)), "truncated: tensor 'a' ends at byte 16 of 8"),
    "overlap": (header({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "'b' overlaps"),
    "gap": (header({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)), "'b' leaves a gap"),
    "trailing": (header({"a": entry()}, bytes(20)), "12 bytes at the end"),
    "all faults": (header({f"t{i}": entry("F31") for i in range(20)}), "'t7' has the unknown dtype 'F31'; and 12 more"),
}


@pytest.mark.parametrize("case", BAD_SAFETENSORS)
def test_bad_safetensors_are_refused(case: str, tmp_path: Path) -> None:
    data, fragment = BAD_SAFETENSORS[case]
    path = written(tmp_path / "model.safetensors", data)
    with refused(str(path), fragment):
        open_safetensors(path)
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_hundred_megabytes_of_header_are_refused_in_time(tmp_path: Path) -> None:
    one = b'"%07d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    text = b"{" + b"".join(one % i for i in range(1_600_000)) + b'"x":1}'
    path = written(tmp_path / "model.safetensors", header(text, bytes(4)))
    with refused("more than 5,000,000 values"):
        open_safetensors(path)


SAMPLES = {
    "f32": torch.randn(3, 5),
    "f16": torch.randn(7).half(),
    "bf16": torch.randn(2, 2, 2).bfloat16(),
    "f64": torch.randn(2).double(),
    "f8": torch.randn(3).to(torch.float8_e4m3fn),
    "i64": torch.arange(3),
    "u8": torch.arange(3, dtype=torch.uint8),
    "flag": torch.tensor([True, False]),
    "scalar": torch.tensor(2.5),
    "none": torch.zeros(0, 4),
}


def assert_equal(tensors: Any, expected: dict[str, torch.Tensor]) -> None:
    assert set(tensors.names()) == set(expected) and len(tensors) == len(expected)
    for name, value in expected.items():
        assert tensors.shape(name) == tuple(value.shape)
        assert f"torch.{tensors.dtype(name)}" == str(value.dtype)
        read = tensors.get(name)
        assert read.dtype == value.dtype and read.shape == value.shape
        assert (
            read.contiguous().view(-1).view(torch.uint8).tolist()
            == value.contiguous().view(-1).view(torch.uint8).tolist()
        )


def test_safetensors_round_trip(tmp_path: Path) -> None:
    save_file(SAMPLES, tmp_path / "model.safetensors", metadata={"format": "pt"})
    tensors = open_safetensors(tmp_path / "model.safetensors")
    assert_equal(tensors, SAMPLES)
    assert tensors.metadata == {"format": "pt"}
    with refused("no tensor 'f23'", "did you mean"):
        tensors.get("f23")


def test_unaligned_header_is_read(tmp_path: Path) -> None:
    text = json.dumps({"a": entry()}).encode()
    text += b" " * (1 - len(text) % 2)
    path = written(tmp_path / "model.safetensors", header(text, struct.pack("<2f", 1, 2)))
    assert open_safetensors(path).get("a").tolist() == [1, 2]


def mapped_file(tensor: torch.Tensor) -> str:
    """Return the file in whose mapping the tensor's first value lies, as the kernel tells it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(end, 16) for end in line.split()[0].split("-"))
        if low <= tensor.data_ptr() < high:
            return line.split()[-1]
    raise AssertionError("the tensor lies in no mapping")


def save_gguf(path: Path, tensors: dict[str, np.ndarray], **quantized: np.ndarray) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.eps", 0.5)
    writer.add_token_list(["<s>", "é", "b"])
    writer.add_token_scores([0.0, -1.5, 2.0])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    for name, values in quantized.items():
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def save_zip(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    torch.save(tensors, path)


MAPPED: dict[str, Callable[[Path, dict[str, torch.Tensor]], None]] = {
    "model.safetensors": lambda path, tensors: save_file(tensors, path),
    "pytorch_model.bin": save_zip,
    "model.gguf": lambda path, tensors: save_gguf(path, {name: t.numpy() for name, t in tensors.items()}),
}


@pytest.mark.parametrize("name", MAPPED)
def test_tensors_lie_in_the_mapped_file_and_never_write_to_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    MAPPED[name](path, {"a": torch.ones(1000, 100)})
    before = path.read_bytes()
    tensor = open_folder(tmp_path).tensors.get("a")  # everything else is gone by now
    assert mapped_file(tensor) == str(path)
    assert tensor.sum() == 100_000
    tensor.zero_()
    assert path.read_bytes() == before


def test_opening_and_shapes_import_no_torch(tmp_path: Path) -> None:
    save_file(SAMPLES, tmp_path / "model.safetensors")
    save_gguf(tmp_path / "model.gguf", {"a": np.ones((2, 32), np.float32)})
    code = (
        "import sys; from pathlib import Path; from bestiary.weights.folder import open_folder\n"
        "for name in ('model.safetensors', 'model.gguf'):\n"
        "    tensors = open_folder(Path(sys.argv[1]) / name).tensors\n"
        "    [(tensors.shape(n), tensors.dtype(n)) for n in tensors]\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 0


# --- torch.save -------------------------------------------------------------------------------------------------


class Payload:
    """Unpickled without care, this makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_round_trip(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    samples = SAMPLES | {"transposed": SAMPLES["f32"].T}
    if not zipped:
        del samples["f8"]  # the legacy format is older than 8-bit floats: torch itself cannot read them back from it
    torch.save(samples, path, _use_new_zipfile_serialization=zipped)
    assert_equal(open_torch(path), samples)


@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle_executes_nothing(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.ones(2), "b": Payload(tmp_path / "executed")}, path, _use_new_zipfile_serialization=zipped)
    with refused(str(path), "nothing of it was executed"):
        open_torch(path)
    assert os.listdir(tmp_path) == ["pytorch_model.bin"]


BAD_STATES = {
    "a number": ({"a": torch.ones(1), "epoch": 3}, "'epoch' is a int and not a tensor"),
    "nested": ({"state_dict": {"a": torch.ones(1)}}, "'state_dict' is a dict"),
    "a tensor": (torch.ones(3), "holds a Tensor where a table"),
    "keys": ({1: torch.ones(1)}, "'1' is not a name"),
    "sparse": ({"a": torch.ones(3, 3).to_sparse()}, "names 'torch._utils _rebuild_sparse_tensor'"),
    "meta": ({"a": torch.ones(3, device="meta")}, "names 'torch._utils _rebuild_meta_tensor_no_storage'"),
    "expanded": ({"a": torch.ones(1).expand(10**12)}, "claims 1,000,000,000,000 values"),
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_anything_but_dense_tensors_is_refused(case: str, tmp_path: Path) -> None:
    state, fragment = BAD_STATES[case]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with refused(fragment):
        open_torch(tmp_path / "pytorch_model.bin")


BAD_TORCH = {
    "empty": (b"", "is empty"),
    "html": (HTML, "web page"),
    "pointer": (POINTER, "git-lfs pointer"),
    "plain pickle": (b"\x80\x04cposix\nsystem\n(S'touch executed'\ntR.", "not a file that torch.save writes"),
    "zip cut short": (b"PK\x03\x04" + bytes(60), "damaged or truncated zip"),
    "legacy cut short": (LEGACY, "damaged or truncated"),
    "gigabyte of bytearray": (
        LEGACY + b"\x80\x02c__builtin__\nbytearray\n\x8a\x04\0\0\0\x40\x85R.",
        "names '__builtin__ bytearray', and nothing of it was executed",
    ),
    "millions of steps": (LEGACY + b"\x80\x02" + b"N0" * 10_000_000, "over 500,000 steps"),
}


@pytest.mark.parametrize("case", BAD_TORCH)
def test_bad_torch_files_are_refused(case: str, tmp_path: Path) -> None:
    data, fragment = BAD_TORCH[case]
    with refused(fragment):
        open_torch(written(tmp_path / "pytorch_model.bin", data))
    assert os.listdir(tmp_path) == ["pytorch_model.bin"]


def test_compressed_or_foreign_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    for name, method, fragment in (
        ("m/data.pkl", zipfile.ZIP_DEFLATED, "compressed"),
        ("m/other", zipfile.ZIP_STORED, "without the data.pkl"),
    ):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(name, bytes(100_000))
        with refused(fragment):
            open_torch(path)


# --- GGUF -------------------------------------------------------------------------------------------------------


def test_gguf_round_trip(tmp_path: Path) -> None:
    plain = {"f32": np.arange(64, dtype=np.float32).reshape(2, 32), "f16": np.arange(3, dtype=np.float16)}
    values = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    save_gguf(tmp_path / "m.gguf", plain, q=values)
    opened = open_folder(tmp_path)
    tensors = opened.tensors
    assert opened.config is None and opened.files == (tmp_path / "m.gguf",)
    assert tensors.shape("q") == (2, 64) and tensors.dtype("q") == "float32" and tensors.info("q").stored == "Q8_0"
    kind = gguf.GGMLQuantizationType.Q8_0
    dequantized = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
    assert_equal(tensors, {name: torch.tensor(a) for name, a in (plain | {"q": dequantized}).items()})
    assert tensors.metadata == {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.eps": 0.5,
        "tokenizer.ggml.tokens": ["<s>", "é", "b"],
        "tokenizer.ggml.scores": [0.0, -1.5, 2.0],
        "tokenizer.ggml.add_bos_token": True,
    }


def gguf_bytes(tensors: int = 0, entries: int = 0, body: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + body


def gguf_word(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def gguf_tensor(name: bytes, sizes: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return gguf_word(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


PAD = bytes(64)
BAD_GGUF = {
    "empty": (b"", "is empty"),
    "html": (HTML, "web page"),
    "pointer": (POINTER, "git-lfs pointer"),
    "other": (b"GGML" + PAD, "is not a GGUF file"),
    "cut in the counts": (b"GGUF\x03\0\0\0", "is truncated"),
    "old or big-endian": (gguf_bytes(version=1 << 24), "version 16777216"),
    "2**63 tensors": (gguf_bytes(tensors=1 << 63), "9,223,372,036,854,775,808 tensors"),
    "2**63 entries": (gguf_bytes(entries=1 << 63), "metadata entries"),
    "million entries": (gguf_bytes(entries=1_000_000, body=PAD), "more than once"),
    "huge word": (gguf_bytes(entries=1, body=struct.pack("<Q", 1 << 62)), "is truncated"),
    "huge array": (gguf_bytes(0, 1, gguf_word(b"k") + struct.pack("<IIQ", 9, 4, 1 << 62)), "metadata values"),
    "long array": (gguf_bytes(0, 1, gguf_word(b"k") + struct.pack("<IIQ", 9, 4, 3_000_000)), "is truncated"),
    "array in array": (gguf_bytes(0, 1, gguf_word(b"k") + struct.pack("<IIQ", 9, 9, 1)), "array of kind 9"),
    "unknown kind": (gguf_bytes(0, 1, gguf_word(b"k") + struct.pack("<I", 77)), "unknown kind 77"),
    "not UTF-8": (gguf_bytes(0, 1, gguf_word(b"\xff")), "not UTF-8"),
    "alignment": (
        gguf_bytes(0, 1, gguf_word(b"general.alignment") + struct.pack("<II", 4, 0)),
        "no power of two",
    ),
    "dimensions": (gguf_bytes(1, 0, gguf_tensor(b"a", (1,) * 5)), "5 dimensions"),
    "tensor type": (gguf_bytes(1, 0, gguf_tensor(b"a", (1,), kind=999) + PAD), "GGML type 999"),
    "block": (gguf_bytes(1, 0, gguf_tensor(b"a", (33,), kind=8) + PAD), "not a multiple of 32"),
    "billions": (gguf_bytes(1, 0, gguf_tensor(b"a", (1 << 62,) * 4) + PAD), "the file is truncated"),
    "offset": (gguf_bytes(1, 0, gguf_tensor(b"a", (1,), offset=1 << 63) + PAD), "the file is truncated"),
    "twice": (gguf_bytes(2, 0, gguf_tensor(b"a", (1,)) * 2 + PAD), "'a' more than once"),
    "overlap": (
        gguf_bytes(2, 0, gguf_tensor(b"a", (4,)) + gguf_tensor(b"b", (4,), offset=8) + PAD),
        "'b' overlaps 'a'",
    ),
}


@pytest.mark.parametrize("case", BAD_GGUF)
def test_bad_gguf_is_refused(case: str, tmp_path: Path) -> None:
    data, fragment = BAD_GGUF[case]
    path = written(tmp_path / "model.gguf", data)
    with refused(str(path), fragment):
        open_gguf(path)


# --- every format, cut or overwritten anywhere --------------------------------------------------------------------

WRITERS = MAPPED | {"old.bin": lambda path, tensors: torch.save(tensors, path, _use_new_zipfile_serialization=False)}


@pytest.mark.parametrize("name", WRITERS)
def test_any_damage_is_refused_or_harmless(name: str, tmp_path: Path) -> None:
    """Only BestiaryError may come of damage; a flipped byte among the values cannot be noticed here."""
    WRITERS[name](tmp_path / name, {"a": torch.ones(4, 8), "b": torch.ones(8)})  # 32 bytes: no padding
    whole = (tmp_path / name).read_bytes()
    damaged = tmp_path / f"damaged{Path(name).suffix}"
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        with refused(str(damaged)):
            open_folder(written(damaged, whole[:place]))
        for byte in (0, 0xFF, whole[place] ^ 1):
            written(damaged, whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                tensors = open_folder(damaged).tensors
                for tensor in tensors:
                    tensors.get(tensor).double().sum()
            except BestiaryError as error:
                assert str(damaged) in str(error)


# --- folders ----------------------------------------------------------------------------------------------------


def sharded(folder: Path, weight_map: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({"a": torch.ones(1), "b": torch.ones(2)}, folder / "s1.safetensors")
    save_file({"c": torch.ones(3)}, folder / "s2.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_shards_read_as_one(tmp_path: Path) -> None:
    folder = sharded(tmp_path, {"a": "s1.safetensors", "b": "s1.safetensors", "c": "s2.safetensors"})
    (folder / "config.json").write_text('{"model_type": "bert"}')
    opened = open_folder(folder)
    assert opened.config == {"model_type": "bert"}
    assert opened.files == (folder / "s1.safetensors", folder / "s2.safetensors")
    assert_equal(opened.tensors, {"a": torch.ones(1), "b": torch.ones(2), "c": torch.ones(3)})


def test_pytorch_shards_read_as_one(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "p1.bin")
    torch.save({"b": torch.ones(2)}, tmp_path / "p2.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "p1.bin", "b": "p2.bin"}}')
    assert_equal(open_folder(tmp_path).tensors, {"a": torch.ones(1), "b": torch.ones(2)})


def test_all_faults_of_an_index_come_in_one_message(tmp_path: Path) -> None:
    weight_map = {
        "a": "s1.safetensors",
        "x": "s1.safetensors",
        "d": "s3.safetensors",
        "e": "../s1.safetensors",
        "f": "/etc/passwd",
        "g": "s1.bin",
    }
    with refused(
        "'s1.safetensors' lacks 'x'",
        "'s1.safetensors' holds 'b', which the index does not list",
        "the shard 's3.safetensors' is missing",
        "'../s1.safetensors', which is not a plain name",
        "'/etc/passwd', which is not a plain name",
        "'s1.bin', which is not a plain name of a .safetensors file",
    ):
        open_folder(sharded(tmp_path, weight_map))


@pytest.mark.parametrize("weight_map", [{}, {"a": 1}, None, []])
def test_index_without_a_map_is_refused(weight_map: Any, tmp_path: Path) -> None:
    with refused("'weight_map' must map"):
        open_folder(sharded(tmp_path, weight_map))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "s1.safetensors"])
def test_link_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    folder = sharded(tmp_path / "folder", {"a": "s1.safetensors", "b": "s1.safetensors", "c": "s2.safetensors"})
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(written(tmp_path / "secret", b"{}"))
    with refused(f"folder/{name} is a link that leaves the folder"):
        open_folder(folder)


def test_hub_cache_links_to_its_own_blobs_only(tmp_path: Path) -> None:
    model = tmp_path / "models--owner--name"
    revision = model / "snapshots" / "0123"
    revision.mkdir(parents=True)
    (model / "blobs").mkdir()
    save_file({"a": torch.ones(1)}, model / "blobs" / "f00d")
    (revision / "model.safetensors").symlink_to("../../blobs/f00d")
    assert_equal(open_folder(revision).tensors, {"a": torch.ones(1)})
    (model / "blobs").rename(tmp_path / "elsewhere")
    (model / "blobs").symlink_to(tmp_path / "elsewhere")
    with refused("leaves the folder"):
        open_folder(revision)


def test_folder_with_nothing_to_load_says_what_was_sought(tmp_path: Path) -> None:
    with refused("model.safetensors.index.json", "*.gguf"):
        open_folder(tmp_path)
    with refused("No such file"):
        open_folder(tmp_path / "none" / "such")
    with refused("No such file"):
        open_folder(tmp_path / "model.safetensors")
    with refused("is not a checkpoint"):
        open_folder(written(tmp_path / "notes.txt", b""))
    for name in ("a.gguf", "b.gguf"):
        written(tmp_path / name, b"")
    with refused("2 GGUF files (a.gguf, b.gguf)"):
        open_folder(tmp_path)


# --- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2])
def test_values_that_are_not_finite_are_found_wherever_they_are(dtype: torch.dtype) -> None:
    tensor = torch.ones(CHUNK + 7, dtype=torch.float32)
    assert value_fault(tensor.to(dtype)) is None
    for place, value, word in ((0, float("nan"), "NaN"), (CHUNK + 6, float("inf"), "infinite")):
        bad = tensor.clone()
        bad[place] = value
        with refused("model.safetensors", "'wte'", word):
            check_values("wte", bad.to(dtype), Path("model.safetensors"))


def test_infinities_that_cancel_are_found_and_large_values_pass() -> None:
    assert "infinite" in (value_fault(torch.tensor([float("inf"), 1.0])) or "")
    assert value_fault(torch.tensor([float("inf"), float("-inf")])) is not None
    assert value_fault(torch.full((10,), 3e38)) is None
    assert value_fault(torch.full((10,), 6e4, dtype=torch.float16)) is None
    assert value_fault(torch.ones(0)) is None
    transposed = torch.ones(30, 50).T
    transposed[3, 4] = float("nan")
    assert "NaN" in (value_fault(transposed) or "")


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_weights_must_be_floating_point(dtype: torch.dtype) -> None:
    with refused("'w'", "must be floating-point"):
        check_values("w", torch.ones(2, dtype=dtype))
