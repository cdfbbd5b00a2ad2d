"""The public surface: names become records, specs, counts, differences, modules and checkpoints."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bestiary.catalog import entry, list_models
from bestiary.errors import BestiaryError
from bestiary.spec import Model as Spec

if TYPE_CHECKING:
    import torch

    from bestiary.nn import Model
    from bestiary.sizing import Count, Difference

__all__ = ["build", "count", "diff", "entry", "list_models", "load", "save", "spec"]


def spec(name: str, task: str | None = None) -> Spec:
    """Return the architecture of an entry's size: ``spec("gpt-2:xl")``; the default size where none is named.

    ``task`` puts other heads on it: ``spec("bert:base", task="masked-lm")``. Raises ``BestiaryError`` for an unknown
    name, size or task, and for an architecture that nobody published.
    """
    from bestiary.catalog.resolve import spec_of

    return spec_of(name, task)


def count(model: str | Spec) -> Count:
    """Return the exact parameters of a spec, or of an entry's size: total, active, embedding, non_embedding."""
    from bestiary import sizing

    return sizing.count(_spec(model))


def diff(a: str | Spec, b: str | Spec) -> Difference:
    """Return what changes from one architecture to another, each change with its parameters, which sum exactly."""
    from bestiary import sizing

    return sizing.diff(_spec(a), _spec(b))


def build(
    model: str | Spec,
    *,
    seed: int | None = None,
    task: str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Model:
    """Build a spec, or an entry's size, as a torch module with fresh random weights, in evaluation mode.

    ``seed`` makes the weights reproducible; on the ``meta`` device nothing is allocated.
    """
    from bestiary import nn

    chosen = spec(model, task) if isinstance(model, str) else model
    return nn.build(chosen, seed=seed, device=device, dtype=dtype)


def load(
    source: str | Path,
    *,
    task: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Model:
    """Load published weights: from a folder or file, an entry's name (``bert:base``), or an id on the hub.

    Returns a module in evaluation mode with its ``checkpoint``, ``tokenizer`` and ``processor``, ``None`` where the
    files hold none.
    The network is asked only for names that are no path. Raises ``BestiaryError`` with one sentence on what is wrong.
    """
    with _nothing_collected():
        from bestiary.weights import cascade_files, pipelines
        from bestiary.weights.load import load_weights
        from bestiary.weights.processor import processor_of
        from bestiary.weights.source import locate
        from bestiary.weights.tokenizer import tokenizer_of

        path = locate(source)
        if pipelines.is_pipeline(path):
            model, model.checkpoint = pipelines.load_pipeline(path, dtype, device)
            return model
        if parts := cascade_files.found(path):
            model, model.checkpoint = cascade_files.load_cascade(path, parts, dtype, device)
            return model
        model, checkpoint = load_weights(path, task=task, dtype=dtype, device=device)
        model.checkpoint = checkpoint
        model.tokenizer = tokenizer_of(checkpoint)
        model.processor = processor_of(checkpoint, model.tokenizer)
    return model


def save(model: Model, folder: str | Path) -> Path:
    """Write a model, with the tokenizer and processor it has, in its family's published format; return the folder.

    Raises ``BestiaryError`` when no published format can say the model's spec.
    """
    from bestiary.spec import Cascade
    from bestiary.weights.cascade_files import save_cascade
    from bestiary.weights.pipelines import is_pipeline_kind, save_pipeline
    from bestiary.weights.save import save_weights, writing

    if is_pipeline_kind(model.spec):
        return save_pipeline(model, folder)
    if isinstance(model.spec, Cascade):
        return save_cascade(model, folder)
    known = model.checkpoint.meaning if model.checkpoint else None
    path = save_weights(model, folder, *((known.carried, known.dialect.name) if known else ()))
    with writing(path):
        for beside in (model.tokenizer, model.processor):
            if beside is not None:
                beside.save(path)
    return path


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Hold the garbage collector: what loading makes stays, and a search through it and torch's objects takes 0.1 s."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _spec(model: Any) -> Spec:
    if isinstance(model, str):
        return spec(model)
    if isinstance(model, Spec):
        return model
    raise BestiaryError(f"{model!r} is no model: give an entry's name or a spec")
