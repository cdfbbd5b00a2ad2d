"""The tokenizer that a checkpoint's files hold, checked against its embedding."""

from __future__ import annotations

from bestiary.data.tokenizers import Tokenizer, from_gguf, load_tokenizer
from bestiary.spec import vocabulary
from bestiary.weights.load import Checkpoint

FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer | None:
    """Return the tokenizer beside a checkpoint's weights, or inside its GGUF file; ``None`` where there is none.

    Raises ``BestiaryError`` when it cannot be read or has more tokens than the embedding has rows.
    """
    table = vocabulary(checkpoint.meaning.spec)
    if table is None:
        return None
    if "tokenizer.ggml.model" in checkpoint.metadata:
        return from_gguf(checkpoint.metadata, vocab=table.vocab, where=str(checkpoint.path))
    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    if not any((folder / name).exists() for name in FILES):
        return None
    return load_tokenizer(folder, vocab=table.vocab)
