"""Mixtral's checkpoints: Mistral's with experts, each in tensors of its own."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Experts, own_layers, swap
from bestiary.weights.config import WAIVE, Arguments, Number, Row, Size
from bestiary.weights.dialects.dialect import Dialect, always
from bestiary.weights.dialects.llama import BOTH, KEYS, REPEATED, SHAPE, decoder_arguments, grouped, tasks
from bestiary.weights.dialects.mistral import window
from bestiary.weights.dialects.rope import rope

_EXPERTS = """
stack.layers.{i}.mlp.router.weight       = [model.]layers.{i}.block_sparse_moe.gate.weight
stack.layers.{i}.mlp.experts.gate.weight = [model.]layers.{i}.block_sparse_moe.experts.{e}.w1.weight | stack
stack.layers.{i}.mlp.experts.up.weight   = [model.]layers.{i}.block_sparse_moe.experts.{e}.w3.weight | stack
stack.layers.{i}.mlp.experts.down.weight = [model.]layers.{i}.block_sparse_moe.experts.{e}.w2.weight | stack
"""

CONFIG: dict[str, Row] = {
    **SHAPE,
    "rms_norm_eps": Number("eps", 1e-5),
    "num_local_experts": Size("experts", 8),
    "num_experts_per_tok": Size("chosen", 2),
    "output_router_logits": WAIVE,  # whether the balancing loss is added; the scores are always given
    "router_aux_loss_coef": WAIVE,
    "router_jitter_noise": WAIVE,  # noise in training alone
}


def _arguments(spec: Any) -> Arguments:
    experts: Any = own_layers(spec.stack)[0][1].op
    plain = swap(spec, Experts, lambda node: node.expert)
    return {"experts": experts.experts, "chosen": experts.router.k, **decoder_arguments(plain, "window")}


DIALECT = Dialect(
    name="mixtral",
    architecture=always("mixtral"),
    architectures=("mixtral",),
    keys=always(KEYS + _EXPERTS),
    config=CONFIG,
    tasks=tasks("Mixtral", *BOTH),
    derived=(grouped(kv_heads=8), rope(length=131072, base=1000000.0), window(None)),
    repeated=REPEATED,
    arguments=_arguments,
)
