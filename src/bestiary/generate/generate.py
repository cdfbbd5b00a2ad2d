"""Generation for decoders and encoder-decoders: one prompt pass, then a token a step with the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.generate.prompts import check_pairs, check_room, fills_blanks, left_padded, left_padded_pairs, pairs
from bestiary.generate.sampling import Sampling, pick
from bestiary.nn import Cache, Model

ROOM = 256
"""Tokens that a cache has room for beside the prompt; a longer answer makes it grow."""

Stop = Callable[[Tensor], Tensor]
"""Given all new tokens so far, ``[B, n]``, tells which rows are finished, ``[B]`` bool."""


def generate(
    model: Model,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    *,
    max_new_tokens: int = 64,
    sampling: Sampling | None = None,
    eos_token_id: int | Collection[int] | None = None,
    pad_token_id: int | None = None,
    decoder_start_token_id: int | None = None,
    prefix_length: Tensor | None = None,
    position_ids: Tensor | None = None,
    stop: Stop | None = None,
    seed: int | None = None,
) -> Tensor:
    """Continue prompts, ``[B, T]``, or answer them with the decoder; return token ids.

    A decoder's answer is the prompt, as given, and the new tokens; an encoder-decoder's is the decoder's tokens from
    its start token on. Prompts may be padded on either side (``attention_mask`` says where). A row ends with an
    ``eos_token_id``, or where ``stop`` says so, and is filled with ``pad_token_id``. ``seed`` makes samples repeatable.
    A decoder with prefix masks reads the first ``prefix_length`` ``[B]`` real tokens of each prompt in both directions,
    the whole prompt unless said. One that fills blanks stays at the prefix's last token, where the blank is, and counts
    within the block; ``position_ids`` ``[B, 2, T]`` of the prompt say otherwise.
    Ids that are not given are read off the checkpoint's config. Raises ``BestiaryError`` for a model that cannot
    generate and for a prompt that leaves no room.
    """
    steps = tokens(
        model, input_ids, attention_mask, sampling=sampling, eos_token_id=eos_token_id, pad_token_id=pad_token_id,
        decoder_start_token_id=decoder_start_token_id, prefix_length=prefix_length,
        position_ids=position_ids, stop=stop, seed=seed, max_new_tokens=max_new_tokens,
    )  # fmt: skip
    new = list(islice(steps, max_new_tokens))
    first = input_ids
    if isinstance(model.spec, spec.EncoderDecoder):
        first = input_ids.new_full((len(input_ids), 1), _start(model, decoder_start_token_id))
    return torch.cat((first, torch.stack(new, dim=1)), dim=1) if new else first


@torch.no_grad()
def tokens(
    model: Model,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    *,
    max_new_tokens: int = 64,
    sampling: Sampling | None = None,
    eos_token_id: int | Collection[int] | None = None,
    pad_token_id: int | None = None,
    decoder_start_token_id: int | None = None,
    prefix_length: Tensor | None = None,
    position_ids: Tensor | None = None,
    stop: Stop | None = None,
    seed: int | None = None,
) -> Iterator[Tensor]:
    """Yield the next token of every row, ``[B]``, a step at a time; arguments as in ``generate``."""
    sampling = sampling or Sampling()
    ends = _ends(model, eos_token_id).to(input_ids.device)
    pad = _pad(model, pad_token_id, ends)
    generator = None if seed is None else torch.Generator(input_ids.device).manual_seed(seed)
    start, said = decoder_start_token_id, (prefix_length, position_ids)
    advance = _decoder(model, input_ids, attention_mask, max_new_tokens, start, *said)
    finished = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
    new: list[Tensor] = []
    chosen: Tensor | None = None
    for _ in range(max_new_tokens):
        chosen = pick(advance(chosen), sampling, generator).masked_fill(finished, pad)
        new.append(chosen)
        yield chosen
        finished = finished | torch.isin(chosen, ends)
        if stop is not None:
            finished = finished | stop(torch.stack(new, dim=1))
        if bool(finished.all()):
            return


def stream_text(
    model: Model, prompt: str, *, max_new_tokens: int = 64, sampling: Sampling | None = None,
    stop_strings: Collection[str] = (), seed: int | None = None, add_special_tokens: bool = True,
) -> Iterator[str]:  # fmt: skip
    """Yield an answer to one prompt piece by piece, as soon as each piece of text is certain.

    Ends before the first of ``stop_strings`` that the answer holds. The model must have been loaded with a tokenizer.
    """
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise BestiaryError("this model was loaded without a tokenizer: add its files to the folder")
    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=add_special_tokens)], device=model.device)
    ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    decoder = tokenizer.stream()
    steps = tokens(
        model, ids, max_new_tokens=max_new_tokens, sampling=sampling, seed=seed,
        eos_token_id=ends + _config_ids(model, "eos_token_id"),
    )  # fmt: skip
    pieces = (decoder.push(int(step[0])) for step in steps)
    yield from _until(_with_end(pieces, decoder.finish), stop_strings)


def _with_end(pieces: Iterator[str], finish: Callable[[], str]) -> Iterator[str]:
    yield from pieces
    yield finish()


def _until(pieces: Iterator[str], stops: Collection[str]) -> Iterator[str]:
    """Hold back what could be the beginning of a stop string; end before the first whole one."""
    held = ""
    for piece in pieces:
        held += piece
        found = [held.find(stop) for stop in stops if stop in held]
        if found:
            yield held[: min(found)]
            return
        keep = max((n for stop in stops for n in range(1, len(stop)) if held.endswith(stop[:n])), default=0)
        ready, held = held[: len(held) - keep], held[len(held) - keep :]
        if ready:
            yield ready
    if held:
        yield held


def _decoder(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    room: int,
    start: int | None,
    prefix: Tensor | None,
    position_ids: Tensor | None,
) -> Callable[[Tensor | None], Tensor]:
    """Return the function that reads the last chosen tokens (none at first) and gives the next scores, [B, vocab]."""
    if input_ids.dim() != 2 or not input_ids.shape[1]:
        raise BestiaryError(
            f"input_ids has shape {list(input_ids.shape)}; give [batch, tokens] with at least one token"
        )
    heads = model.spec.heads.values()
    scores = any(isinstance(head, spec.LMHead | spec.AdaptiveLMHead) for head in heads)
    if scores and _asks_targets(model.spec):
        return _targeted(model, input_ids, attention_mask)
    if not scores or not _is_causal(model.spec):
        raise BestiaryError("this model does not generate: it is no causal language model; load one, or another task")
    if prefix is not None and not _has_prefix(model.spec):
        raise BestiaryError("prefix_length is for a decoder with prefix masks, which this model has not: leave it out")
    if position_ids is not None and not fills_blanks(model.spec):
        raise BestiaryError("position_ids are for a decoder that fills blanks, which this model is not: leave them out")
    if isinstance(model.spec, spec.EncoderDecoder):
        return _seq2seq(model, input_ids, attention_mask, room, _start(model, start))
    return _causal(model, input_ids, attention_mask, room, prefix, position_ids)


def _causal(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    room: int,
    prefix: Tensor | None,
    position_ids: Tensor | None,
) -> Callable[[Tensor | None], Tensor]:
    given = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
    ids, mask = left_padded(input_ids, given)
    check_room(model.spec.embed, ids.shape[1], room)
    cache = Cache(ids.shape[1] + min(room, ROOM))
    places, step = (mask.cumsum(-1) - 1).clamp(min=0), mask.new_ones(1)
    if fills_blanks(model.spec):
        said = None if position_ids is None else left_padded_pairs(position_ids.to(ids.device), given)
        places, step = pairs(mask, prefix) if said is None else said, mask.new_tensor([[0], [1]])
        check_pairs(model.spec.embed, places, room)
    prefixed = {}
    if _has_prefix(model.spec):
        prefixed = {"prefix_length": mask.sum(-1) if prefix is None else prefix.to(ids.device)}

    def advance(chosen: Tensor | None) -> Tensor:
        nonlocal mask, places
        read = ids
        if chosen is not None:
            read = chosen[:, None]
            mask, places = F.pad(mask, (0, 1), value=1), places[..., -1:] + step
        out = model(read, mask, position_ids=places, past_key_values=cache, logits_to_keep=1, **prefixed)
        return out.logits[:, -1]

    return advance


def _targeted(model: Any, input_ids: Tensor, attention_mask: Tensor | None) -> Callable[[Tensor | None], Tensor]:
    """Ask for the token at a place behind the text, which no token sees (Yang et al. 2019).

    Tokens see each other both ways, so all they are changes with each new one: every step reads the text anew.
    """
    mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
    ids, mask = left_padded(input_ids, mask)

    def advance(chosen: Tensor | None) -> Tensor:
        nonlocal ids, mask
        if chosen is not None:
            ids, mask = torch.cat((ids, chosen[:, None]), dim=1), F.pad(mask, (0, 1), value=1)
        last = F.one_hot(torch.tensor(ids.shape[1], device=ids.device), ids.shape[1] + 1)[None, None]
        last = last.expand(len(ids), 1, -1)
        out = model(
            F.pad(ids, (0, 1)), F.pad(mask, (0, 1), value=1), perm_mask=last.expand(-1, last.shape[-1], -1),
            target_mapping=last, use_mems=False,
        )  # fmt: skip
        return out.logits[:, -1]

    return advance


def _seq2seq(
    model: Any, input_ids: Tensor, attention_mask: Tensor | None, room: int, start: int
) -> Callable[[Tensor | None], Tensor]:
    if isinstance(model.spec.encoder.embed, spec.Spectrogram):
        raise BestiaryError("this model's encoder hears sound and reads no tokens; call transcribe")
    check_room(model.spec.decoder.embed, 1, room)
    memory = model.encode(input_ids, attention_mask)
    cache = Cache(1 + min(room, ROOM))
    first = input_ids.new_full((len(input_ids), 1), start)

    def advance(chosen: Tensor | None) -> Tensor:
        read = first if chosen is None else chosen[:, None]
        out = model(
            attention_mask=attention_mask, decoder_input_ids=read, encoder_outputs=memory, past_key_values=cache,
            logits_to_keep=1,
        )  # fmt: skip
        return out.logits[:, -1]

    return advance


def _asks_targets(model: Any) -> bool:
    return any(isinstance(node, spec.TwoStreamAttention | spec.Targeted) for _, node in spec.walk_once(model))


def _is_causal(model: Any) -> bool:
    stack = model.decoder.stack if isinstance(model, spec.EncoderDecoder) else model.stack
    masks = [
        node.mask for _, node in spec.walk_once(stack) if isinstance(node, spec.Attention | spec.RelativeAttention)
    ]
    return all(any(isinstance(mask, spec.Causal | spec.Prefix) for mask in own) for own in masks)


def _has_prefix(model: Any) -> bool:
    stack = model.decoder.stack if isinstance(model, spec.EncoderDecoder) else model.stack
    return any(isinstance(node, spec.Prefix) for _, node in spec.walk_once(stack))


def _config_ids(model: Any, key: str) -> list[int]:
    carried = model.checkpoint.meaning.carried if model.checkpoint is not None else {}
    value = carried.get(key)
    values = value if isinstance(value, list) else [value]
    return [number for number in values if isinstance(number, int)]


def _ends(model: Any, given: int | Collection[int] | None) -> Tensor:
    ids = _config_ids(model, "eos_token_id") if given is None else [given] if isinstance(given, int) else list(given)
    return torch.tensor(sorted(ids), dtype=torch.long)


def _pad(model: Any, given: int | None, ends: Tensor) -> int:
    known = _config_ids(model, "pad_token_id")
    return given if given is not None else known[0] if known else int(ends[0]) if len(ends) else 0


def _start(model: Any, given: int | None) -> int:
    known = [] if given is not None else _config_ids(model, "decoder_start_token_id")
    if given is None and not known:
        raise BestiaryError(
            "an encoder-decoder needs decoder_start_token_id, the token its answers begin with: give it"
        )
    return given if given is not None else known[0]
