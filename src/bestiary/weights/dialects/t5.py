"""T5's checkpoints, 1.0 and 1.1, whole or the encoder alone; what mT5 and UMT5 share with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError, nearest
from bestiary.spec import GLU, EncoderDecoder, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Size, optional_size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect

KEYS = """
encoder.embed.tokens.weight                  = shared.weight
encoder.stack.position.weight                = encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight
encoder.stack.layers.{i}.attn.{q,k,v,o}.weight = encoder.block.{i}.layer.0.SelfAttention.{q,k,v,o}.weight
encoder.stack.layers.{i}.attn_norm.weight    = encoder.block.{i}.layer.0.layer_norm.weight
encoder.stack.layers.{i}.mlp.gate.weight     = encoder.block.{i}.layer.1.DenseReluDense.wi_0.weight
encoder.stack.layers.{i}.mlp.up.weight       = encoder.block.{i}.layer.1.DenseReluDense.wi_1.weight
encoder.stack.layers.{i}.mlp.down.weight     = encoder.block.{i}.layer.1.DenseReluDense.wo.weight
encoder.stack.layers.{i}.mlp_norm.weight     = encoder.block.{i}.layer.1.layer_norm.weight
encoder.stack.norm.weight                    = encoder.final_layer_norm.weight
decoder.stack.position.weight                = decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight
decoder.stack.layers.{i}.attn.{q,k,v,o}.weight = decoder.block.{i}.layer.0.SelfAttention.{q,k,v,o}.weight
decoder.stack.layers.{i}.attn_norm.weight    = decoder.block.{i}.layer.0.layer_norm.weight
decoder.stack.layers.{i}.cross.{q,k,v,o}.weight = decoder.block.{i}.layer.1.EncDecAttention.{q,k,v,o}.weight
decoder.stack.layers.{i}.cross_norm.weight   = decoder.block.{i}.layer.1.layer_norm.weight
decoder.stack.layers.{i}.mlp.gate.weight     = decoder.block.{i}.layer.2.DenseReluDense.wi_0.weight
decoder.stack.layers.{i}.mlp.up.weight       = decoder.block.{i}.layer.2.DenseReluDense.wi_1.weight
decoder.stack.layers.{i}.mlp.down.weight     = decoder.block.{i}.layer.2.DenseReluDense.wo.weight
decoder.stack.layers.{i}.mlp_norm.weight     = decoder.block.{i}.layer.2.layer_norm.weight
decoder.stack.norm.weight                    = decoder.final_layer_norm.weight
heads.lm.output.weight                       = lm_head.weight
"""

CONFIG = {
    **{key: row for key, row in COMMON.items() if key not in ("is_encoder_decoder", "tie_word_embeddings")},
    "d_model": Size("dim"),
    "d_kv": Size("head_dim", 64),
    "d_ff": Size("hidden"),
    "num_layers": Size("depth"),
    "num_heads": Size("heads"),
    "vocab_size": Size("vocab"),
    "relative_attention_num_buckets": Size("buckets", 32),
    "relative_attention_max_distance": Size("distance", 128),
    "layer_norm_epsilon": Number("eps", 1e-6),
    "dropout_rate": Number("dropout", 0.1),
    "n_positions": WAIVE,  # these positions are relative: any length is read
    "classifier_dropout": WAIVE,
    "is_gated_act": WAIVE,  # transformers derives these two from feed_forward_proj and writes them beside it
    "dense_act_fn": WAIVE,
}


_GATED = ("mt5", "umt5")
"""Families whose configs mean gated MLPs where they do not say."""


def _forward(config: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether the MLP is gated, and its nonlinearity."""
    words = config.get("feed_forward_proj", "gated-gelu" if config.get("model_type") in _GATED else "relu")
    parts = words.split("-") if isinstance(words, str) else []
    if not parts or len(parts) > 2 or parts[-1] not in ACTIVATIONS or (len(parts) == 2 and parts[0] != "gated"):
        known = [*ACTIVATIONS, *(f"gated-{word}" for word in ACTIVATIONS)]
        raise BestiaryError(
            f"'feed_forward_proj' is {shown(words)}; give one like relu or gated-gelu{nearest(str(words), known)}"
        )
    # The 1.1 checkpoints say gated-gelu and mean the tanh approximation; every reader obeys.
    return len(parts) == 2, "gelu_tanh" if words == "gated-gelu" else ACTIVATIONS[parts[-1]]


def alone(config: Mapping[str, Any]) -> bool:
    """Tell whether a config is that of an encoder without a decoder."""
    named = config.get("architectures")
    return isinstance(named, list) and any(str(name).endswith("EncoderModel") for name in named)


def gated(config: Mapping[str, Any]) -> bool:
    """Tell whether a config's MLPs are gated."""
    return _forward(config)[0]


