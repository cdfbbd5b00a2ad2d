"""AlphaFold 2 as its authors published it: arrays of numpy, one for all layers of a stack, without a config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import FoldingModel, GatedAttention, OuterProductMean, Residual, Stack, own_layers, walk_once
from bestiary.untrusted import is_count
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Row, Size, shown
from bestiary.weights.dialects.dialect import Dialect, Layout, always
from bestiary.weights.tensorfiles import TensorFiles

ROOT = "alphafold/alphafold_iteration/"
FOLD = "structure_module/fold_iteration/"
TRUNK, QUERIES = f"{ROOT}evoformer/evoformer_iteration/", "msa_row_attention_with_pair_bias/attention//query_w"
KNOWN = "evoformer/template_embedding/single_template_embedding/"
PLAIN, LONGER = "AlphaFold", "AlphaFoldWithAlignedError"

Kind = tuple[tuple[str, str, str], ...]
"""The tensors of a module: our name, theirs, and the ops between."""
Entry = tuple[str, str, Kind]
"""Our module, theirs, and what it holds."""

LINEAR: Kind = (("weight", "weights", "T"), ("bias", "bias", ""))
NORM: Kind = (("weight", "scale", ""), ("bias", "offset", ""))


def _attention(heads: int) -> Kind:
    asks = tuple((f"{own}.weight", name, f"in_heads {heads}") for own, name in zip("qkv", _ASKED, strict=True))
    return (*asks, ("o.weight", "output_w", f"out_heads {heads}"), ("o.bias", "output_b", ""))


_ASKED = ("query_w", "key_w", "value_w")


def _gated(heads: int) -> Kind:
    gate = (("gate.weight", "gating_w", f"in_heads {heads}"), ("gate.bias", "gating_b", f"head_rows {heads}"))
    return (*_attention(heads), *gate)


def _global(heads: int) -> Kind:
    """Keys and values that all heads share."""
    return tuple((own, name, "T" if own in ("k.weight", "v.weight") else ops) for own, name, ops in _gated(heads))


def _triangles(heads: int) -> Iterator[Entry]:
    """Yield what refines pairs. Where edges come in, the authors' left is the supplement's right (algorithm 12)."""
    for own, name, sides in (("outgoing", "outgoing", ("left", "right")), ("incoming", "incoming", ("right", "left"))):
        theirs = f"triangle_multiplication_{name}"
        yield f"{own}_norm", f"{theirs}/layer_norm_input", NORM
        yield f"{own}.norm", f"{theirs}/center_layer_norm", NORM
        for side, other in zip(("left", "right"), sides, strict=True):
            yield f"{own}.{side}", f"{theirs}/{other}_projection", LINEAR
            yield f"{own}.{side}_gate", f"{theirs}/{other}_gate", LINEAR
        yield f"{own}.output", f"{theirs}/output_projection", LINEAR
        yield f"{own}.gate", f"{theirs}/gating_linear", LINEAR
    for own, name in (("start", "starting"), ("end", "ending")):
        theirs = f"triangle_attention_{name}_node"
        yield f"{own}_norm", f"{theirs}/query_norm", NORM
        yield f"{own}.bias", theirs, (("weight", "feat_2d_weights", "T"),)
        yield f"{own}.attention", f"{theirs}/attention", _gated(heads)
    yield from _mlp("pair_mlp", "pair_transition")


def _mlp(own: str, theirs: str) -> Iterator[Entry]:
    yield f"{own}_norm", f"{theirs}/input_layer_norm", NORM
    yield f"{own}.up", f"{theirs}/transition1", LINEAR
    yield f"{own}.down", f"{theirs}/transition2", LINEAR


def _rows(heads: int, outer: int, *, column: Entry) -> Iterator[Entry]:
    """Yield what refines rows of an alignment, and tells the pairs of them."""
    row = "msa_row_attention_with_pair_bias"
    yield "row_norm", f"{row}/query_norm", NORM
    yield "row.pair_norm", f"{row}/feat_2d_norm", NORM
    yield "row.bias", row, (("weight", "feat_2d_weights", "T"),)
    yield "row.attention", f"{row}/attention", _gated(heads)
    yield "column_norm", f"{column[1]}/query_norm", NORM
    yield column[0], f"{column[1]}/attention", column[2]
    yield from _mlp("mlp", "msa_transition")
    yield "outer_norm", "outer_product_mean/layer_norm_input", NORM
    yield "outer.left", "outer_product_mean/left_projection", LINEAR
    yield "outer.right", "outer_product_mean/right_projection", LINEAR
    yield "outer.output", "outer_product_mean", (
        ("weight", "output_w", f"out_heads {outer}"), ("bias", "output_b", ""),
    )  # fmt: skip


_WHOLE: tuple[Entry, ...] = (
    ("embed.residue", "evoformer/preprocess_1d", LINEAR),
    ("embed.alignment", "evoformer/preprocess_msa", LINEAR),
    ("embed.left", "evoformer/left_single", LINEAR),
    ("embed.right", "evoformer/right_single", LINEAR),
    ("embed.distance", "evoformer/pair_activiations", LINEAR),
    ("recycling.distance", "evoformer/prev_pos_linear", LINEAR),
    ("recycling.row_norm", "evoformer/prev_msa_first_row_norm", NORM),
    ("recycling.pair_norm", "evoformer/prev_pair_norm", NORM),
    ("extra.input", "evoformer/extra_msa_activations", LINEAR),
    ("single", "evoformer/single_activations", LINEAR),
    ("templates.pairs", f"{KNOWN}embedding2d", LINEAR),
    ("templates.stack.norm", f"{KNOWN}output_layer_norm", NORM),
    ("templates.up", "evoformer/template_single_embedding", LINEAR),
    ("templates.down", "evoformer/template_projection", LINEAR),
    ("structure.norm", "structure_module/single_layer_norm", NORM),
    ("structure.pair_norm", "structure_module/pair_layer_norm", NORM),
    ("structure.input", "structure_module/initial_projection", LINEAR),
    ("structure.attention", f"{FOLD}invariant_point_attention", (("weights", "trainable_point_weights", ""),)),
    ("structure.attention.q", f"{FOLD}invariant_point_attention/q_scalar", LINEAR),
    ("structure.attention.bias", f"{FOLD}invariant_point_attention/attention_2d", LINEAR),
    ("structure.attention.output", f"{FOLD}invariant_point_attention/output_projection", LINEAR),
    ("structure.attention.q_points", f"{FOLD}invariant_point_attention/q_point_local",
     (("weight", "weights", "T | points"), ("bias", "bias", "points"))),
    ("structure.attention_norm", f"{FOLD}attention_layer_norm", NORM),
    ("structure.transitions.0.first", f"{FOLD}transition", LINEAR),
    ("structure.transitions.0.second", f"{FOLD}transition_1", LINEAR),
    ("structure.transitions.0.third", f"{FOLD}transition_2", LINEAR),
    ("structure.transitions_norm", f"{FOLD}transition_layer_norm", NORM),
    ("structure.update", f"{FOLD}affine_update", LINEAR),
    ("structure.angles.now", f"{FOLD}rigid_sidechain/input_projection", LINEAR),
    ("structure.angles.initial", f"{FOLD}rigid_sidechain/input_projection_1", LINEAR),
    ("structure.angles.blocks.0.first", f"{FOLD}rigid_sidechain/resblock1", LINEAR),
    ("structure.angles.blocks.0.second", f"{FOLD}rigid_sidechain/resblock2", LINEAR),
    ("structure.angles.blocks.1.first", f"{FOLD}rigid_sidechain/resblock1_1", LINEAR),
    ("structure.angles.blocks.1.second", f"{FOLD}rigid_sidechain/resblock2_1", LINEAR),
    ("structure.angles.output", f"{FOLD}rigid_sidechain/unnormalized_angles", LINEAR),
    ("heads.distogram.output", "distogram_head/half_logits", LINEAR),
    ("heads.confidence.norm", "predicted_lddt_head/input_layer_norm", NORM),
    ("heads.confidence.first", "predicted_lddt_head/act_0", LINEAR),
    ("heads.confidence.second", "predicted_lddt_head/act_1", LINEAR),
    ("heads.confidence.output", "predicted_lddt_head/logits", LINEAR),
    ("heads.residues.output", "masked_msa_head/logits", LINEAR),
    ("heads.resolved.output", "experimentally_resolved_head/logits", LINEAR),
    ("heads.error.output", "predicted_aligned_error_head/logits", LINEAR),
)  # fmt: skip


def _keys(node: FoldingModel) -> str:
    size = _arguments(node)
    heads, pairs, outer = size["heads"], size["pair_heads"], size["outer"]
    trunk = _rows(heads, outer, column=("column.attention", "msa_column_attention", _gated(heads)))
    extra = _rows(heads, outer, column=("column", "msa_column_global_attention", _global(heads)))
    point, theirs = node.structure.attention, f"{ROOT}{FOLD}invariant_point_attention/"
    own = "structure.attention"
    lines = [
        *_lines("", ROOT, _WHOLE),
        *_lines("trunk.", TRUNK, (*trunk, *_triangles(pairs)), node.trunk),
        *_lines("extra.stack.", f"{ROOT}evoformer/extra_msa_stack/", (*extra, *_triangles(pairs)), node.extra.stack),
    ]
    for tensor, array, ops in LINEAR:  # keys and values of each head stand together
        turned, each = f"{ops} | " if ops else "", f"shares {point.heads}"
        lines.append(
            f"{own}.{{k,v}}.{tensor} = {theirs}kv_scalar//{array} | {turned}{each} {point.head_dim} {point.head_dim}"
        )
        points = f"{3 * point.points} {3 * point.value_points}"
        lines.append(
            f"{own}.{{k_points,v_points}}.{tensor} = {theirs}kv_point_local//{array} | {turned}points | {each} {points}"
        )
    if node.templates is not None:
        stack = f"{ROOT}{KNOWN}template_pair_stack/__layer_stack_no_state/"
        asked = ("templates.attention", "evoformer/template_embedding/attention", _attention(pairs))
        lines += _lines("", ROOT, [asked])
        lines += _lines("templates.stack.", stack, _triangles(pairs), node.templates.stack)
    return "\n".join(lines)


def _lines(ours: str, theirs: str, entries: Iterable[Entry], stack: Stack | None = None) -> Iterator[str]:
    """Yield the lines of some modules; an array of theirs holds a tensor for each layer of a stack."""
    layers = range(0 if stack is None else len(own_layers(stack)))
    each = "" if stack is None else f"layers.{_braced(layers)}."
    for own, other, kind in entries:
        for tensor, array, ops in kind:
            line = [f"{ours}{each}{own}.{tensor} = {theirs}{other}//{array}", *(["layers"] if stack else []), ops]
            yield " | ".join(filter(None, line))


def _braced(layers: range) -> str:
    return "{" + ",".join(map(str, layers)) + "}" if len(layers) > 1 else "0"


CONFIG: dict[str, Row] = {
    **{
        name: Size(name)
        for name in (
            "dim", "pair", "single", "depth", "heads", "head_dim", "pair_heads", "extra_dim", "extra_depth",
            "extra_head_dim", "outer", "point_heads", "hidden",
        )
    },
    "template_dim": Size("template_dim", 64),
    "template_depth": Size("template_depth", 2),
    "rows": Size("rows", 512),
    "extra_rows": Size("extra_rows", 5120),
    "times": Size("times", 8),
    "templates": Flag("templates", True),
    "dropout": Number("dropout", 0.15),
    "pair_dropout": Number("pair_dropout", 0.25),
    **dict.fromkeys(("model_type", "architectures"), WAIVE),
}  # fmt: skip
"""What the arrays imply, or what we write beside them: the architecture's own sizes."""


