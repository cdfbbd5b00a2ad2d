"""What holds for every verb: help, exit codes, errors of one sentence, terminals, light imports, completion."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete
from command_line import Done, bestiary

from bestiary import cli
from bestiary.cli.output import plain, pretty, print_pieces

LOOK = ("list", "show bert", "compare bert:base roberta:base", "size gpt-2", "license bert", "cite bert", "lint")


def process(*arguments: str, code: str = "from bestiary.cli import main; main()", **options: Any) -> Any:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_holds_an_example(verb: str) -> None:
    done = bestiary(f"{verb} --help")
    assert (done.code, done.err) == (0, "")
    assert f"bestiary {verb} " in done.out.split("Example:")[1]


def test_help_lists_every_verb_with_a_whole_sentence() -> None:
    listed = re.findall(r"^  (\w+) +(.+)$", bestiary("").out.split("Commands:")[1], re.MULTILINE)
    assert [verb for verb, _ in listed] == list(cli.VERBS)
    assert [text for _, text in listed if not text.endswith(".") or text.endswith("...")] == []


def test_version() -> None:
    assert re.fullmatch(r"bestiary \d+\.\d+\.\d+\n", bestiary("--version").out)


@pytest.mark.parametrize("line", LOOK)
def test_looking_needs_no_tensors(line: str) -> None:
    code = (
        "import sys\nfrom bestiary.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: print('left', end.code, *sorted({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert process(*line.split(), code=code).stdout.splitlines()[-1] == "left 0"


def test_list_loads_no_architecture() -> None:
    code = (
        "import sys\nfrom bestiary.cli import main\n"
        "try: main(['list'])\n"
        "except SystemExit: print(*sorted({'bestiary.spec', 'dataclasses', 'tomllib'} & set(sys.modules)))"
    )
    assert process(code=code).stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("shwo bert", ("no verb 'shwo'", "did you mean 'show'")),
        ("list --frm encoder", ("--frm", "'bestiary list --help'")),
        ("list --form encodr", ("encodr", "did you mean 'encoder'")),
        ("list --since yesterday", ("yesterday", "2019-07-26")),
        ("show rberta", ("rberta", "did you mean", "'roberta'")),
        ("show :tiny", ("no model ''",)),
        ("size bert --memory 1e9GB", ("1e9GB",)),
        ("size bert --context 99999999999999999999", ("--context",)),
        ("show bert:huge", ("huge", "base, large")),
        ("show", ("missing argument", "'bestiary show --help'")),
        ("compare bert", ("missing argument", "'bestiary compare --help'")),
        ("size bert --context 5000", ("5000", "512 positions")),
        ("size bert --memory lots", ("lots", "24GB")),
        ("size bert --precision int3", ("int3", "did you mean")),
        ("size bert --batch 0", ("--batch", "0")),
        ("license bert --for fun", ("fun", "commercial")),
        ("cite nobody", ("nobody",)),
        ("verify", ("--all",)),
        ("verify bert --all", ("--all",)),
        ("completion tcsh", ("tcsh", "bash")),
        ("show b\N{LATIN SMALL LETTER E WITH ACUTE}rt:\N{SNOWMAN}", ("b\N{LATIN SMALL LETTER E WITH ACUTE}rt",)),
    ],
)
def test_bad_usage_is_one_sentence(line: str, fragments: tuple[str, ...]) -> None:
    done = bestiary(line)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert [fragment for fragment in fragments if fragment not in done.err] == []


def test_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bestiary.catalog.find.list_models", interrupted)
    assert bestiary("list") == Done(130, "", "\n")


def test_a_closed_pipe_is_quiet() -> None:
    code = [sys.executable, "-m", "bestiary.cli", "show", "bert", "--json"]
    with subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert (running.wait(60), running.stderr.read()) == (141, "")


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['torch'] = None; from bestiary.cli import main; main(['verify', 'bert:base'])"
    done = process(code=code)
    assert done.returncode == 2
    assert done.stderr == "error: this needs torch, which is not installed; run pip install 'bestiary[run]'\n"


def test_letters_that_the_output_lacks_do_not_matter() -> None:
    done = process("show", "gpt-2", env={**os.environ, "PYTHONIOENCODING": "ascii", "TTY_COMPATIBLE": "1"})
    assert (done.returncode, done.stderr) == (0, "")


def test_a_real_terminal_gets_a_table() -> None:
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "TTY_COMPATIBLE"}
    environment |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bestiary.cli",
            "list",
            "*bert*",
        ],  # all would not fit where a terminal keeps what is unread
        stdout=theirs,
        env=environment,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "───" in shown
    assert "\t" not in shown


@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        ((), "sho", ["show"]),
        (("show",), "rob", ["roberta"]),
        (("show",), "gpt-2:x", ["gpt-2:xl"]),
        (("compare", "bert"), "roberta:", ["roberta:base", "roberta:large", "roberta:tiny"]),
        (("show",), "nobody:", []),
        (("license", "alpaca", "--for"), "com", ["commercial"]),
        (("run",), "albert:ti", ["albert:tiny"]),
        (("run",), "./check", ["./check"]),  # left to the shell as a file
    ],
)
def test_completion(words: tuple[str, ...], incomplete: str, completed: list[str]) -> None:
    shell = BashComplete(cli.bestiary, {}, "bestiary", "_BESTIARY_COMPLETE")
    assert [item.value for item in shell.get_completions(list(words), incomplete)] == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = bestiary(f"completion {shell}")
    assert done.code == 0
    assert f"_BESTIARY_COMPLETE={shell}_complete" in done.out


def test_bash_completes_a_size(tmp_path: Path) -> None:
    command = tmp_path / "bestiary"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bestiary.cli "$@"\n')
    command.chmod(0o755)
    script = bestiary("completion bash").out
    typed = f"COMP_WORDS=(bestiary show gpt-2:x); COMP_CWORD=2; _bestiary_completion {command}; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", f"{script}\n{typed}"], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "gpt-2:xl\n"


def test_codes_that_command_a_terminal_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_pieces(["a\x1b[2Jb", "\x18\n\tc\x9b"])
    assert capsys.readouterr() == ("a␛[2Jb␘\n\tc␡\n", "")
    assert plain("a\x1b\tb") == "a␛ b"
    assert pretty(("a\x1b", "b")) == "a␛, b"
    print_pieces(["", " "])
    assert "wrote nothing" in capsys.readouterr().err
