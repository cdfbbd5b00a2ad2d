"""LLaMA's checkpoints, and those of the many models in its shape."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word, optional_size
from bestiary.weights.dialects.dialect import COMMON, Dialect, always
from bestiary.weights.dialects.rope import ROPE

KEYS = """
embed.tokens.weight                       = [model.]embed_tokens.weight
stack.layers.{i}.attn.{q,k,v,o}.weight    = [model.]layers.{i}.self_attn.{q_proj,k_proj,v_proj,o_proj}.weight
stack.layers.{i}.attn.{q,k,v,o}.bias      = [model.]layers.{i}.self_attn.{q_proj,k_proj,v_proj,o_proj}.bias
stack.layers.{i}.attn_norm.weight         = [model.]layers.{i}.input_layernorm.weight
stack.layers.{i}.mlp.{gate,up,down}.weight = [model.]layers.{i}.mlp.{gate_proj,up_proj,down_proj}.weight
stack.layers.{i}.mlp.{gate,up,down}.bias  = [model.]layers.{i}.mlp.{gate_proj,up_proj,down_proj}.bias
stack.layers.{i}.mlp_norm.weight          = [model.]layers.{i}.post_attention_layernorm.weight
stack.norm.weight                         = [model.]norm.weight
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
"""


def _read(config: Any) -> Arguments:
    kv_heads = optional_size(config, "num_key_value_heads") or config["num_attention_heads"]
    return {"kv_heads": kv_heads, "head_dim": optional_size(config, "head_dim")}


def _write(arguments: Arguments) -> dict[str, Any]:
    heads, dim = arguments["heads"], arguments["dim"]
    return {"num_key_value_heads": arguments["kv_heads"] or heads, "head_dim": arguments["head_dim"] or dim // heads}


CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "hidden_act": Word("activation", ACTIVATIONS, "silu"),
    "rms_norm_eps": Number("eps", 1e-6),
    "tie_word_embeddings": Flag("tied", False),
    "attention_bias": Flag("attention_bias", False),
    "mlp_bias": Flag("mlp_bias", False),
    "attention_dropout": Number("attention_dropout", 0.0),
    "pretraining_tp": WAIVE,  # an order of float operations
    "rope_interleaved": Pin((False,), "pairs of neighbors are reordered only where the files say so by their format"),
    "is_llama_config": WAIVE,
}


def decoder_arguments(spec: Transformer) -> Arguments:
    """Read the sizes of a pre-norm decoder with rotary positions and gated MLPs off its spec."""
    attention, mlp = own_layers(spec.stack)[0]
    head: Any = spec.heads.get("lm")
    rotary = attention.at("position")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "kv_heads": attention.at("kv_heads"),
        "head_dim": attention.at("head_dim"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.vocab"),
        "length": rotary.length or 2048,
        "base": rotary.base,
        "scaling": rotary.scaling,
        "eps": mlp.at("norm.eps"),
        "activation": mlp.at("activation"),
        "tied": head.tied if head else False,
        "attention_bias": "q" in attention.at("bias"),
        "mlp_bias": mlp.at("bias"),
        "attention_dropout": attention.op.at("dropout"),
    }


DIALECT = Dialect(
    name="llama",
    architecture=always("llama"),
    architectures=("llama",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "LlamaForCausalLM": "causal-lm",
        "LlamaModel": "base",
        "LlamaForSequenceClassification": "sequence-classification",
    },
    derived=(Derive(("num_key_value_heads", "head_dim"), _read, _write), ROPE),
    repeated={
        "[model.]layers.{i}.self_attn.rotary_emb.inv_freq": "",
        "[model.]rotary_emb.inv_freq": "",
        "lm_head.weight": "embed.tokens.weight",
    },
    arguments=decoder_arguments,
)
