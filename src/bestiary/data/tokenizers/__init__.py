"""Text to token ids and back, from every layout in which tokenizers are published."""

from __future__ import annotations

from bestiary.data.tokenizers.folder import load_tokenizer, of_words
from bestiary.data.tokenizers.ggml import from_gguf
from bestiary.data.tokenizers.streaming import TextStream
from bestiary.data.tokenizers.tokenizer import Batch, Tokenizer

__all__ = ["Batch", "TextStream", "Tokenizer", "from_gguf", "load_tokenizer", "of_words"]
