"""The rows of the verification harness: classes of transformers 5.23.0, each with a maker of tiny, odd configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import transformers
from transformers import (
    AlbertConfig,
    BartConfig,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    OpenAIGPTConfig,
    PretrainedConfig,
    RobertaConfig,
    T5Config,
    ViTConfig,
)

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

LABELS = 5
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu", "tanh", "quick_gelu")


@dataclass(frozen=True)
class Row:
    """One published class at one kind of config. The label tells rows of one class apart."""

    name: str
    config: Callable[[Random], PretrainedConfig]
    label: str = ""
    tolerance: float = 1e-10
    caches: bool = True
    """Whether the reference can keep keys and values."""
    steady: bool = True
    """Whether a token's keys stay the same as the sequence grows, so that a cache changes nothing."""

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def reference(self, seed: int) -> Any:
        """Return the reference with fresh weights, its sizes drawn by the seed."""
        return getattr(transformers, self.name)(self.config(Random(f"{self} {seed}")))

    @property
    def generates(self) -> bool:
        """Whether the class scores the next token."""
        return self.name.endswith(("LMHeadModel", "ForCausalLM", "ForConditionalGeneration"))


def _encoder(random: Random, **changes: Any) -> dict[str, Any]:
    heads = random.choice((2, 3, 5))
    sizes = {
        "hidden_size": heads * random.choice((6, 10, 14)),
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "hidden_act": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-12, 1e-5, 1e-3)),
    }
    return sizes | changes


