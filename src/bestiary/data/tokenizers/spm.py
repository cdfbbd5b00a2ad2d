"""SentencePiece models (``spiece.model``, ``tokenizer.model``), read from their protocol buffer without its library.

Only the few fields that decide ids are kept; the numbers of the fields are those of SentencePiece's published schema.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken

from bestiary.data.tokenizers.vocabularies import Pair, check_charsmap, read_bytes
from bestiary.errors import BestiaryError
from bestiary.jsonfile import MEBIBYTE

MODEL_LIMIT = 32 * MEBIBYTE  # a published model of 262,144 pieces takes 5
PIECE_LIMIT = 512  # bytes; the trainer's own limit is 16 characters, and finding the merges is quadratic in it

UNIGRAM, BPE = 1, 2
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Pieces:
    """What a SentencePiece model says: its pieces in the order of their ids, and how texts are made ready for them."""

    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    kinds: tuple[int, ...]
    model: int
    byte_fallback: bool
    charsmap: bytes

    @property
    def unknown_id(self) -> int | None:
        """The id of the piece that stands for what no piece spells."""
        return self.kinds.index(UNKNOWN) if UNKNOWN in self.kinds else None

    @property
    def added(self) -> list[tuple[AddedToken, int]]:
        """The pieces that are never cut, with their ids: control pieces, which are special, and the trainer's own."""
        return [
            (AddedToken(token, normalized=False, special=kind == CONTROL), number)
            for number, (token, kind) in enumerate(zip(self.tokens, self.kinds, strict=True))
            if kind in (CONTROL, USER_DEFINED)
        ]


def read_pieces(path: Path) -> Pieces:
    """Read a SentencePiece model; BestiaryError when the file is something else, is cut short or has no pieces."""
    data = read_bytes(path, MODEL_LIMIT)
    try:
        pieces = _parse(data)
    except (ValueError, struct.error) as error:
        raise BestiaryError(f"{path} is not a SentencePiece model ({error}); download it again") from None
    if not pieces.tokens:
        raise BestiaryError(f"{path} holds an empty vocabulary; download it again")
    if pieces.model not in (UNIGRAM, BPE):
        raise BestiaryError(f"{path} is a SentencePiece model of words or characters; only unigram and BPE are read")
    if max(len(token.encode()) for token in pieces.tokens) > PIECE_LIMIT:
        raise BestiaryError(f"{path} holds a piece of more than {PIECE_LIMIT} bytes; download it again")
    if pieces.unknown_id is None:
        raise BestiaryError(f"{path} marks no piece as the unknown one; replace it with the published file")
    if pieces.charsmap:
        check_charsmap(pieces.charsmap, str(path))
    return pieces


def implied_merges(tokens: dict[str, int], ranks: dict[str, float]) -> list[Pair]:
    """Return the merges that a BPE vocabulary without a list of them implies: each way to cut a token into two others.

    ``ranks`` gives each token's urgency, the lowest first. Among cuts of one token the lowest ids go first, and among
    equal ranks the shortest left part.
    """
    found: list[tuple[float, int, int, Pair]] = []
    for token in tokens:
        cuts = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [(left, right) for left, right in cuts if left in tokens and right in tokens]
        known.sort(key=lambda pair: (tokens[pair[0]], tokens[pair[1]]))
        found.extend((ranks[token], len(left), len(right), (left, right)) for left, right in known)
    found.sort(key=lambda entry: entry[:3])
    return [pair for *_, pair in found]


def _parse(data: bytes) -> Pieces:
    rows: list[tuple[str, float, int]] = []
    trainer: dict[int, int | bytes] = {}
    normalizer: dict[int, int | bytes] = {}
    for number, value in _fields(data):
        if number == 1:
            rows.append(_piece(_message(value)))
        elif number == 2:
            trainer = dict(_fields(_message(value)))
        elif number == 3:
            normalizer = dict(_fields(_message(value)))
    charsmap = normalizer.get(2, b"")
    return Pieces(
        tokens=tuple(token for token, _, _ in rows),
        scores=tuple(score for _, score, _ in rows),
        kinds=tuple(kind for _, _, kind in rows),
        model=_number(trainer.get(3, UNIGRAM)),
        byte_fallback=bool(trainer.get(35, 0)),
        charsmap=_message(charsmap),
    )


def _piece(data: bytes) -> tuple[str, float, int]:
    fields = dict(_fields(data))
    score = struct.unpack("<f", _message(fields.get(2, bytes(4))))[0]
    return _message(fields.get(1, b"")).decode("utf-8"), score, _number(fields.get(3, 1))


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field has the wrong type")
    return value


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("a field has the wrong type")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk over a message: each field's number with its integer, or with its bytes (fixed widths stay bytes)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire not in (FIXED64, BYTES, FIXED32):
            raise ValueError(f"unknown kind of field at byte {at:,}")
        size, at = _varint(data, at) if wire == BYTES else ({FIXED64: 8, FIXED32: 4}[wire], at)
        if at + size > len(data):
            raise ValueError(f"it ends inside a field at byte {at:,}")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("it ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError(f"a number of more than ten bytes at byte {at:,}")
