"""``bestiary run``: a model does its job: from published weights, or as an untrained twin that runs anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bestiary.cli.names import complete_source, stand_in_of
from bestiary.cli.output import bar, json_option, print_json, remark
from bestiary.errors import BestiaryError
from bestiary.watch import watching

MASK = "[MASK]"
LENGTH, SHARE, SEED = click.IntRange(1, 100_000), click.FloatRange(0, 1, min_open=True), click.IntRange(0, 2**63 - 1)


@click.command("run")
@click.argument("source", metavar="NAME|FOLDER|OWNER/NAME", shell_complete=complete_source)
@click.argument("texts", metavar="[TEXT|FILE]...", nargs=-1)
@click.option("--task", metavar="TASK", help="Other heads than the checkpoint's own, such as masked-lm.")
@click.option("--max-new-tokens", type=LENGTH, default=64, show_default=True, help="Length of an answer.")
@click.option("--temperature", type=click.FloatRange(0), help="0, the likeliest token; 1 with --top-k or --top-p.")
@click.option("--top-k", type=click.IntRange(1), help="Draw from the k likeliest tokens.")
@click.option("--top-p", type=SHARE, help="Draw from the fewest tokens that hold this probability.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of what is drawn, a twin's weights included.")
@click.option("--chat", is_flag=True, help="Put each text as a user's message to a chat model.")
@click.option("--language", metavar="CODE", help="Spoken in a sound, such as de; otherwise the model tells it.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Where a picture or an episode goes.")
@json_option
def verb(
    source: str,
    texts: Sequence[str],
    task: str | None,
    seed: int,
    chat: bool,
    language: str | None,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a model on texts or files.

    It does what its heads are for: continues, answers or translates texts, fills masks, tells replaced words, ranks
    sentences by their likeness to the first, classifies texts, pictures and sounds, draws, ranks captions of a picture,
    writes them, answers questions about it, writes down what is said in a WAV file, folds a protein, or acts in an
    environment by its name.

    A folder or file is a checkpoint; OWNER/NAME is one on the hub, and so is NAME where an entry has published weights.
    NAME:tiny needs no download: it is the same architecture, small, with random weights, and says nothing sensible.

    \b
    Example:
      bestiary run ./SmolLM2-135M-Instruct "What is the capital of France?" --chat
      bestiary run bert:tiny "Paris is the [MASK] of France."
      bestiary run alphafold:tiny MKTAYIAKQRQISFVKSHFSRQ --out fold.svg
    """
    from bestiary.cli import jobs

    model, label = _opened(source, texts, task, seed)
    job = jobs.job_of(model.spec, texts)
    asked = [_in_chat(model, text) for text in texts] if chat and job not in jobs.OWN_CHAT else list(texts)
    asks = {"seed": seed, "chat": chat, "out": out, "language": language}
    settings = jobs.Settings(twin=model.checkpoint is None, **asks, **_sampling(**options))
    if not as_json:
        remark(label)
    with watching(bar):
        if as_json:
            results = jobs.JOBS[job].answer(model, asked, settings)
            print_json({"model": source, "weights": label, "job": job, "results": results})
        else:
            jobs.JOBS[job].show(model, asked, settings)


def _opened(source: str, texts: Sequence[str], task: str | None, seed: int) -> tuple[Any, str]:
    """Return the module in evaluation mode with its tokenizer, and what its weights are."""
    name, _, size = source.partition(":")
    if size.lower() == "tiny" and not Path(source).exists():
        from bestiary.catalog.find import parse_name

        twin = _twin(name, task or _task_of(texts, name), seed)
        what = "letter of a protein" if twin.tokenizer and twin.tokenizer.cls_token == "<cls>" else "byte"
        reads = f", a token for each {what}" if twin.tokenizer else ""
        stand_in = stand_in_of(parse_name(source)[0])
        return twin, f"untrained: random weights (seed {seed}){reads}{f'; {stand_in}' if stand_in else ''}"
    from bestiary.api import load

    model = load(source, task=task)
    return model, f"weights of {model.checkpoint.path}"


def _twin(name: str, task: str | None, seed: int) -> Any:
    from bestiary.api import build
    from bestiary.cli.twin import twin_tokenizer

    model = build(f"{name}:tiny", seed=seed, task=task)
    model.tokenizer = twin_tokenizer(model.spec)
    return model


def _task_of(texts: Sequence[str], name: str) -> str | None:
    """A text with a mask asks an encoder to fill it; one without, a discriminator to tell what was replaced.

    Otherwise the twin has its architecture's usual heads.
    """
    from bestiary.architectures import ARCHITECTURES
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import function_of

    tasks = ARCHITECTURES[function_of(*parse_name(f"{name}:tiny"))].others
    if any(MASK in text for text in texts):
        return "masked-lm" if "masked-lm" in tasks else None
    return next((task for task in ("replaced-token-detection", "speech-recognition") if task in tasks), None)


def _in_chat(model: Any, text: str) -> str:
    if model.tokenizer is None:
        raise BestiaryError("--chat needs a tokenizer with a chat template; this checkpoint has no tokenizer")
    return model.tokenizer.chat([{"role": "user", "content": text}])


def _sampling(temperature: float | None, top_k: int | None, top_p: float | None, max_new_tokens: int) -> dict[str, Any]:
    from bestiary.generate import Sampling

    usual = 0.0 if top_k is None and top_p is None else 1.0
    sampling = Sampling(usual if temperature is None else temperature, top_k, top_p)
    return {"sampling": sampling, "max_new_tokens": max_new_tokens}
