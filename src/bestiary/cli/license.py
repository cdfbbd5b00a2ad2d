"""``bestiary license``: whether a model may be used for a purpose, and the chain of reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bestiary.cli.names import name_argument
from bestiary.cli.output import console, json_option, on_terminal, print_json, print_record, print_table

if TYPE_CHECKING:
    from bestiary.catalog.schema import Purpose

PURPOSES: tuple[Purpose, ...] = ("commercial", "research", "modify", "redistribute")
COLORS = {"yes": "green", "conditional": "yellow", "no": "red", "unknown": "red"}


@click.command("license")
@name_argument(metavar="NAME")
@click.option("--for", "purpose", type=click.Choice(PURPOSES), help="This use, with the whole chain of reasons.")
@json_option
def verb(name: str, purpose: Purpose | None, as_json: bool) -> int:
    """Say whether a model may be used, and why.

    Its own terms count and those that it inherits. With --for the exit code answers too: 0 for yes and conditional, 1
    for no and unknown. A reading of the published terms, not legal advice.

    \b
    Example:
      bestiary license alpaca --for commercial
    """
    from bestiary.catalog.find import entry
    from bestiary.catalog.licenses import may

    found = entry(name.partition(":")[0])
    answers = {asked: may(found, asked) for asked in ((purpose,) if purpose else PURPOSES)}
    if as_json:
        said = [{"purpose": asked, **_builtins(answer)} for asked, answer in answers.items()]
        print_json({"name": found.slug, "answers": said})
    elif purpose is None:
        rows = [(asked, answer.verdict, answer.reasons[0]) for asked, answer in answers.items()]
        print_table(("purpose", "verdict", "because"), rows)
    elif on_terminal():
        _print_answer(found.name, purpose, answers[purpose])
    else:
        print_record([("verdict", answers[purpose].verdict), *_reasons(answers[purpose])])
    refused = purpose is not None and answers[purpose].verdict in ("no", "unknown")
    return 1 if refused else 0


def _builtins(answer: Any) -> dict[str, Any]:
    return {"verdict": answer.verdict, "reasons": answer.reasons, "conditions": answer.conditions}


def _reasons(answer: Any) -> list[tuple[str, str]]:
    return [*(("reason", text) for text in answer.reasons), *(("condition", text) for text in answer.conditions)]


def _print_answer(name: str, purpose: str, answer: Any) -> None:
    from rich.padding import Padding
    from rich.text import Text

    screen = console()
    screen.print(Text.assemble((f"{name}, {purpose}: ", "bold"), (answer.verdict, f"bold {COLORS[answer.verdict]}")))
    for reason in answer.reasons:
        screen.print(Padding(Text(reason), (0, 0, 0, 2)))
    if answer.conditions:
        screen.print(Text("  to keep to:", style="dim"))
    for condition in answer.conditions:
        screen.print(Padding(Text(f"- {condition}"), (0, 0, 0, 4)))
