"""Damaged and hostile checkpoints: each gets one sentence, in under two seconds, and nothing is made or executed."""

from __future__ import annotations

import json
import os
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import bestiary
from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.weights.config import Waive
from bestiary.weights.dialects import DIALECTS, alphafold, dit_original, glide
from bestiary.weights.load import load_weights
from bestiary.weights.save import save_weights
from bestiary.weights.translate import understand

Spoil = Callable[[Path], object]
Bad = tuple[Spoil, tuple[str, ...]]
"""What is done to a good checkpoint, and what the sentence must say."""

SIZES = {"dim": 12, "depth": 2, "heads": 2, "hidden": 20, "vocab": 30}
SPECS = {
    "bert": with_task(make("bert", **SIZES), "bert", "masked-lm"),
    "roberta": with_task(make("roberta", **SIZES), "roberta", "sequence-classification", 3),
    "albert": with_task(make("albert", **SIZES, width=6), "albert", "masked-lm"),
    "distilbert": with_task(make("distilbert", **SIZES), "distilbert", "question-answering"),
    "openai-gpt": make("gpt", **SIZES | {"hidden": 48}),
    "gpt2": make("gpt2", **SIZES),
    "t5": make("t5_1_1", **SIZES, head_dim=6),
    "bart": make("bart", dim=12, encoder_depth=2, decoder_depth=2, heads=2, hidden=20, vocab=30),
    "llama": make("llama", **SIZES),
    "vit": make("vit", dim=12, depth=2, heads=2, hidden=20, image=8, patch=4, labels=3),
}
WEIGHTS = "model.safetensors"


def good(folder: Path, family: str = "bert") -> Path:
    """Write a sound checkpoint."""
    return save_weights(build(SPECS[family], seed=0), folder, dialect=family)


# --- What goes wrong -----------------------------------------------------------------------------------------------


def config(**changes: Any) -> Spoil:
    """Change keys of config.json."""
    return lambda folder: (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()) | changes)
    )


def without(key: str) -> Spoil:
    def spoil(folder: Path) -> None:
        held = json.loads((folder / "config.json").read_text())
        held.pop(key)
        (folder / "config.json").write_text(json.dumps(held))

    return spoil


def text(written: str) -> Spoil:
    return lambda folder: (folder / "config.json").write_text(written)


def weights(written: bytes) -> Spoil:
    return lambda folder: (folder / WEIGHTS).write_bytes(written)


