"""The letters of proteins: the vocabulary that protein language models share."""

from __future__ import annotations

from bestiary.data.tokenizers import Tokenizer, of_words

LETTERS = "LAGVSERTIDPKQNFYMHWC"
"""The twenty amino acids by the frequency that ESM's vocabulary lists them in."""

VOCABULARY = (
    "<cls>", "<pad>", "<eos>", "<unk>", *LETTERS, "X", "B", "U", "Z", "O", ".", "-", "<null_1>", "<mask>",
)  # fmt: skip
"""ESM's 33 tokens in their order: ends, the amino acids, what is rare or undetermined, gaps, and the mask."""


def residue_tokenizer() -> Tokenizer:
    """Return the tokenizer that reads a protein letter by letter, ``<mask>`` where one is to be told."""
    words = {word: number for number, word in enumerate(VOCABULARY)}
    return of_words("esm", words)
