"""``bestiary completion``: the script by which a shell completes verbs, options, entries and sizes."""

from __future__ import annotations

import click

# Bash takes a colon for the end of a word, and would complete the size of gpt-2:xl without its entry.
COLON_IN_WORDS = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\n"
PREFIX = {"bash": COLON_IN_WORDS, "zsh": "", "fish": ""}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(PREFIX)))
@click.pass_context
def verb(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    \b
    Example:
      bestiary completion bash >> ~/.bashrc
      bestiary completion zsh  >> ~/.zshrc
      bestiary completion fish > ~/.config/fish/completions/bestiary.fish
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    source = script(ctx.find_root().command, {}, "bestiary", "_BESTIARY_COMPLETE").source()
    click.echo(PREFIX[shell] + source.strip())
