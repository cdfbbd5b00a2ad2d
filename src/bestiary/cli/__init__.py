"""The command line: a table of verbs, each a module that is imported when it is asked for, and the exits they share."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from bestiary import __version__
from bestiary.errors import BestiaryError, nearest

VERBS = {
    "list": "bestiary.cli.listing",  # a module named list would hide the builtin here
    "show": "bestiary.cli.show",
    "compare": "bestiary.cli.compare",
    "tree": "bestiary.cli.tree",
    "timeline": "bestiary.cli.timeline",
    "anatomy": "bestiary.cli.anatomy",
    "size": "bestiary.cli.size",
    "fits": "bestiary.cli.fits",
    "license": "bestiary.cli.license",
    "cite": "bestiary.cli.cite",
    "verify": "bestiary.cli.verify",
    "errata": "bestiary.cli.errata",
    "missing": "bestiary.cli.missing",
    "lint": "bestiary.cli.lint",
    "run": "bestiary.cli.run",
    "export": "bestiary.cli.export",
    "atlas": "bestiary.cli.atlas",
    "completion": "bestiary.cli.completion",
}
"""Each verb and its module, whose ``verb`` is a Click command. A command returns its exit code, or None for 0."""

DONE, BAD_USAGE, INTERRUPTED = 0, 2, 130  # and 1 is a finding, which the verb itself returns
EXTRAS = {
    "run": ("gguf", "huggingface_hub", "numpy", "safetensors", "tokenizers", "torch"),
    "atlas": ("fastapi", "jinja2", "markupsafe", "uvicorn"),
}
"""What the light install lacks, by the extra that brings it."""
BROKEN_PIPE = 141  # what a shell reports of a program that the end of its pipe stopped


class Verbs(click.Group):
    """The group of all verbs. Listing them in ``--help`` imports every module; running one imports that one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the table's order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module and return its command."""
        return import_module(VERBS[cmd_name]).verb if cmd_name in VERBS else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; where nobody reads its output any more, end quietly (Click would call it a finding)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(_let_go()) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that the arguments begin with; an unknown one is refused with the nearest names."""
        if args[0] not in VERBS and not ctx.resilient_parsing:
            raise click.UsageError(f"there is no verb '{args[0]}'{nearest(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"bestiary {__version__}")
        ctx.exit()


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def bestiary(ctx: click.Context) -> None:
    """The transformer collection that runs: each published model as a sourced record and an exact architecture.

    NAME is an entry with an optional size, such as gpt-2:xl; every entry also has the size tiny, which runs anywhere.
    Tables are tab-separated when piped. Exit codes: 0 done, 1 a finding, 2 bad usage.

    Begin with: bestiary list, then bestiary show bert
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: with a verb's code, or with one sentence on the error stream."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter shows a question mark instead
    try:
        code = bestiary.main(args, prog_name="bestiary", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _let_go()
    except click.Abort:
        code = INTERRUPTED
    except click.ClickException as error:
        code = _complain(_sentence(error))
    except BestiaryError as error:
        code = _complain(str(error))
    except ModuleNotFoundError as error:
        extra = next((extra for extra, libraries in EXTRAS.items() if error.name in libraries), None)
        if extra is None:
            raise
        code = _complain(f"this needs {error.name}, which is not installed; run pip install 'bestiary[{extra}]'")
    except OSError as error:
        code = _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    sys.exit(code if isinstance(code, int) else DONE)


def _let_go() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes there, at the last flush
    return BROKEN_PIPE


def _complain(sentence: str) -> int:
    click.echo(f"error: {sentence}", err=True)
    return BAD_USAGE


def _sentence(error: click.ClickException) -> str:
    """Return a usage error as one sentence that says where the right usage stands."""
    said = " ".join(error.format_message().split()).rstrip(".")
    ctx: Any = getattr(error, "ctx", None)
    where = f"; see '{ctx.command_path} --help'" if ctx else ""
    return said[:1].lower() + said[1:] + where
