"""``bestiary lint``: what is wrong with the catalog's files."""

from __future__ import annotations

import click

from bestiary.cli.output import json_option, print_json, remark


@click.command("lint")
@click.option("--strict", is_flag=True, help="Also want every source used, and no statement that rests on memory.")
@json_option
def verb(strict: bool, as_json: bool) -> int:
    """List what is wrong with the catalog's files.

    Each finding comes with its file and line; exit 1 if there is any.

    \b
    Example:
      bestiary lint --strict
    """
    from bestiary.catalog.lint import lint

    findings = lint(strict)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    elif findings:
        click.echo("\n".join(map(str, findings)))
    remark(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0
