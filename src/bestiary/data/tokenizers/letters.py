"""Letters that a model writes for each place of a sound, as its vocabulary of letters says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, SupportsInt

from bestiary.data.tokenizers.vocabularies import numbered
from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json

LIMIT = 1 << 24
"""Bytes of a vocabulary; that of a thousand languages takes less than a hundredth."""


@dataclass(frozen=True, eq=False)
class Letters:
    """A letter for each number; ``between`` is written between words, ``marks`` are no letters."""

    letters: tuple[str, ...]
    between: str = "|"
    marks: frozenset[str] = frozenset({"<pad>", "<s>", "</s>", "<unk>"})

    def decode(self, ids: Iterable[SupportsInt], blank: int = 0) -> str:
        """Return the text of a letter for each place: equal neighbors are one, blanks and marks none."""
        changes = [number for number, _ in groupby(int(each) for each in ids)]
        written = [self.letters[number] for number in changes if number != blank and number < len(self.letters)]
        return "".join(" " if each == self.between else each for each in written if each not in self.marks).strip()

    def save(self, folder: str | Path) -> None:
        """Write ``vocab.json`` and ``tokenizer_config.json`` as transformers reads them."""
        numbers = {letter: number for number, letter in enumerate(self.letters)}
        settings = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "word_delimiter_token": self.between}
        for name, said in (("vocab.json", numbers), ("tokenizer_config.json", settings)):
            text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
            Path(folder, name).write_text(text, encoding="utf-8")


ENGLISH = Letters(("<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))
"""Letters for a twin, which has no vocabulary of its own."""


def load_letters(folder: str | Path, vocab: int) -> Letters:
    """Open the letters in a folder; raises ``BestiaryError`` when they are not numbered or more than are scored."""
    folder = Path(folder)
    file = folder / "vocab.json"
    numbers: dict[str, Any] = read_json(file, limit=LIMIT)
    known = {number: letter for letter, number in numbered(numbers, str(file)).items()}
    if max(known) >= vocab:
        raise BestiaryError(f"{file} has a letter {max(known)}, but the model scores {vocab}: take the file beside it")
    letters = tuple(known.get(number, "") for number in range(max(known) + 1))
    beside = folder / "tokenizer_config.json"
    settings: Mapping[str, Any] = read_json(beside) if beside.exists() else {}
    between = settings.get("word_delimiter_token", "|")
    marks = {settings.get(f"{role}_token", usual) for role, usual in USUAL.items()}
    return Letters(
        letters, between if isinstance(between, str) else "|", frozenset(m for m in marks if isinstance(m, str))
    )


USUAL = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>"}
