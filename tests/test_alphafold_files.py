"""AlphaFold's published arrays: read without a config, written back bit for bit, and computed with as their code does.

The formulas below are those of the authors' code (alphafold/model/modules.py and folding.py), in its own layout: they
say what each axis of an array is, which its shape alone would not.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from folding_models import SMALL, given
from torch import Tensor
from torch.nn import functional as F

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn.frames import Frames
from bestiary.nn.gated import Streams
from bestiary.weights.load import load_weights
from bestiary.weights.npzfile import open_npz, write_npz
from bestiary.weights.save import published, save_weights

CLOSE = {"atol": 1e-10, "rtol": 0.0}
KINDS: dict[str, dict[str, Any]] = {
    "with templates": {"template_depth": 2, "head_dim": 4},
    "without": {"templates": False},
    "with the aligned error": {"aligned_error": True, "extra_depth": 2},
    "one layer": {"depth": 1},
}
ROOT = "alphafold/alphafold_iteration/"
LAYER = f"{ROOT}evoformer/evoformer_iteration/"
POINTS = f"{ROOT}structure_module/fold_iteration/invariant_point_attention/"


def perturbed(**changes: Any) -> Any:
    model = bestiary.build(make("alphafold", **(SMALL | changes)), seed=0).double().eval()
    torch.manual_seed(0)
    for tensor in model.state_dict().values():
        tensor += 0.3 * torch.randn_like(tensor)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_read_without_a_config_and_written_back(kind: str, tmp_path: Path) -> None:
    model = perturbed(**KINDS[kind])
    write_npz(published(model), tmp_path / "params_model_1.npz")
    read, found = load_weights(tmp_path / "params_model_1.npz")
    assert read.spec == model.spec.replace(rows=512, extra=model.spec.extra.replace(rows=5120)).at("structure.times", 8)
    assert all(torch.equal(mine, read.state_dict()[name]) for name, mine in model.state_dict().items())
    assert not found.left_out
    save_weights(read, tmp_path / "again")
    ours, theirs = open_npz(tmp_path / "again" / "params.npz"), open_npz(tmp_path / "params_model_1.npz")
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours.get(name), theirs.get(name)) for name in theirs)
    assert bestiary.load(tmp_path / "again").spec == read.spec


def test_a_saved_folder_keeps_what_arrays_do_not_say(tmp_path: Path) -> None:
    model = perturbed()
    save_weights(model, tmp_path)
    again = bestiary.load(tmp_path)
    assert again.spec == model.spec
    with torch.no_grad():
        torch.testing.assert_close(again(**given(model.spec)).positions, model(**given(model.spec)).positions, **CLOSE)


def arrays(model: Any) -> dict[str, Tensor]:
    return {name.removeprefix(ROOT): tensor for name, tensor in published(model).items()}


def attended(held: dict[str, Tensor], place: str, layer: int, x: Tensor, bias: Tensor) -> Tensor:
    """The authors' Attention on lines ``[lines, T, c]``."""
    query, key, value, gate, gate_bias, out, out_bias = (
        held[f"{place}//{name}"][layer]
        for name in ("query_w", "key_w", "value_w", "gating_w", "gating_b", "output_w", "output_b")
    )
    q = torch.einsum("bqa,ahc->bqhc", x, query) * key.shape[-1] ** -0.5
    k, v = (torch.einsum("bka,ahc->bkhc", x, weights) for weights in (key, value))
    weights = (torch.einsum("bqhc,bkhc->bhqk", q, k) + bias).softmax(-1)
    mixed = torch.einsum("bhqk,bkhc->bqhc", weights, v)
    gates = (torch.einsum("bqc,chv->bqhv", x, gate) + gate_bias).sigmoid()
    return torch.einsum("bqhc,hco->bqo", mixed * gates, out) + out_bias


def normed(held: dict[str, Tensor], place: str, layer: int, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], held[f"{place}//scale"][layer], held[f"{place}//offset"][layer])