def _texts(random: Random, **changes: Any) -> dict[str, Any]:
    sizes = {
        "vocab_size": random.randrange(101, 150, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "type_vocab_size": random.choice((2, 3)),
        "pad_token_id": random.choice((0, 1, 2)),
    }
    return _encoder(random) | sizes | changes


def bert(random: Random, **changes: Any) -> PretrainedConfig:
    return BertConfig(**_texts(random, **changes))


def roberta(random: Random, **changes: Any) -> PretrainedConfig:
    return RobertaConfig(**_texts(random, type_vocab_size=random.choice((1, 2)), **changes))


def albert(random: Random, **changes: Any) -> PretrainedConfig:
    return AlbertConfig(**_texts(random, embedding_size=random.choice((7, 16)), **changes))


def distilbert(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = _texts(random)
    return DistilBertConfig(
        dim=sizes["hidden_size"],
        n_layers=sizes["num_hidden_layers"],
        n_heads=sizes["num_attention_heads"],
        hidden_dim=sizes["intermediate_size"],
        activation=sizes["hidden_act"],
        vocab_size=sizes["vocab_size"],
        max_position_embeddings=sizes["max_position_embeddings"],
        pad_token_id=sizes["pad_token_id"],
        **changes,
    )


def _gpt(random: Random) -> dict[str, Any]:
    sizes = _texts(random)
    return {
        "n_embd": sizes["hidden_size"],
        "n_layer": sizes["num_hidden_layers"],
        "n_head": sizes["num_attention_heads"],
        "vocab_size": sizes["vocab_size"],
        "n_positions": sizes["max_position_embeddings"],
        "layer_norm_epsilon": sizes["layer_norm_eps"],
        "pad_token_id": sizes["pad_token_id"],
    }


def gpt(random: Random, **changes: Any) -> PretrainedConfig:
    return OpenAIGPTConfig(**_gpt(random), afn=random.choice(("gelu", "relu", "silu")), **changes)


def gpt2(random: Random, **changes: Any) -> PretrainedConfig:
    inner = random.choice((None, 71))
    return GPT2Config(**_gpt(random), n_inner=inner, activation_function=random.choice(ACTIVATIONS), **changes)


def t5(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = {
        "d_model": random.choice((30, 44)),
        "d_kv": random.choice((6, 10)),
        "num_heads": random.choice((3, 4)),
        "num_layers": 2,
        "num_decoder_layers": random.choice((2, 3)),
        "d_ff": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "relative_attention_num_buckets": random.choice((8, 12)),
        "relative_attention_max_distance": random.choice((9, 20)),
        "feed_forward_proj": random.choice(("relu", "gelu", "gelu_new")),
        "layer_norm_epsilon": random.choice((1e-6, 1e-3)),
        "pad_token_id": random.choice((0, 1)),
        "decoder_start_token_id": 0,
    }
    return T5Config(**sizes | changes)


def t5_gated(random: Random, **changes: Any) -> PretrainedConfig:
    feed = random.choice(("gated-gelu", "gated-silu", "gated-relu"))
    return t5(random, feed_forward_proj=feed, tie_word_embeddings=False, **changes)


def bart(random: Random, **changes: Any) -> PretrainedConfig:
    return BartConfig(
        d_model=random.choice((24, 36)),
        encoder_layers=2,
        decoder_layers=random.choice((2, 3)),
        encoder_attention_heads=random.choice((2, 4)),
        decoder_attention_heads=random.choice((3, 6)),
        encoder_ffn_dim=random.randrange(31, 90, 2),
        decoder_ffn_dim=random.randrange(31, 90, 2),
        vocab_size=random.randrange(101, 150, 2),
        max_position_embeddings=random.randrange(23, 50),
        activation_function=random.choice(ACTIVATIONS),
        scale_embedding=random.choice((True, False)),
        **changes,
    )


def llama(random: Random, rope: Mapping[str, Any] | None = None, **changes: Any) -> PretrainedConfig:
    heads, dim = random.choice(((4, 40), (6, 36)))
    sizes = {
        "hidden_size": dim,
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "hidden_act": random.choice(ACTIVATIONS),
        "rms_norm_eps": random.choice((1e-6, 1e-3)),
        "pad_token_id": 0,
        "rope_parameters": {"rope_theta": random.choice((5000.0, 10000.0)), "rope_type": "default", **(rope or {})},
    }
    return LlamaConfig(**sizes | changes)


def vit(random: Random, **changes: Any) -> PretrainedConfig:
    patch = random.choice((3, 5))
    return ViTConfig(
        **_encoder(random),
        image_size=patch * random.choice((3, 4)),
        patch_size=patch,
        num_channels=random.choice((1, 3)),
        qkv_bias=random.choice((True, False)),
        **changes,
    )


def _rows(config: Callable[..., PretrainedConfig], classes: str, **settings: Any) -> list[Row]:
    """Return a row for each class; a classifier's has labels of its own."""
    return [
        Row(name, partial(config, num_labels=LABELS) if "Classification" in name else config, **settings)
        for name in classes.split()
    ]


def _llama(label: str, rope: Mapping[str, Any] | None = None, steady: bool = True, **changes: Any) -> Row:
    return Row("LlamaForCausalLM", partial(llama, rope=rope, **changes), label, steady=steady)


_ENCODERS = "{0}Model {0}ForMaskedLM {0}ForSequenceClassification {0}ForTokenClassification {0}ForQuestionAnswering"
_T5 = "T5Model T5ForConditionalGeneration"

ROWS: tuple[Row, ...] = (
    *_rows(bert, _ENCODERS.format("Bert") + " BertForPreTraining BertForNextSentencePrediction"),
    *_rows(roberta, _ENCODERS.format("Roberta")),
    *_rows(albert, _ENCODERS.format("Albert") + " AlbertForPreTraining"),
    Row("AlbertForMaskedLM", partial(albert, num_hidden_layers=5, num_hidden_groups=2), "groups"),
    *_rows(distilbert, _ENCODERS.format("DistilBert")),
    *_rows(gpt, "OpenAIGPTModel OpenAIGPTLMHeadModel OpenAIGPTForSequenceClassification", caches=False),
    *_rows(gpt2, "GPT2Model GPT2LMHeadModel GPT2ForSequenceClassification"),
    *_rows(t5, _T5),
    *_rows(t5_gated, _T5, label="gated"),
    *_rows(bart, "BartModel BartForConditionalGeneration"),
    *_rows(llama, "LlamaModel LlamaForCausalLM LlamaForSequenceClassification"),
    _llama("grouped", num_key_value_heads=2),
    _llama("biases", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    _llama("wide-heads", head_dim=16),
    _llama("linear", {"rope_type": "linear", "factor": 2.0}),
    _llama("dynamic", {"rope_type": "dynamic", "factor": 2.0}, steady=False, max_position_embeddings=8),
    _llama("yarn", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}),
    _llama(
        "llama3",
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "original_max_position_embeddings": 32,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
    ),
    *_rows(vit, "ViTModel ViTForImageClassification"),
)
