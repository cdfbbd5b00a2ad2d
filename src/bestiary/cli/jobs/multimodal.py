"""Jobs on pictures and texts together: telling which caption fits a picture, writing one, answering questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import generate, spec
from bestiary.cli.jobs.images import NOISE, plain, read_pictures, seeing
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.cli.output import print_pieces, print_table, remark
from bestiary.errors import BestiaryError

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
EXAMPLE = '"a photo of a cat" "a photo of a dog"'


def job_of(model: Any, given: Sequence[str]) -> str | None:
    """Return the name of the job of a spec that reads pictures and texts, or ``None`` for one that does not."""
    if isinstance(model, spec.VisionLanguage | spec.Interleaved) and model.heads:
        return "answer" if apart(list(given))[1] else "caption"
    return "rank-captions" if isinstance(model, spec.DualEncoder) and model.heads else None


def apart(given: list[str]) -> tuple[list[str], list[str]]:
    """Tell the names of image files from texts."""
    files = [one for one in given if one.lower().endswith(PICTURES) or Path(one).is_file()]
    return files, [one for one in given if one not in files]


def rank(model: Any, given: list[str], settings: Settings) -> Answers:
    """Order captions by how like each is to each picture."""
    files, captions = apart(given)
    if not captions:
        raise BestiaryError(f"this model compares a picture with texts; write some, such as {EXAMPLE}")
    pixels, names = read_pictures(model, files, settings)
    with torch.inference_mode():
        out = model(**_texts(model, captions), pixel_values=pixels["pixel_values"].to(model.dtype))
    logits: Tensor = out.logits_per_image.float()
    alone = isinstance(next(iter(model.spec.heads.values())), spec.SigmoidContrast)
    shares = logits.sigmoid() if alone else logits.softmax(-1)
    rows = zip(names, shares.tolist(), logits.tolist(), strict=True)
    return [
        {"image": name, "text": text, "probability": share, "logit": logit}
        for name, each, scores in rows
        for share, logit, text in sorted(zip(each, scores, captions, strict=True), reverse=True)
    ]


def _texts(model: Any, captions: list[str]) -> dict[str, Tensor]:
    """Return captions as the model reads them: ended where it looks for an end, as long as it can read where not."""
    if model.tokenizer is None:
        raise BestiaryError("this checkpoint came without a tokenizer; add its files to the folder")
    batch = model.tokenizer(captions).tensors()
    ids, keep = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    tower = spec.text_side(model.spec)
    summary: Any = next(iter(tower.heads.values()))  # type: ignore[attr-defined]
    if model.checkpoint is None:  # a twin's bytes have no end of their own
        end = summary.token if isinstance(summary, spec.EndSummary) else (spec.vocab_size(tower) or 1) - 1
        ids = F.pad(ids, (0, 1)).scatter(1, keep.sum(-1, keepdim=True), end)
        keep = F.pad(keep, (1, 0), value=1)
    if isinstance(summary, spec.LastSummary):
        room = tower.at("embed.position.length") - ids.shape[1]
        return {"input_ids": F.pad(ids, (0, max(room, 0)), value=model.tokenizer.pad_token_id or 0)}
    return {"input_ids": ids, "attention_mask": keep}


def _show(model: Any, given: list[str], settings: Settings) -> None:
    answers = rank(model, given, settings)
    rows = [(f"{a['probability']:.4f}", f"{a['logit']:.4f}", a["text"], a["image"]) for a in answers]
    print_table(("probability", "logit", "text", "image"), rows)


def caption(model: Any, given: list[str], settings: Settings) -> Answers:
    """Write a caption for each picture; a twin that is given none is shown noise."""
    return [{"image": name, "text": "".join(pieces)} for name, _, pieces in _written(model, given, settings)]


def answer(model: Any, given: list[str], settings: Settings) -> Answers:
    """Answer each question about each picture."""
    return [
        {"image": name, "question": question, "text": "".join(pieces)}
        for name, question, pieces in _written(model, given, settings)
    ]


def _show_written(model: Any, given: list[str], settings: Settings) -> None:
    files, texts = apart(given)
    for name, question, pieces in _written(model, given, settings):
        if not files:
            remark(f"shown {name}")
        elif len(files) > 1 or len(texts) > 1:
            remark(f"{name}: {question}" if question else name)
        print_pieces(pieces)


def _written(model: Any, given: list[str], settings: Settings) -> Iterator[tuple[str, str, Iterator[str]]]:
    """Yield each picture's name, each question about it, none for a caption, and the answer piece by piece."""
    files, questions = apart(given)
    if not files and not settings.twin:
        raise BestiaryError("this model is shown pictures; write the names of image files after its own")
    reader = _reader(model)
    for name in files or [NOISE]:
        pixels = reader.pictures([name])["pixel_values"] if files else _noise(reader, settings)
        for question in questions or [""]:
            text, special = _put(model, question, settings)
            prompt = reader.read([text], 1, add_special_tokens=special)
            prompt |= {"pixel_values": pixels.to(model.dtype)}
            pieces = generate.stream(
                model, prompt, max_new_tokens=settings.max_new_tokens, sampling=settings.sampling, seed=settings.seed,
                skip_special_tokens=not settings.twin,  # an untrained model may write nothing else
                decoder_start_token_id=model.tokenizer.pad_token_id if settings.twin else None,
            )  # fmt: skip
            yield name, question, pieces


def _put(model: Any, question: str, settings: Settings) -> tuple[str, bool]:
    """Return a question as a chat model was trained to be asked, if it is one, and whether that is still to begin."""
    tokenizer = model.tokenizer
    if not settings.chat and tokenizer.chat_template is None:
        return question, True
    content = [{"type": "image"}, *([{"type": "text", "text": question}] if question else [])]
    text = tokenizer.chat([{"role": "user", "content": content}])
    return text, not (tokenizer.bos_token and text.startswith(tokenizer.bos_token))


def _reader(model: Any) -> Any:
    """Return what reads pictures and texts: a checkpoint's own, or a twin's, with the picture in front of its bytes."""
    if model.processor is not None:
        return model.processor
    if model.checkpoint is not None or model.tokenizer is None:
        raise BestiaryError("this checkpoint came without what reads its pictures and texts; add processor_config.json")
    from bestiary.data.images import Showing

    embed = seeing(model.spec)
    assert embed is not None, "a model that is shown pictures has what reads them"
    return Showing(plain(embed), model.tokenizer, *_marks(model.spec))


def _marks(model: Any) -> tuple[int, int]:
    """Return the token that shows a twin a picture, and how many of it do."""
    if isinstance(model, spec.VisionLanguage):
        return model.token, spec.shown_vectors(model)
    token = spec.image_token(model.text)
    assert token is not None, "a twin that looks at pictures has a token for them"
    return token, 1


def _noise(reader: Any, settings: Settings) -> Tensor:
    """Return a picture of noise, of the size that a twin reads."""
    size, noise = reader.pictures.settings.resize, torch.Generator().manual_seed(settings.seed)
    return torch.rand((1, reader.pictures.channels, size.height, size.width), generator=noise)


JOBS: dict[str, Job] = {
    "rank-captions": Job(rank, _show),
    "caption": Job(caption, _show_written),
    "answer": Job(answer, _show_written),
}
