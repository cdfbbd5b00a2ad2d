"""The flat view of structure prediction: both streams of every layer, then the structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bestiary.spec.flat.ops import Line
from bestiary.spec.fold import fold
from bestiary.spec.folding import (
    AlignedError,
    ColumnAttention,
    Distogram,
    FoldingModel,
    GatedAttention,
    GlobalColumnAttention,
    LocalConfidence,
    MaskedResidues,
    OuterProductMean,
    PairMLP,
    ResolvedAtoms,
    RowAttention,
    TriangleAttention,
    TriangleOutgoing,
    TriangleProduct,
    TriangleStart,
    adds_to,
    reads,
)
from bestiary.spec.ops import MLP

Sheet = tuple[str, list[Line]]
_STREAM = {"rows": "m", "pairs": "z"}


def sheet(spec: FoldingModel) -> Sheet:
    """Return the forward pass. S are the rows of the alignment, N the residues, m the alignment, z the pairs."""
    return "def forward(aatype, msa_feat, residue_index):", list(_lines(spec))


def _lines(spec: FoldingModel) -> Iterator[Line]:
    yield f"repeat {spec.recycling.times + 1} times:", "reading what the pass before found"
    for code, remark in _pass(spec):
        yield f"    {code}" if code else "", remark
    yield from _heads(spec)


def _pass(spec: FoldingModel) -> Iterator[Line]:
    embed, found = spec.embed, spec.recycling
    yield "m = msa_feat @ Wm + target_feat @ Wt + b", f"[S, N, {embed.alignment}] -> [S, N, {spec.dim}]"
    yield "z = target_feat[i] @ Wl + target_feat[j] @ Wr + b", f"[N, N, {spec.pair}]"
    yield "z = z + W[residue_index[i] - residue_index[j]]", f"held within {embed.reach} of zero"
    yield "m[0] = m[0] + layer_norm(m_before[0])", ""
    yield (
        "z = z + layer_norm(z_before) + W[bin of distance before]",
        f"{found.bins} bins up to {found.last:g} angstroms",
    )
    if spec.templates is not None:
        known = spec.templates
        yield "t = template_features @ W + b", f"for each template: {known.features} -> {known.width}"
        yield from _stack(known.stack.layers, {"rows": "m", "pairs": "t"})
        yield "z = z + attention(z, layer_norm(t))", _shape(known.attention) + ", over templates"
        if known.angles is not None:
            yield "m = concat(m, relu(template_angles @ W1 + b1) @ W2 + b2)", f"{known.angles.features} -> {spec.dim}"
    yield "e = extra_msa_feat @ W + b", f"{spec.extra.features} -> {spec.extra.width}, up to {spec.extra.rows} rows"
    yield from _stack(spec.extra.stack.layers, {"rows": "e", "pairs": "z"})
    yield from _stack(spec.trunk.layers, _STREAM)
    yield "s = m[0] @ W + b", f"[N, {spec.single}]"
    yield from _structure(spec)


def _stack(layers: Any, names: dict[str, str]) -> Iterator[Line]:
    for times, layer in fold(layers):
        yield f"repeat {times} times:", "each with weights of its own"
        for branch in layer:
            source, target = names[reads(branch.op)], names[adds_to(branch.op)]
            yield f"    h = layer_norm({source})", ""
            for code, remark in _op(branch.op, target):
                yield f"    {code}", remark


def _op(op: Any, target: str) -> Iterator[Line]:
    if isinstance(op, RowAttention):
        yield "a = gated_attention(h, bias=layer_norm(z) @ W)", _shape(op.attention) + ", along each row"
    elif isinstance(op, ColumnAttention):
        yield "a = gated_attention(h)", _shape(op.attention) + ", along each column"
    elif isinstance(op, GlobalColumnAttention):
        yield "a = gated_attention(mean(h), h)", _shape(op.attention) + ", one query for each column"
    elif isinstance(op, TriangleAttention):
        edge = "pairs that start alike" if isinstance(op, TriangleStart) else "pairs that end alike"
        yield "a = gated_attention(h, bias=h @ W)", f"{_shape(op.attention)}, {edge}"
    elif isinstance(op, TriangleProduct):
        edges = "p[i, k] * q[j, k]" if isinstance(op, TriangleOutgoing) else "p[k, i] * q[k, j]"
        yield "p, q = sigmoid(h @ Wpg) * (h @ Wp), sigmoid(h @ Wqg) * (h @ Wq)", f"{op.hidden} wide, with biases"
        yield f"a = sigmoid(h @ Wg + bg) * (layer_norm(sum_k({edges})) @ Wo + bo)", ""
    elif isinstance(op, OuterProductMean):
        yield "a = mean_s(outer(h[s, i] @ Wl + bl, h[s, j] @ Wr + br)) @ Wo + bo", f"{op.hidden} x {op.hidden}"
    else:
        assert isinstance(op, MLP | PairMLP)
        yield f"a = {op.activation}(h @ W1 + b1) @ W2 + b2", f"{op.hidden} hidden"
    yield f"{target} = {target} + a", ""


def _shape(node: GatedAttention) -> str:
    return f"{node.heads} heads of {node.head_dim}"


def _structure(spec: FoldingModel) -> Iterator[Line]:
    node = spec.structure
    points = f"{node.attention.heads} heads of {node.attention.head_dim}, {node.attention.points} points"
    yield "s0, p = layer_norm(s), layer_norm(z)", ""
    yield "x, frames = s0 @ W + b, all at the origin", ""
    yield f"repeat {node.times} times:", "with the same weights"
    yield "    x = layer_norm(x + point_attention(x, p, frames))", f"{points}, {node.attention.value_points} of values"
    yield f"    x = layer_norm(x + mlp of three maps, {node.transitions} time(s))", ""
    yield "    frames = frames moved by x @ W + b", "a rotation and a shift in each frame"
    yield (
        "    angles = unit(resnet(relu(x) @ W1 + relu(s0) @ W2))",
        f"7 angles, {node.hidden} hidden, {node.depth} blocks",
    )
    yield f"    atoms = ideal residues, turned by angles, in frames * {node.scale:g}", "angstroms"


def _heads(spec: FoldingModel) -> Iterator[Line]:
    for name, head in spec.heads.items():
        yield "", ""
        if isinstance(head, LocalConfidence):
            yield "plddt = mean(softmax(mlp(layer_norm(x))) * bins)", f"head {name}: {head.bins} bins"
        elif isinstance(head, Distogram):
            yield "distogram_logits = z @ W + b, both ways", f"head {name}: {head.bins} bins"
        elif isinstance(head, MaskedResidues):
            yield "masked_msa_logits = m @ W + b", f"head {name}: {head.letters} letters"
        elif isinstance(head, ResolvedAtoms):
            yield "experimentally_resolved_logits = s @ W + b", f"head {name}: {head.atoms} kinds of atoms"
        else:
            assert isinstance(head, AlignedError)
            yield "ptm_logits = z @ W + b", f"head {name}: {head.bins} bins up to {head.last:g} angstroms"