def linear(held: dict[str, Tensor], place: str, layer: int, x: Tensor) -> Tensor:
    return x @ held[f"{place}//weights"][layer] + held[f"{place}//bias"][layer]


@pytest.fixture(scope="module")
def case() -> tuple[Any, dict[str, Tensor], Streams]:
    model = perturbed()
    torch.manual_seed(1)
    rows, pairs = torch.randn(1, 5, 7, 12, dtype=torch.float64), torch.randn(1, 7, 7, 8, dtype=torch.float64)
    ones = torch.ones(1, 5, 7, dtype=torch.float64), torch.ones(1, 7, 7, dtype=torch.float64)
    return model, arrays(model), Streams(rows, pairs, *ones)


@pytest.mark.parametrize("layer", [0, 1])
@torch.no_grad()
def test_rows_attend_as_in_the_authors_code(case: Any, layer: int) -> None:
    model, held, streams = case
    place = "evoformer/evoformer_iteration/msa_row_attention_with_pair_bias"
    x = normed(held, f"{place}/query_norm", layer, streams.rows[0])
    pairs = normed(held, f"{place}/feat_2d_norm", layer, streams.pairs[0])
    bias = torch.einsum("qkc,ch->hqk", pairs, held[f"{place}//feat_2d_weights"][layer])
    expected = attended(held, f"{place}/attention", layer, x, bias)
    own = model.trunk.layers[layer]
    torch.testing.assert_close(own.row(own.row_norm(streams.rows), streams)[0], expected, **CLOSE)
    place = "evoformer/evoformer_iteration/msa_column_attention"
    x = normed(held, f"{place}/query_norm", layer, streams.rows[0]).transpose(0, 1)
    expected = attended(held, f"{place}/attention", layer, x, torch.zeros(1).double()).transpose(0, 1)
    torch.testing.assert_close(own.column(own.column_norm(streams.rows), streams)[0], expected, **CLOSE)


@torch.no_grad()
def test_columns_of_more_rows_share_keys_as_in_the_authors_code(case: Any) -> None:
    model, held, _ = case
    place, own = "evoformer/extra_msa_stack/msa_column_global_attention", model.extra.stack.layers[0]
    rows = torch.randn(1, 4, 7, 6, dtype=torch.float64)
    x = normed(held, f"{place}/query_norm", 0, rows[0]).transpose(0, 1)  # [N, S, c]
    names = ("query_w", "key_w", "value_w", "gating_w", "gating_b", "output_w", "output_b")
    query, key, value, gate, gate_bias, out, out_bias = (held[f"{place}/attention//{name}"][0] for name in names)
    q = torch.einsum("ba,ahc->bhc", x.mean(1), query) * key.shape[-1] ** -0.5
    weights = torch.einsum("bhc,bkc->bhk", q, x @ key).softmax(-1)
    mixed = torch.einsum("bhk,bkc->bhc", weights, x @ value)[:, None]
    gates = (torch.einsum("bqc,chv->bqhv", x, gate) + gate_bias).sigmoid()
    expected = torch.einsum("bqhc,hco->bqo", mixed * gates, out) + out_bias
    found = own.column(own.column_norm(rows), Streams(rows, rows, torch.ones(1, 4, 7).double(), rows))
    torch.testing.assert_close(found[0], expected.transpose(0, 1), atol=1e-8, rtol=0)  # 1e-10 is added to a count


@pytest.mark.parametrize(("kind", "formula"), [("outgoing", "ikc,jkc->ijc"), ("incoming", "kjc,kic->ijc")])
@torch.no_grad()
def test_triangles_are_multiplied_as_in_the_authors_code(case: Any, kind: str, formula: str) -> None:
    model, held, streams = case
    place, own = f"evoformer/evoformer_iteration/triangle_multiplication_{kind}", model.trunk.layers[1]
    x = normed(held, f"{place}/layer_norm_input", 1, streams.pairs[0])
    left, right = (
        linear(held, f"{place}/{side}_projection", 1, x) * linear(held, f"{place}/{side}_gate", 1, x).sigmoid()
        for side in ("left", "right")
    )
    joined = normed(held, f"{place}/center_layer_norm", 1, torch.einsum(formula, left, right))
    gate = linear(held, f"{place}/gating_linear", 1, x).sigmoid()
    expected = gate * linear(held, f"{place}/output_projection", 1, joined)
    found = getattr(own, kind)(getattr(own, f"{kind}_norm")(streams.pairs), streams)
    torch.testing.assert_close(found[0], expected, **CLOSE)


