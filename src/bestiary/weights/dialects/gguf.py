"""GGUF files of decoders in LLaMA's shape: the config is the file's metadata, rotary pairs are neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, optional_size
from bestiary.weights.dialects import llama
from bestiary.weights.dialects.dialect import Dialect, always
from bestiary.weights.tensorfiles import TensorFiles

KEYS = """
embed.tokens.weight                       = token_embd.weight
stack.layers.{i}.attn.q.weight            = blk.{i}.attn_q.weight | rotary_q
stack.layers.{i}.attn.k.weight            = blk.{i}.attn_k.weight | rotary_k
stack.layers.{i}.attn.{v,o}.weight        = blk.{i}.{attn_v,attn_output}.weight
stack.layers.{i}.attn_norm.weight         = blk.{i}.attn_norm.weight
stack.layers.{i}.mlp.{gate,up,down}.weight = blk.{i}.{ffn_gate,ffn_up,ffn_down}.weight
stack.layers.{i}.mlp_norm.weight          = blk.{i}.ffn_norm.weight
stack.norm.weight                         = output_norm.weight
heads.lm.output.weight                    = output.weight
"""

CONFIG: dict[str, Row] = {
    "embedding_length": Size("dim"),
    "block_count": Size("depth"),
    "feed_forward_length": Size("hidden"),
    "attention.head_count": Size("heads"),
    "context_length": Size("length", 2048),
    "vocab_size": Size("vocab"),
    "attention.layer_norm_rms_epsilon": Number("eps", 1e-5),
    "rope.freq_base": Number("base", 10000.0),
    "tied": Flag("tied", False),
    "rope.scaling.type": Pin(("none",), "stretched rotary positions are not read from GGUF files"),
    "expert_count": Pin((0,), "mixtures of experts are another architecture"),
    "attention.value_length": WAIVE,  # as attention.key_length; a file of another shape is refused
    "rope.dimension_count": WAIVE,  # the head's width; a fraction of it was never published in this family
}


def _read(config: Mapping[str, Any]) -> Arguments:
    kv_heads = optional_size(config, "attention.head_count_kv") or config["attention.head_count"]
    return {"kv_heads": kv_heads, "head_dim": optional_size(config, "attention.key_length")}


def _write(arguments: Arguments) -> dict[str, Any]:
    return {"attention.head_count_kv": arguments["kv_heads"] or arguments["heads"]}


def config_of(tensors: TensorFiles) -> dict[str, Any] | None:
    """Return the config that a GGUF file's metadata and tensors imply, ``None`` for a file of another kind."""
    family = tensors.metadata.get("general.architecture")
    if family is None:
        return None
    if family != "llama":
        raise BestiaryError(f"GGUF files of '{family}' cannot be read; those of 'llama' can")
    own = {
        key.removeprefix(f"{family}."): value for key, value in tensors.metadata.items() if key.startswith(f"{family}.")
    }
    rows = tensors.shape("token_embd.weight")[0] if "token_embd.weight" in tensors else None
    return {"vocab_size": rows, **own, "tied": "output.weight" not in tensors}


def special_ids(tensors: TensorFiles, spec: Any) -> dict[str, Any]:
    """Return the ids of special tokens under the names that a config.json gives them."""
    names = {"bos_token_id": "bos_token_id", "eos_token_id": "eos_token_id", "padding_token_id": "pad_token_id"}
    found = {ours: tensors.metadata.get(f"tokenizer.ggml.{theirs}") for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if value is not None}


DIALECT = Dialect(
    name="gguf",
    architecture=always("llama"),
    architectures=(),  # written in the family's own format instead
    keys=always(KEYS),
    config=CONFIG,
    tasks={"causal-lm": "causal-lm", "base": "base"},
    derived=(Derive(("attention.head_count_kv", "attention.key_length"), _read, _write),),
    arguments=llama.decoder_arguments,
    implied=config_of,
    ids=special_ids,
)
