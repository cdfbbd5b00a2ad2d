"""Models that score distances and remember earlier segments: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from transformers import PretrainedConfig, XLNetConfig, XLNetModel
from transformers.models.xlnet.modeling_xlnet import XLNetRelativeAttention

from references.row import ACTIVATIONS, rows

POSITIONS = XLNetModel.positional_embedding


def _cast_positions(*given: Any) -> torch.Tensor:
    """The reference computes sines in float32, and casts them in one of its two paths only: the other fails."""
    return POSITIONS(*given).double()


def _of_default_dtype(kind: Any) -> None:
    """The reference makes parameters in float32 whatever it is told, so that a file in float64 opens mixed."""
    make = kind.__init__

    def init(self: Any, config: Any) -> None:
        make(self, config)
        self.to(torch.get_default_dtype())

    kind.__init__ = init


XLNetModel.positional_embedding = staticmethod(_cast_positions)
for _kind in (XLNetRelativeAttention, XLNetModel):
    _of_default_dtype(_kind)


def xlnet(random: Random, **changes: Any) -> PretrainedConfig:
    heads = random.choice((2, 3, 5))
    sizes = {
        "vocab_size": random.randrange(101, 150, 2),
        "d_model": heads * random.choice((6, 10, 14)),
        "n_layer": random.choice((2, 3)),
        "n_head": heads,
        "d_inner": random.randrange(31, 90, 2),
        "ff_activation": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-12, 1e-5, 1e-3)),
        "clamp_len": random.choice((-1, 3)),
        "pad_token_id": random.choice((0, 1, 5)),
        "mem_len": random.choice((None, 7)),
    }
    return XLNetConfig(**sizes | changes)


_READS = {"reads": ("token_type_ids",), "caches": False, "steady": False, "idle": ("mask_emb",)}
_STREAMS = {**_READS, "reads": ("token_type_ids", "target_mapping"), "idle": (), "label": "streams"}
_OTHERS = "XLNetForSequenceClassification XLNetForTokenClassification XLNetForQuestionAnsweringSimple"

ROWS = (
    *rows(xlnet, f"XLNetModel XLNetLMHeadModel {_OTHERS}", **_READS),
    *rows(xlnet, "XLNetModel XLNetLMHeadModel", **_STREAMS),
)
