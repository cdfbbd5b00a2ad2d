"""Structure prediction: against the reference's modules, against slow derivations from the paper, and by invariance.

The supplement of Jumper et al. 2021 numbers the algorithms. transformers carries the structure module, triangle updates
and confidence of a model that took them over; what it does not carry is derived here once more, slowly, in float64.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.esm import modeling_esmfold as reference
from transformers.models.esm.configuration_esm import StructureModuleConfig, TrunkConfig
from transformers.models.esm.openfold_utils import feats, residue_constants
from transformers.models.esm.openfold_utils.loss import compute_predicted_aligned_error, compute_tm
from transformers.models.esm.openfold_utils.rigid_utils import Rigid, Rotation

from bestiary import spec
from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.nn.atoms import atoms_of, by_kind, by_slot, ends_of, groups_of, tables, torsions_of
from bestiary.nn.confidence import error_centers, predicted_tm
from bestiary.nn.frames import Frames, rotation_of
from bestiary.nn.gated import Streams
from bestiary.nn.structure import StructureModule
from bestiary.nn.templates import binned
from bestiary.residues import chemistry
from bestiary.sizing import count

SMALL: dict[str, Any] = {
    "dim": 12, "pair": 8, "single": 20, "depth": 2, "heads": 4, "head_dim": 5, "pair_heads": 2, "extra_dim": 6,
    "extra_depth": 1, "extra_head_dim": 3, "template_dim": 8, "template_depth": 1, "outer": 3, "point_heads": 3,
    "hidden": 10, "times": 3,
}  # fmt: skip
N, ROWS, EXTRA, TEMPLATES = 9, 5, 4, 2
CLOSE = {"atol": 1e-10, "rtol": 0.0}
FRAMES_IN_SINGLE = {"atol": 1e-5, "rtol": 1e-5}  # the reference holds rotations and its tables in float32


def perturbed(module: nn.Module, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (parameter.dim() == 1) * 0.5)
    return module


@pytest.fixture(scope="module")
def model() -> Any:
    return perturbed(build(with_task(make("alphafold", **SMALL), "alphafold", "aligned-error"), seed=0))


def protein(seed: int = 0) -> dict[str, Tensor]:
    """Features of a protein with a gap in its numbering, masked rows and two templates."""
    torch.manual_seed(seed)
    mask = (torch.rand(1, ROWS, N) > 0.2).double()
    mask[:, 0] = 1
    atoms = (torch.rand(1, TEMPLATES, N, 37) > 0.2).double()
    atoms[..., :5] = 1
    return {
        "aatype": torch.randint(0, 21, (1, N)),
        "msa_feat": torch.randn(1, ROWS, N, 49, dtype=torch.float64),
        "residue_index": torch.cat((torch.arange(5), torch.arange(40, 40 + N - 5)))[None],
        "msa_mask": mask,
        "extra_msa_feat": torch.randn(1, EXTRA, N, 25, dtype=torch.float64),
        "extra_msa_mask": (torch.rand(1, EXTRA, N) > 0.2).double(),
        "template_aatype": torch.randint(0, 22, (1, TEMPLATES, N)),
        "template_all_atom_positions": 8 * torch.randn(1, TEMPLATES, N, 37, 3, dtype=torch.float64),
        "template_all_atom_mask": atoms,
        "template_mask": torch.ones(1, TEMPLATES),
    }


def turned(seed: int = 3) -> Frames:
    """A rotation and a shift of all space."""
    torch.manual_seed(seed)
    return Frames(rotation_of(F.normalize(torch.randn(4, dtype=torch.float64), dim=-1)), torch.randn(3).double() * 9)


# --- Counts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("templates", "task", "total"),
    [(True, None, 93_229_082), (True, "aligned-error", 93_237_338), (False, None, 92_899_674),
     (False, "aligned-error", 92_907_930)],
)  # fmt: skip
def test_published_counts(templates: bool, task: str | None, total: int) -> None:
    node = make("alphafold", templates=templates)
    node = node if task is None else with_task(node, "alphafold", task)
    assert count(node).total == total == sum(p.numel() for p in build(node, device="meta").parameters())


def test_small_counts_agree_part_by_part(model: Any) -> None:
    assert count(model.spec).total == sum(parameter.numel() for parameter in model.parameters())
    for part in ("embed", "recycling", "templates", "extra", "trunk", "structure", "heads"):
        counted = sum(number for path, number in count(model.spec).parts.items() if path.startswith(f"{part}."))
        assert counted == sum(parameter.numel() for parameter in getattr(model, part).parameters()), part


# --- Against the reference -----------------------------------------------------------------------------------------


def copied(own: nn.Module, theirs: nn.Module, names: dict[str, str]) -> None:
    """Fill our linear maps and norms from theirs, by name."""
    for ours, its in names.items():
        own.get_submodule(ours).load_state_dict(theirs.get_submodule(its).state_dict())


GATED = {"q": "linear_q", "k": "linear_k", "v": "linear_v", "gate": "linear_g", "o": "linear_o"}


def pair_layer(node: spec.Op) -> Any:
    from bestiary.nn.refining import UPDATES

    return UPDATES[type(node)](node, 12, 8).double()


@pytest.mark.parametrize("starting", [True, False])
@torch.no_grad()
def test_triangle_attention_is_the_reference_s(starting: bool) -> None:
    node = (spec.TriangleStart if starting else spec.TriangleEnd)(spec.GatedAttention(2, 5))
    theirs = perturbed(reference.EsmFoldTriangleAttention(8, 5, 2, starting=starting, inf=1e9))
    own = pair_layer(node)
    copied(own, theirs, {"bias": "linear", **{f"attention.{ours}": f"mha.{its}" for ours, its in GATED.items()}})
    x, mask = torch.randn(2, N, N, 8, dtype=torch.float64), (torch.rand(2, N, N) > 0.3).double()
    streams = Streams(x, x, mask, mask)
    torch.testing.assert_close(own(theirs.layer_norm(x), streams), theirs(x, mask=mask), **CLOSE)


@pytest.mark.parametrize("outgoing", [True, False])
@torch.no_grad()
def test_triangle_products_are_the_reference_s(outgoing: bool) -> None:
    node = (spec.TriangleOutgoing if outgoing else spec.TriangleIncoming)(8)
    config = TrunkConfig(pairwise_state_dim=8, sequence_state_dim=8, pairwise_head_width=4, sequence_head_width=4)
    theirs = perturbed(reference.EsmFoldTriangleMultiplicativeUpdate(config, _outgoing=outgoing))
    own = pair_layer(node)
    names = {"left": "linear_a_p", "left_gate": "linear_a_g", "right": "linear_b_p", "right_gate": "linear_b_g"}
    copied(own, theirs, names | {"norm": "layer_norm_out", "output": "linear_z", "gate": "linear_g"})
    x, mask = torch.randn(2, N, N, 8, dtype=torch.float64), (torch.rand(2, N, N) > 0.3).double()
    expected = theirs(x, mask=mask)
    torch.testing.assert_close(own(theirs.layer_norm_in(x), Streams(x, x, mask, mask)), expected, **CLOSE)


STRUCTURE = {
    "norm": "layer_norm_s", "pair_norm": "layer_norm_z", "input": "linear_in", "attention_norm": "layer_norm_ipa",
    "transitions.0.first": "transition.layers.0.linear_1", "transitions.0.second": "transition.layers.0.linear_2",
    "transitions.0.third": "transition.layers.0.linear_3", "transitions_norm": "transition.layer_norm",
    "update": "bb_update.linear", "angles.now": "angle_resnet.linear_in",
    "angles.initial": "angle_resnet.linear_initial", "angles.output": "angle_resnet.linear_out",
    "attention.q": "ipa.linear_q", "attention.bias": "ipa.linear_b",
    "attention.output": "ipa.linear_out",
}  # fmt: skip


def structures() -> tuple[Any, Any]:
    """Our structure module and the reference's, with the same weights in either layout."""
    sizes = {"sequence_dim": 20, "pairwise_dim": 8, "ipa_dim": 16, "resnet_dim": 10, "num_heads_ipa": 3}
    theirs = perturbed(reference.EsmFoldStructureModule(StructureModuleConfig(**sizes, num_blocks=3)))
    node = spec.StructureModule(spec.PointAttention(3), times=3, hidden=10)
    own = StructureModule(node, 20, 8).double().eval()
    blocks = {
        f"angles.blocks.{block}.{ours}": f"angle_resnet.layers.{block}.{its}"
        for block in range(2)
        for ours, its in (("first", "linear_1"), ("second", "linear_2"))
    }
    copied(own, theirs, STRUCTURE | blocks)
    attention, ipa = own.attention, theirs.ipa
    with torch.no_grad():
        attention.weights.copy_(ipa.head_weights)
        for name in ("weight", "bias"):
            get = lambda module, name=name: getattr(module, name)  # noqa: E731
            keys, values = get(ipa.linear_kv).unflatten(0, (3, 32)).split(16, dim=1)
            get(attention.k).copy_(keys.flatten(0, 1))
            get(attention.v).copy_(values.flatten(0, 1))
            points = get(ipa.linear_q_points).unflatten(0, (3, 3, 4)).movedim(0, 2)
            get(attention.q_points).copy_(points.flatten(0, 2))
            points = get(ipa.linear_kv_points).unflatten(0, (3, 3, 12)).movedim(0, 2)
            get(attention.k_points).copy_(points[:, :4].flatten(0, 2))
            get(attention.v_points).copy_(points[:, 4:].flatten(0, 2))
    return own, theirs


