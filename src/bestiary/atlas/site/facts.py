"""The facts of an entry as a reader asks for them: a title, a text, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from bestiary.atlas.site.collection import Collection
from bestiary.catalog.schema import Entry, Fact, listed

ORDER = (
    "published", "family", "labs", "form", "modality", "objectives", "tasks", "application", "corpus", "tokens",
    "access", "code_license", "weights_license", "data_license", "output_license",
)  # fmt: skip
TITLES = {
    "published": "First published", "family": "Family", "labs": "Made by", "form": "Form",
    "modality": "Reads and writes", "objectives": "Trained to", "tasks": "Used for", "application": "Application",
    "corpus": "Training data", "tokens": "Tokens of training", "access": "Access",
    "code_license": "License of the code", "weights_license": "License of the weights",
    "data_license": "License of the data", "output_license": "Terms on what it writes",
}  # fmt: skip
SUBJECTS = {"labs": "labs", "modality": "modalities", "objectives": "objectives", "tasks": "tasks"}
"""The vocabularies that facts take their words from."""
FORMS = {
    "encoder": "Encoder", "decoder": "Decoder", "encoder-decoder": "Encoder and decoder",
    "dual-encoder": "Two encoders", "diffusion": "Diffusion", "other": "Other", "undisclosed": "Undisclosed",
}  # fmt: skip
ACCESS = {
    "open-weights": "Open weights", "gated-weights": "Weights on request", "research-weights": "Weights for research",
    "api-only": "A service only", "unreleased": "Never released",
}  # fmt: skip
PURPOSES_SAID = {
    "commercial": "Commercial use", "modify": "Modification", "redistribute": "Redistribution", "research": "Research",
}  # fmt: skip
SURE = {
    "stated": "The source says so.", "derived": "It follows from what the source says.",
    "estimated": "An estimate from what the source says.", "disputed": "Sources disagree.",
    "memory": "Not checked in a source yet.",
}  # fmt: skip
"""What the words mean that tell how sure a fact is."""


class Told(NamedTuple):
    """One fact of an entry, with the source, the place in it and how sure it is."""

    key: str
    title: str
    text: str
    source: str
    at: str
    sure: str


def facts(collection: Collection, entry: Entry) -> Iterator[Told]:
    """Yield the facts of an entry in reading order."""
    for key in ORDER:
        fact: Fact[Any] | None = getattr(entry.facts, key)
        if fact is not None:
            yield Told(key, TITLES[key], text_of(collection, key, fact.value), fact.source, fact.at, fact.sure)


def text_of(collection: Collection, key: str, value: Any) -> str:
    """Return the value of a fact in words."""
    if key in SUBJECTS:
        return ", ".join(collection.word(SUBJECTS[key], word) for word in listed(value))
    if key in ("form", "access"):
        return FORMS[value] if key == "form" else ACCESS[value]
    if key.endswith("_license"):
        return license_text(collection, value)
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:,}" if isinstance(value, int) else str(value).replace("not-applicable", "does not apply")


def license_text(collection: Collection, key: str) -> str:
    """Return a license's name, or that there is none."""
    return collection.word("licenses", key) if key != "none" else "No license"
