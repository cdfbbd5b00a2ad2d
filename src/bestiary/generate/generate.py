"""Generation for decoders and encoder-decoders: one prompt pass, then a token a step with the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.generate.prompts import (
    check_pairs,
    check_room,
    fills_blanks,
    left_padded,
    left_padded_pairs,
    left_padded_seen,
    pairs,
)
from bestiary.generate.sampling import Sampling, pick
from bestiary.nn import Cache, Looking, Model

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
    pixel_values: Tensor | None = None,
    image_attention_mask: Tensor | None = None,
    stop: Stop | None = None,
    seed: int | None = None,
) -> Tensor:
    """Continue prompts, ``[B, T]``, or answer them with the decoder; return token ids.

    A decoder's answer is the prompt, as given, and the new tokens; an encoder-decoder's is the decoder's tokens from
    its start token on. Prompts may be padded on either side (``attention_mask`` says where). A row ends with an
    ``eos_token_id``, or where ``stop`` says so, and is filled with ``pad_token_id``. ``seed`` makes samples repeatable.
    A decoder with prefix masks reads the first ``prefix_length`` ``[B]`` real tokens of each prompt in both directions,
    the whole prompt unless said. One that fills blanks stays at the prefix's last token, where the blank is, and counts
    within the block; ``position_ids`` ``[B, 2, T]`` of the prompt say otherwise. A model that is shown pictures looks
    at ``pixel_values`` ``[M, channels, height, width]`` once; ``image_attention_mask`` says which of them each token of
    the prompt sees, where no token shows them.
    Ids that are not given are read off the checkpoint's config. Raises ``BestiaryError`` for a model that cannot
    generate and for a prompt that leaves no room.
    """
    steps = tokens(
        model, input_ids, attention_mask, sampling=sampling, eos_token_id=eos_token_id, pad_token_id=pad_token_id,
        decoder_start_token_id=decoder_start_token_id, prefix_length=prefix_length,
        position_ids=position_ids, pixel_values=pixel_values, image_attention_mask=image_attention_mask, stop=stop,
        seed=seed, max_new_tokens=max_new_tokens,
    )  # fmt: skip
    new = list(islice(steps, max_new_tokens))
    first = input_ids
    if isinstance(spec.text_side(model.spec), spec.EncoderDecoder):
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
    pixel_values: Tensor | None = None,
    image_attention_mask: Tensor | None = None,
    stop: Stop | None = None,
    seed: int | None = None,
) -> Iterator[Tensor]:
    """Yield the next token of every row, ``[B]``, a step at a time; arguments as in ``generate``."""
    sampling = sampling or Sampling()
    ends = _ends(model, eos_token_id).to(input_ids.device)
    pad = _pad(model, pad_token_id, ends)
    generator = None if seed is None else torch.Generator(input_ids.device).manual_seed(seed)
    start, said = decoder_start_token_id, (prefix_length, position_ids, pixel_values, image_attention_mask)
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


def _decoder(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    room: int,
    start: int | None,
    prefix: Tensor | None,
    position_ids: Tensor | None,
    pixel_values: Tensor | None,
    image_attention_mask: Tensor | None,
) -> Callable[[Tensor | None], Tensor]:
    """Return the function that reads the last chosen tokens (none at first) and gives the next scores, [B, vocab]."""
    if input_ids.dim() != 2 or not input_ids.shape[1]:
        raise BestiaryError(
            f"input_ids has shape {list(input_ids.shape)}; give [batch, tokens] with at least one token"
        )
    writer = spec.text_side(model.spec)
    heads = spec.heads_of(writer).values()
    scores = any(isinstance(head, spec.LMHead | spec.AdaptiveLMHead) for head in heads)
    if scores and _asks_targets(writer):
        return _targeted(model, input_ids, attention_mask)
    if not scores or not _is_causal(writer):
        raise BestiaryError("this model does not generate: it is no causal language model; load one, or another task")
    if prefix is not None and not _has_prefix(writer):
        raise BestiaryError("prefix_length is for a decoder with prefix masks, which this model has not: leave it out")
    if position_ids is not None and not fills_blanks(writer):
        raise BestiaryError("position_ids are for a decoder that fills blanks, which this model is not: leave them out")
    seen = _seen(model, pixel_values)
    if image_attention_mask is not None:
        seen["image_attention_mask"] = left_padded_seen(image_attention_mask, attention_mask)
    if isinstance(writer, spec.EncoderDecoder):
        return _seq2seq(model, input_ids, attention_mask, room, _start(model, start), seen)
    return _causal(model, input_ids, attention_mask, room, prefix, position_ids, seen)


def _seen(model: Any, pixel_values: Tensor | None) -> dict[str, Tensor]:
    """Return what a model is told of pictures, which it looks at here, once."""
    if pixel_values is None:
        return {}
    if not isinstance(model, Looking):
        raise BestiaryError("pixel_values are for a model that is shown pictures, which this is not: leave them out")
    return {"image_embeds": model.look(pixel_values)}


def _causal(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    room: int,
    prefix: Tensor | None,
    position_ids: Tensor | None,
    seen: Mapping[str, Tensor],
) -> Callable[[Tensor | None], Tensor]:
    writer: Any = spec.text_side(model.spec)
    given = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
    ids, mask = left_padded(input_ids, given)
    check_room(writer.embed, ids.shape[1], room)
    cache = Cache(ids.shape[1] + min(room, ROOM))
    places, step = (mask.cumsum(-1) - 1).clamp(min=0), mask.new_ones(1)
    if fills_blanks(writer):
        said = None if position_ids is None else left_padded_pairs(position_ids.to(ids.device), given)
        places, step = pairs(mask, prefix) if said is None else said, mask.new_tensor([[0], [1]])
        check_pairs(writer.embed, places, room)
    told = dict(seen)
    if _has_prefix(writer):
        told |= {"prefix_length": mask.sum(-1) if prefix is None else prefix.to(ids.device)}

    def advance(chosen: Tensor | None) -> Tensor:
        nonlocal mask, places, told
        read = ids
        if chosen is not None:
            read = chosen[:, None]
            mask, places = F.pad(mask, (0, 1), value=1), places[..., -1:] + step
            if not getattr(model, "looks_on", True):
                told = {name: value for name, value in told.items() if name not in seen}
        out = model(read, mask, position_ids=places, past_key_values=cache, logits_to_keep=1, **told)
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
    model: Any, input_ids: Tensor, attention_mask: Tensor | None, room: int, start: int, seen: Mapping[str, Tensor]
) -> Callable[[Tensor | None], Tensor]:
    writer: Any = spec.text_side(model.spec)
    if isinstance(writer.encoder.embed, spec.Spectrogram):
        raise BestiaryError("this model's encoder hears sound and reads no tokens; call transcribe")
    check_room(writer.decoder.embed, 1, room)
    memory = model.encode(input_ids, attention_mask, **seen)
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


def config_ids(model: Any, key: str) -> list[int]:
    """Return the ids that a checkpoint's config gives at a key, or the config of its language model."""
    carried = model.checkpoint.meaning.carried if model.checkpoint is not None else {}
    value = carried.get(key, carried.get("text_config", {}).get(key))
    values = value if isinstance(value, list) else [value]
    return [number for number in values if isinstance(number, int)]


def _ends(model: Any, given: int | Collection[int] | None) -> Tensor:
    ids = config_ids(model, "eos_token_id") if given is None else [given] if isinstance(given, int) else list(given)
    return torch.tensor(sorted(ids), dtype=torch.long)


def _pad(model: Any, given: int | None, ends: Tensor) -> int:
    known = config_ids(model, "pad_token_id")
    return given if given is not None else known[0] if known else int(ends[0]) if len(ends) else 0


def _start(model: Any, given: int | None) -> int:
    known = [] if given is not None else config_ids(model, "decoder_start_token_id")
    if given is None and not known:
        raise BestiaryError(
            "an encoder-decoder needs decoder_start_token_id, the token its answers begin with: give it"
        )
    return given if given is not None else known[0]
