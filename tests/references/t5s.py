"""T5's kin, and the encoders that are published without their decoders: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import MT5Config, PretrainedConfig, T5Config, UMT5Config

from references.pairs import t5, t5_gated
from references.row import Row, rows

GATED = ("gated-gelu", "gated-silu", "gated-relu")


def _as(kind: type[Any], like: T5Config) -> Any:
    """Return another family's config with the same sizes."""
    given = like.to_dict()
    return kind(**{key: given[key] for key in kind().to_dict() if key in given and key != "model_type"})


def mt5(random: Random, **changes: Any) -> PretrainedConfig:
    return _as(MT5Config, t5(random, feed_forward_proj=random.choice((*GATED, "relu")), **changes))


def umt5(random: Random, **changes: Any) -> PretrainedConfig:
    return _as(UMT5Config, t5(random, feed_forward_proj=random.choice(GATED), **changes))


ROWS: tuple[Row, ...] = (
    *rows(t5, "T5EncoderModel"),
    *rows(t5_gated, "T5EncoderModel", label="gated"),
    *rows(mt5, "MT5Model MT5ForConditionalGeneration MT5EncoderModel"),
    *rows(umt5, "UMT5Model UMT5ForConditionalGeneration"),
    # The other families' classes set this themselves.
    Row("UMT5EncoderModel", partial(umt5, is_encoder_decoder=False)),
)
