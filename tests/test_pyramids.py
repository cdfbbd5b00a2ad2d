"""Pyramids: windows, what merges places, biases told by an MLP, each against a slow derivation from the paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bestiary import spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.nn.context import Context
from bestiary.nn.pyramids import NormedMerging, PatchMerging
from bestiary.nn.scores import ContinuousBias
from bestiary.nn.stack import op
from bestiary.sizing import diff
from bestiary.weights.dialects import DIALECTS
from bestiary.weights.translate import spell, understand

SIZES: dict[str, Any] = {"dim": 12, "depths": (2, 3), "heads": (2, 4), "window": 2, "image": 16, "patch": 2}


@pytest.fixture(autouse=True)
def exact() -> Any:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def drawn(module: Any) -> Any:
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


def on_map(height: int, width: int) -> Context:
    return Context(torch.arange(height * width)[None], height * width, grid=(height, width))


def region(at: int, length: int, side: int, shift: int) -> tuple[int, bool]:
    """Return the window that a place falls into once the map is shifted, and whether it came from the other end."""
    moved = (at - shift) % length
    return moved // side, at < shift


@pytest.mark.parametrize(("height", "width", "side", "shift"), [(4, 6, 2, 0), (6, 4, 2, 1), (6, 9, 3, 1), (9, 9, 3, 2)])
def test_a_place_sees_those_of_its_window_that_stand_beside_it(height: int, width: int, side: int, shift: int) -> None:
    node = spec.Windows(spec.Attention(2, position=spec.WindowBias(side)), side, shift)
    module = drawn(op(node, 8))
    x = torch.randn(2, height * width, 8)
    attention = module.attention
    q, k, v = (attention.split(project(x), 2) for project in (attention.q, attention.k, attention.v))
    mixed = torch.zeros_like(q)
    for query in range(height * width):
        row, column = divmod(query, width)
        mine = (region(row, height, side, shift), region(column, width, side, shift))
        seen = [
            key
            for key in range(height * width)
            if (region(key // width, height, side, shift), region(key % width, width, side, shift)) == mine
        ]
        rows = [(row - key // width + side - 1) * (2 * side - 1) + column - key % width + side - 1 for key in seen]
        scores = (q[:, :, query, None] * k[:, :, seen]).sum(-1) / 2 + attention.position.weight[rows].T
        mixed[:, :, query] = (scores.softmax(-1)[..., None] * v[:, :, seen]).sum(2)
    expected = attention.o(mixed.transpose(1, 2).flatten(2))
    assert (module(x, on_map(height, width)) - expected).abs().max() < 1e-12


def test_zeros_fill_up_a_map_that_windows_do_not_tile() -> None:
    module = drawn(op(spec.Windows(spec.Attention(2), 3, 1), 8))
    x = torch.randn(1, 20, 8)
    filled = torch.zeros(1, 6, 6, 8)
    filled[:, :4, :5] = x.unflatten(1, (4, 5))
    expected = module(filled.flatten(1, 2), on_map(6, 6)).unflatten(1, (6, 6))[:, :4, :5].flatten(1, 2)
    assert (module(x, on_map(4, 5)) - expected).abs().max() < 1e-12


def test_a_map_that_is_one_window_is_not_shifted() -> None:
    module = drawn(op(spec.Windows(spec.Attention(2), 3, 1), 8))
    x = torch.randn(1, 9, 8)
    assert torch.equal(module(x, on_map(3, 3)), module.attention(x, Context(torch.arange(9)[None], 9)))


@pytest.mark.parametrize("kind", [PatchMerging, NormedMerging])
def test_four_neighbors_become_one_place(kind: Any) -> None:
    module, x, context = drawn(kind(spec.Merging(), 3)), torch.randn(2, 12, 3), on_map(3, 4)
    found = module(x, context)
    assert context.grid == (2, 2)
    for place, (row, column) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        corners = [
            x[:, (row + down) * 4 + column + right] if row + down < 3 else torch.zeros(2, 3)
            for right in (0, 1)
            for down in (0, 1)
        ]
        joined = torch.cat(corners, dim=-1)
        expected = module.reduce(module.norm(joined)) if kind is PatchMerging else module.norm(module.reduce(joined))
        assert (found[:, place] - expected).abs().max() < 1e-12


@pytest.mark.parametrize("trained", [None, 5])
def test_a_bias_is_told_from_the_logarithm_of_the_offset(trained: int | None) -> None:
    side, heads = 3, 2
    module = drawn(ContinuousBias(spec.ContinuousBias(side, trained), heads))

    def log(offset: int) -> float:
        scaled = 8 * offset / ((trained or side) - 1)
        return math.copysign(math.log2(abs(scaled) + 1) / 3, scaled)

    found = module(torch.zeros(1, heads, 9, 4), torch.zeros(1), Context(torch.arange(9)[None], 9))[0]
    for query, key in ((0, 0), (0, 8), (4, 1), (7, 2)):
        offset = torch.tensor([log(query // 3 - key // 3), log(query % 3 - key % 3)])
        expected = 16 * torch.sigmoid(module.down(torch.relu(module.up(offset))))
        assert (found[:, query, key] - expected).abs().max() < 1e-5  # published offsets are rounded to float32


def test_cosines_are_scaled_by_a_number_that_is_bounded() -> None:
    module = drawn(op(spec.CosineAttention(2, limit=5.0), 8))
    module.q.log_scale.data = torch.tensor([1.0, 3.0])
    x = torch.randn(1, 4, 8)
    q, k = (module.split(project(x), 2) for project in (module.q, module.k))
    assert torch.allclose(q.norm(dim=-1), torch.tensor([math.e, 5.0])[:, None])
    assert torch.allclose(k.norm(dim=-1), torch.ones(1))


def test_skipping_grows_over_the_layers_of_all_tiers() -> None:
    model: Any = build(make("swin", **SIZES, labels=5, drop_path=0.4))
    stacks = [tier.stack for tier in model.tiers]
    steps = [s.drop_path * (s.before + depth) for s in stacks for depth in range(len(s.order))]
    assert steps == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_the_main_branch_is_normed_after_so_many_layers_of_a_tier() -> None:
    node: Any = make("swinv2", **{**SIZES, "depths": (2, 5)}, labels=5, main_norms=2)
    model = drawn(build(node))
    plain = build(make("swinv2", **{**SIZES, "depths": (2, 5)}, labels=5)).eval()
    state = model.state_dict()
    plain.load_state_dict({name: tensor for name, tensor in state.items() if ".main_norm." not in name})
    normed = sorted(name.removesuffix(".main_norm.weight") for name in state if name.endswith(".main_norm.weight"))
    assert normed == [f"tiers.{tier}.stack.layers.{depth}" for tier, depth in ((0, 1), (1, 1), (1, 3))]
    pixels = torch.randn(2, 3, 16, 16)
    assert (plain(pixels).logits - model(pixels).logits).abs().max() > 1e-3
    for name in normed:
        norm = model.get_submodule(f"{name}.main_norm")
        plain.get_submodule(name).register_forward_hook(lambda layer, given, x, norm=norm: norm(x))
    assert (plain(pixels).logits - model(pixels).logits).abs().max() < 1e-12
    assert node.at("tiers[1].stack.layers[*].main.norm.eps") == (1e-5, 1e-5)
    assert [line.split("#")[0].strip() for line in spec.flat(node).splitlines()].count("x = layer_norm(x)") == 5
    with pytest.raises(BestiaryError, match="swinv2"):
        spell(node, "swinv2")


@pytest.mark.parametrize("name", ["swin", "swinv2", "swin_masked", "swinv2_masked"])
def test_specs_are_read_back_drawn_and_told(name: str) -> None:
    node: Any = make(name, **SIZES)
    assert spec.from_json(spec.to_json(node)) == node
    assert "Tier(dim=24)" in spec.tree(node)
    code = spec.flat(node)
    assert ("after a shift by 1" in code, "a map of 4 x 4 places, 24 wide" in code) == (True, True)
    assert ("four_neighbors(x) @ W)" in code, "16 * sigmoid(" in code) == (("v2" in name),) * 2


def test_an_edit_of_a_level_is_told_and_counted() -> None:
    node: Any = make("swin", **SIZES)
    wider = node.at("tiers[1].stack.layers[*].mlp.hidden", 100)
    assert wider.at("tiers[1].stack.layers[0].attn.attention.heads") == 4
    change = diff(node, wider)
    assert change.parameters == 3 * 4 * (2 * 24 + 1)
    with pytest.raises(BestiaryError, match="make it anew at other ones"):
        spec.resize(node, dim=24)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("tiers[1].dim", 20, "merging gives 24"),
        ("tiers[0].merge", None, "must be merged"),
        ("tiers[1].merge", spec.PatchMerging(), "the last tier is not merged"),
        ("dim", 24, "the first tier is 12 wide"),
        ("embed.extra", 1, "no room for extra tokens"),
        ("tiers[0].stack.layers[0].attn.shift", 2, "less than their side 2"),
        ("tiers[0].stack.layers[0].attn.side", 4, "their bias is for windows of 2"),
        ("tiers[0].stack.layers[0].attn.attention.mask", (spec.Causal(),), "no order"),
        ("tiers[0].stack.layers[0].attn.attention.heads", 5, "5 heads do not divide dim 12"),
    ],
)
def test_what_cannot_be_built_says_where(path: str, value: Any, words: str) -> None:
    node: Any = make("swin", **SIZES)
    with pytest.raises(BestiaryError) as caught:
        spec.check(node.at(path, value))
    assert words in str(caught.value)


def test_images_of_other_channels_are_refused() -> None:
    model = build(make("swin", **SIZES))
    with pytest.raises(BestiaryError, match=r"reads \[batch, 3, height, width\]"):
        model(torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("depths", [2, 10**9], "'depths' is"),
        ("depths", 2, "'depths' is 2"),
        ("num_heads", [1, "2"], "'num_heads' is"),
        ("num_heads", [1, 2, 3], "heads for 3"),
        ("depths", [], "'depths' is"),
    ],
)
def test_hostile_configs_are_one_sentence(key: str, value: Any, words: str) -> None:
    config = {"model_type": "swin", "architectures": ["SwinModel"], "depths": [2, 2], "num_heads": [1, 2], key: value}
    with pytest.raises(BestiaryError) as caught:
        understand(config, "config.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "swin" in DIALECTS


def test_a_mask_that_only_one_class_has_is_there_for_it_alone() -> None:
    config = {"model_type": "swin", "depths": [2, 2], "num_heads": [1, 2], "encoder_stride": 8}
    plain = understand({**config, "architectures": ["SwinForImageClassification"]}, "").spec
    masked: Any = understand({**config, "architectures": ["SwinForMaskedImageModeling"]}, "").spec
    assert not any(isinstance(node, spec.MaskedPaddedPatches) for _, node in spec.walk(plain))
    assert masked.heads["pixels"].side == 8
    image = build(masked)(torch.zeros(1, 3, 224, 224), torch.zeros(1, 56 * 56, dtype=torch.bool))
    assert isinstance(image.reconstruction, Tensor)
    assert image.reconstruction.shape == (1, 3, 224, 224)
