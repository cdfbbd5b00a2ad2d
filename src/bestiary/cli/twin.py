"""A tokenizer for untrained twins, which have no vocabulary of their own: a token for each byte, and a few marks."""

from __future__ import annotations

from typing import Any

from bestiary.data.proteins import residue_tokenizer
from bestiary.data.tokenizers import Tokenizer
from bestiary.errors import BestiaryError
from bestiary.spec import BlankedTokens, vocab_size

MARKS = {"pad": "[PAD]", "mask": "[MASK]", "eos": "[END]"}


def twin_tokenizer(model: Any) -> Tokenizer | None:
    """Return what an untrained twin reads texts with: letters of proteins, or bytes; ``None`` where it reads none."""
    size = vocab_size(model)
    if size is None:
        return None
    return residue_tokenizer() if isinstance(getattr(model, "embed", None), BlankedTokens) else byte_tokenizer(size)


def byte_tokenizer(vocab: int) -> Tokenizer:
    """Return a tokenizer of ``vocab`` tokens: the 256 bytes, the marks, then names such as ``<300>`` that no text has.

    Raises ``BestiaryError`` when the embedding is too small for bytes and marks.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())  # the printable letters that stand for the 256 bytes
    named = [*letters, *MARKS.values()]
    if vocab < len(named):
        raise BestiaryError(
            f"bytes and marks need {len(named)} tokens, but the embedding holds {vocab}; load a checkpoint"
        )
    tokens = named + [f"<{number}>" for number in range(len(named), vocab)]
    backend = Backend(models.BPE({token: number for number, token in enumerate(tokens)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(mark, normalized=False) for mark in MARKS.values()])
    return Tokenizer(backend, MARKS)
