"""Opening the tokenizer of a checkpoint's folder, whichever of the published layouts it has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tokenizers

from bestiary.data.tokenizers import families
from bestiary.data.tokenizers.families import Family, Settings
from bestiary.data.tokenizers.specials import listed_tokens, put_in, roles_of, template, with_ends
from bestiary.data.tokenizers.spm import BPE, Pieces, read_pieces
from bestiary.data.tokenizers.tokenizer import PLAIN_INPUTS, Tokenizer
from bestiary.data.tokenizers.vocabularies import (
    FILE_LIMIT,
    accepted,
    check_charsmap,
    check_merges,
    check_unknown,
    decoded_charsmap,
    numbered,
    read_bytes,
    read_merges,
    read_numbered,
    read_word_list,
    split_merges,
)
from bestiary.errors import BestiaryError, nearest
from bestiary.jsonfile import MEBIBYTE, read_json
from bestiary.untrusted import quoted

FLAGS = (
    "do_lower_case", "strip_accents", "tokenize_chinese_chars", "keep_accents", "add_prefix_space",
    "add_bos_token", "add_eos_token", "legacy",
)  # fmt: skip
GENERIC = frozenset(("pretrained", "tokenizersbackend", "auto", ""))  # classes that name no family


def load_tokenizer(path_or_folder: str | os.PathLike[str], *, vocab: int | None = None) -> Tokenizer:
    """Open the tokenizer of a checkpoint's folder, or of one of its tokenizer files.

    ``vocab`` is the number of rows of the model's embedding; a tokenizer that needs more is refused. Raises
    BestiaryError, in one sentence with file and remedy, for whatever is missing, malformed or inconsistent.
    """
    path = Path(path_or_folder)
    if not path.exists():
        raise BestiaryError(f"{path} does not exist; check the path")
    folder = path if path.is_dir() else path.parent
    names, open_layout = _layout(path)
    settings = _settings(folder)
    tokenizer = open_layout(folder, names[0], settings)
    if vocab is not None and tokenizer.vocab_size > vocab:
        raise BestiaryError(
            f"{folder / names[0]} has {tokenizer.vocab_size:,} entries but the embedding holds {vocab:,} rows; "
            "take tokenizer and weights from one checkpoint"
        )
    return tokenizer


def _layout(path: Path) -> tuple[tuple[str, ...], Callable[[Path, str, dict[str, Any]], Tokenizer]]:
    """Choose the first layout that the folder holds whole, or the one that a file given by name belongs to."""
    folder = path if path.is_dir() else path.parent
    wanted = [names for names in LAYOUTS if path.is_dir() or path.name in names]
    for names in wanted:
        if all((folder / name).exists() for name in names):
            return names, LAYOUTS[names]
    looked = ", ".join(" with ".join(names) for names in wanted or LAYOUTS)
    if path.is_dir() or wanted:
        raise BestiaryError(f"{folder} holds no tokenizer; looked for {looked}")
    raise BestiaryError(f"{path} is not a tokenizer file that is known by its name; known are {looked}")


def _settings(folder: Path) -> dict[str, Any]:
    """Gather what the files beside the vocabulary say, as one table; of two that differ the later one counts."""
    settings: dict[str, Any] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).exists():
            settings |= read_json(folder / name, limit=8 * MEBIBYTE)
    if (folder / "added_tokens.json").exists():
        settings["added_tokens"] = read_json(folder / "added_tokens.json", limit=8 * MEBIBYTE)
    if (folder / "chat_template.jinja").exists():
        settings["chat_template"] = read_bytes(folder / "chat_template.jinja", MEBIBYTE).decode("utf-8", "replace")
    elif (folder / "chat_template.json").exists():  # as the first processors of pictures wrote it
        settings["chat_template"] = read_json(folder / "chat_template.json").get("chat_template")
    if (folder / "config.json").exists():
        settings["model_type"] = read_json(folder / "config.json").get("model_type")
    where = str(folder / "tokenizer_config.json")
    for flag in FLAGS:
        if not isinstance(settings.get(flag), bool | None):
            raise BestiaryError(f"{where}: '{flag}' is {quoted(settings[flag])}; it must be true or false")
    spare = settings.setdefault("extra_ids", 100)
    if type(spare) is not int or not 0 <= spare <= 10_000:
        raise BestiaryError(f"{where}: 'extra_ids' is {quoted(spare)}; it must be a number from 0 to 10,000")
    return settings


def _named_family(settings: Settings) -> str:
    """Return the family that ``tokenizer_class``, or else ``model_type``, names; empty when nothing names one."""
    for value, suffixes in ((settings.get("tokenizer_class"), ("Fast", "Tokenizer")), (settings.get("model_type"), ())):
        name = value if isinstance(value, str) else ""
        for suffix in suffixes:
            name = name.removesuffix(suffix)
        name = name.lower().replace("-", "").replace("_", "")
        if name not in GENERIC:
            return families.KIN.get(name, name)
    return ""


def _family(table: Mapping[str, Family[Any]], settings: Settings, otherwise: str, file: Path) -> Family[Any]:
    name = _named_family(settings) or otherwise
    if name not in table:
        known = ", ".join(table)
        raise BestiaryError(
            f"{file} is of the family {quoted(name)}, but this layout is read for {known} and their kin"
            f"{nearest(name, [*table, *families.KIN])}; save it as tokenizer.json with the library it comes from"
        )
    return table[name]


def _from_words(folder: Path, name: str, settings: dict[str, Any]) -> Tokenizer:
    file = folder / name
    words = numbered(read_word_list(file), str(file))
    # Only a tokenizer's own class can say otherwise: models of any family are trained on word lists.
    named = {key: value for key, value in settings.items() if key != "model_type"}
    return _built(_family(families.WORD_LISTS, named, "bert", file), words, settings, file)


def of_words(family: str, words: Mapping[str, int]) -> Tokenizer:
    """Return the tokenizer of a family of word lists for words that no file holds."""
    return _built(families.WORD_LISTS[family], dict(words), {}, Path(f"the words of {family}"))


def _from_pairs(folder: Path, name: str, settings: dict[str, Any]) -> Tokenizer:
    file = folder / name
    words, merges = read_numbered(file), read_merges(folder / "merges.txt")
    family = _family(families.PAIRED, settings, _likely_pairs(words), file)
    return _built(family, (words, merges), settings, file)


def _likely_pairs(words: Mapping[str, int]) -> str:
    if any(word.endswith("</w>") for word in words):
        return "clip" if "<|startoftext|>" in words else "openaigpt"
    return "roberta" if {"<s>", "</s>", "<mask>"} <= words.keys() else "gpt2"


def _from_pieces(folder: Path, name: str, settings: dict[str, Any]) -> Tokenizer:
    file = folder / name
    pieces = read_pieces(file)
    family = _family(families.SENTENCE_PIECES, settings, _likely_pieces(pieces), file)
    return _built(family, pieces, settings | {"added_pieces": pieces.added}, file)


def _likely_pieces(pieces: Pieces) -> str:
    if pieces.model == BPE:
        return "llama"
    return "albert" if {"[CLS]", "[SEP]"} <= set(pieces.tokens) else "t5"


def _built(family: Family[Any], source: Any, settings: dict[str, Any], file: Path) -> Tokenizer:
    """Build a family's steps, put its special tokens in, and lay out its template."""
    where = str(file)
    roles = roles_of(settings, family.specials, where, family.greedy)
    specials = {role: token.content for role, token in roles.items()}
    texts = {f"{role}_token": token for role, token in specials.items()}
    backend = family.build(source, settings | {"unk_token": None} | texts, where)
    spare = [(tokenizers.AddedToken(text, special=True), None) for text in family.spare(settings)]
    listed = listed_tokens(settings, where).values()
    plain = [(token, None) for token in roles.values()]
    put_in(backend, [*settings.get("added_pieces", ()), *listed, *plain, *spare], where)
    begins = settings.get("add_bos_token", family.begins) is True and "bos" in specials
    ends = settings.get("add_eos_token") is True and "eos" in specials
    if family.template == families.SEQUENCE:
        family = replace(family, template=with_ends(*family.template, begins, ends))
    backend.post_processor = template(*family.template, specials, backend, where)
    return _wrapped(backend, specials, settings, family)