def _recycles(config: Mapping[str, Any]) -> Arguments:
    times = config.get("recycles", 3)
    if not is_count(times):
        raise BestiaryError(f"'recycles' is {shown(times)}; give a whole number")
    return {"recycles": times}


def _implied(tensors: TensorFiles) -> Mapping[str, Any] | None:
    """Return the sizes that arrays have, ``None`` where they are no AlphaFold's."""
    extra, asks = f"{ROOT}evoformer/extra_msa_stack/", f"{TRUNK}triangle_attention_starting_node/"
    if f"{TRUNK}{QUERIES}" not in tensors:
        return None
    depth, dim, heads, head_dim = tensors.shape(f"{TRUNK}{QUERIES}")
    extra_depth, extra_dim, _, extra_head_dim = tensors.shape(f"{extra}{QUERIES}")
    point = f"{ROOT}{FOLD}invariant_point_attention//trainable_point_weights"
    known = f"{ROOT}{KNOWN}template_pair_stack/__layer_stack_no_state/pair_transition/input_layer_norm//scale"
    sizes: dict[str, Any] = {
        "architectures": [LONGER if f"{ROOT}predicted_aligned_error_head/logits//weights" in tensors else PLAIN],
        "dim": dim, "depth": depth, "heads": heads, "head_dim": head_dim,
        "pair": tensors.shape(f"{asks}query_norm//scale")[1],
        "pair_heads": tensors.shape(f"{asks}attention//query_w")[2],
        "single": tensors.shape(f"{ROOT}evoformer/single_activations//bias")[0],
        "extra_dim": extra_dim, "extra_depth": extra_depth, "extra_head_dim": extra_head_dim,
        "outer": tensors.shape(f"{TRUNK}outer_product_mean/left_projection//bias")[1],
        "point_heads": tensors.shape(point)[0],
        "hidden": tensors.shape(f"{ROOT}predicted_lddt_head/act_0//bias")[0],
        "templates": known in tensors,
    }  # fmt: skip
    if known in tensors:
        sizes["template_depth"], sizes["template_dim"] = tensors.shape(known)
    return sizes


