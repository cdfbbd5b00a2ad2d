"""Small vocabularies, trained on a few lines and written in the layouts in which the families publish theirs."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind it at all.",
    "Attention is all you need; the model attends to 1234 words and 567,890 numbers.",
    "She said: \"it's hers, they're ours, we'll see\" -- and left at 10:45.",
    "Ein naïver Café-Besitzer in Zürich übersetzt größere Sätze; Ælfred älter.",
    "机器学习模型 可以 翻译 中文 句子。 日本語の文章もあります。 한국어 문장",
    "Привет, мир! Καλημέρα κόσμε. שלום עולם مرحبا بالعالم नमस्ते दुनिया",
    "emoji 😀 👩‍👩‍👧 🇩🇪 and code: def f(x):\n\treturn  x ** 2  # done",
] * 4


@cache
def files_of(family: str) -> dict[str, bytes]:
    """Return the files of a family's tokenizer, by name: ``bert gpt2 roberta openai-gpt t5 albert llama``."""
    return {
        "bert": _word_list,
        "gpt2": lambda: _paired(byte_level_model("<|endoftext|>")),
        "roberta": lambda: _paired(byte_level_model("<s>", "<pad>", "</s>", "<unk>", "<mask>")),
        "openai-gpt": _word_ends,
        "t5": lambda: _pieces("spiece.model", vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
        "albert": lambda: _pieces(
            "spiece.model", vocab_size=400, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
            control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        ),
        "llama": lambda: _pieces(
            "tokenizer.model", vocab_size=700, model_type="bpe", byte_fallback=True, split_digits=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
        ),
    }[family]()  # fmt: skip


def folder_of(folder: Path, family: str, **config: Any) -> Path:
    """Write a family's files into a new ``folder``, with a ``tokenizer_config.json`` where ``config`` says anything."""
    folder.mkdir()
    for name, content in files_of(family).items():
        (folder / name).write_bytes(content)
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@cache
def byte_level_model(*specials: str) -> dict[str, Any]:
    """Return the ``model`` of a tokenizer.json: a byte-level BPE of 500 tokens that begins with ``specials``."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    options = {"special_tokens": list(specials), "initial_alphabet": alphabet, "show_progress": False}
    backend.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, **options))
    return json.loads(backend.to_str())["model"]


def in_order(vocab: dict[str, int]) -> list[str]:
    """Return the tokens in the order of their ids."""
    return sorted(vocab, key=lambda token: vocab[token])


def _paired(model: dict[str, Any]) -> dict[str, bytes]:
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    return {"vocab.json": json.dumps(model["vocab"]).encode(), "merges.txt": f"#version: 0.2\n{merges}".encode()}


def _word_list() -> dict[str, bytes]:
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=specials, show_progress=False)
    backend.train_from_iterator(CORPUS + [line.lower() for line in CORPUS], trainer)
    return {"vocab.txt": "".join(f"{token}\n" for token in in_order(backend.get_vocab())).encode()}


def _word_ends() -> dict[str, bytes]:
    backend = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    options = {"special_tokens": ["<unk>"], "end_of_word_suffix": "</w>", "show_progress": False}
    backend.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, **options))
    return _paired(json.loads(backend.to_str())["model"])


def _pieces(name: str, **options: Any) -> dict[str, bytes]:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, hard_vocab_limit=False, minloglevel=2, **options
    )
    return {name: model.getvalue()}