def _wrapped(
    backend: tokenizers.Tokenizer, specials: Mapping[str, str], settings: Settings, family: Family[Any] | None
) -> Tokenizer:
    side = settings.get("padding_side", family.side if family else "right")
    longest = settings.get("model_max_length")
    inputs = settings.get("model_input_names") or (family.inputs if family else PLAIN_INPUTS)
    chat = settings.get("chat_template")
    if isinstance(chat, list):  # the form that names several templates
        chat = next((entry.get("template") for entry in chat if entry.get("name") == "default"), None)
    return Tokenizer(
        backend=backend,
        specials=dict(specials),
        padding_side="left" if side == "left" else "right",
        chat_template=chat if isinstance(chat, str) else None,
        model_max_length=longest if type(longest) is int and 0 < longest < 1 << 31 else None,
        model_input_names=tuple(map(str, inputs)),
    )


def _from_json(folder: Path, name: str, settings: dict[str, Any]) -> Tokenizer:
    """Open a ``tokenizer.json``, which holds every step; the files beside it say which token has which role."""
    file = folder / name
    where = str(file)
    _check_document(read_json(file, limit=FILE_LIMIT), where)
    backend = accepted(lambda: tokenizers.Tokenizer.from_file(where), where)
    backend.no_truncation()
    backend.no_padding()
    every: dict[str, Family[Any]] = {**families.WORD_LISTS, **families.PAIRED, **families.SENTENCE_PIECES}
    family = every.get(_named_family(settings))
    known = {role: text for role, text in (family.specials if family else {}).items() if backend.token_to_id(text)}
    roles = roles_of(settings, known, where)
    put_in(backend, [*listed_tokens(settings, where).values(), *((token, None) for token in roles.values())], where)
    return _wrapped(backend, {role: token.content for role, token in roles.items()}, settings, family)