def _attends(branch: Residual) -> GatedAttention:
    return next(op for _, op in walk_once(branch.op) if isinstance(op, GatedAttention))


def _arguments(node: FoldingModel) -> Arguments:
    layer, extra = own_layers(node.trunk)[0], own_layers(node.extra.stack)[0]
    row, more, pair = (_attends(branch) for branch in (layer[0], extra[0], layer[6]))
    found = {
        "dim": node.dim, "pair": node.pair, "single": node.single, "depth": len(own_layers(node.trunk)),
        "heads": row.heads, "head_dim": row.head_dim, "pair_heads": pair.heads,
        "extra_dim": node.extra.width, "extra_depth": len(own_layers(node.extra.stack)),
        "extra_head_dim": more.head_dim,
        "outer": next(branch.op.hidden for branch in layer if isinstance(branch.op, OuterProductMean)),
        "point_heads": node.structure.attention.heads, "hidden": node.structure.hidden,
        "rows": node.rows, "extra_rows": node.extra.rows, "times": node.structure.times,
        "recycles": node.recycling.times,
        "templates": node.templates is not None, "dropout": layer[0].dropout, "pair_dropout": layer[4].dropout,
    }  # fmt: skip
    known = node.templates
    found["template_dim"] = 64 if known is None else known.width
    found["template_depth"] = 2 if known is None else len(own_layers(known.stack))
    return found


DIALECT = Dialect(
    name="alphafold",
    architecture=always("alphafold"),
    architectures=("alphafold",),
    keys=_keys,
    config=CONFIG,
    tasks={PLAIN: "structure", LONGER: "aligned-error"},
    derived=(Derive(("recycles",), _recycles, lambda arguments: {"recycles": arguments["recycles"]}),),
    arguments=_arguments,
    layout=Layout("params.npz", lambda kind, name: {"model_type": kind, "architectures": [name]}, False),
    implied=_implied,
)
