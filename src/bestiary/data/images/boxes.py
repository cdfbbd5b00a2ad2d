"""From what a detector answers to objects: labels, scores, and boxes in pixels of the picture that was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Found(NamedTuple):
    """One object in a picture."""

    label: int
    score: float
    box: tuple[float, float, float, float]
    """Left, top, right and bottom, in pixels."""


def corners(boxes: Tensor) -> Tensor:
    """Return left, top, right and bottom of boxes given by middle, width and height, ``[..., 4]``."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((middle - half, middle + half), dim=-1)


def objects(
    logits: Tensor, pred_boxes: Tensor, sizes: Sequence[tuple[int, int]], threshold: float = 0.5
) -> list[list[Found]]:
    """Return what a detector found in each picture, the surest first: whose likeliest label is above a threshold.

    ``logits`` is ``[B, queries, labels + 1]``, the last of them of no object; ``pred_boxes`` ``[B, queries, 4]``,
    shares of pictures whose height and width are in ``sizes``.
    """
    scores, labels = logits.softmax(-1)[..., :-1].max(-1)
    found: list[list[Found]] = []
    for score, label, boxes, (height, width) in zip(scores, labels, corners(pred_boxes), sizes, strict=True):
        pixels = boxes * boxes.new_tensor((width, height, width, height))
        order = score.argsort(descending=True, stable=True)[: int((score > threshold).sum())]
        rows = zip(label[order].tolist(), score[order].tolist(), pixels[order].tolist(), strict=True)
        found.append([Found(name, sure, (box[0], box[1], box[2], box[3])) for name, sure, box in rows])
    return found
