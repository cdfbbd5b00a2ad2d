"""Jobs on texts: continuing them, filling masks, telling replaced words, ranking and classifying sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from bestiary import generate
from bestiary.cli.jobs.job import TOP, Answers, Job, Settings
from bestiary.cli.jobs.label import label
from bestiary.cli.output import print_pieces, print_table
from bestiary.errors import BestiaryError


def _pieces(model: Any, text: str, settings: Settings) -> Iterator[str]:
    """Yield the answer to one text piece by piece."""
    if not settings.twin:
        yield from generate.stream_text(
            model, text, max_new_tokens=settings.max_new_tokens, sampling=settings.sampling, seed=settings.seed,
            add_special_tokens=not settings.chat,
        )  # fmt: skip
        return
    tokenizer = model.tokenizer
    prompt: dict[str, Any] = {"input_ids": torch.tensor([tokenizer.encode(text)])}
    if generate.fills_blanks(model.spec):
        prompt = generate.at_blank(prompt["input_ids"], tokenizer.mask_token_id, tokenizer.pad_token_id)
    yield from generate.stream(
        model, prompt, max_new_tokens=settings.max_new_tokens, sampling=settings.sampling, seed=settings.seed,
        skip_special_tokens=False,  # an untrained model may write nothing else
        decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def _answer_texts(model: Any, texts: list[str], settings: Settings) -> Answers:
    _want_texts(texts, 1, '"Once upon a time"')
    return [{"prompt": text, "text": "".join(_pieces(model, text, settings))} for text in texts]


def _show_texts(model: Any, texts: list[str], settings: Settings) -> None:
    _want_texts(texts, 1, '"Once upon a time"')
    for text in texts:
        print_pieces(_pieces(model, text, settings))


def _fill(model: Any, texts: list[str], settings: Settings) -> Answers:
    mask = model.tokenizer.mask_token if model.tokenizer else "[MASK]"
    _want_texts(texts, 1, f'"Paris is the {mask} of France."')
    return [
        {"text": text, "mask": number, "token": token, "probability": probability}
        for text in texts
        for number, likeliest in enumerate(generate.fill_mask(model, text, top=TOP), 1)
        for token, probability in likeliest
    ]


def _show_filled(model: Any, texts: list[str], settings: Settings) -> None:
    rows = [
        (f["token"].strip(), f"{f['probability']:.4f}", f["mask"], f["text"]) for f in _fill(model, texts, settings)
    ]
    print_table(("token", "probability", "mask", "text"), rows)


def _rank(model: Any, texts: list[str], settings: Settings) -> Answers:
    _want_texts(texts, 2, '"a sentence" "one like it" "another"')
    vectors = generate.embed(model, texts)
    likeness = (vectors[1:] @ vectors[0]).tolist()
    ranked = sorted(zip(likeness, texts[1:], strict=True), reverse=True)
    return [{"text": text, "to": texts[0], "similarity": number} for number, text in ranked]


def _show_ranked(model: Any, texts: list[str], settings: Settings) -> None:
    answers = _rank(model, texts, settings)
    print_table(("similarity", "text"), [(f"{answer['similarity']:.4f}", answer["text"]) for answer in answers])


def _classify(model: Any, texts: list[str], settings: Settings) -> Answers:
    """Label texts."""
    _want_texts(texts, 1, '"A fine film."')
    batch = model.tokenizer(texts).tensors()
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        likeliest = model(**inputs).logits.float().softmax(-1).sort(descending=True)
    rows = zip(texts, likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    return [
        {"input": name, "label": label(model, index), "probability": probability}
        for name, indices, values in rows
        for index, probability in list(zip(indices, values, strict=True))[:TOP]
    ]


def _show_labels(model: Any, texts: list[str], settings: Settings) -> None:
    answers = _classify(model, texts, settings)
    rows = [(answer["label"], f"{answer['probability']:.4f}", answer["input"]) for answer in answers]
    print_table(("label", "probability", "input"), rows)


def _tell_replaced(model: Any, texts: list[str], settings: Settings) -> Answers:
    _want_texts(texts, 1, '"The chef ate the meal."')
    return [
        {"text": text, "token": token, "replaced": probability}
        for text in texts
        for token, probability in generate.tell_replaced(model, text)
    ]


def _show_replaced(model: Any, texts: list[str], settings: Settings) -> None:
    answers = _tell_replaced(model, texts, settings)
    print_table(
        ("token", "replaced", "text"), [(a["token"].strip(), f"{a['replaced']:.4f}", a["text"]) for a in answers]
    )


def _want_texts(texts: list[str], least: int, example: str) -> None:
    if len(texts) < least:
        raise BestiaryError(
            f"this model reads {'texts' if least > 1 else 'text'}; write some after its name, as in {example}"
        )


JOBS: dict[str, Job] = {
    "generate": Job(_answer_texts, _show_texts),
    "fill-mask": Job(_fill, _show_filled),
    "tell-replaced": Job(_tell_replaced, _show_replaced),
    "embed": Job(_rank, _show_ranked),
    "classify": Job(_classify, _show_labels),
}
