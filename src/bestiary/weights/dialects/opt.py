"""OPT's checkpoints, and Galactica's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import NarrowTokens, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, Arguments, Derive, Flag, Number, Pin, Size, Word, optional_size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [model.]decoder.embed_tokens.weight
embed.position.weight                     = [model.]decoder.embed_positions.weight
embed.project.weight                      = [model.]decoder.project_in.weight
embed.narrow.weight                       = [model.]decoder.project_out.weight
stack.layers.{i}.attn.{q,k,v,o}.weight    = [model.]decoder.layers.{i}.self_attn.{q_proj,k_proj,v_proj,out_proj}.weight
stack.layers.{i}.attn.{q,k,v,o}.bias      = [model.]decoder.layers.{i}.self_attn.{q_proj,k_proj,v_proj,out_proj}.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [model.]decoder.layers.{i}.self_attn_layer_norm.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = [model.]decoder.layers.{i}.{fc1,fc2}.weight
stack.layers.{i}.mlp.{up,down}.bias       = [model.]decoder.layers.{i}.{fc1,fc2}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = [model.]decoder.layers.{i}.final_layer_norm.{weight,bias}
stack.norm.{weight,bias}                  = [model.]decoder.final_layer_norm.{weight,bias}
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "ffn_dim": Size("hidden"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 2048),
    "activation_function": Word("activation", ACTIVATIONS, "relu"),
    "dropout": Number("dropout", 0.1),
    "attention_dropout": Number("attention_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", True),
    "enable_bias": Flag("bias", True),
    "layer_norm_elementwise_affine": Pin((True,), "norms without a gain were never published in this family"),
    "layerdrop": Pin((0.0, 0), "skipping layers while training is not supported"),
    "activation_dropout": Pin((0.0, 0), "dropout inside the MLP was never published in this family"),
    "learned_embeddings": Pin((True,), "this family learns its positions"),
    "scale_embeddings": Pin((False,), "this family does not scale its embeddings"),
    "output_projection": Pin((True, None), "a table without scores is no model of this family"),
}


def _flag(config: Mapping[str, Any], key: str, default: bool) -> bool:
    value = config.get(key, default)
    if not isinstance(value, bool):
        raise BestiaryError(f"'{key}' is {shown(value)}; give true or false")
    return value


def _read(config: Mapping[str, Any]) -> Arguments:
    before = _flag(config, "do_layer_norm_before", True)
    return {
        "width": optional_size(config, "word_embed_proj_dim"),
        "placement": "pre" if before else "post",
        "final_norm": before and not _flag(config, "_remove_final_layer_norm", False),
    }


def _write(arguments: Arguments) -> dict[str, Any]:
    before = arguments["placement"] == "pre"
    return {
        "word_embed_proj_dim": arguments["width"] or arguments["dim"],
        "do_layer_norm_before": before,
        "_remove_final_layer_norm": before and not arguments["final_norm"],
    }


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "length": embed.position.length,
        "width": embed.width if isinstance(embed, NarrowTokens) else None,
        "placement": mlp.placement,
        "final_norm": spec.stack.norm is not None,
        "bias": mlp.at("bias"),
        "activation": mlp.at("activation"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="opt",
    architecture=always("opt"),
    architectures=("opt",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "OPTForCausalLM": "causal-lm",
        "OPTModel": "base",
        "OPTForSequenceClassification": "sequence-classification",
        "OPTForQuestionAnswering": "question-answering",
    },
    derived=(Derive(("word_embed_proj_dim", "do_layer_norm_before", "_remove_final_layer_norm"), _read, _write),),
    repeated={"lm_head.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
