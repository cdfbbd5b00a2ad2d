"""Answers from a model: text token by token, masks filled, sentences embedded."""

from __future__ import annotations

from bestiary.generate.generate import generate, stream_text, tokens
from bestiary.generate.read import embed, fill_mask, tell_replaced
from bestiary.generate.sampling import Sampling

__all__ = ["Sampling", "embed", "fill_mask", "generate", "stream_text", "tell_replaced", "tokens"]
