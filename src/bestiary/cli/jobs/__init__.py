"""What a running model does, by the heads it has: each job gives its answers as data, and shows them to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bestiary import spec
from bestiary.cli.jobs import control, detection, images, multimodal, pictures, proteins, reconstruct, sound, text
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.errors import BestiaryError

__all__ = ["JOBS", "OWN_CHAT", "Answers", "Job", "Settings", "job_of"]

ROOMS = (text, images, detection, pictures, reconstruct, control, sound, proteins, multimodal)
JOBS: dict[str, Job] = {name: job for room in ROOMS for name, job in room.JOBS.items()}


OWN_CHAT = ("answer", "caption")
"""Jobs that put questions to a chat model themselves, with the pictures that they are about."""


def job_of(model: Any, given: Sequence[str] = ()) -> str:
    """Return the name of the job that a spec's heads and masks make it fit for, and what it is given.

    Raises ``BestiaryError`` if there is none.
    """
    if isinstance(model, spec.FoldingModel):
        return "fold"
    heads = list(spec.heads_of(model).values())
    own = [room.job_of(model) for room in (pictures, reconstruct, sound, control, detection)]
    for job in (*own, multimodal.job_of(model, given)):
        if job is not None:
            return job
    if any(isinstance(head, spec.LMHead | spec.AdaptiveLMHead) for head in heads):
        return "generate" if isinstance(model, spec.EncoderDecoder) or _looks_back(model) else "fill-mask"
    if images.seeing(model) is not None:
        return _on_images(model, heads)
    if any(isinstance(head, spec.Classifier) and head.source != "every" for head in heads):
        return "classify"
    if any(isinstance(head, spec.ReplacedTokens) for head in heads):
        return "tell-replaced"
    if all(isinstance(head, spec.Pooler) for head in heads) and _encodes_text(model):
        return "embed"
    raise _idle(model)


def _on_images(model: Any, heads: list[Any]) -> str:
    if any(isinstance(head, spec.Classifier | spec.DistilledClassifier) for head in heads):
        return "classify-image"
    if any(isinstance(head, spec.PatchPixels) for head in heads):
        return "restore-image"
    if heads and all(
        isinstance(head, spec.Pooler | spec.FirstVector | spec.PatchMean | spec.PlaceMean) for head in heads
    ):
        return "compare-images"
    raise _idle(model)


def _idle(model: Any) -> BestiaryError:
    heads = spec.heads_of(model)
    if not heads and not hasattr(model, "heads"):
        return BestiaryError(f"run has no job yet for {type(model).__name__}, a model of parts; call it in Python")
    has = f"the heads {', '.join(heads)}" if heads else "no head"
    return BestiaryError(f"run has no job for a model with {has}; name another --task, or call it in Python")


def _encodes_text(model: Any) -> bool:
    return isinstance(model, spec.Transformer) and isinstance(model.embed, spec.Tokens) and not _looks_back(model)


def _looks_back(model: Any) -> bool:
    if isinstance(model.embed, spec.Targeted):
        return True  # it is asked for the token behind a text
    kinds = spec.Attention | spec.RelativeAttention
    attentions = (node for _, node in spec.walk_once(model.stack) if isinstance(node, kinds))
    return any(isinstance(mask, spec.Causal | spec.Prefix) for node in attentions for mask in node.mask)
