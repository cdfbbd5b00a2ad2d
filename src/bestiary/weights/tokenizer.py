"""The tokenizer that a checkpoint's files hold, checked against its embedding."""

from __future__ import annotations

from bestiary.data.tokenizers import Tokenizer, from_gguf, load_tokenizer
from bestiary.data.tokenizers.letters import Letters, load_letters
from bestiary.spec import CTCHead, heads_of, vocabulary
from bestiary.weights.load import Checkpoint

FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer | Letters | None:
    """Return the tokenizer beside a checkpoint's weights, or inside its GGUF file; ``None`` where there is none.

    What spells a sound has letters instead. Raises ``BestiaryError`` when the files cannot be read or have more tokens
    than the embedding has rows.
    """
    spelled = next((head for head in heads_of(checkpoint.meaning.spec).values() if isinstance(head, CTCHead)), None)
    if spelled is not None:
        return _letters(checkpoint, spelled)
    table = vocabulary(checkpoint.meaning.spec)
    if table is None:
        return None
    if "tokenizer.ggml.model" in checkpoint.metadata:
        return from_gguf(checkpoint.metadata, vocab=table.vocab, where=str(checkpoint.path))
    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    if not any((folder / name).exists() for name in FILES):
        return None
    return load_tokenizer(folder, vocab=table.vocab)


def _letters(checkpoint: Checkpoint, head: CTCHead) -> Letters | None:
    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    return load_letters(folder, head.vocab) if (folder / "vocab.json").exists() else None
