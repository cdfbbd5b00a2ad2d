"""The tokenizer that a GGUF file carries in its metadata (`tokenizer.ggml.*`), as llama.cpp reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers

from bestiary.data.tokenizers.families import spaced_bpe, split_byte_level
from bestiary.data.tokenizers.specials import put_in, template, with_ends
from bestiary.data.tokenizers.spm import CONTROL, PIECE_LIMIT, USER_DEFINED, implied_merges
from bestiary.data.tokenizers.tokenizer import Tokenizer
from bestiary.data.tokenizers.vocabularies import accepted, check_merges, numbered, split_merges
from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import quoted

KEYS = {
    "bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id", "sep": "seperator_token_id",
    "pad": "padding_token_id", "cls": "cls_token_id", "mask": "mask_token_id",
}  # fmt: skip
"""The metadata's names of the roles, with the spelling of the format."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TIKTOKEN = (  # with the most digits that stay together: cl100k's pattern, which LLaMA 3 and Qwen 2 took over
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Splitting:
    """How a text is cut before the merges, by `tokenizer.ggml.pre`."""

    patterns: tuple[str, ...]
    begins: bool = False  # with the bos token, where the metadata does not say
    whole_words: bool = False  # a word that is a token is never cut, whatever the merges say
    composed: bool = False  # Unicode's NFC first


PLAIN = Splitting((GPT2,))
DIGITS = Splitting((r"\p{N}", GPT2))
LLAMA3 = Splitting((TIKTOKEN % r"\p{N}{1,3}",), begins=True, whole_words=True)
QWEN2 = Splitting((TIKTOKEN % r"\p{N}",), composed=True)

SPLITTINGS = {
    "gpt-2": PLAIN, "phi-2": PLAIN, "mpt": PLAIN, "olmo": PLAIN,
    "smollm": DIGITS, "starcoder": DIGITS, "refact": DIGITS, "codeshell": DIGITS, "command-r": DIGITS,
    "llama-bpe": LLAMA3, "llama3": LLAMA3, "llama-v3": LLAMA3,
    "qwen2": QWEN2, "deepseek-r1-qwen": QWEN2,
}  # fmt: skip


def from_gguf(metadata: Mapping[str, Any], *, vocab: int | None = None, where: str = "the GGUF file") -> Tokenizer:
    """Build the tokenizer of a GGUF file, a byte-level BPE (``gpt2``) or a SentencePiece BPE (``llama``).

    ``metadata`` maps whole keys to Python values; ``vocab`` is the embedding's number of rows, ``where`` names the
    file in messages. Raises BestiaryError for what is missing, inconsistent or of another kind.
    """
    ggml = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}
    kind = ggml.get("model")
    if kind not in ("gpt2", "llama"):
        raise BestiaryError(f"{where}: tokenizer.ggml.model is {quoted(kind)}; only 'gpt2' and 'llama' are read")
    tokens = _tokens(ggml, where)
    if vocab is not None and len(tokens) > vocab:
        raise BestiaryError(f"{where} has {len(tokens):,} tokens but the embedding holds {vocab:,} rows; replace it")
    backend, begins = (_byte_level if kind == "gpt2" else _spaced)(tokens, ggml, where)
    specials = {role: token for role in KEYS if (token := _special(role, list(tokens), ggml, where)) is not None}
    roles = [(AddedToken(token, normalized=False, special=True), None) for token in specials.values()]
    put_in(backend, [*_whole_tokens(tokens, ggml), *roles], where)
    begins = ggml.get("add_bos_token", begins) is True and "bos" in specials
    ends = ggml.get("add_eos_token") is True and "eos" in specials
    backend.post_processor = template(*with_ends("$A", "$A $B:1", begins, ends), specials, backend, where)
    chat = metadata.get("tokenizer.chat_template")
    return Tokenizer(backend, specials, chat_template=chat if isinstance(chat, str) else None)


def _tokens(ggml: Mapping[str, Any], where: str) -> dict[str, int]:
    listed = ggml.get("tokens")
    if not isinstance(listed, list) or not all(isinstance(token, str) for token in listed):
        raise BestiaryError(f"{where}: tokenizer.ggml.tokens is not a list of texts; download the file again")
    tokens = {token: number for number, token in enumerate(listed)}
    if len(tokens) < len(listed):
        twice = next(token for number, token in enumerate(listed) if tokens[token] != number)
        raise BestiaryError(f"{where}: tokenizer.ggml.tokens lists {quoted(twice)} twice; convert the file again")
    for key in ("scores", "token_type"):
        if key in ggml and (not isinstance(ggml[key], list) or len(ggml[key]) != len(listed)):
            raise BestiaryError(f"{where}: tokenizer.ggml.{key} does not give each token one value; convert it again")
    return numbered(tokens, where)


def _byte_level(tokens: dict[str, int], ggml: Mapping[str, Any], where: str) -> tuple[tokenizers.Tokenizer, bool]:
    name = ggml.get("pre", "gpt-2")  # files older than this key come from GPT-2's kin
    if name not in SPLITTINGS:
        raise BestiaryError(
            f"{where}: tokenizer.ggml.pre is {quoted(name)}, a way to cut texts that is not known"
            f"{nearest(str(name), SPLITTINGS)}; use a file of one of {', '.join(SPLITTINGS)}"
        )
    splitting = SPLITTINGS[name]
    merges = split_merges(ggml.get("merges") or (), f"{where}: tokenizer.ggml.merges")
    check_merges(tokens, merges, where)
    model = accepted(lambda: models.BPE(tokens, merges, ignore_merges=splitting.whole_words), where)
    backend = tokenizers.Tokenizer(model)
    if splitting.composed:
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = split_byte_level(list(splitting.patterns))
    backend.decoder = decoders.ByteLevel()
    return backend, splitting.begins


def _spaced(tokens: dict[str, int], ggml: Mapping[str, Any], where: str) -> tuple[tokenizers.Tokenizer, bool]:
    if "merges" in ggml:
        merges = split_merges(ggml["merges"] or (), f"{where}: tokenizer.ggml.merges")
        check_merges(tokens, merges, where)
    else:
        if "scores" not in ggml:
            raise BestiaryError(f"{where} has neither tokenizer.ggml.merges nor .scores; convert the file again")
        if max(len(token) for token in tokens) > PIECE_LIMIT:
            raise BestiaryError(f"{where} holds a token of more than {PIECE_LIMIT} characters; convert the file again")
        ranks = {token: -float(score) for token, score in zip(tokens, ggml["scores"], strict=True)}
        merges = implied_merges(tokens, ranks)
    settings = {"add_prefix_space": ggml.get("add_space_prefix", True) is not False}
    return spaced_bpe((tokens, merges), settings, where), True


def _whole_tokens(tokens: Mapping[str, int], ggml: Mapping[str, Any]) -> list[tuple[AddedToken, int | None]]:
    kinds = ggml.get("token_type") or [0] * len(tokens)
    return [
        (AddedToken(token, normalized=False, special=kind == CONTROL), number)
        for (token, number), kind in zip(tokens.items(), kinds, strict=True)
        if kind in (CONTROL, USER_DEFINED) and token
    ]


def _special(role: str, tokens: list[str], ggml: Mapping[str, Any], where: str) -> str | None:
    number = ggml.get(KEYS[role])
    if number is None:
        return None
    if type(number) is not int or not 0 <= number < len(tokens):
        raise BestiaryError(f"{where}: tokenizer.ggml.{KEYS[role]} is {quoted(number)}, which is no token's id")
    return tokens[number]
