"""The tokenizer that every model is given: texts to padded ids and back, in the ecosystem's own words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsInt, TypeAlias

import tokenizers

from bestiary.data.tokenizers.chat import render
from bestiary.data.tokenizers.streaming import TextStream
from bestiary.errors import BestiaryError
from bestiary.untrusted import quoted

if TYPE_CHECKING:
    import torch

Side: TypeAlias = Literal["left", "right"]

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
PLAIN_INPUTS = ("input_ids", "attention_mask")
TYPED_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


@dataclass(frozen=True)
class Batch:
    """Token ids of some texts, padded to one length; every field is rows x length, and a mask is 1 on real tokens."""

    input_ids: list[list[int]]
    attention_mask: list[list[int]]
    token_type_ids: list[list[int]]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the three fields by name as int64 tensors of shape (rows, length)."""
        import torch

        return {name: torch.tensor(rows, dtype=torch.long) for name, rows in vars(self).items()}


def _token(role: str) -> property:
    return property(lambda self: self.specials.get(role), doc=f"The {role} token as text; None where there is none.")


def _token_id(role: str) -> property:
    return property(lambda self: self.id_of(self.specials.get(role)), doc=f"The id of the {role} token, or None.")


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A tokenizer of the ``tokenizers`` library with the roles of its special tokens. Open one with `load_tokenizer`.

    ``specials`` maps roles (``bos eos unk sep pad cls mask``) to tokens. One object serves one thread at a time.
    """

    backend: tokenizers.Tokenizer
    specials: Mapping[str, str]
    padding_side: Side = "right"
    chat_template: str | None = None
    model_max_length: int | None = None
    model_input_names: tuple[str, ...] = PLAIN_INPUTS

    bos_token, bos_token_id = _token("bos"), _token_id("bos")
    eos_token, eos_token_id = _token("eos"), _token_id("eos")
    unk_token, unk_token_id = _token("unk"), _token_id("unk")
    sep_token, sep_token_id = _token("sep"), _token_id("sep")
    pad_token, pad_token_id = _token("pad"), _token_id("pad")
    cls_token, cls_token_id = _token("cls"), _token_id("cls")
    mask_token, mask_token_id = _token("mask"), _token_id("mask")

    @cached_property
    def vocab_size(self) -> int:
        """How many rows an embedding needs: the highest id, added tokens included, plus one."""
        return 1 + max(self.backend.get_vocab(with_added_tokens=True).values())

    def id_of(self, token: str | None) -> int | None:
        """Return the id of a token of the vocabulary; None for None and for a token that it lacks."""
        return None if token is None else self.backend.token_to_id(token)

    def __call__(
        self,
        texts: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        padding: Side | None = None,
        max_length: int | None = None,
        add_special_tokens: bool = True,
    ) -> Batch:
        """Encode texts, each with its second text where ``pairs`` are given, padded on ``padding`` to the longest.

        ``padding`` defaults to the side that the files name. ``max_length`` cuts the longer text of a row until the
        row, special tokens included, fits. A vocabulary without a padding token is padded with its end token: an id
        under a zero mask is never attended to. Raises BestiaryError for what is not text.
        """
        rows = _rows(texts, pairs)
        encodings = self._encode(rows, max_length, add_special_tokens)
        longest = max((len(encoding.ids) for encoding in encodings), default=0)
        fill = next((i for i in (self.pad_token_id, self.eos_token_id) if i is not None), 0)
        side = padding or self.padding_side

        def padded(values: list[int], filler: int) -> list[int]:
            gap = [filler] * (longest - len(values))
            return gap + values if side == "left" else values + gap

        return Batch(
            input_ids=[padded(encoding.ids, fill) for encoding in encodings],
            attention_mask=[padded([1] * len(encoding.ids), 0) for encoding in encodings],
            token_type_ids=[padded(encoding.type_ids, 0) for encoding in encodings],
        )

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the ids of one text, with the special tokens that the model expects around it."""
        return self._encode(_rows(text, None), None, add_special_tokens)[0].ids

    def decode(self, ids: Iterable[SupportsInt], skip_special_tokens: bool = True) -> str:
        """Return the text of ``ids`` (numbers, or a tensor of one dimension); ids beyond the vocabulary say nothing."""
        numbers = [int(number) for number in ids]
        if numbers and not 0 <= min(numbers) <= max(numbers) < 1 << 32:
            wrong = min(numbers) if min(numbers) < 0 else max(numbers)
            raise BestiaryError(f"{wrong} is not a token id; drop such entries, as the -100 of labels, before decoding")
        return self.backend.decode(numbers, skip_special_tokens=skip_special_tokens)

    def stream(self, skip_special_tokens: bool = True) -> TextStream:
        """Return a decoder that takes ids one by one and gives the text as soon as it is certain."""
        return TextStream(lambda ids: self.decode(ids, skip_special_tokens))

    def chat(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> str:
        """Render ``[{"role": "user", "content": "..."}, ...]`` as the prompt that a chat model was trained on.

        The text holds its special tokens already: encode it with ``add_special_tokens=False``.
        """
        if self.chat_template is None:
            raise BestiaryError("this tokenizer has no chat template; give the model plain text, or a chat checkpoint")
        specials = {f"{role}_token": token for role, token in self.specials.items()}
        return render(self.chat_template, messages, {"add_generation_prompt": add_generation_prompt, **specials})

    def save(self, folder: str | Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_config.json``, which transformers' AutoTokenizer opens as they are.

        The class named is the generic one: a family's own class would rebuild the steps from its defaults, and not
        read them from the file.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {f"{role}_token": token for role, token in self.specials.items()}
        config["chat_template"] = self.chat_template
        config["model_max_length"] = self.model_max_length
        config = {key: value for key, value in config.items() if value is not None} | {
            "clean_up_tokenization_spaces": False,
            "model_input_names": list(self.model_input_names),
            "padding_side": self.padding_side,
            "tokenizer_class": "PreTrainedTokenizerFast",
        }
        self.backend.save(str(folder / "tokenizer.json"))
        text = json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True)
        (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")

    def _encode(
        self, rows: list[str] | list[tuple[str, str]], max_length: int | None, add_special_tokens: bool
    ) -> list[tokenizers.Encoding]:
        if max_length is None:
            return self.backend.encode_batch_fast(rows, add_special_tokens=add_special_tokens)
        is_pair = bool(rows) and isinstance(rows[0], tuple)
        needed = self.backend.num_special_tokens_to_add(is_pair) if add_special_tokens else 0
        if max_length < max(needed, 1):
            raise BestiaryError(f"max_length is {max_length}, but {max(needed, 1)} is the least that a row takes here")
        self.backend.enable_truncation(max_length)
        try:
            return self.backend.encode_batch_fast(rows, add_special_tokens=add_special_tokens)
        finally:
            self.backend.no_truncation()


def _rows(texts: str | Sequence[str], pairs: str | Sequence[str] | None) -> list[str] | list[tuple[str, str]]:
    firsts = [texts] if isinstance(texts, str) else list(texts)
    for text in firsts:
        _check_text(text)
    if pairs is None:
        return firsts
    seconds = [pairs] if isinstance(pairs, str) else list(pairs)
    for text in seconds:
        _check_text(text)
    if len(firsts) != len(seconds):
        raise BestiaryError(f"{len(firsts):,} texts come with {len(seconds):,} pairs; give one pair for each text")
    return list(zip(firsts, seconds, strict=True))


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise BestiaryError(f"{quoted(text)} is not text but {type(text).__name__}; give strings")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BestiaryError(
            f"a text holds half of a surrogate pair at position {error.start:,}, which no UTF-8 file can; remove it"
        ) from None