@pytest.mark.parametrize(("kind", "name"), [("start", "starting"), ("end", "ending")])
@torch.no_grad()
def test_triangles_attend_as_in_the_authors_code(case: Any, kind: str, name: str) -> None:
    model, held, streams = case
    place, own = f"evoformer/evoformer_iteration/triangle_attention_{name}_node", model.trunk.layers[0]
    pairs = streams.pairs[0] if kind == "start" else streams.pairs[0].transpose(0, 1)
    x = normed(held, f"{place}/query_norm", 0, pairs)
    bias = torch.einsum("qkc,ch->hqk", x, held[f"{place}//feat_2d_weights"][0])
    expected = attended(held, f"{place}/attention", 0, x, bias)
    found = getattr(own, kind)(getattr(own, f"{kind}_norm")(streams.pairs), streams)[0]
    torch.testing.assert_close(found, expected if kind == "start" else expected.transpose(0, 1), **CLOSE)


@torch.no_grad()
def test_outer_products_and_transitions_are_the_authors(case: Any) -> None:
    model, held, streams = case
    place, own = "evoformer/evoformer_iteration/outer_product_mean", model.trunk.layers[1]
    x = normed(held, f"{place}/layer_norm_input", 1, streams.rows[0])
    left, right = (linear(held, f"{place}/{side}_projection", 1, x) for side in ("left", "right"))
    product = torch.einsum("abc,ade,cef->bdf", left, right, held[f"{place}//output_w"][1])
    expected = (product + held[f"{place}//output_b"][1]) / (5 + 1e-3)
    torch.testing.assert_close(own.outer(own.outer_norm(streams.rows), streams)[0], expected, **CLOSE)
    for name, place, stream in (("mlp", "msa_transition", "rows"), ("pair_mlp", "pair_transition", "pairs")):
        place, x = f"evoformer/evoformer_iteration/{place}", getattr(streams, stream)
        inner = linear(held, f"{place}/transition1", 1, normed(held, f"{place}/input_layer_norm", 1, x)).relu()
        found = getattr(own, name)(getattr(own, f"{name}_norm")(x), streams)
        torch.testing.assert_close(found, linear(held, f"{place}/transition2", 1, inner), **CLOSE)


@torch.no_grad()
def test_points_attend_as_in_the_authors_code(case: Any) -> None:
    """At frames that stand nowhere, points are where they say."""
    model, whole, streams = case
    start = POINTS.removeprefix(ROOT)
    held = {name.removeprefix(start): tensor[None] for name, tensor in whole.items() if name.startswith(start)}
    heads, points, values, x, pairs = 3, 4, 8, torch.randn(7, 20).double(), streams.pairs[0]
    q = linear(held, "q_scalar", 0, x).reshape(7, heads, -1)
    k, v = linear(held, "kv_scalar", 0, x).reshape(7, heads, -1).split(16, dim=-1)
    asked = torch.stack([one.reshape(7, heads, points) for one in linear(held, "q_point_local", 0, x).chunk(3, -1)], -1)
    both = [one.reshape(7, heads, points + values) for one in linear(held, "kv_point_local", 0, x).chunk(3, -1)]
    keys, told = torch.stack(both, -1).split([points, values], dim=2)
    steep = F.softplus(held["/trainable_point_weights"][0]) * (1 / (3 * points * 9 / 2)) ** 0.5
    apart = (asked[:, None] - keys[None]).square().sum(-1)  # [i, j, heads, points]
    scores = torch.einsum("ihc,jhc->hij", q, k) * (1 / 48) ** 0.5 - 0.5 * torch.einsum("h,ijhp->hij", steep, apart)
    weights = (scores + (1 / 3) ** 0.5 * linear(held, "attention_2d", 0, pairs).permute(2, 0, 1)).softmax(-1)
    found = torch.einsum("hij,jhpx->ihpx", weights, told).flatten(1, 2)
    features = [torch.einsum("hij,jhc->ihc", weights, v).flatten(1), *found.unbind(-1)]
    features += [(1e-8 + found.square().sum(-1)).sqrt(), torch.einsum("hij,ijc->ihc", weights, pairs).flatten(1)]
    expected = linear(held, "output_projection", 0, torch.cat(features, -1))
    single = x[None]
    mine = model.structure.attention(single, streams.pairs, Frames.identity(single), torch.ones(1, 7).double())
    torch.testing.assert_close(mine[0], expected, **CLOSE)


