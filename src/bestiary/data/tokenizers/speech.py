"""The tokens beside text that tell a model that writes what it hears what to do, and by which it tells the time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bestiary.data.tokenizers.tokenizer import Tokenizer

LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml "
    "cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am "
    "yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
).split()
"""Codes of languages in the order of their tokens."""

TEXT = 50256
"""Tokens of text in GPT-2's vocabulary; that with many languages has one more."""
TIMES = 1501
"""Tokens of time, from 0.00 to 30.00 seconds."""
TICK = 0.02
"""Seconds from one to the next."""
BESIDE = 8
"""Tokens that are neither text, language nor time: end, start, two tasks and four marks."""

_SIGNS = '"#()*+/:;<=>@[\\]^_`{|}~「」『』'
_RUNS = "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split()
_NOTES = "♩♪♫♬♭♮♯"


@dataclass(frozen=True)
class SpeechTokens:
    """Ids of special tokens. Text has the ids below ``end``."""

    end: int
    languages: int
    """How many languages have a token."""
    multilingual: bool
    """Whether the model was trained to be told language and task; one for English alone has the tokens, unused."""

    @property
    def start(self) -> int:
        """The token that a transcript begins with; languages follow it."""
        return self.end + 1

    @property
    def translate(self) -> int:
        """The task of writing in English what was said in another language."""
        return self.start + self.languages + 1

    @property
    def transcribe(self) -> int:
        """The task of writing what was said."""
        return self.translate + 1

    @property
    def no_speech(self) -> int:
        """What the model writes first where nobody speaks."""
        return self.transcribe + 3

    @property
    def no_times(self) -> int:
        """What tells the model to write no times."""
        return self.no_speech + 1

    @property
    def first_time(self) -> int:
        """The token of 0.00 seconds; those of later times follow it."""
        return self.no_times + 1

    def language(self, code: str) -> int | None:
        """Return the token of a language, or ``None`` for a code that has none."""
        known = LANGUAGES[: self.languages]
        return self.start + 1 + known.index(code) if code in known else None

    def never(self, tokenizer: Tokenizer) -> list[int]:
        """Return the tokens that no transcript holds: those of tasks, and signs that tell of what is not said.

        Such are brackets, notes and the dash or quotation mark that opens a turn of talk, alone or behind a space.
        """
        found = {self.ids(tokenizer, " -")[0], self.ids(tokenizer, " '")[0]}
        for sign in (*_SIGNS, *_RUNS, *_NOTES):
            for text in (sign, f" {sign}"):
                ids = self.ids(tokenizer, text)
                if len(ids) == 1 or sign in _NOTES:
                    found.add(ids[0])
        tasks = {self.start, *range(self.translate, self.no_speech + 1)}
        return sorted(found | tasks)

    def at_first(self, tokenizer: Tokenizer) -> list[int]:
        """Return the tokens that no transcript begins with: a space, and its end."""
        return [*self.ids(tokenizer, " "), self.end]

    def ids(self, tokenizer: Tokenizer, text: str) -> list[int]:
        """Return the ids of a text alone."""
        return tokenizer.encode(text, add_special_tokens=False)


@lru_cache(maxsize=8)
def speech_tokens(vocab: int) -> SpeechTokens | None:
    """Return the special tokens of a vocabulary of such a size, or ``None`` where it has no room for them."""
    multilingual = vocab > TEXT + BESIDE + 99 + TIMES
    end = TEXT + multilingual
    languages = vocab - end - BESIDE - TIMES
    return SpeechTokens(end, languages, multilingual) if 99 <= languages <= len(LANGUAGES) else None