def _read(config: Mapping[str, Any]) -> Arguments:
    tied, scaled = config.get("tie_word_embeddings", True), config.get("scale_decoder_outputs")
    if not isinstance(tied, bool) or scaled not in (None, True, False):
        raise BestiaryError("'tie_word_embeddings' and 'scale_decoder_outputs' must be true or false")
    activation = {"activation": _forward(config)[1]}
    if alone(config):
        return activation
    if config.get("is_encoder_decoder", True) is not True:
        raise BestiaryError(
            f"'is_encoder_decoder' is {shown(config['is_encoder_decoder'])}, but a decoder alone is another"
            " architecture, and an encoder alone has a class of its own in 'architectures'"
        )
    return {
        **activation,
        "decoder_depth": optional_size(config, "num_decoder_layers") or config["num_layers"],
        "tied": tied,
        "scaled": tied if scaled is None else scaled,
    }


def _write(arguments: Arguments) -> dict[str, Any]:
    word = next(word for word, meaning in ACTIVATIONS.items() if meaning == arguments["activation"])
    if arguments["architecture"] not in ("t5", "t5_encoder"):
        word = "gated-gelu" if arguments["activation"] == "gelu_tanh" else f"gated-{word}"
    config = {"feed_forward_proj": word, "is_encoder_decoder": "decoder_depth" in arguments}
    if "decoder_depth" not in arguments:
        return config
    # transformers 5 reads the scaling off the first key alone, and writes the second.
    return config | {
        "num_decoder_layers": arguments["decoder_depth"],
        "tie_word_embeddings": arguments["tied"],
        "scale_decoder_outputs": arguments["scaled"],
    }


OWN_KEYS = (
    "feed_forward_proj", "num_decoder_layers", "is_encoder_decoder", "tie_word_embeddings", "scale_decoder_outputs",
)  # fmt: skip
DERIVED = Derive(OWN_KEYS, _read, _write)


def arguments(spec: EncoderDecoder | Transformer) -> Arguments:
    """Read the sizes of a pair, or of an encoder alone, off its spec."""
    tower: Any = spec if isinstance(spec, Transformer) else spec.encoder
    layers = own_layers(tower.stack)
    attention, mlp = layers[0]
    position = tower.stack.position or attention.at("position")
    found: Arguments = {
        "dim": spec.dim,
        "depth": len(layers),
        "heads": attention.at("heads"),
        "head_dim": attention.at("head_dim") or spec.dim // attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": tower.embed.vocab,
        "buckets": position.buckets,
        "distance": position.distance,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": tower.embed.dropout,
    }
    if isinstance(spec, Transformer):
        return found
    head: Any = spec.heads.get("lm")
    return found | {
        "decoder_depth": len(own_layers(spec.decoder.stack)),
        "tied": head.tied if head else not _is_gated(spec),
        "scaled": head.scaled if head else not _is_gated(spec),
    }


def _is_gated(spec: EncoderDecoder | Transformer) -> bool:
    stack = spec.stack if isinstance(spec, Transformer) else spec.encoder.stack
    return isinstance(own_layers(stack)[0][1].op, GLU)


def keys(spec: EncoderDecoder | Transformer, table: str = KEYS) -> str:
    """Return the key table of a pair, or of an encoder alone: to it a decoder is a head that was not asked for."""
    if isinstance(spec, Transformer):
        lines = [line.replace("decoder.", "heads.decoder.", 1).removeprefix("encoder.") for line in table.splitlines()]
        table = "\n".join(lines)
    return table if _is_gated(spec) else table.replace("wi_1", "wi")


def classes(family: str) -> dict[str, str]:
    """Return the tasks of a family's classes."""
    return {
        f"{family}ForConditionalGeneration": "seq2seq-lm",
        f"{family}Model": "base",
        f"{family}EncoderModel": "encoder",
    }


def _architecture(config: Mapping[str, Any]) -> str:
    return ("t5_1_1" if gated(config) else "t5") + ("_encoder" if alone(config) else "")


REPEATED = {
    "encoder.embed_tokens.weight": "encoder.embed.tokens.weight or embed.tokens.weight",
    "decoder.embed_tokens.weight": "encoder.embed.tokens.weight",
    "lm_head.weight": "encoder.embed.tokens.weight",
    # T5 1.0 files of 2020 hold a bias that no cross-attention ever read.
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": "",
}

DIALECT = Dialect(
    name="t5",
    architecture=_architecture,
    architectures=("t5", "t5_1_1", "t5_encoder", "t5_1_1_encoder"),
    keys=keys,
    config=CONFIG,
    tasks={**classes("T5"), "T5WithLMHeadModel": "seq2seq-lm"},
    derived=(DERIVED,),
    repeated=REPEATED,
    arguments=arguments,
)
