"""Jobs on pictures and texts together: telling which caption fits a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.cli.jobs.images import read_pictures
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.cli.output import print_table
from bestiary.errors import BestiaryError

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
EXAMPLE = '"a photo of a cat" "a photo of a dog"'


def job_of(model: Any) -> str | None:
    """Return the name of the job of a spec that reads pictures and texts, or ``None`` for one that does not."""
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


JOBS: dict[str, Job] = {"rank-captions": Job(rank, _show)}