def _check_document(document: Mapping[str, Any], where: str) -> None:
    """Check what the library would refuse in words of its own, or not until a text is encoded."""
    model = document.get("model")
    if not isinstance(model, Mapping):
        raise BestiaryError(f"{where} has no 'model'; it is not a tokenizer.json, so download it again")
    vocab = model.get("vocab")
    if not isinstance(vocab, Mapping | list) or not vocab:
        raise BestiaryError(f"{where} holds an empty vocabulary; download it again")
    if isinstance(vocab, Mapping):
        numbered(vocab, where)
        merges = model.get("merges")
        if isinstance(merges, list) and not model.get("continuing_subword_prefix"):
            check_merges(vocab, split_merges(merges, where), where)
        if merges is None:
            check_unknown(model.get("unk_token"), vocab, where)
    elif model.get("unk_id") is None:
        raise BestiaryError(f"{where} names no unknown token (model.unk_id), so few texts could be encoded; add it")
    for charsmap in _charsmaps(document.get("normalizer")):
        check_charsmap(decoded_charsmap(charsmap, where), where)


def _charsmaps(normalizer: Any) -> Iterator[Any]:
    if isinstance(normalizer, Mapping):
        if normalizer.get("type") == "Precompiled":
            yield normalizer.get("precompiled_charsmap")
        yield from _charsmaps(normalizer.get("normalizers"))
    elif isinstance(normalizer, list):
        for part in normalizer:
            yield from _charsmaps(part)


LAYOUTS: dict[tuple[str, ...], Callable[[Path, str, dict[str, Any]], Tokenizer]] = {
    ("tokenizer.json",): _from_json,
    ("vocab.json", "merges.txt"): _from_pairs,
    ("spiece.model",): _from_pieces,
    ("tokenizer.model",): _from_pieces,
    ("vocab.txt",): _from_words,
}
"""The layouts in the order in which they are tried, each by the files it needs."""
