"""What sizing verbs share: tokens such as 8k, bytes such as 24GB, GPUs by name, and the options of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import click

from bestiary.cli.output import on_terminal
from bestiary.errors import BestiaryError, nearest

TASKS = ("serve", "train", "lora", "qlora", "dpo", "ppo")
"""As ``bestiary.sizing.TASKS`` has them, named here so that help needs no catalog."""

_BYTES = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[KMGT])?(?P<binary>I)?B?", re.IGNORECASE)


class Tokens(click.ParamType):
    """A number of tokens, ``8192`` or ``8k``: a k is 1024 of them."""

    name = "tokens"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        if isinstance(value, int):
            return value
        digits, thousands = (value[:-1], 1024) if value[-1:] in "kK" else (value, 1)
        if not digits.isascii() or not digits.isdigit() or not 1 <= int(digits) * thousands <= 2**40:
            self.fail(f"'{value}' is no number of tokens; write 8192 or 8k", param, ctx)
        return int(digits) * thousands


context_option = click.option(
    "--context", type=Tokens(), metavar="TOKENS", help="Tokens of a sequence, 8192 or 8k; the model's own length."
)
batch_option = click.option(
    "--batch", type=click.IntRange(1, 2**20), default=1, show_default=True, help="Sequences at once; for dpo, pairs."
)


def planned(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of how adapters and activations are planned."""
    rank = click.option(
        "--rank", type=click.IntRange(1, 2**16), default=8, show_default=True, help="Of adapters, for lora and qlora."
    )
    again = click.option(
        "--checkpointing", is_flag=True, help="Keep what enters each layer only, and compute the rest again."
    )
    return rank(again(verb))


def parse_bytes(text: str) -> int:
    """Return the bytes that ``24GB``, ``16 GiB`` or the name of a known GPU stands for; raises ``BestiaryError``."""
    from bestiary.sizing import GPU_MEMORY, gpu

    found = _BYTES.fullmatch(text.strip())
    if found:
        power = " KMGT".index((found["unit"] or " ").upper())
        return int(Fraction(found["number"]) * (1024 if found["binary"] else 1000) ** power)
    try:
        return gpu(text).memory
    except BestiaryError:
        hint = nearest(text, GPU_MEMORY) or f", or one of {', '.join(GPU_MEMORY)}"
        raise BestiaryError(f"--memory is '{text}'; write 24GB or 16GiB{hint}") from None


def room(memory: str | None, gpu: str | None) -> int | None:
    """Return the bytes that ``--memory`` or ``--gpu`` gives, ``None`` where neither is given."""
    if memory is not None and gpu is not None:
        raise click.UsageError("--memory and --gpu both say how many bytes there are; leave one out")
    if gpu is None:
        return None if memory is None else parse_bytes(memory)
    from bestiary.sizing import gpu as known

    return known(gpu).memory


def short_bytes(number: int) -> str | int:
    """Return bytes as people read them, ``13.5 GB``; in a pipe, the number itself."""
    if not on_terminal():
        return number
    power = next((power for power in range(4, 0, -1) if number >= 1000**power), 0)
    return f"{number / 1000**power:.4g} {' kMGT'[power].strip()}B"
