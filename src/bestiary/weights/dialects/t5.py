"""T5's checkpoints, 1.0 and 1.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError, nearest
from bestiary.spec import GLU, EncoderDecoder, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Pin, Size, optional_size, shown
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
    **COMMON,
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
    "is_encoder_decoder": Pin((True,), "an encoder alone is another architecture"),
    "n_positions": WAIVE,  # these positions are relative: any length is read
    "classifier_dropout": WAIVE,
    "is_gated_act": WAIVE,  # transformers derives these two from feed_forward_proj and writes them beside it
    "dense_act_fn": WAIVE,
}


def _forward(config: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether the MLP is gated, and its nonlinearity."""
    words = config.get("feed_forward_proj", "relu")
    parts = words.split("-") if isinstance(words, str) else []
    if not parts or len(parts) > 2 or parts[-1] not in ACTIVATIONS or (len(parts) == 2 and parts[0] != "gated"):
        known = [*ACTIVATIONS, *(f"gated-{word}" for word in ACTIVATIONS)]
        raise BestiaryError(
            f"'feed_forward_proj' is {shown(words)}; give one like relu or gated-gelu{nearest(str(words), known)}"
        )
    # The 1.1 checkpoints say gated-gelu and mean the tanh approximation; every reader obeys.
    return len(parts) == 2, "gelu_tanh" if words == "gated-gelu" else ACTIVATIONS[parts[-1]]


def _read(config: Mapping[str, Any]) -> Arguments:
    tied, scaled = config.get("tie_word_embeddings", True), config.get("scale_decoder_outputs")
    if not isinstance(tied, bool) or scaled not in (None, True, False):
        raise BestiaryError("'tie_word_embeddings' and 'scale_decoder_outputs' must be true or false")
    return {
        "activation": _forward(config)[1],
        "decoder_depth": optional_size(config, "num_decoder_layers") or config["num_layers"],
        "tied": tied,
        "scaled": tied if scaled is None else scaled,
    }


def _write(arguments: Arguments) -> dict[str, Any]:
    word = next(word for word, meaning in ACTIVATIONS.items() if meaning == arguments["activation"])
    if arguments["architecture"] == "t5_1_1":
        word = "gated-gelu" if arguments["activation"] == "gelu_tanh" else f"gated-{word}"
    # transformers 5 reads the scaling off the first key alone, and writes the second.
    return {
        "feed_forward_proj": word,
        "num_decoder_layers": arguments["decoder_depth"],
        "tie_word_embeddings": arguments["tied"],
        "scale_decoder_outputs": arguments["scaled"],
    }


_OWN_KEYS = ("feed_forward_proj", "num_decoder_layers", "tie_word_embeddings", "scale_decoder_outputs")


def _arguments(spec: EncoderDecoder) -> Arguments:
    layers = own_layers(spec.encoder.stack)
    attention, mlp = layers[0]
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(layers),
        "decoder_depth": len(own_layers(spec.decoder.stack)),
        "heads": attention.at("heads"),
        "head_dim": attention.at("head_dim") or spec.dim // attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("encoder.embed.vocab"),
        "buckets": spec.at("encoder.stack.position.buckets"),
        "distance": spec.at("encoder.stack.position.distance"),
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": spec.at("encoder.embed.dropout"),
        "tied": head.tied if head else not _gated(spec),
        "scaled": head.scaled if head else not _gated(spec),
    }


def _gated(spec: EncoderDecoder) -> bool:
    return isinstance(own_layers(spec.encoder.stack)[0][1].op, GLU)


DIALECT = Dialect(
    name="t5",
    architecture=lambda config: "t5_1_1" if _forward(config)[0] else "t5",
    architectures=("t5", "t5_1_1"),
    keys=lambda spec: KEYS if _gated(spec) else KEYS.replace("wi_1", "wi"),
    config={key: row for key, row in CONFIG.items() if key not in _OWN_KEYS},
    tasks={
        "T5ForConditionalGeneration": "seq2seq-lm",
        "T5WithLMHeadModel": "seq2seq-lm",
        "T5Model": "base",
    },
    derived=(Derive(_OWN_KEYS, _read, _write),),
    repeated={
        "encoder.embed_tokens.weight": "encoder.embed.tokens.weight",
        "decoder.embed_tokens.weight": "encoder.embed.tokens.weight",
        "lm_head.weight": "encoder.embed.tokens.weight",
        # T5 1.0 files of 2020 hold a bias that no cross-attention ever read.
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": "",
    },
    arguments=_arguments,
)