def cut(folder: Path) -> None:
    held = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(held[: len(held) // 2])


def header(table: Any, claimed: int | None = None) -> Spoil:
    """Write a safetensors file with this header, claiming another length of it."""
    written = json.dumps(table).encode()
    return weights(struct.pack("<Q", claimed or len(written)) + written + bytes(64))


def tensors(change: Callable[[dict[str, Tensor]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        held = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
        change(held)
        save_file(held, folder / WEIGHTS)

    return spoil


def put(name: str, value: Callable[[Tensor], Tensor]) -> Spoil:
    return tensors(lambda held: held.update({name: value(held[name])}))


def sharded(weight_map: Any, *, hold: bool = True) -> Spoil:
    """Turn the weights into one shard that an index names, and give the index this map."""

    def spoil(folder: Path) -> None:
        names = list(load_file(folder / WEIGHTS))
        (folder / WEIGHTS).rename(folder / "shard.safetensors") if hold else (folder / WEIGHTS).unlink()
        named = weight_map if isinstance(weight_map, str) else "shard.safetensors"
        index = {"weight_map": dict.fromkeys(names, named) if named == weight_map or not weight_map else weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return spoil


def linked_out(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / WEIGHTS).rename(outside)
    (folder / WEIGHTS).symlink_to(outside)


class Payload:
    """A pickle that makes a file when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.canary),))


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({"weight": Payload(folder.parent / "executed")}, folder / "pytorch_model.bin")


def pickled_in_disguise(folder: Path) -> None:
    torch.save({"weight": Payload(folder.parent / "executed")}, folder / WEIGHTS)


def words(count: int) -> Spoil:
    return lambda folder: (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(count - 5))])
    )


QUERY = "bert.encoder.layer.0.attention.self.query.weight"
TWO = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
NORM = "bert.embeddings.LayerNorm.weight"

FILES: dict[str, Bad] = {
    "truncated": (cut, (WEIGHTS, "download")),
    "empty": (weights(b""), (WEIGHTS, "is empty; download it again")),
    "web page": (weights(b"<!DOCTYPE html><html>Sign in</html>"), (WEIGHTS, "web page", "download")),
    "lfs pointer": (weights(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), (WEIGHTS, "git lfs pull")),
    "header beyond the file": (header(TWO, claimed=2**40), (WEIGHTS, "header")),
    "overlapping tensors": (
        header(TWO | {"b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}),
        (WEIGHTS, "'b'"),
    ),
    "pickle": (pickled, ("pytorch_model.bin",)),
    "pickle called safetensors": (pickled_in_disguise, (WEIGHTS,)),
    "missing tensor": (tensors(lambda held: held.pop(QUERY)), (f"{QUERY} is missing", "config.json")),
    "unexpected tensor": (tensors(lambda held: held.update(extra=torch.ones(2))), ("'extra' is unexpected",)),
    "unprintable tensor": (tensors(lambda held: held.update({"\x1b[2J": torch.ones(2)})), ("\\x1b[2J",)),
    "wrong shape": (put(QUERY, lambda old: torch.ones(12, 13)), (QUERY, "has shape [12, 13], not [12, 12]")),
    "another number of axes": (put(QUERY, lambda old: torch.ones(12, 12, 1)), (QUERY, "has shape [12, 12, 1]")),
    "integers": (put(QUERY, lambda old: old.to(torch.int8)), (QUERY, "int8")),
    "complex numbers": (put(QUERY, lambda old: old.to(torch.complex64)), ("complex64",)),
    "nan": (put(NORM, lambda old: old.fill_(float("nan"))), (NORM, "NaN")),
    "infinity": (put(NORM, lambda old: old.fill_(float("inf"))), (NORM, "infinite")),
    "tied tensor that differs": (
        tensors(lambda held: held.update({"cls.predictions.decoder.weight": torch.ones(30, 12)})),
        ("cls.predictions.decoder.weight differs", "drop the tensor"),
    ),
    "shard missing": (sharded(None, hold=False), ("'shard.safetensors' is missing", "download")),
    "shard above the folder": (sharded("../shard.safetensors"), ("'../shard.safetensors'", "plain name")),
    "shard with an absolute path": (sharded("/etc/shard.safetensors"), ("'/etc/shard.safetensors'", "plain name")),
    "shard without a tensor": (sharded({"a": "shard.safetensors"}), ("lacks 'a'", "download")),
    "link out of the folder": (linked_out, (WEIGHTS, "leaves the folder")),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), ("holds no weights", "check the path")),
    "no config": (lambda folder: (folder / "config.json").unlink(), ("config.json is missing", "download")),
    "more words than rows": (words(31), ("31", "30")),
}

CONFIGS: dict[str, Bad] = {
    "empty config": (text(""), ("config.json", "is empty")),
    "nan literal": (text('{"model_type": "bert", "layer_norm_eps": NaN}'), ("'layer_norm_eps' is NaN",)),
    "duplicate keys": (text('{"hidden_size": 1, "hidden_size": 2}'), ("'hidden_size' more than once",)),
    "deep nesting": (text('{"a": ' + "[" * 100_000), ("nests deeper",)),
    "not an object": (text("[]"), ("holds a JSON list",)),
    "unknown key": (config(hidden_sizes=12), ("'hidden_sizes'", "did you mean 'hidden_size'")),
    "many unknown keys": (config(**{f"key{i}": i for i in range(30_000)}), ("and 29,992 more",)),
    "unprintable key": (config(**{"\x1b[2J\n": 1}), ("\\x1b[2J",)),
    "unknown model type": (config(model_type="brt"), ("'model_type' is 'brt'", "did you mean 'bert'")),
    "model type of no type": (config(model_type=["bert"]), ("'model_type'", "known are bert")),
    "endless model type": (config(model_type="b" * 3_000_000), ("'model_type' is 'bbb",)),
    "unknown class": (config(architectures=["BertForRhymes"]), ("'BertForRhymes'", "ask for a task")),
    "endless class": (config(architectures=["B" * 3_000_000]), ("'architectures'",)),
    "size missing": (without("hidden_size"), ("'hidden_size' is missing",)),
    "zero heads": (config(num_attention_heads=0), ("'num_attention_heads' is 0", "positive whole number")),
    "negative vocabulary": (config(vocab_size=-1), ("'vocab_size' is -1", "positive whole number")),
    "text for a number": (config(hidden_size="12"), ("'hidden_size' is '12'", "positive whole number")),
    "truth for a number": (config(hidden_size=True), ("'hidden_size' is true", "positive whole number")),
    "fraction for a size": (config(hidden_size=12.5), ("'hidden_size' is 12.5", "positive whole number")),
    "heads that do not divide": (config(num_attention_heads=5), ("5 heads do not divide dim 12",)),
    "a billion layers": (config(num_hidden_layers=10**9), ("depth is 1000000000", "give a number")),
    "more layers than tensors": (config(num_hidden_layers=9_999), ("9,999 layers", "config.json")),
    "a billion wide": (
        config(hidden_size=2**30, intermediate_size=2**30),
        ("has shape [30, 12], not [30, 1073741824]",),
    ),
    "two billion words": (config(vocab_size=2**31 - 1), ("not [2147483647, 12]",)),
    "beyond any size": (config(hidden_size=2**70), ("dim is 1180591620717411303424",)),
    "dropout of two": (config(hidden_dropout_prob=2), ("dropout is 2",)),
    "unknown nonlinearity": (config(hidden_act="gelo"), ("'hidden_act' is 'gelo'", "did you mean 'gelu'")),
    "another architecture": (config(is_decoder=True), ("'is_decoder' is true", "another architecture")),
    "quantized": (config(quantization_config={"bits": 4}), ("'quantization_config'", "not supported")),
    "pruned heads": (config(pruned_heads={"0": [1]}), ("'pruned_heads'", "not supported")),
}


def listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*"))


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("case", [*FILES, *CONFIGS])
def test_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    spoil, fragments = (FILES | CONFIGS)[case]
    folder = good(tmp_path / "checkpoint")
    bestiary.load(folder)  # it was sound; and what importing costs is not the refusal's
    spoil(folder)
    before, memory, start = listing(tmp_path), peak_bytes(), time.process_time()
    with pytest.raises(BestiaryError) as caught:
        bestiary.load(folder)
    assert time.process_time() - start < 2
    assert peak_bytes() - memory < 256 << 20
    assert listing(tmp_path) == before
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1500
    assert str(folder) in message
    assert [fragment for fragment in fragments if fragment not in message] == []


VALUES = (None, -1, 0, 2**70, "1e400", "x", [], {}, True, 3.5, [{}], {"0": 1}, [None], "\n" * 9999, 10**400)


@pytest.mark.parametrize("family", SPECS)
def test_any_value_of_any_key_loads_or_is_refused(family: str, tmp_path: Path) -> None:
    folder = good(tmp_path, family)
    sound = json.loads((folder / "config.json").read_text())
    dialect = DIALECTS[family]
    keys = {*sound, *dialect.config, *(key for row in dialect.derived for key in row.keys)}
    for key in sorted(keys):
        for value in VALUES:
            try:
                understand(sound | {key: value}, "config.json")
                if not isinstance(dialect.config.get(key), Waive):
                    config(**sound | {key: value})(folder)
                    load_weights(folder)
            except BestiaryError as error:
                assert str(error).isprintable()
                assert len(str(error)) < 1500


ROPE_KEYS = ("rope_type", "factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor")
ROPE_KEYS += ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate", "rope_theta")


@pytest.mark.parametrize("kind", ["default", "linear", "dynamic", "llama3", "yarn"])
def test_any_rotary_scaling_loads_or_is_refused(kind: str, tmp_path: Path) -> None:
    folder = good(tmp_path, "llama")
    sound = json.loads((folder / "config.json").read_text())
    scaling = dict.fromkeys(ROPE_KEYS, 2.0) | {"rope_type": kind, "attention_factor": None, "truncate": True}
    for key in ROPE_KEYS:
        for value in VALUES:
            config(**sound | {"rope_parameters": scaling | {key: value}})(folder)
            try:
                model, _ = load_weights(folder)
            except BestiaryError as error:
                assert str(error).isprintable()
                continue
            assert model(torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 3, 30)


# --- Files without a config, whose sizes are read off shapes ---------------------------------------------------------

NAMES = {
    "glide": glide.MARKS,
    "dit-original": dit_original.MARKS,
    "alphafold": (
        f"{alphafold.ROOT}evoformer/evoformer_iteration/msa_row_attention_with_pair_bias/attention//query_w",
    ),
}


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 0, 0), (0, 0, 0, 0), (2, 3, 4, 5), (2,) * 6])
@pytest.mark.parametrize("family", NAMES)
def test_names_of_a_family_without_its_shapes_get_one_sentence(
    family: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    save_file({name: torch.zeros(shape) for name in NAMES[family]}, tmp_path / "bare.safetensors")
    with pytest.raises(BestiaryError) as caught:
        bestiary.load(tmp_path / "bare.safetensors")
    assert str(tmp_path / "bare.safetensors") in str(caught.value)
    assert "\n" not in str(caught.value)
