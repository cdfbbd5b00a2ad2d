"""``bestiary size``: what a model takes: parameters, bytes of weights and cache, operations."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from bestiary.cli.budget import TASKS, batch_option, context_option, planned, room, short_bytes
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
    remark,
)
from bestiary.errors import BestiaryError, nearest

USUAL_CONTEXT = 512
"""Tokens, where a model's positions have no end of their own and the user names none."""

READABLE = 120
"""Letters of a formula that is still read at a glance."""


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
@context_option
@batch_option
@click.option("--precision", default="bfloat16", show_default=True, help="Of the weights, for --memory and --task.")
@click.option("--memory", "limit", metavar="BYTES", help="Say whether it fits: 24GB, 16GiB, or a GPU such as T4.")
@click.option("--gpu", metavar="NAME", help="The same for a GPU: 'rtx 4090', h100.")
@click.option("--task", type=click.Choice(TASKS), help="What a task takes, line by line.")
@click.option("--why", is_flag=True, help="Say of each line why, and its formula.")
@planned
@json_option
def verb(
    name: str, context: int | None, batch: int, precision: str, limit: str | None, gpu: str | None, task: str | None,
    why: bool, rank: int, checkpointing: bool, as_json: bool,
) -> int:  # fmt: skip
    """Count a model's parameters, bytes and operations.

    Bytes are those of the weights and of the cache of keys and values, at each precision. FLOPs are per token, or
    per input where a model reads one whole: a picture, a piece of sound, a protein. With --task, bytes are those of
    serving, of training all weights, of LoRA, QLoRA, DPO or PPO.

    With --memory or --gpu, exit 1 if it does not fit. The engine's own memory comes on top.

    \b
    Example:
      bestiary size llama:7b --context 2048 --memory 24GB
      bestiary size llama:7b --task qlora --context 2k --gpu "rtx 4090" --why
    """
    bytes_ = room(limit, gpu)
    if task is not None or why:
        values = {"batch": batch, "rank": rank, "checkpointing": int(checkpointing)}
        return _print_plan(name, task or "serve", precision, context, values, bytes_, as_json, why)
    return _sizes(name, context, batch, precision, limit or gpu, bytes_, as_json)


def _sizes(
    name: str, context: int | None, batch: int, precision: str, limit: str | None, room: int | None, as_json: bool
) -> int:
    """Print counts, bytes at each precision and operations; return 1 if they do not fit."""
    from bestiary import sizing
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import size_spec

    entry, size = parse_name(name)
    spec = size_spec(entry, size)
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


def _print_plan(
    name: str, task: str, precision: str, context: int | None, values: dict[str, int], room: int | None, as_json: bool,
    why: bool,
) -> int:  # fmt: skip
    """Print the lines of a task's plan; return 1 if they do not fit."""
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import size_spec
    from bestiary.sizing import plan

    entry, size = parse_name(name)
    spec = size_spec(entry, size)
    made = plan(spec, task)
    if context is not None:
        values = {**values, "context": _context(spec, context)}
    lines, known = made.bytes(precision, **values), made.values(precision, **values)
    total = sum(lines.values())
    over = room is not None and total > room
    fits = None if room is None or not (made.complete or over) else not over
    asked = {one.name: known[one.name] for one in made.variables}
    if as_json:
        shown = [{**line.to_json(), "formula": str(line.formula), "bytes": lines[line.name]} for line in made.lines]
        print_json({
            "name": f"{entry.slug}:{size}", "task": task, "precision": precision, "values": asked, "lines": shown,
            "total": total, "complete": made.complete, "fits": fits, "leaves_out": made.leaves_out,
        })  # fmt: skip
        return int(over)
    at = ", ".join(f"{key} {pretty(number)}" for key, number in asked.items())
    print_record([("model", f"{entry.slug}:{size}"), ("task", task), ("precision", precision), ("at", at or None)])
    heading("memory")
    rows = [(line.name, short_bytes(lines[line.name])) for line in made.lines if lines[line.name]]
    print_table(("what", "bytes"), [*rows, ("together" if made.complete else "together, at least", short_bytes(total))])
    if why:
        heading("why")
        print_table(
            ("what", "because"), [(line.name, _because(line, known)) for line in made.lines if lines[line.name]]
        )
    for sentence in made.leaves_out:
        remark(sentence)
    if fits is not None:
        remark(f"{entry.slug}:{size} {'fits' if fits else 'does not fit'}: {pretty(total)} of {pretty(room)} bytes")
    return int(over)


def _because(line: Any, values: dict[str, int]) -> str:
    """Return why a line is there, and its formula where that can be read at a glance."""
    formula = str(line.formula.put("checkpointing", values.get("checkpointing", 0)))
    return f"{line.why} Bytes: {formula}." if len(formula) <= READABLE else line.why


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