# --- Archives that nobody vouches for -------------------------------------------------------------------------------


def archived(path: Path, compressed: bool = False, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_arrays_are_read_and_written_as_numpy_does(tmp_path: Path) -> None:
    values = {"a/b//w": np.arange(6.0).reshape(2, 3), "one": np.float32(3), "none": np.ones((0, 2), np.float16)}
    np.savez(tmp_path / "theirs.npz", **values)
    read = open_npz(tmp_path / "theirs.npz")
    assert {name: tuple(read.shape(name)) for name in read} == {"a/b//w": (2, 3), "one": (), "none": (0, 2)}
    assert all(np.array_equal(read.get(name).numpy(), value) for name, value in values.items())
    read.get("one").add_(1)  # memory of its own
    write_npz({name: read.get(name) for name in read}, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as again:
        assert all(np.array_equal(again[name], value) for name, value in values.items())
    with pytest.raises(BestiaryError, match="no bfloat16"):
        write_npz({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "other.npz")


BAD: dict[str, tuple[Any, str]] = {
    "pickles": (lambda path: archived(path, w=saved(np.array([{}], dtype=object))), "'w' holds 'object'"),
    "compressed": (lambda path: archived(path, compressed=True, w=saved(np.ones(9))), "'w' is compressed or encrypted"),
    "by columns": (lambda path: archived(path, w=saved(np.asfortranarray(np.ones((2, 3))))), "laid out by columns"),
    "another order": (lambda path: archived(path, w=saved(np.ones(3, ">f4"))), "'w' holds '>f4'"),
    "short": (lambda path: archived(path, w=saved(np.ones(9))[:-8]), "'w' is 192 bytes long, not the 200"),
    "no array": (lambda path: archived(path, w=b"hello"), "'w' has a header that is not numpy's"),
    "empty": (lambda path: archived(path), "is no archive that numpy.savez writes"),
    "cut": (
        lambda path: path.write_bytes(archived(path, w=saved(np.ones(99))).read_bytes()[:-40]), "damaged or truncated",
    ),
    "a page": (lambda path: path.write_bytes(b"<!doctype html>"), "is a web page"),
    "others": (lambda path: path.write_bytes(b"\x80\x04K\x01."), "is no archive that numpy.savez writes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_gets_one_sentence(kind: str, tmp_path: Path) -> None:
    make_it, sentence = BAD[kind]
    make_it(tmp_path / "params.npz")
    with pytest.raises(BestiaryError) as caught:
        bestiary.load(tmp_path / "params.npz")
    assert sentence in str(caught.value)
    assert str(tmp_path / "params.npz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_of_another_model_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", w=np.ones(3))
    with pytest.raises(BestiaryError, match=r"config\.json is missing beside the weights"):
        bestiary.load(tmp_path / "params.npz")
    held = {name: tensor for name, tensor in published(perturbed()).items() if "left_single//bias" not in name}
    write_npz(held, tmp_path / "less.npz")
    with pytest.raises(BestiaryError, match="left_single//bias is missing"):
        bestiary.load(tmp_path / "less.npz")
