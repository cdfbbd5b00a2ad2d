"""Sizes of structure prediction: two streams of two widths, so the rules here say which width a node acts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bestiary.sizing.inside import Parts, inside
from bestiary.sizing.layers import owned, runs
from bestiary.sizing.linear import Linear, Maps
from bestiary.sizing.reach import context_length
from bestiary.spec import (
    MLP,
    AlignedError,
    ColumnAttention,
    Distogram,
    FoldingModel,
    GatedAttention,
    GlobalColumnAttention,
    Head,
    LocalConfidence,
    MaskedResidues,
    Model,
    Node,
    Op,
    OuterProductMean,
    PairMLP,
    PointAttention,
    ResolvedAtoms,
    RowAttention,
    Stack,
    StructureModule,
    Templates,
    TriangleAttention,
    TriangleProduct,
    adds_to,
    branch_names,
    reads,
)

_TEMPLATES = 4  # are read at once


def _gated(node: GatedAttention, width: int) -> Maps:
    inner = node.heads * node.head_dim
    queries = dict.fromkeys("qkv", Linear(width, inner, False))
    return {**queries, "gate": Linear(width, inner), "o": Linear(inner, width)}


def _global(node: GlobalColumnAttention, width: int) -> Maps:
    narrow = dict.fromkeys("kv", Linear(width, node.attention.head_dim, False))
    return {**_gated(node.attention, width), **narrow}


def _product(node: TriangleProduct, width: int) -> Maps:
    names = ("left", "right", "left_gate", "right_gate")
    edges = dict.fromkeys(names, Linear(width, node.hidden))
    return {**edges, "output": Linear(node.hidden, width), "gate": Linear(width, width)}


def op_maps(op: Op, dim: int, pair: int) -> Maps:
    """Return the linear maps of an op between streams of these widths."""
    if isinstance(op, MLP):
        width = pair if isinstance(op, PairMLP) else dim
        return {"up": Linear(width, op.hidden, op.bias), "down": Linear(op.hidden, width, op.bias)}
    if isinstance(op, RowAttention):
        return {**_gated(op.attention, dim), "bias": Linear(pair, op.attention.heads, False)}
    if isinstance(op, ColumnAttention):
        return _gated(op.attention, dim)
    if isinstance(op, GlobalColumnAttention):
        return _global(op, dim)
    if isinstance(op, TriangleAttention):
        return {**_gated(op.attention, pair), "bias": Linear(pair, op.attention.heads, False)}
    if isinstance(op, TriangleProduct):
        return _product(op, pair)
    assert isinstance(op, OuterProductMean)
    columns = dict.fromkeys(("left", "right"), Linear(dim, op.hidden))
    return {**columns, "output": Linear(op.hidden**2, pair)}


def _sum(maps: Mapping[str, Linear]) -> int:
    return sum([linear.parameters for linear in maps.values()])


def _op(op: Op, dim: int, pair: int) -> int:
    norms = 2 * pair if isinstance(op, RowAttention) else 2 * op.hidden if isinstance(op, TriangleProduct) else 0
    return _sum(op_maps(op, dim, pair)) + norms


def refining(name: str, stack: Stack, dim: int, pair: int, model: Model) -> Parts:
    """Yield the parts of a stack on streams of these widths, its layers summed."""
    sums: Counter[str] = Counter()
    for layer, times in owned(stack).items():
        for branch_name, branch in zip(branch_names(layer), layer, strict=True):
            sums[f"{name}.layers[*].{branch_name}"] += times * _op(branch.op, dim, pair)
            width = pair if reads(branch.op) == "pairs" else dim
            for part, number in inside(f"{name}.layers[*].{branch_name}_norm", branch.norm, width, model):
                sums[part] += times * number
    yield from sums.items()
    yield from inside(f"{name}.norm", stack.norm, pair, model)


def _pointwise(node: Templates, pair: int) -> Maps:
    inner = node.attention.heads * node.attention.head_dim
    known = dict.fromkeys("kv", Linear(node.width, inner, False))
    return {"q": Linear(pair, inner, False), **known, "o": Linear(inner, pair)}


def _templates(node: Templates, model: FoldingModel) -> Parts:
    yield "templates.pairs", Linear(node.features, node.width).parameters
    yield from refining("templates.stack", node.stack, model.dim, node.width, model)
    yield "templates.attention", _sum(_pointwise(node, model.pair))
    if node.angles is not None:
        yield "templates.up", Linear(node.angles.features, model.dim).parameters
        yield "templates.down", Linear(model.dim, model.dim).parameters


def point_maps(node: PointAttention, dim: int, pair: int) -> Maps:
    """Return the linear maps of attention among frames."""
    inner = Linear(dim, node.heads * node.head_dim)
    points, values = Linear(dim, 3 * node.heads * node.points), Linear(dim, 3 * node.heads * node.value_points)
    seen = node.heads * (pair + node.head_dim + 4 * node.value_points)
    return {
        **dict.fromkeys("qkv", inner),
        "q_points": points,
        "k_points": points,
        "v_points": values,
        "bias": Linear(pair, node.heads),
        "output": Linear(seen, dim),
    }


def angle_maps(node: StructureModule, dim: int) -> Maps:
    """Return the linear maps of the network of torsion angles."""
    square = Linear(node.hidden, node.hidden)
    blocks = {f"blocks.{block}.{name}": square for block in range(node.depth) for name in ("first", "second")}
    ends = {"now": Linear(dim, node.hidden), "initial": Linear(dim, node.hidden), "output": Linear(node.hidden, 14)}
    return {**ends, **blocks}


def _structure(node: StructureModule, dim: int, pair: int) -> Parts:
    yield "structure.norm", 2 * dim
    yield "structure.pair_norm", 2 * pair
    yield "structure.input", Linear(dim, dim).parameters
    yield "structure.attention", _sum(point_maps(node.attention, dim, pair)) + node.attention.heads
    yield "structure.attention_norm", 2 * dim
    yield "structure.transitions", node.transitions * 3 * Linear(dim, dim).parameters
    yield "structure.transitions_norm", 2 * dim
    yield "structure.update", Linear(dim, 6).parameters
    yield "structure.angles", _sum(angle_maps(node, dim))


def head_maps(head: Node, model: FoldingModel) -> Maps:
    """Return the linear maps of a head."""
    if isinstance(head, LocalConfidence):
        first, second = Linear(model.single, head.hidden), Linear(head.hidden, head.hidden)
        return {"first": first, "second": second, "output": Linear(head.hidden, head.bins)}
    if isinstance(head, MaskedResidues):
        return {"output": Linear(model.dim, head.letters)}
    if isinstance(head, ResolvedAtoms):
        return {"output": Linear(model.single, head.atoms)}
    assert isinstance(head, Distogram | AlignedError)
    return {"output": Linear(model.pair, head.bins)}


def _embed_maps(model: FoldingModel) -> Maps:
    embed = model.embed
    return {
        "left": Linear(embed.target, model.pair),
        "right": Linear(embed.target, model.pair),
        "residue": Linear(embed.target, model.dim),
        "alignment": Linear(embed.alignment, model.dim),
        "distance": Linear(2 * embed.reach + 1, model.pair),
    }


def folding(node: FoldingModel, width: int, model: Model) -> Parts:
    """Yield the parts of a whole model."""
    yield from ((f"embed.{name}", linear.parameters) for name, linear in _embed_maps(node).items())
    yield "recycling.row_norm", 2 * node.dim
    yield "recycling.pair_norm", 2 * node.pair
    yield "recycling.distance", Linear(node.recycling.bins, node.pair).parameters
    if node.templates is not None:
        yield from _templates(node.templates, node)
    yield "extra.input", Linear(node.extra.features, node.extra.width).parameters
    yield from refining("extra.stack", node.extra.stack, node.extra.width, node.pair, node)
    yield from refining("trunk", node.trunk, node.dim, node.pair, node)
    yield "single", Linear(node.dim, node.single).parameters
    yield from _structure(node.structure, node.single, node.pair)
    for name, head in node.heads.items():
        if isinstance(head, LocalConfidence):
            yield f"heads.{name}.norm", 2 * node.single
        yield from ((f"heads.{name}.{part}", linear.parameters) for part, linear in head_maps(head, node).items())


PARTS: dict[type[Node], Callable[[Any, int, Model], Parts]] = {FoldingModel: folding}


# --- Operations ----------------------------------------------------------------------------------------------------


def op_cost(op: Op, dim: int, pair: int, rows: int, residues: int) -> int:
    """Return the operations of an op on an alignment of so many rows."""
    pairs, places = residues**2, rows * residues
    at = {name: pairs if adds_to(op) == "pairs" else places for name in op_maps(op, dim, pair)}
    attention: GatedAttention | None = getattr(op, "attention", None)
    inner = attention.heads * attention.head_dim if attention is not None else 0
    extra = 0
    if isinstance(op, RowAttention):
        at["bias"], extra = pairs, 4 * inner * rows * pairs
    elif isinstance(op, ColumnAttention):
        extra = 4 * inner * residues * rows**2
    elif isinstance(op, GlobalColumnAttention):
        at["q"], extra = residues, 4 * inner * places
    elif isinstance(op, TriangleAttention):
        extra = 4 * inner * residues**3
    elif isinstance(op, TriangleProduct):
        extra = 2 * op.hidden * residues**3
    elif isinstance(op, OuterProductMean):
        at |= dict.fromkeys(("left", "right"), places)
        extra = 2 * (op.hidden**2 + 1) * rows * pairs  # one more to count the rows that both columns have
    return extra + sum(2 * at[name] * linear.weights for name, linear in op_maps(op, dim, pair).items())


def _stack_cost(stack: Stack, dim: int, pair: int, rows: int, residues: int) -> Iterator[tuple[str, int]]:
    sums: Counter[str] = Counter()
    for layer, times in runs(stack).items():
        for name, branch in zip(branch_names(layer), layer, strict=True):
            sums[f"layers[*].{name}"] += times * op_cost(branch.op, dim, pair, rows, residues)
    yield from sums.items()


def _structure_cost(node: StructureModule, dim: int, pair: int, residues: int) -> int:
    attention, pairs = node.attention, residues**2
    at = {name: pairs if name == "bias" else residues for name in point_maps(attention, dim, pair)}
    once = sum(2 * at[name] * linear.weights for name, linear in point_maps(attention, dim, pair).items())
    once += 2 * pairs * attention.heads * (2 * attention.head_dim + 3 * attention.value_points + pair)
    once += 2 * residues * (3 * node.transitions * dim**2 + 6 * dim)
    once += 2 * residues * sum(linear.weights for linear in angle_maps(node, dim).values())
    return node.times * once + 2 * residues * dim**2


def flops(spec: FoldingModel, context: int | None, source: int | None) -> tuple[int, list[tuple[str, int]]]:
    """Return residues, and what one pass without recycling costs with as many rows as the model reads."""
    residues = context_length(spec, context)
    known, pairs = spec.templates, residues**2
    own = _own_rows(spec) * residues
    places = {"left": residues, "right": residues, "residue": residues, "distance": pairs}
    embed = sum(2 * places.get(name, own) * linear.weights for name, linear in _embed_maps(spec).items())
    parts = [("embed", embed), ("recycling", 2 * pairs * spec.recycling.bins * spec.pair)]
    if known is not None:
        each = dict(_stack_cost(known.stack, spec.dim, known.width, 0, residues))
        at = {"k": _TEMPLATES, "v": _TEMPLATES}
        asked = sum(2 * pairs * at.get(n, 1) * li.weights for n, li in _pointwise(known, spec.pair).items())
        asked += 4 * pairs * _TEMPLATES * known.attention.heads * known.attention.head_dim
        angles = known.angles.features * spec.dim + spec.dim**2 if known.angles is not None else 0
        once = 2 * pairs * known.features * known.width + sum(each.values()) + 2 * residues * angles
        parts.append(("templates", _TEMPLATES * once + asked))
    extra = spec.extra
    parts.append(("extra.input", 2 * extra.rows * residues * extra.features * extra.width))
    found = _stack_cost(extra.stack, extra.width, spec.pair, extra.rows, residues)
    parts += [(f"extra.stack.{name}", cost) for name, cost in found]
    found = _stack_cost(spec.trunk, spec.dim, spec.pair, spec.rows, residues)
    parts += [(f"trunk.{name}", cost) for name, cost in found]
    parts.append(("single", 2 * residues * spec.dim * spec.single))
    parts.append(("structure", _structure_cost(spec.structure, spec.single, spec.pair, residues)))
    for name, head in spec.heads.items():
        parts.append((f"heads.{name}", _head_cost(head, spec, residues)))
    return residues, parts


def _own_rows(spec: FoldingModel) -> int:
    """Count the rows that are no templates'."""
    return spec.rows - (_TEMPLATES if spec.templates is not None and spec.templates.angles is not None else 0)


def _head_cost(head: Head, spec: FoldingModel, residues: int) -> int:
    places = residues**2 if isinstance(head, Distogram | AlignedError) else residues
    places = _own_rows(spec) * residues if isinstance(head, MaskedResidues) else places
    return 2 * places * sum(linear.weights for linear in head_maps(head, spec).values())