@torch.no_grad()
def test_the_structure_module_is_the_reference_s() -> None:
    own, theirs = structures()
    torch.manual_seed(1)
    single, pairs = torch.randn(2, N, 20, dtype=torch.float64), torch.randn(2, N, N, 8, dtype=torch.float64)
    aatype, mask = torch.randint(0, 20, (2, N)), torch.ones(2, N, dtype=torch.float64)
    mask[1, -3:] = 0
    made, expected = own(single, pairs, aatype, mask), theirs({"single": single, "pair": pairs}, aatype, mask)
    torch.testing.assert_close(made.single[-1], expected["single"], **FRAMES_IN_SINGLE)
    torch.testing.assert_close(made.positions, expected["positions"], atol=1e-4, rtol=0)
    for name in ("angles", "unnormalized_angles"):
        torch.testing.assert_close(getattr(made, name), expected[name], **FRAMES_IN_SINGLE)
    first = theirs.ipa(single, pairs, Rigid.identity((2, N), torch.float64, single.device, False), mask)
    torch.testing.assert_close(own.attention(single, pairs, Frames.identity(single), mask), first, **CLOSE)


@torch.no_grad()
def test_all_atoms_are_the_reference_s() -> None:
    torch.manual_seed(0)
    aatype = torch.arange(20)[None]
    turns = F.normalize(torch.randn(1, 20, 7, 2, dtype=torch.float64), dim=-1)
    frames = Frames(rotation_of(F.normalize(torch.randn(1, 20, 4, dtype=torch.float64), dim=-1)), torch.randn(1, 20, 3))
    frames = Frames(frames.rotation, frames.origin.double())
    rigid = Rigid(Rotation(rot_mats=frames.rotation), frames.origin)
    known = torch.tensor(residue_constants.restype_rigid_group_default_frame)
    theirs = feats.torsion_angles_to_frames(rigid, turns, aatype, known)
    expected = feats.frames_and_literature_positions_to_atom14_pos(
        theirs, aatype, known, torch.tensor(residue_constants.restype_atom14_to_rigid_group),
        torch.tensor(residue_constants.restype_atom14_mask),
        torch.tensor(residue_constants.restype_atom14_rigid_group_positions),
    )  # fmt: skip
    torch.testing.assert_close(atoms_of(groups_of(frames, turns, aatype), aatype), expected.double(), atol=1e-5, rtol=0)


