"""A tokenizer for chemical reactions in SMILES notation: an atom, a bond or an arrow is a token."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from bestiary.data.tokenizers import Tokenizer as OurTokenizer

# What stands in brackets is one atom, chlorine and bromine have two letters, rings above nine two digits.
SYMBOL = r"\[[^\]]*\]|Br|Cl|%\d\d|>>|."


def tokenizer(folder: Path) -> OurTokenizer:
    """Return the tokenizer of the vocabulary in ``vocab.txt``."""
    words = {word: index for index, word in enumerate((folder / "vocab.txt").read_text().split("\n")) if word}
    backend = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(SYMBOL), "isolated")
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, words[token]) for token in ("[CLS]", "[SEP]")]
    )
    backend.add_special_tokens(["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"])
    specials = {"cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "pad": "[PAD]", "unk": "[UNK]"}
    return OurTokenizer(backend, specials)
