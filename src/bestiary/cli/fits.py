"""``bestiary fits``: the models that a task leaves room for on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import click

from bestiary.cli.budget import TASKS, batch_option, context_option, planned, room, short_bytes
from bestiary.cli.listing import filtered
from bestiary.cli.output import json_option, pretty, print_json, print_table, remark

MOST = 2**40
"""No batch and no context is looked for beyond this."""


class Fit(NamedTuple):
    """A size that fits: its bytes, what is left, and the largest batch or context that still fit by themselves."""

    model: str
    parameters: int
    takes: int
    left: int
    batch: int | None
    context: int | None


@click.command("fits")
@partial(filtered, without=("task",))  # what it was tuned for; here, what is to be done with it
@click.option("--gpu", metavar="NAME", help="A GPU: 'rtx 4090', t4, h100.")
@click.option("--memory", metavar="BYTES", help="Bytes instead: 24GB, 16GiB.")
@click.option("--task", type=click.Choice(TASKS), default="serve", show_default=True, help="What to do with it.")
@context_option
@batch_option
@click.option("--precision", default="bfloat16", show_default=True, help="Of the weights.")
@planned
@json_option
def verb(
    pattern: str, gpu: str | None, memory: str | None, task: str, context: int | None, batch: int, precision: str,
    rank: int, checkpointing: bool, as_json: bool, **filters: Any,
) -> int:  # fmt: skip
    """List what fits into memory, the largest first.

    Beside what each takes stands what is left, the largest batch that still fits, and the longest context. A context
    of 8k is 8192 tokens; models that read fewer are left out. Exit 1 if none fits.

    \b
    Example:
      bestiary fits --gpu "rtx 4090" --task serve --context 8k
      bestiary fits "*llama*" --memory 80GB --task lora --context 2k --checkpointing
    """
    from bestiary.catalog.find import list_models
    from bestiary.cli.plans import plans

    bytes_ = room(memory, gpu)
    if bytes_ is None:
        raise click.UsageError("say how much memory there is: --gpu 'rtx 4090' or --memory 24GB")
    chosen = set(list_models(pattern, **filters))
    values = {"batch": batch, "rank": rank, "checkpointing": int(checkpointing)}
    fits, short, unknown = list[Fit](), 0, 0
    for one in plans(task):
        if one.name.split(":")[0] not in chosen:
            continue
        if context is not None and one.longest is not None and one.longest < context:
            short += 1
        elif not one.plan.complete:
            unknown += 1
        elif found := _fit(one, precision, values if context is None else {**values, "context": context}, bytes_):
            fits.append(found)
    fits.sort(key=lambda fit: (-fit.parameters, fit.model))
    _print(fits, as_json)
    _remark(short, unknown, context, task, bool(fits))
    return 0 if fits else 1


def _fit(one: Any, precision: str, values: dict[str, int], room: int) -> Fit | None:
    """Return what a size takes and leaves, ``None`` where it does not fit."""
    plan = one.plan
    bounds = {variable.name: variable.most or MOST for variable in plan.variables}
    known = {name: value for name, value in values.items() if name in bounds}
    if known.get("context", 1) > bounds.get("context", MOST):
        return None
    takes = plan.total(precision, **known)
    if takes > room:
        return None

    def largest(name: str) -> int | None:
        if name not in bounds:
            return None
        return _last(lambda number: plan.total(precision, **{**known, name: number}) <= room, 1, bounds[name])

    return Fit(one.name, one.parameters, takes, room - takes, largest("batch"), largest("context"))


def _last(fits: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the last number up to ``most`` that fits, where all before it do; ``None`` where none stops it."""
    high = least
    while high < most and fits(high):
        high = min(2 * high, most)
    if high == most and fits(high):
        return None if most == MOST else most
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _print(fits: list[Fit], as_json: bool) -> None:
    if as_json:
        print_json([fit._asdict() for fit in fits])
    elif fits:
        columns = ("model", "parameters", "takes", "left", "largest batch", "longest context")
        rows = [(fit.model, fit.parameters, *map(short_bytes, fit[2:4]), fit.batch, fit.context) for fit in fits]
        print_table(columns, rows)


def _remark(short: int, unknown: int, context: int | None, task: str, any_fits: bool) -> None:
    """Say what is not in the list, and why."""
    if short:
        remark(f"{short} sizes read fewer than {pretty(context)} tokens and are left out")
    if unknown:
        remark(f"for {unknown} sizes it is not known what {task} takes, and they are left out; see bestiary size")
    if not any_fits:
        remark("no model fits; try int4, fewer tokens, or --checkpointing where it is trained")