def test_the_tables_of_residues_are_the_reference_s() -> None:
    known, expected = tables(torch.float64), residue_constants
    assert chemistry().letters == "".join(expected.restypes)
    assert list(chemistry().atoms) == expected.atom_types
    assert dict(chemistry().radii) == expected.van_der_waals_radius
    assert torch.equal(known.group, torch.tensor(expected.restype_atom14_to_rigid_group, dtype=torch.long))
    assert torch.equal(known.exists, torch.tensor(expected.restype_atom14_mask).double())
    assert torch.equal(known.place.float(), torch.tensor(expected.restype_atom14_rigid_group_positions))
    assert torch.equal(known.turned, torch.tensor(expected.chi_pi_periodic).double())
    assert torch.equal(known.has[:20], torch.tensor(expected.restype_atom37_mask)[:20].double())
    theirs = torch.tensor(expected.restype_rigid_group_default_frame)[:20]
    used = theirs.abs().sum((-1, -2)) > 0  # the reference leaves groups that a residue lacks at zero
    torch.testing.assert_close(known.frames[:20].float()[used], theirs[used], atol=1e-6, rtol=0)
    for residue in chemistry().residues:
        swaps = expected.residue_atom_renaming_swaps.get(residue.name, {})
        assert residue.swapped == tuple(swaps.items())


