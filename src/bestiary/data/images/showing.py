"""Texts and the pictures that they show, made into what a language model reads that is shown pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bestiary.data.images.preprocess import Preprocessor
from bestiary.data.tokenizers import Tokenizer
from bestiary.errors import BestiaryError

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "processor_config.json"
PICTURES = "image_processor"
"""The key of that file under which newer ones hold how pictures are read; older ones have another file for it."""


@dataclass(frozen=True)
class Showing:
    """Pictures stand in front of a text, before the token that begins it and before padding (BLIP-2)."""

    pictures: Preprocessor
    tokenizer: Tokenizer
    token_id: int
    """The token in whose place a picture's vectors stand."""
    vectors: int
    """How many vectors a picture becomes."""
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """The file as it was read, which is what is written back."""

    def __call__(self, pictures: Sequence[str | Path | Image], texts: Sequence[str]) -> dict[str, Tensor]:
        """Return ``input_ids`` and ``attention_mask``, ``[texts, T]``, and ``pixel_values`` of the pictures in order.

        Raises ``BestiaryError`` for a picture that cannot be read, and where pictures and texts do not go together.
        """
        return self.read(texts, len(pictures)) | self.pictures(pictures)

    def read(self, texts: Sequence[str], pictures: int, *, add_special_tokens: bool = True) -> dict[str, Tensor]:
        """Return ``input_ids`` and ``attention_mask`` of texts that show so many pictures in all, each its share."""
        batch = self.tokenizer(texts, add_special_tokens=add_special_tokens)
        front = self.vectors * shared(pictures, len(texts))
        ids = [[self.token_id] * front + row for row in batch.input_ids]
        keep = [[1] * front + row for row in batch.attention_mask]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(keep)}

    def save(self, folder: Path) -> None:
        """Write what the files said; the tokenizer writes its own."""
        if PICTURES not in self.carried:
            self.pictures.save(folder)
        if self.carried:
            (folder / NAME).write_text(json.dumps(self.carried, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Marking(Showing):
    """Texts mark where their pictures stand (LLaVA); one that marks none has them in front, each on a line."""

    token: str = "<image>"

    def read(self, texts: Sequence[str], pictures: int, *, add_special_tokens: bool = True) -> dict[str, Tensor]:
        """Return ``input_ids`` and ``attention_mask`` of texts that show so many pictures in all."""
        if not any(self.token in text for text in texts):
            texts = [f"{self.token}\n" * shared(pictures, len(texts)) + text for text in texts]
        marked = sum(text.count(self.token) for text in texts)
        if marked != pictures:
            raise BestiaryError(f"{self.token} marks {marked} pictures in the texts, but {pictures} are given")
        spread = [text.replace(self.token, self.token * self.vectors) for text in texts]
        batch = self.tokenizer(spread, add_special_tokens=add_special_tokens)
        return {"input_ids": torch.tensor(batch.input_ids), "attention_mask": torch.tensor(batch.attention_mask)}


def shared(pictures: int, texts: int) -> int:
    """Return how many pictures each text shows that says nothing of it."""
    if not texts or pictures % texts:
        raise BestiaryError(f"{pictures} pictures cannot be shared by {texts} texts; give each as many")
    return pictures // texts
