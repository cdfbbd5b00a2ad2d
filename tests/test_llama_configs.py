"""Configs of the families in LLaMA's shape: what absence means, as the reference has it, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import transformers

from bestiary.errors import BestiaryError
from bestiary.sizing import count
from bestiary.spec import Rotary, Window, walk
from bestiary.weights.translate import understand

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 32,
    "intermediate_size": 40,
    "vocab_size": 99,
}
# The least that a config may say, by the reference's class: all else has a default there.
LEAST = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "gemma": "Gemma",
    "stablelm": "StableLm",
}
SAID = {"stablelm": {"partial_rotary_factor": 1.0}}


@pytest.mark.parametrize("kind", LEAST)
def test_what_a_config_leaves_out_means_what_it_means_there(kind: str) -> None:
    config = {"model_type": kind, **SMALL, **SAID.get(kind, {})}
    if kind == "mistral":
        config["head_dim"] = 2
    theirs = getattr(transformers, f"{LEAST[kind]}Config")(**config)
    with torch.device("meta"):
        reference = getattr(transformers, f"{LEAST[kind]}ForCausalLM")(theirs)
    spec: Any = understand(config, "config.json").spec
    assert count(spec).total == sum(parameter.numel() for parameter in reference.parameters())
    rotary = next(node for _, node in walk(spec) if isinstance(node, Rotary))
    assert rotary.length == theirs.max_position_embeddings
    assert rotary.base == theirs.rope_parameters["rope_theta"]
    assert rotary.fraction == theirs.rope_parameters.get("partial_rotary_factor", 1.0)
    windows = {node.size for _, node in walk(spec) if isinstance(node, Window)}
    assert windows == ({4096} if kind == "mistral" else set())


def test_windows_stand_on_the_layers_that_the_reference_puts_them_on() -> None:
    base = {"model_type": "qwen2", **SMALL, "use_sliding_window": True}
    for more in ({}, {"max_window_layers": 1}, {"max_window_layers": 0, "sliding_window": 7}, {"sliding_window": None}):
        config = {**base, **more}
        kinds = transformers.Qwen2Config(**config).layer_types
        spec: Any = understand(config, "config.json").spec
        masks = spec.at("stack.layers[*].attn.mask")
        assert [len(mask) == 2 for mask in masks] == [kind == "sliding_attention" for kind in kinds]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "mistral", "sliding_window": 0}, "'sliding_window' is 0"),
    ({"model_type": "mistral", "layer_types": ["full_attention"] * 3}, "'layer_types' is a key that we do not know"),
    ({"model_type": "qwen2", "use_sliding_window": "yes"}, "'use_sliding_window' is 'yes'"),
    ({"model_type": "qwen2", "use_sliding_window": True, "max_window_layers": -1}, "'max_window_layers' is -1"),
    ({"model_type": "qwen2", "layer_types": ["full_attention"]}, "for each layer"),
    ({"model_type": "qwen2", "layer_types": ["sliding_attention"] * 3}, "no window is in use"),
    ({"model_type": "qwen2", "use_mrope": True}, "three axes"),
    ({"model_type": "qwen3", "rope_scaling": {"type": "yarn", "factor": 2.0, "short": 1}}, "'short'"),
    ({"model_type": "llama", "partial_rotary_factor": 0.5}, "'partial_rotary_factor' is a key that we do not know"),
    ({"model_type": "stablelm", "partial_rotary_factor": 0}, "'partial_rotary_factor'"),
    ({"model_type": "stablelm", "use_parallel_residual": 1}, "give true or false"),
    ({"model_type": "stablelm", "use_parallel_residual": True, "hidden_dropout": 0.1}, "set it to 0.0"),
    ({"model_type": "stablelm", "hidden_dropout": "a"}, "give a number"),
    ({"model_type": "gemma", "hidden_act": "swoosh"}, "'hidden_act' is 'swoosh'"),
    ({"model_type": "gemma", "hidden_act": "relu", "hidden_activation": "gelu_pytorch_tanh"}, "drop one of them"),
    ({"model_type": "gemma", "use_bidirectional_attention": True}, "attention to the future"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_we_cannot_obey_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BestiaryError, match=re.escape(sentence)):
        understand({**SMALL, **changes}, "config.json")


def test_the_first_configs_of_gemma_mean_the_approximation() -> None:
    for said in ({"hidden_act": "gelu"}, {"hidden_act": "gelu", "hidden_activation": None}, {}):
        spec: Any = understand({"model_type": "gemma", **SMALL, **said}, "config.json").spec
        assert set(spec.at("stack.layers[*].mlp.activation")) == {"gelu_tanh"}


HUB: dict[str, dict[str, Any]] = {
    "huggyllama": {"architectures": ["LLaMAForCausalLM"], "max_sequence_length": 2048, "pad_token_id": -1},
    "vicuna-16k": {"max_sequence_length": 16384, "rope_scaling": {"factor": 4.0, "type": "linear"}},
    "yarn": {
        "rope_scaling": {"factor": 16.0, "original_max_position_embeddings": 4096, "type": "yarn", "finetuned": True}
    },
    "written by 4.35": {"_flash_attn_2_enabled": True, "head_dim": None, "rope_scaling": None},
    "written by 4.47": {"_attn_implementation_autoset": True, "unsloth_version": "2024.12.4"},
}


@pytest.mark.parametrize("name", HUB)
def test_what_hub_files_say_beside_is_passed_over(name: str) -> None:
    config = {"model_type": "llama", **SMALL, **HUB[name]}
    assert understand(config, "here").dialect.name == "llama"


EARLY: dict[str, dict[str, Any]] = {
    "gpt2-medium": {
        "model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "vocab_size": 99, "n_ctx": 1024, "n_special": 0,
        "predict_special_tokens": True,
    },
    "gpt-neo": {
        "model_type": "gpt_neo", "hidden_size": 64, "num_heads": 4, "num_layers": 2, "vocab_size": 99,
        "attention_dropout": 0, "embed_dropout": 0, "resid_dropout": 0, "attention_types": [[["global", "local"], 1]],
    },
    "dolly": {
        "model_type": "gpt_neox", **SMALL, "hidden_size": 512, "rotary_pct": 0.25, "rotary_emb_base": 10000,
        "custom_pipelines": {"text-generation": {"impl": "code"}},
    },
    "falcon2": {"model_type": "falcon", **SMALL, "num_kv_heads": 8, "ff_factor": 4, "ffn_hidden_size": 256},
    "storywriter": {
        "model_type": "mpt", "architectures": ["MPTForCausalLM"], "d_model": 64, "n_heads": 4, "n_layers": 2,
        "vocab_size": 99, "attn_config": {"alibi": True, "alibi_bias_max": 16, "attn_pdrop": 0, "clip_qkv": 6},
        "emb_pdrop": 0, "fc_type": "torch", "ffn_config": {"ffn_type": "mptmlp", "fc_type": "torch"},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EARLY)
def test_published_spellings_of_early_decoders_are_read(name: str) -> None:
    config = EARLY[name]
    given = {key: value for key, value in config.items() if name != "falcon2" or key != "intermediate_size"}
    assert understand(given, "here").dialect.kind == config["model_type"]


def test_ranks_that_make_readers_drop_biases_are_refused() -> None:
    config = {"model_type": "bloom", "hidden_size": 64, "n_head": 4, "n_layer": 2, "vocab_size": 99}
    understand(config | {"pretraining_tp": 4, "slow_but_exact": False}, "here")
    with pytest.raises(BestiaryError, match="'slow_but_exact' is true"):
        understand(config | {"pretraining_tp": 4, "slow_but_exact": True}, "here")
