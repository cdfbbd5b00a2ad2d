"""``bestiary verify``: closed form, built module, reference and published figure agree on every size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from bestiary.catalog.stated import agrees
from bestiary.cli.names import name_argument, sizes_of
from bestiary.cli.output import bar, json_option, print_json, print_table, remark


class Check(NamedTuple):
    """One size: the three counts, what its authors state, and whether all that can be compared agrees."""

    size: str
    closed_form: int
    built: int
    reference: int | None
    stated: str | None
    result: str


FINDINGS = ("built differs", "reference differs", "stated differs")
AGREES, EXPLAINED, NOT_STATED = "agrees", "agrees, erratum on the stated", "agrees, none stated"


@click.command("verify")
@name_argument("names", "[NAME[:SIZE]]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every size of every entry.")
@json_option
def verb(names: Sequence[str], everything: bool, as_json: bool) -> int:
    """Verify the parameters of each size.

    They are counted in closed form, on the module, built without memory, and by the reference implementation, where it
    has the model; all must agree. So must the published figure: it is what the exact count rounds to, or an erratum of
    the entry says why not. Exit 1 if anything disagrees.

    \b
    Example:
      bestiary verify bert gpt-2:xl
      bestiary verify --all
    """
    if everything == bool(names):
        raise click.UsageError("name the models to verify, or give --all, and not both", click.get_current_context())
    checks = [check_size(*one) for one in bar(list(_asked(names)), "counting")]
    if as_json:
        print_json([check._asdict() for check in checks])
    else:
        print_table(("size", "closed form", "built", "reference", "stated", "result"), checks)
    remark(_summary(checks))
    return 1 if _wrong(checks) else 0


def _wrong(checks: Sequence[Check]) -> int:
    return sum(check.result in FINDINGS for check in checks)


def _summary(checks: Sequence[Check]) -> str:
    from bestiary.catalog.reference import references

    results = Counter(check.result for check in checks)
    compared = sum(check.reference is not None for check in checks)
    return (
        f"{len(checks)} size{'' if len(checks) == 1 else 's'}, {_wrong(checks) or 'none'} in disagreement:"
        f" {compared} compared with {references().library}, {results[AGREES]} round to the stated figure,"
        f" {results[EXPLAINED]} have an erratum on it, {results[NOT_STATED]} state none"
    )


def check_size(entry: Any, size: str) -> Check:
    """Count one size of an entry in closed form and as a module on the meta device, and judge what others count."""
    from bestiary import nn, sizing
    from bestiary.catalog.reference import references
    from bestiary.catalog.resolve import size_spec

    spec = size_spec(entry, size)
    count = sizing.count(spec)
    built = sum(parameter.numel() for parameter in nn.build(spec, device="meta").parameters())
    name = f"{entry.slug}:{size}"
    recorded = references().counts.get(name)
    reference = recorded and recorded.parameters
    stated = entry.sizes[size].stated if size in entry.sizes else None
    if built != count.total:
        result = "built differs"
    elif reference not in (None, count.total):
        result = "reference differs"
    else:
        result = _judge(entry, size, stated, count)
    return Check(name, count.total, built, reference, stated and stated.value, result)


def _judge(entry: Any, size: str, stated: Any, count: Any) -> str:
    from bestiary.catalog.schema import UNDISCLOSED

    if stated is None or stated.value == UNDISCLOSED:
        return NOT_STATED
    if agrees(stated.value, getattr(count, stated.counts)):
        return AGREES
    explained = any((wrong.size, wrong.stated) == (size, stated.value) for wrong in entry.errata_own)
    return EXPLAINED if explained else "stated differs"


def _asked(names: Sequence[str]) -> Iterator[tuple[Any, str]]:
    """Yield the sizes asked for: one where the name holds it, else all of the entry; every one without names."""
    from bestiary.catalog.find import list_models, parse_name

    for name in names or list_models(runnable=True):
        if ":" in name:
            yield parse_name(name)
        else:
            found, _ = parse_name(name)
            yield from ((found, size) for size in sizes_of(found))
