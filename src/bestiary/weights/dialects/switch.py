"""Switch Transformer's checkpoints: T5 1.0's, with routers and experts on every so many layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import EncoderDecoder, Experts, Stack, Top1, own_layers, swap
from bestiary.weights.config import (
    ACTIVATIONS,
    WAIVE,
    Arguments,
    Derive,
    Flag,
    Pin,
    Row,
    Size,
    Word,
    optional_size,
    shown,
)
from bestiary.weights.dialects import t5
from bestiary.weights.dialects.dialect import Dialect, always

_SPARSE = """
{side}.stack.layers.{i}.mlp.router.weight        = {side}.block.{i}.layer.{n}.mlp.router.classifier.weight
{side}.stack.layers.{i}.mlp.router.bias          = {side}.block.{i}.layer.{n}.mlp.router.classifier.bias
{side}.stack.layers.{i}.mlp.experts.up.weight    = {side}.block.{i}.layer.{n}.mlp.experts.expert_{e}.wi.weight | stack
{side}.stack.layers.{i}.mlp.experts.down.weight  = {side}.block.{i}.layer.{n}.mlp.experts.expert_{e}.wo.weight | stack
"""

KEYS = t5.KEYS.replace("DenseReluDense", "mlp").replace("wi_1", "wi") + "".join(
    _SPARSE.replace("{side}", side).replace("{n}", place) for side, place in (("encoder", "1"), ("decoder", "2"))
)

CONFIG: dict[str, Row] = {
    **t5.CONFIG,
    "is_encoder_decoder": Pin((True,), "an encoder alone is another architecture"),
    # Untied, the reference gives each side a table of its own, and reads none of what the files call shared.
    "tie_word_embeddings": Pin((True,), "tables of each side's own are another architecture"),
    "dense_act_fn": Word("activation", ACTIVATIONS, "relu"),
    "num_experts": Size("experts", 8),
    "expert_capacity": Size("capacity", 64),
    "router_bias": Flag("router_bias", False),
    "router_dtype": Pin(("float32",), "routers score in float32 here"),
    "router_type": Pin(("tokens_masked",), "experts that choose their tokens are another router"),
    "is_gated_act": Pin((False,), "gated MLPs are another architecture"),
    "feed_forward_proj": Pin(("relu",), "gated MLPs are another architecture; 'dense_act_fn' names the nonlinearity"),
    "router_ignore_padding_tokens": WAIVE,  # no reader obeys it: padding is routed as any token
    "router_jitter_noise": WAIVE,  # noise in training alone
    "router_z_loss_coef": WAIVE,
    "router_aux_loss_coef": WAIVE,
    "add_router_probs": WAIVE,
    "output_router_logits": WAIVE,
}

_OWN_KEYS = (
    "num_decoder_layers", "num_sparse_encoder_layers", "encoder_sparse_step", "num_sparse_decoder_layers",
    "decoder_sparse_step",
)  # fmt: skip


def _step(config: Mapping[str, Any], side: str, depth: int) -> int | None:
    """Return every how many layers one is sparse: said, or counted from how many are."""
    for key in (f"{side}_sparse_step", f"num_sparse_{side}_layers"):
        value = config.get(key)
        if value is not None and (type(value) is not int or value < 0):
            raise BestiaryError(f"'{key}' is {shown(value)}; give a whole number")
    step = config.get(f"{side}_sparse_step")
    if step is None:
        sparse = config.get(f"num_sparse_{side}_layers", 3)
        step = depth // sparse if sparse else depth
    return step or None


def _read(config: Mapping[str, Any]) -> Arguments:
    depth = optional_size({"num_decoder_layers": 12, **config}, "num_decoder_layers") or config["num_layers"]
    return {
        "decoder_depth": depth,
        "every": _step(config, "encoder", config["num_layers"]),
        "decoder_every": _step(config, "decoder", depth),
    }


def _write(arguments: Arguments) -> dict[str, Any]:
    depths = {"encoder": arguments["depth"], "decoder": arguments["decoder_depth"]}
    steps = {"encoder": arguments["every"] or 0, "decoder": arguments["decoder_every"] or 0}
    # The count is read where the step is not: it must divide to the same step, or be more than there are layers.
    counts = {side: depths[side] // steps[side] if steps[side] else depths[side] + 1 for side in depths}
    return {
        "num_decoder_layers": arguments["decoder_depth"],
        **{f"{side}_sparse_step": step for side, step in steps.items()},
        **{f"num_sparse_{side}_layers": count for side, count in counts.items()},
    }


def _every(stack: Stack) -> int | None:
    """Return every how many layers one is sparse, the first two of them telling; one alone may be the only one."""
    sparse = [index for index, layer in enumerate(own_layers(stack)) if isinstance(layer[-1].op, Experts)]
    if not sparse:
        return None
    if sparse[0] == 0:
        return 1
    return sparse[1] - sparse[0] if len(sparse) > 1 else max(2, len(own_layers(stack)))


def _arguments(spec: EncoderDecoder) -> Arguments:
    found = t5.arguments(swap(spec, Experts, lambda node: node.expert))
    found = {name: value for name, value in found.items() if name not in ("tied", "scaled")}
    layers = (*own_layers(spec.encoder.stack), *own_layers(spec.decoder.stack))
    experts = next((layer[-1].op for layer in layers if isinstance(layer[-1].op, Experts)), None)
    mixture: Arguments = {"every": _every(spec.encoder.stack), "decoder_every": _every(spec.decoder.stack)}
    if experts is not None:
        router = experts.router
        assert isinstance(router, Top1)
        mixture |= {"experts": experts.experts, "capacity": router.capacity, "router_bias": router.bias}
    else:
        mixture |= {"experts": 8, "capacity": 64, "router_bias": False}
    return found | mixture


DIALECT = Dialect(
    name="switch_transformers",
    architecture=always("switch"),
    architectures=("switch",),
    keys=always(KEYS),
    config={key: row for key, row in CONFIG.items() if key not in _OWN_KEYS},
    tasks={
        "SwitchTransformersForConditionalGeneration": "seq2seq-lm",
        "SwitchTransformersModel": "base",
    },
    derived=(Derive(_OWN_KEYS, _read, _write),),
    repeated=t5.REPEATED,
    arguments=_arguments,
)
