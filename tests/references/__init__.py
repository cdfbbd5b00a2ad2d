"""The rows of the verification harness: classes of transformers 5.23.0, each with a maker of tiny, odd configs.

A module for each kind of model; a new model adds a row to one of them.
"""

from __future__ import annotations

from references import (
    barts,
    control,
    decoders,
    detection,
    disentangled,
    early,
    encoders,
    experts,
    images,
    llamas,
    more_encoders,
    multimodal,
    pairs,
    proteins,
    pyramids,
    recorded,
    recurrent,
    shown,
    sparse,
    speech,
    t5s,
)
from references.row import Row

__all__ = ["ROWS", "Row"]

ROWS: tuple[Row, ...] = (
    *barts.ROWS,
    *control.ROWS,
    *decoders.ROWS,
    *detection.ROWS,
    *early.ROWS,
    *disentangled.ROWS,
    *encoders.ROWS,
    *experts.ROWS,
    *images.ROWS,
    *llamas.ROWS,
    *more_encoders.ROWS,
    *multimodal.ROWS,
    *pairs.ROWS,
    *proteins.ROWS,
    *pyramids.ROWS,
    *recorded.ROWS,
    *recurrent.ROWS,
    *shown.ROWS,
    *sparse.ROWS,
    *speech.ROWS,
    *t5s.ROWS,
)
