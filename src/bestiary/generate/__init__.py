"""Answers from a model: text token by token, masks filled, sentences embedded."""

from __future__ import annotations

from bestiary.generate.codes import draw_codes, write_codes
from bestiary.generate.generate import generate, tokens
from bestiary.generate.letters import spell
from bestiary.generate.prompts import at_blank, fills_blanks
from bestiary.generate.read import embed, fill_mask, tell_replaced
from bestiary.generate.sampling import Sampling
from bestiary.generate.speech import Segment, transcribe, written
from bestiary.generate.stream import stream, stream_text

__all__ = [
    "Sampling",
    "Segment",
    "at_blank",
    "draw_codes",
    "embed",
    "fill_mask",
    "fills_blanks",
    "generate",
    "spell",
    "stream",
    "stream_text",
    "tell_replaced",
    "tokens",
    "transcribe",
    "write_codes",
    "written",
]
