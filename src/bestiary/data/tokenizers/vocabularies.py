"""The files of a vocabulary, read strictly: lists of tokens, numbered tokens, and the merges of byte-pair encoding."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bestiary.errors import BestiaryError
from bestiary.jsonfile import MEBIBYTE, read_json
from bestiary.untrusted import listed, mistaken_for, quoted, regular_file

Made = TypeVar("Made")
Pair = tuple[str, str]

FILE_LIMIT = 96 * MEBIBYTE  # the largest published tokenizer.json hold about a third of this
LARGEST_ID = 1 << 24  # sixty-four times the largest published vocabularies; the library allocates by the highest id


def accepted(make: Callable[[], Made], where: str) -> Made:
    """Return what ``make`` builds with the tokenizers library; its refusal becomes one sentence about ``where``."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # the library raises nothing narrower than Exception
        reason = " ".join(str(error).split())
        raise BestiaryError(f"{where} holds no usable tokenizer ({reason}); download it again or correct it") from None


def read_bytes(path: Path, limit: int = FILE_LIMIT) -> bytes:
    """Return the bytes of a regular file that holds something, and at most ``limit`` of it."""
    with regular_file(path).open("rb") as file:
        data = file.read(limit + 1)
    if mistake := mistaken_for(data if data.strip() else b""):
        raise BestiaryError(f"{path} {mistake}")
    if len(data) > limit:
        raise BestiaryError(f"{path} is larger than {limit:,} bytes, more than such a file ever needs; replace it")
    return data


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file. Only a line feed ends a line: tokens may hold every other separator."""
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BestiaryError(f"{path} is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def read_word_list(path: Path) -> dict[str, int]:
    """Return a ``vocab.txt``: one token a line, numbered from 0; of a token listed twice the last number counts."""
    return {token: number for number, token in enumerate(read_lines(path))}


def read_numbered(path: Path) -> dict[str, int]:
    """Return a ``vocab.json``: an object from each token to its id."""
    return numbered(read_json(path, limit=FILE_LIMIT), str(path))


def numbered(table: Mapping[str, Any], where: str) -> dict[str, int]:
    """Return ``table`` when it maps at least one token to ids that are whole, in range and each used once."""
    if not table:
        raise BestiaryError(f"{where} holds an empty vocabulary; download it again")
    wrong = [token for token, number in table.items() if type(number) is not int or not 0 <= number < LARGEST_ID]
    if wrong:
        raise BestiaryError(
            f"{where} gives {listed([f'{quoted(t)} the id {quoted(table[t])}' for t in wrong])}; "
            f"ids are whole numbers from 0 to {LARGEST_ID - 1:,}"
        )
    if len(set(table.values())) < len(table):
        holders: dict[int, str] = {}
        twice = next((holders[n], token, n) for token, n in table.items() if holders.setdefault(n, token) != token)
        raise BestiaryError(f"{where} gives {quoted(twice[0])} and {quoted(twice[1])} the same id {twice[2]:,}")
    return dict(table)


def read_merges(path: Path) -> list[Pair]:
    """Return a ``merges.txt``: after its version line, two tokens a line, the most urgent merge first."""
    lines = [line for line in read_lines(path) if line and not line.startswith("#version")]
    return split_merges(lines, str(path))


def split_merges(lines: Iterable[Any], where: str) -> list[Pair]:
    """Split each ``"a b"``, or take each ``["a", "b"]``, as a pair of tokens."""
    pairs: list[Pair] = []
    for number, line in enumerate(lines, 1):
        parts = line.split(" ") if isinstance(line, str) else line
        if not (isinstance(parts, Sequence) and len(parts) == 2 and all(p and isinstance(p, str) for p in parts)):
            raise BestiaryError(f"{where}: merge {number:,} is {quoted(line)}; a merge is two tokens and a space")
        pairs.append((parts[0], parts[1]))
    return pairs


def check_merges(vocab: Collection[str], merges: Iterable[Pair], where: str) -> None:
    """Raise BestiaryError when merges name tokens, or make tokens, that the vocabulary lacks."""
    unknown = {part: None for left, right in merges for part in (left, right, left + right) if part not in vocab}
    if unknown:
        names = listed([quoted(token) for token in unknown])
        raise BestiaryError(f"{where}: merges name {names}, which the vocabulary lacks; take both from one checkpoint")


def check_unknown(token: object, vocab: Collection[str], where: str) -> None:
    """Raise BestiaryError unless ``token``, which stands for all that is not in the vocabulary, is itself in it."""
    if token not in vocab:
        raise BestiaryError(
            f"{where} lacks its unknown token {quoted(token)}, so most texts could not be encoded; "
            "add it or name another as 'unk_token'"
        )


def check_charsmap(charsmap: bytes, where: str) -> None:
    """Raise BestiaryError unless SentencePiece's compiled normalization stays inside itself.

    It is a size, a double-array trie of 32-bit units, and the texts that its leaves point to; the library follows the
    units without looking, so every step from every unit must end inside the array (Darts-clone's layout: bit 31 marks
    a leaf, whose other bits are its value; else bits 10 and up are an offset, shifted by 8 where bit 9 is set).
    """
    size = struct.unpack_from("<I", charsmap)[0] if len(charsmap) > 4 else 0
    sound = 0 < size <= len(charsmap) - 4 and size % 1024 == 0
    texts = len(charsmap) - 4 - size
    units = struct.unpack_from(f"<{size // 4}I", charsmap, 4) if sound else ()
    for place, unit in enumerate(units):
        if unit >> 31:
            sound &= unit & 0x7FFFFFFF < texts
        else:
            sound &= (place ^ (unit >> 10) << ((unit & 512) >> 6)) | 255 < len(units)
    if not sound:
        raise BestiaryError(f"{where}: its compiled normalization (precompiled_charsmap) is damaged; download it again")


def decoded_charsmap(text: object, where: str) -> bytes:
    """Return the bytes of a normalization that a ``tokenizer.json`` writes in base 64."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        return b""
