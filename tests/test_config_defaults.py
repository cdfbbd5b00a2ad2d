"""A key that a config does not hold means what the reference takes it for: old files say less."""

from __future__ import annotations

from typing import Any

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from bestiary.errors import BestiaryError
from bestiary.weights.config import Size
from bestiary.weights.dialects import DIALECTS, Dialect
from bestiary.weights.translate import understand

KNOWN = [dialect for dialect in DIALECTS.values() if dialect.name != "gguf" and dialect.kind in CONFIG_MAPPING]
NEEDED: dict[str, dict[str, Any]] = {
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "esm": {"vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1},
}
NAMES = ("architectures", "model_type", "legacy", *(name for needed in NEEDED.values() for name in needed))


def shallow(dialect: Dialect) -> dict[str, int]:
    """Return depths at which a family's models are made sooner."""
    kind = CONFIG_MAPPING[dialect.kind]
    depths = (kind.attribute_map.get("num_hidden_layers", "num_hidden_layers"), "decoder_layers")
    return {key: 2 for key in depths if hasattr(kind(), key) and not hasattr(kind(), "attention_types")}


def whole_config(dialect: Dialect, name: str) -> dict[str, Any]:
    """Return the config of the reference's defaults, every key said, but for depths: shallow models are made sooner."""
    kind = CONFIG_MAPPING[dialect.kind]
    needed = NEEDED.get(dialect.kind.split("-")[0], {})
    return kind(architectures=[name], **shallow(dialect), **needed).to_dict()


@pytest.mark.parametrize(
    ("dialect", "name"),
    [(dialect, name) for dialect in KNOWN for name in dialect.tasks],
    ids=lambda its: str(getattr(its, "name", its)),
)
def test_an_absent_key_means_the_reference_default(dialect: Dialect, name: str) -> None:
    whole = whole_config(dialect, name)
    expected = understand(whole, "").spec
    for key in whole.keys() - set(NAMES):
        try:
            found = understand({its: value for its, value in whole.items() if its != key}, "").spec
        except BestiaryError as error:
            assert "is missing; add it" in str(error), key  # sizes are never guessed
            continue
        if key in shallow(dialect) and isinstance(dialect.config[key], Size):
            assert dialect.config[key].default == getattr(CONFIG_MAPPING[dialect.kind](), key), key
        else:
            assert found == expected, key


SIZES = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "vocab_size": 30000,
    "max_position_embeddings": 512,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "rates of 0, written as whole numbers": {
        "model_type": "albert", "architectures": ["AlbertForMaskedLM"], "attention_probs_dropout_prob": 0,
        "hidden_dropout_prob": 0, "classifier_dropout_prob": 0.1, "embedding_size": 128, "hidden_act": "gelu_new",
        "down_scale_factor": 1, "gap_size": 0, "inner_group_num": 1, "layers_to_keep": [], "net_structure_type": 0,
        "num_hidden_groups": 1, "num_memory_blocks": 0, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    },
    "how wide the generator was": {
        "model_type": "electra", "architectures": ["ElectraForPreTraining"], "embedding_size": 128,
        "generator_size": "0.25", "hidden_act": "gelu", "summary_type": "first", "summary_use_proj": True,
    },
    "an activation's older name": {
        "model_type": "roberta", "architectures": ["RobertaModel"], "hidden_act": "gelu_python",
        "hidden_dropout_prob": 0, "type_vocab_size": 1,
    },
}  # fmt: skip


@pytest.mark.parametrize("what", PUBLISHED)
def test_what_published_configs_say_is_understood(what: str) -> None:
    model = understand({**SIZES, **PUBLISHED[what]}, "").spec
    assert model.at("stack").at("layers")
