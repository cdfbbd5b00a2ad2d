"""BART's kin: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import (
    BlenderbotConfig,
    BlenderbotSmallConfig,
    M2M100Config,
    MarianConfig,
    MBartConfig,
    PegasusConfig,
    PretrainedConfig,
)

from references.pairs import bart
from references.row import Row, rows

SIZES = (
    "d_model encoder_layers decoder_layers encoder_attention_heads decoder_attention_heads encoder_ffn_dim "
    "decoder_ffn_dim vocab_size max_position_embeddings activation_function scale_embedding"
).split()


def kin(kind: type[Any], random: Random, **changes: Any) -> PretrainedConfig:
    """Return another family's config with sizes drawn as BART's are."""
    drawn: Any = bart(random)
    ids = {"pad_token_id": random.choice((0, 1, 2)), "decoder_start_token_id": 2, "eos_token_id": 2}
    return kind(**{name: getattr(drawn, name) for name in SIZES} | ids | changes)


def _rows(kind: type[Any], classes: str, label: str = "", **settings: Any) -> list[Row]:
    changes = {name: settings.pop(name) for name in list(settings) if name in kind().to_dict()}
    return rows(partial(kin, kind, **changes), classes, label=label, **settings)


ROWS: tuple[Row, ...] = (
    *rows(bart, "BartForQuestionAnswering"),
    *_rows(MBartConfig, "MBartModel MBartForConditionalGeneration MBartForQuestionAnswering"),
    *rows(bart, "BartForSequenceClassification", reads=("source_twice",)),
    *_rows(MBartConfig, "MBartForSequenceClassification", reads=("source_twice",)),
    *_rows(PegasusConfig, "PegasusModel PegasusForConditionalGeneration"),
    *_rows(PegasusConfig, "PegasusForConditionalGeneration", "odd-width", d_model=27, encoder_attention_heads=3,
           decoder_attention_heads=9),
    *_rows(BlenderbotConfig, "BlenderbotModel BlenderbotForConditionalGeneration"),
    *_rows(BlenderbotSmallConfig, "BlenderbotSmallModel BlenderbotSmallForConditionalGeneration"),
    *(
        row
        for kind, name in (
            (MBartConfig, "MBart"), (PegasusConfig, "Pegasus"), (BlenderbotConfig, "Blenderbot"),
            (BlenderbotSmallConfig, "BlenderbotSmall"), (MarianConfig, "Marian"),
        )
        for row in _rows(kind, f"{name}Model", "scaled", scale_embedding=True)
    ),
    # Read through a cache, the positions of padded decoder texts count the padding that came before.
    *_rows(M2M100Config, "M2M100Model M2M100ForConditionalGeneration", steady=False),
    *_rows(M2M100Config, "M2M100ForConditionalGeneration", "odd-width", steady=False, d_model=27,
           encoder_attention_heads=3, decoder_attention_heads=9),
    *_rows(MarianConfig, "MarianModel MarianMTModel"),
    *_rows(MarianConfig, "MarianModel MarianMTModel", "two-tables", share_encoder_decoder_embeddings=False,
           decoder_vocab_size=151),
)  # fmt: skip
