"""The command that runs a model: its small twin, which runs anywhere, and its published weights."""

from __future__ import annotations

from typing import NamedTuple

from bestiary.architectures import ARCHITECTURES
from bestiary.atlas.site.collection import Collection
from bestiary.catalog.resolve import function_of
from bestiary.catalog.schema import TINY, Entry
from bestiary.spec import BlankedTokens, Patches

_TEXT = '"Once upon a time"'
_GIVEN = {
    "base": '"a cat" "a dog"',
    "encoder": '"a cat" "a dog"',
    "masked-lm": '"Paris is the [MASK] of France."',
    "replaced-token-detection": '"The chef ate the meal."',
    "causal-lm": _TEXT,
    "seq2seq-lm": _TEXT,
    "structure": "MKTAYIAKQRQISFVKSHFSRQ",
    "contrastive": '"a cat" "a dog"',
    "pretraining": "",
    "image-text-to-text": '"What is this?"',
    "next-action": "CartPole-v1",
    "text-to-image": '"a red cat"',
    "denoising": '"a red cat"',
}
"""What is written behind a model's name, by the task of its architecture; what reads pictures or sound has its own."""
_DRAWS = frozenset({"text-to-image", "class-to-image", "unconditional-image-generation", "autoencoding", "denoising"})


class Command(NamedTuple):
    """What to type, and what it does."""

    text: str
    says: str


def commands(collection: Collection, entry: Entry) -> list[Command]:
    """Return the commands that run a model, the one that needs no download first; none where nothing can be run."""
    sizes = collection.sizes(entry)
    if not sizes:
        return []
    twin = "the same architecture, small and untrained" if entry.runnable else f"a stand-in: {entry.stand_in.like}'s"  # type: ignore[union-attr]
    found = [Command(_run(f"{entry.slug}:{TINY}", _given(collection, entry)), f"No download: {twin}.")]
    weights = next((point for point in entry.checkpoints if point.size == sizes[0] and "/" in point.hub), None)
    if weights:
        given = _given(collection, entry) if not _fills(entry) else ""
        found.append(Command(_run(weights.hub, given), "Published weights, downloaded once."))
    return found


def _run(name: str, given: str) -> str:
    return f"bestiary run {name} {given}".rstrip()


def _given(collection: Collection, entry: Entry) -> str:
    """Return what a model reads; what reads a picture or a sound makes one up where none is named."""
    architecture = ARCHITECTURES[function_of(entry, TINY)]
    embed = getattr(collection.spec(entry, TINY), "embed", None)
    if isinstance(embed, BlankedTokens):
        return '"MKT<mask>YIAKQRQISFVK"'
    task = "masked-lm" if _fills(entry) else architecture.task
    if "replaced-token-detection" in architecture.others and task == "base":
        task = "replaced-token-detection"
    if (isinstance(embed, Patches) and task == "base") or "speech-recognition" in architecture.others:
        return ""
    given = _GIVEN.get(task, "") if task not in _DRAWS or "text" in entry.facts.modality.value else ""
    return f"{given} --out picture.png".strip() if task in _DRAWS else given


def _fills(entry: Entry) -> bool:
    architecture = ARCHITECTURES[function_of(entry, TINY)]
    return "masked-lm" in architecture.others and "replaced-token-detection" not in architecture.others