@torch.no_grad()
def test_confidence_is_the_reference_s(model: Any) -> None:
    logits = torch.randn(1, N, N, 64, dtype=torch.float64)
    likely = logits.softmax(-1)
    expected = compute_predicted_aligned_error(logits, max_bin=31, no_bins=64)["predicted_aligned_error"]
    centers = error_centers(likely, 31.0)
    torch.testing.assert_close((likely * centers).sum(-1), expected, atol=1e-5, rtol=0)  # its bins are float32
    mine = predicted_tm(likely, centers, torch.ones(1, N, dtype=torch.float64))
    torch.testing.assert_close(mine[0], compute_tm(logits[0], max_bin=31, no_bins=64), atol=1e-6, rtol=0)
    output = model(**protein(), num_recycles=0)
    expected = 100 * reference.categorical_lddt(output.plddt_logits)
    torch.testing.assert_close(output.plddt, expected, **CLOSE)


# --- Against slow derivations from the supplement ------------------------------------------------------------------


def slow_attention(module: Any, query: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
    """Algorithm 7, lines 2 to 6, for one query vector, its keys ``[K, c]`` and what is added to each head's scores."""
    heads = []
    width = module.q.out_features // module.heads
    for head in range(module.heads):
        cut = slice(head * width, (head + 1) * width)
        q, gate = module.q(query)[cut], module.gate(query)[cut].sigmoid()
        scores = torch.stack([q @ module.k(key)[cut] / math.sqrt(width) for key in keys]) + bias[head]
        heads.append(gate * (scores.softmax(0) @ module.v(keys)[:, cut]))
    return module.o(torch.cat(heads))


def streams_of(seed: int = 0) -> Streams:
    torch.manual_seed(seed)
    rows, pairs = torch.randn(1, ROWS, N, 12, dtype=torch.float64), torch.randn(1, N, N, 8, dtype=torch.float64)
    mask = (torch.rand(1, ROWS, N) > 0.2).double()
    mask[:, :, 0] = 1
    return Streams(rows, pairs, mask, (torch.rand(1, N, N) > 0.2).double())


@torch.no_grad()
def test_row_and_column_attention(model: Any) -> None:
    layer, streams = model.trunk.layers[0], streams_of()
    x, mask = streams.rows[0], streams.row_mask[0]
    bias = layer.row.bias(layer.row.pair_norm(streams.pairs[0]))  # [N, N, heads]
    found = layer.row(streams.rows, streams)[0]
    for row, place in ((0, 0), (2, 3), (ROWS - 1, N - 1)):
        hide = -1e9 * (1 - mask[row])
        expected = slow_attention(layer.row.attention, x[row, place], x[row], (bias[place] + hide[:, None]).T)
        torch.testing.assert_close(found[row, place], expected, **CLOSE)
    found = layer.column(streams.rows, streams)[0]
    for row, place in ((0, 0), (2, 3), (ROWS - 1, N - 1)):
        hide = -1e9 * (1 - mask[:, place])
        expected = slow_attention(layer.column.attention, x[row, place], x[:, place], hide.expand(4, -1))
        torch.testing.assert_close(found[row, place], expected, **CLOSE)


@torch.no_grad()
def test_global_column_attention(model: Any) -> None:
    module = model.extra.stack.layers[0].column
    torch.manual_seed(0)
    rows, mask = torch.randn(1, EXTRA, N, 6, dtype=torch.float64), torch.ones(1, EXTRA, N, dtype=torch.float64)
    mask[0, 1:3, 4] = 0
    found = module(rows, Streams(rows, rows, mask, mask))[0]
    for place in (0, 4):
        seen = [row for row in range(EXTRA) if mask[0, row, place]]
        x = rows[0, :, place]
        query = module.q(x[seen].mean(0))
        for row in range(EXTRA):
            heads = []
            for head in range(4):
                cut = slice(3 * head, 3 * head + 3)
                scores = torch.stack([query[cut] @ module.k(x[other]) / math.sqrt(3) for other in seen])
                heads.append(module.gate(x[row])[cut].sigmoid() * (scores.softmax(0) @ module.v(x[seen])))
            torch.testing.assert_close(
                found[row, place], module.o(torch.cat(heads)), atol=1e-9, rtol=0
            )  # 1e-10 is added to a count


@torch.no_grad()
def test_outer_product_mean(model: Any) -> None:
    module, streams = model.trunk.layers[0].outer, streams_of()
    found, x, mask = module(streams.rows, streams)[0], streams.rows[0], streams.row_mask[0]
    for i, j in ((0, 1), (3, 3), (N - 1, 2)):
        both = mask[:, i] * mask[:, j]
        outer = sum(both[s] * torch.outer(module.left(x[s, i]), module.right(x[s, j])) for s in range(ROWS))
        expected = module.output(outer.flatten()) / (both.sum() + 1e-3)  # type: ignore[union-attr]
        torch.testing.assert_close(found[i, j], expected, **CLOSE)


@torch.no_grad()
def test_embedding_and_recycling(model: Any) -> None:
    torch.manual_seed(0)
    target, rows = torch.randn(1, N, 22, dtype=torch.float64), torch.randn(1, ROWS, N, 49, dtype=torch.float64)
    index = torch.tensor([[0, 1, 2, 3, 40, 41, 42, 43, 90]])
    found, pairs = model.embed(target, rows, index)
    for s, i in ((0, 0), (2, 5)):
        expected = model.embed.alignment(rows[0, s, i]) + model.embed.residue(target[0, i])
        torch.testing.assert_close(found[0, s, i], expected, **CLOSE)
    for i, j in ((0, 0), (0, 8), (5, 2), (8, 0)):
        apart = max(-32, min(32, int(index[0, i] - index[0, j])))
        hot = torch.zeros(65, dtype=torch.float64)
        hot[apart + 32] = 1
        expected = model.embed.left(target[0, i]) + model.embed.right(target[0, j]) + model.embed.distance(hot)
        torch.testing.assert_close(pairs[0, i, j], expected, **CLOSE)


def test_distances_fall_into_bins() -> None:
    points = torch.zeros(1, 5, 3, dtype=torch.float64)
    points[0, :, 0] = torch.tensor([0.0, 3.0, 3.5, 12.1, 99.0])
    bins = binned(points, 15, 3.25, 20.75)[0, 0]
    assert bins.sum(-1).tolist() == [0, 0, 1, 1, 1]  # what is nearer than the first edge is in none
    assert bins.argmax(-1)[2:].tolist() == [0, 7, 14]


@torch.no_grad()
def test_templates_are_attended_to(model: Any) -> None:
    module = model.templates.attention
    torch.manual_seed(0)
    pairs, known = torch.randn(1, N, N, 8, dtype=torch.float64), torch.randn(1, 3, N, N, 8, dtype=torch.float64)
    found = module(pairs, known, torch.tensor([[1.0, 0.0, 1.0]]).double())
    i, j, heads = 2, 5, []
    for head in range(2):
        cut = slice(4 * head, 4 * head + 4)
        seen = known[0, [0, 2], i, j]
        scores = torch.stack([module.q(pairs[0, i, j])[cut] @ module.k(t)[cut] / 2 for t in seen])
        heads.append(scores.softmax(0) @ module.v(seen)[:, cut])
    torch.testing.assert_close(found[0, i, j], module.o(torch.cat(heads)), **CLOSE)


def test_torsions_are_measured_as_they_were_made() -> None:
    torch.manual_seed(0)
    aatype = torch.randint(0, 20, (2, 40))
    turns = F.normalize(torch.randn(2, 40, 7, 2, dtype=torch.float64), dim=-1)
    frames = Frames(
        rotation_of(F.normalize(torch.randn(2, 40, 4).double(), dim=-1)), 9 * torch.randn(2, 40, 3).double()
    )
    atoms, has = by_kind(atoms_of(groups_of(frames, turns, aatype), aatype), aatype), tables(torch.float64).has[aatype]
    measured = torsions_of(atoms, has, aatype)
    chi = tables(torch.float64).chi_exists[aatype].bool()
    assert torch.equal(measured.mask[..., 3:].bool(), chi)
    torch.testing.assert_close(measured.angles[..., 3:, :][chi], turns[..., 3:, :][chi], atol=1e-6, rtol=0)
    torch.testing.assert_close(measured.angles[..., 2, :], turns[..., 2, :], atol=1e-6, rtol=0)
    alike = tables(torch.float64).turned[aatype].bool() & chi
    torch.testing.assert_close(measured.other[..., 3:, :][alike], -measured.angles[..., 3:, :][alike])
    assert torch.equal(by_kind(by_slot(atoms, aatype), aatype), atoms)
    backbone = Frames.through(atoms[..., 0, :], atoms[..., 1, :], atoms[..., 2, :])
    torch.testing.assert_close(backbone.rotation, frames.rotation, **CLOSE)
    glycine = aatype == chemistry().letters.index("G")
    assert torch.equal(ends_of(atoms, aatype)[glycine], atoms[glycine][:, 1])


# --- Invariances ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_point_attention_does_not_see_where_all_frames_are(model: Any) -> None:
    torch.manual_seed(0)
    single, pairs = torch.randn(1, N, 20, dtype=torch.float64), torch.randn(1, N, N, 8, dtype=torch.float64)
    mask = torch.ones(1, N, dtype=torch.float64)
    frames = Frames(rotation_of(F.normalize(torch.randn(1, N, 4).double(), dim=-1)), torch.randn(1, N, 3).double())
    everywhere, module = turned(), model.structure.attention
    moved = Frames(everywhere.rotation.expand(1, N, 3, 3), everywhere.origin.expand(1, N, 3)).compose(frames)
    torch.testing.assert_close(module(single, pairs, moved, mask), module(single, pairs, frames, mask), **CLOSE)
    elsewhere = Frames(frames.rotation, frames.origin.flip(1))
    assert (module(single, pairs, elsewhere, mask) - module(single, pairs, frames, mask)).abs().max() > 1e-3


@torch.no_grad()
def test_rows_but_the_first_may_stand_in_any_order(model: Any) -> None:
    given = protein()
    order = torch.tensor([0, 3, 1, 4, 2])
    other = given | {"msa_feat": given["msa_feat"][:, order], "msa_mask": given["msa_mask"][:, order]}
    other |= {name: given[name][:, [2, 0, 3, 1]] for name in ("extra_msa_feat", "extra_msa_mask")}
    other |= {name: given[name].flip(1) for name in given if name.startswith("template")}
    one, two = model(**given, num_recycles=1), model(**other, num_recycles=1)
    torch.testing.assert_close(two.positions, one.positions, atol=1e-8, rtol=0)  # angstroms, some thirty apart
    torch.testing.assert_close(two.ptm_logits, one.ptm_logits, atol=1e-9, rtol=0)
    torch.testing.assert_close(two.msa, one.msa[:, order], atol=1e-9, rtol=0)
    swapped = given | {"msa_feat": given["msa_feat"].flip(1), "msa_mask": given["msa_mask"].flip(1)}
    assert (model(**swapped, num_recycles=1).s_s - one.s_s).abs().max() > 1e-3


@torch.no_grad()
def test_padding_changes_nothing(model: Any) -> None:
    given = protein()
    whole = model(**given, num_recycles=1)
    longer = {
        name: F.pad(tensor, {2: (0, 2), 3: (0, 2) if "mask" in name or "aatype" in name else (0, 0, 0, 2)}.get(
            tensor.dim(), (0, 0, 0, 2)) if not name.startswith("template_all_atom") else
            ((0, 0, 0, 2) if "mask" in name else (0, 0, 0, 0, 0, 2)))
        for name, tensor in given.items() if name != "template_mask"
    }  # fmt: skip
    mask = F.pad(torch.ones(1, N), (0, 2))
    padded = model(**longer, template_mask=given["template_mask"], seq_mask=mask, num_recycles=1)
    torch.testing.assert_close(padded.positions[:, :, :N], whole.positions, atol=1e-8, rtol=0)
    torch.testing.assert_close(padded.plddt[:, :N], whole.plddt, atol=1e-8, rtol=0)
    torch.testing.assert_close(padded.ptm, whole.ptm, atol=1e-9, rtol=0)
    assert padded.final_atom_mask[:, N:].sum() == 0


@torch.no_grad()
def test_templates_that_are_none_change_nothing(model: Any) -> None:
    given = protein()
    without = {name: tensor for name, tensor in given.items() if not name.startswith("template")}
    blank = {name: torch.zeros_like(tensor) for name, tensor in given.items() if name.startswith("template")}
    one, two = model(**without, num_recycles=0), model(**without, **blank, num_recycles=0)
    torch.testing.assert_close(two.positions, one.positions, atol=1e-9, rtol=0)
    assert (model(**given, num_recycles=0).s_z - one.s_z).abs().max() > 1e-3


def test_a_pass_reads_what_the_one_before_found_and_trains_the_last(model: Any) -> None:
    given = protein()
    once, twice = model(**given, num_recycles=0), model(**given, num_recycles=1)
    assert (once.s_s - twice.s_s).abs().max() > 1e-3
    again = model(**given, num_recycles=1)
    torch.testing.assert_close(again.positions, twice.positions, **CLOSE)
    twice.s_z.sum().backward()
    assert model.recycling.pair_norm.weight.grad is not None  # what was found is read, but not trained through
    model.zero_grad()


def test_gradients_reach_every_parameter(model: Any) -> None:
    output = model(**protein(), num_recycles=1)
    fields = ("positions", "plddt_logits", "distogram_logits", "masked_msa_logits", "ptm_logits")
    torch.manual_seed(1)
    loss = output.experimentally_resolved_logits.square().sum() + output.unnormalized_angles.sum()
    for field in fields:
        value = getattr(output, field)
        loss = loss + (value * torch.randn_like(value)).sum()
    loss.backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    model.zero_grad()
    assert idle == []


# --- The spec ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_folded_is_refused() -> None:
    node = make("alphafold", **SMALL)
    with pytest.raises(BestiaryError, match="a FoldingModel alone has"):
        spec.check(make("bert", dim=8, depth=1, heads=2, hidden=8, vocab=9).at("stack.layers[0].mlp", spec.PairMLP(8)))
    with pytest.raises(BestiaryError, match="norms what it reads"):
        spec.check(node.at("trunk.layers[*].row.norm", None))
    with pytest.raises(BestiaryError, match="take ops on pairs"):
        spec.check(node.replace(templates=node.templates.replace(stack=node.trunk)))
    with pytest.raises(BestiaryError, match="Distogram, LocalConfidence"):
        spec.check(node.with_heads({"pool": spec.Pooler()}))


def test_the_spec_is_read_edited_and_drawn() -> None:
    node = make("alphafold")
    assert spec.from_json(spec.to_json(node)) == node
    assert node.at("trunk.layers[3].row.attention.heads") == 8
    assert "48 x [" in str(node)
    code = spec.flat(node)
    assert code.startswith("def forward(aatype, msa_feat")
    assert max(map(len, code.splitlines())) < 140
    first = node.trunk.layers[0]
    multimer = node.replace(trunk=node.trunk.replace(layers=((first[3], *first[:3], *first[4:]),) * 48))
    assert count(multimer).total == count(node).total  # the outer product first, as in a later model
