"""``bestiary size``: what a model takes: parameters, bytes of weights and cache, operations."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple

import click

from bestiary.cli.names import name_argument
from bestiary.cli.output import (
    console,
    heading,
    json_option,
    on_terminal,
    pretty,
    print_json,
    print_record,
    print_table,
)
from bestiary.errors import BestiaryError, nearest

USUAL_CONTEXT = 512
"""Tokens, where a model's positions have no end of their own and the user names none."""

_BYTES = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[KMGT])?(?P<binary>I)?B?", re.IGNORECASE)


class Need(NamedTuple):
    """Bytes that serving takes at one precision, and whether they fit into the memory asked about."""

    precision: str
    weights: int
    cache_per_token: int
    cache: int
    total: int
    fits: str | None = None


@click.command("size")
@name_argument()
@click.option(
    "--context", type=click.IntRange(1, 2**40), metavar="TOKENS", help="Tokens of a sequence; the model's own length."
)
@click.option("--batch", type=click.IntRange(1, 2**20), default=1, show_default=True, help="Sequences at once.")
@click.option("--precision", default="bfloat16", show_default=True, help="Of the weights, for --memory.")
@click.option("--memory", "limit", metavar="BYTES", help="Say whether it fits: 24GB, 16GiB, or a GPU such as T4.")
@json_option
def verb(name: str, context: int | None, batch: int, precision: str, limit: str | None, as_json: bool) -> int:
    """Count a model's parameters, bytes and operations.

    Bytes are those of the weights and of the cache of keys and values, at each precision. FLOPs are per token, or
    per input where a model reads one whole: a picture, a piece of sound, a protein.

    With --memory, exit 1 if weights and cache do not fit. Activations and the engine's own memory come on top.

    \b
    Example:
      bestiary size llama:7b --context 2048 --memory 24GB
    """
    from bestiary import sizing
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import size_spec

    entry, size = parse_name(name)
    spec = size_spec(entry, size)
    room = None if limit is None else parse_bytes(limit)
    tokens = _context(spec, context)
    needs = [_need(spec, kind, tokens, batch, room) for kind in _precisions(precision)]
    count, flops = sizing.count(spec), sizing.flops(spec, tokens)
    answer = {
        "name": f"{entry.slug}:{size}",
        "parameters": {key: getattr(count, key) for key in ("total", "active", "embedding", "non_embedding")},
        "heads": count.heads,
        "context": tokens,
        "batch": batch,
        "flops": {"per": flops.per, "forward": round(flops.forward), "training": round(flops.training)},
        "memory": [need._asdict() for need in needs],
    }
    if as_json:
        print_json(answer)
    else:
        _print_answer(answer, needs, room is not None)
    chosen = next(need for need in needs if need.precision == precision)
    if room is not None and not as_json:
        _print_verdict(answer["name"], chosen, needs, limit or "")
    return 1 if chosen.fits == "no" else 0


def parse_bytes(text: str) -> int:
    """Return the bytes that ``24GB``, ``16 GiB`` or the name of a known GPU stands for; raises ``BestiaryError``."""
    from bestiary.sizing import GPU_MEMORY

    known = {name.lower(): size for name, size in GPU_MEMORY.items()}
    if text.lower() in known:
        return known[text.lower()]
    found = _BYTES.fullmatch(text.strip())
    if not found:
        hint = nearest(text, GPU_MEMORY) or f", or one of {', '.join(GPU_MEMORY)}"
        raise BestiaryError(f"--memory is '{text}'; write 24GB or 16GiB{hint}")
    power = " KMGT".index((found["unit"] or " ").upper())
    return int(Fraction(found["number"]) * (1024 if found["binary"] else 1000) ** power)


def short_bytes(number: int) -> str | int:
    """Return bytes as people read them, ``13.5 GB``; in a pipe, the number itself."""
    if not on_terminal():
        return number
    power = next((power for power in range(4, 0, -1) if number >= 1000**power), 0)
    return f"{number / 1000**power:.4g} {' kMGT'[power].strip()}B"


def _precisions(asked: str) -> tuple[str, ...]:
    from bestiary.sizing import PRECISIONS

    if asked not in PRECISIONS:
        raise BestiaryError(f"--precision is '{asked}'; use one of {', '.join(PRECISIONS)}{nearest(asked, PRECISIONS)}")
    return tuple(PRECISIONS)


def _context(spec: Any, asked: int | None) -> int:
    from bestiary.sizing.reach import context_length

    if asked is not None:
        return context_length(spec, asked)
    try:
        return context_length(spec)
    except BestiaryError:  # positions without an end
        return USUAL_CONTEXT


def _need(spec: Any, precision: str, tokens: int, batch: int, room: int | None) -> Need:
    from bestiary.sizing import PRECISIONS, cache_bytes, memory

    need = memory(spec, precision, tokens, batch)
    per_token = cache_bytes(spec, 1, precision=PRECISIONS[precision].cache)
    fits = None if room is None else "yes" if need.total <= room else "no"
    return Need(precision, need.weights, per_token, need.cache, need.total, fits)


def _print_answer(answer: dict[str, Any], needs: list[Need], limited: bool) -> None:
    counts = [(key.replace("_", "-"), number) for key, number in answer["parameters"].items()]
    flops, tokens = answer["flops"], answer["context"]
    operations = [(f"FLOPs per {flops['per']}, {way}", flops[way]) for way in ("forward", "training")]
    heads = ", ".join(answer["heads"]) or "none"
    print_record([("model", answer["name"]), *counts, ("heads counted", heads), *operations])
    heading(f"memory at {f'{pretty(tokens)} tokens' if tokens > 1 else 'one input'}, batch {answer['batch']}")
    columns = ("precision", "weights", "cache per token", "cache", "together", *(["fits"] if limited else []))
    rows = [(need.precision, *map(short_bytes, need[1:5]), *([need.fits] if limited else [])) for need in needs]
    print_table(columns, rows)


def _print_verdict(name: str, chosen: Need, needs: list[Need], limit: str) -> None:
    fitting = [need.precision for need in needs if need.fits == "yes"]
    if chosen.fits == "yes":
        text = f"{name} fits into {limit} at {chosen.precision}"
    else:
        others = f"; it fits at {', '.join(fitting)}" if fitting else " nor at any other precision"
        text = f"{name} does not fit into {limit} at {chosen.precision}{others}"
    if on_terminal():
        console().print(text, style="bold green" if chosen.fits == "yes" else "bold red")
    else:
        click.echo(text, err=True)
