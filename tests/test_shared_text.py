"""U-Nets that read one text tower: blocks derived anew from their figures, thresholds by hand, counts, twins."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from command_line import bestiary
from feature_map_models import IMAGEN
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from bestiary import diffuse
from bestiary.architectures import make
from bestiary.architectures.imagen import base_unet
from bestiary.cli.twin import twin_tokenizer
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count, flops
from bestiary.spec import (
    Attention,
    CosineBetas,
    GroupNorm,
    NoiseLevel,
    NormedJoinedAttention,
    NormedWidthAttention,
    PooledText,
    Schedule,
    TimeCosines,
    check,
    flat,
    from_json,
    swap,
    to_json,
    walk,
)

CLOSE = 1e-10
NODE: Any = make("imagen", **IMAGEN)
PUBLISHED: dict[str, Any] = {
    "dim": 4096, "depth": 24, "heads": 64, "head_dim": 64, "hidden": 10240, "width": 512,
    "upper_widths": (128, 256, 512, 1024), "upper_cells": (2, 4, 8, 8),
}  # fmt: skip
Weights = Mapping[str, Tensor]


def perturbed(node: Any, seed: int = 0) -> Any:
    model = build(node, seed=seed).double()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


# The Efficient U-Net written anew, as figures A.27 to A.29 of the paper draw its blocks, without any module.


def group_norm(x: Tensor, weights: Weights, name: str, groups: int) -> Tensor:
    parts = x.unflatten(1, (groups, -1))
    mean = parts.mean((2, 3, 4), keepdim=True)
    variance = ((parts - mean) ** 2).mean((2, 3, 4), keepdim=True)
    x = ((parts - mean) / (variance + 1e-5).sqrt()).flatten(1, 2)
    return x * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]


def swish(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


def conv(x: Tensor, weights: Weights, name: str, stride: int = 1) -> Tensor:
    weight = weights[f"{name}.weight"]
    around = weight.shape[-1] // 2
    x = F.pad(x, (0, 1, 0, 1)) if stride == 2 else F.pad(x, (around,) * 4)
    rows = [
        x[..., i : x.shape[-2] - weight.shape[-2] + 1 + i : stride, j : x.shape[-1] - weight.shape[-1] + 1 + j : stride]
        for i in range(weight.shape[-2])
        for j in range(weight.shape[-1])
    ]
    patches = torch.stack(rows, dim=2)
    return torch.einsum("bckhw,ock->bohw", patches, weight.flatten(2)) + weights[f"{name}.bias"][:, None, None]


def transposed(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Each pixel puts its nine products where it comes to stand; what falls out at the end is cut."""
    weight = weights[f"{name}.weight"]
    height, width = x.shape[-2:]
    out = x.new_zeros(len(x), weight.shape[1], 2 * height + 1, 2 * width + 1)
    for i in range(3):
        for j in range(3):
            product = torch.einsum("bchw,co->bohw", x, weight[:, :, i, j])
            out[..., i : i + 2 * height : 2, j : j + 2 * width : 2] += product
    return out[..., :-1, :-1] + weights[f"{name}.bias"][:, None, None]


def resnet_block(x: Tensor, weights: Weights, name: str, groups: int) -> Tensor:
    """Figure A.27, and the root of two of appendix B.1."""
    h = conv(swish(group_norm(x, weights, f"{name}.norm1", groups)), weights, f"{name}.conv1")
    h = conv(swish(group_norm(h, weights, f"{name}.norm2", groups)), weights, f"{name}.conv2")
    return (conv(x, weights, f"{name}.shortcut") + h) / math.sqrt(2)


def linear(x: Tensor, weights: Weights, name: str) -> Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def combine(x: Tensor, told: Tensor, weights: Weights, name: str, groups: int) -> Tensor:
    scale, shift = linear(swish(told), weights, f"{name}.told")[..., None, None].chunk(2, dim=1)
    return group_norm(x, weights, f"{name}.norm", groups) * (1 + scale) + shift


def attend(x: Tensor, text: Tensor, weights: Weights, name: str, heads: int, groups: int) -> Tensor:
    """Figure A.28: eight heads in the paper, together twice as wide as the map; the text's vectors join its pixels."""
    layer = f"{name}.stack.layers.0"
    h = group_norm(x, weights, f"{layer}.attn_norm", groups).flatten(2).mT
    text = F.layer_norm(text, text.shape[-1:]) * weights[f"{layer}.attn.read_norm.weight"]
    text = text + weights[f"{layer}.attn.read_norm.bias"]
    q, k, v = (linear(h, weights, f"{layer}.attn.{part}") for part in "qkv")
    k = torch.cat((k, linear(text, weights, f"{layer}.attn.k_read")), dim=1)
    v = torch.cat((v, linear(text, weights, f"{layer}.attn.v_read")), dim=1)
    assert q.shape[-1] == 2 * x.shape[1]
    q, k, v = (part.unflatten(-1, (heads, -1)) for part in (q, k, v))
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
    mixed = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).flatten(2)
    return x + linear(mixed, weights, f"{layer}.attn.o").mT.unflatten(2, x.shape[-2:])


@torch.no_grad()
def test_the_efficient_unet_is_what_its_figures_draw() -> None:
    node: Any = make("efficient_unet", widths=(8, 16), cells=(1, 2), attends=(0, 1), heads=2, read=12, size=8, groups=4)
    model = perturbed(node)
    weights = model.state_dict()
    sample, text = (
        torch.randn(2, 6, 8, 12, dtype=torch.float64),
        torch.randn(2, 5, 12, dtype=torch.float64),
    )
    times = torch.tensor([3, 700])
    angles = times[:, None] * torch.exp(-math.log(10_000) * torch.arange(4, dtype=torch.float32) / 4)
    told = torch.cat((angles.cos(), angles.sin()), dim=1).double()  # waves are in float32, here as there
    told = linear(swish(linear(told, weights, "time.up")), weights, "time.down")
    x, kept = conv(sample, weights, "enter"), list[Tensor]()
    for level, cells in enumerate((1, 2)):
        x = combine(conv(x, weights, f"down.{level}.enter.conv", 2), told, weights, f"down.{level}.told", 4)
        for cell in range(cells):
            x = resnet_block(x, weights, f"down.{level}.cells.{cell}.res", 4)
            x = attend(x, text, weights, "down.1.cells.1.attend", 2, 4) if (level, cell) == (1, 1) else x
        kept.append(x)
    for level, cells in enumerate((2, 1)):
        x = combine(torch.cat((x, kept.pop()), dim=1), told, weights, f"up.{level}.told", 4)
        for cell in range(cells):
            x = resnet_block(x, weights, f"up.{level}.cells.{cell}.res", 4)
            x = attend(x, text, weights, "up.0.cells.1.attend", 2, 4) if (level, cell) == (0, 1) else x
        x = transposed(x, weights, f"up.{level}.leave.conv")
    expected = conv(x, weights, "leave")
    assert (model(sample, times, text).sample - expected).abs().max() < CLOSE
    assert kept == [] and expected.std() > 0.05


NAMES = {
    "add_embedding.norm1": "conditions.0.norm", "add_embedding.norm2": "conditions.0.map_norm",
    "add_embedding.proj": "conditions.0.map", "class_embedding.linear_1": "conditions.1.embed.up",
    "class_embedding.linear_2": "conditions.1.embed.down", "add_embedding.pool.q_proj": "conditions.0.q",
    "add_embedding.pool.k_proj": "conditions.0.k", "add_embedding.pool.v_proj": "conditions.0.v",
    "conv_in": "enter", "conv_out": "leave", "conv_norm_out": "norm", "time_embedding.linear_1": "time.up",
    "time_embedding.linear_2": "time.down", ".resnets.": ".cells.", ".attentions.": ".cells.", "down_blocks": "down",
    "up_blocks": "up", "mid_block": "middle", ".downsamplers.0.": ".resample.", ".upsamplers.0.": ".resample.",
    "time_emb_proj": "time", "conv_shortcut": "shortcut", "to_out.0": "o", "to_q": "q", "to_k": "k", "to_v": "v",
    "add_k_proj": "k_read", "add_v_proj": "v_read", "norm_cross": "read_norm",
}  # fmt: skip
"""How diffusers calls what is ours, by parts of names; cells and attentions are put in their places besides."""


def named_as_ours(name: str) -> str:
    inner = "attend.stack.layers.0.attn" if ".attentions." in name else "res" if ".resnets." in name else None
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    if inner:
        head, number, rest = re.split(r"\.cells\.(\d+)\.", name)
        rest = f"{inner}_norm.{rest.split('.', 1)[1]}" if rest.startswith("group_norm.") else f"{inner}.{rest}"
        name = f"{head}.cells.{number}.{rest}"
    return name


@torch.no_grad()
def test_the_unet_that_draws_answers_what_diffusers_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # There norms of what joins are of groups, so they are here too; and it is told a noise level besides.
    kinds = ["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"]
    torch.manual_seed(0)
    theirs: Any = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=6, out_channels=3, block_out_channels=(16, 32), layers_per_block=2,
        down_block_types=kinds, mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=["SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"], cross_attention_dim=64,
        attention_head_dim=8, norm_num_groups=8, norm_eps=1e-5, cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift", class_embed_type="timestep", addition_embed_type="text",
        addition_embed_type_num_heads=4,
    ).double().eval()  # fmt: skip
    for parameter in theirs.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    node = base_unet(16, (1, 2), (0, 1), 2, 8, 8, 64, 8)
    node = swap(node, NormedJoinedAttention, lambda op: op.replace(read_norm=GroupNorm(32)))
    node = node.replace(channels=6, conditions=(PooledText(4, 64), NoiseLevel(TimeCosines(), 16)))
    pool = theirs.add_embedding.pool.forward

    def in_float64(vectors: Tensor) -> Tensor:
        with monkeypatch.context() as patch:  # its softmax is in float32 whatever the model is in
            patch.setattr(Tensor, "float", Tensor.double)
            return pool(vectors)

    monkeypatch.setattr(theirs.add_embedding.pool, "forward", in_float64)
    weights = {named_as_ours(name): value for name, value in theirs.state_dict().items()}
    weights["conditions.0.position"] = weights.pop("add_embedding.pool.positional_embedding")[0]
    model = build(node).double()
    model.load_state_dict(weights, strict=True)
    sample, text = torch.randn(2, 6, 8, 8, dtype=torch.float64), torch.randn(2, 5, 64, dtype=torch.float64)
    times, levels = torch.tensor([3, 721]), torch.tensor([0, 250])
    expected = theirs(sample, times, text, class_labels=levels).sample
    assert (model(sample, times, text, noise_level=levels).sample - expected).abs().max() < CLOSE
    assert count(node).total == sum(parameter.numel() for parameter in theirs.parameters())


def test_gradients_reach_every_parameter() -> None:
    model = perturbed(NODE)
    ids, keep = torch.randint(300, (2, 5)), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    told = model.read(ids, keep)
    small = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    answers = [model.base(small, 9, told, keep).sample]
    for part, size in zip(model.upscalers, (16, 32), strict=True):
        large = torch.randn(2, 3, size, size, dtype=torch.float64)
        answers.append(part(large, torch.tensor([9, 30]), told, small, torch.tensor([0, 200]), keep).sample)
    sum((answer * torch.randn_like(answer)).sum() for answer in answers).backward()  # type: ignore[union-attr]
    idle = [name for name, parameter in model.named_parameters() if not parameter.grad.any()]
    assert idle == []


@torch.no_grad()
def test_vectors_of_padding_are_not_read() -> None:
    model = perturbed(NODE)
    told, sample = torch.randn(1, 6, 24, dtype=torch.float64), torch.randn(1, 3, 8, 8, dtype=torch.float64)
    keep = torch.tensor([[1, 1, 1, 1, 0, 0]])
    alone = model.base(sample, 9, told[:, :4]).sample
    assert (model.base(sample, 9, told, keep).sample - alone).abs().max() < CLOSE
    assert (model.base(sample, 9, told).sample - alone).abs().max() > 1e-4


@torch.no_grad()
def test_a_text_is_pooled_by_its_mean_that_asks() -> None:
    from bestiary.nn.told import PooledText as Module

    module = Module(PooledText(2, 6), 5, "silu").double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    weights, vectors = module.state_dict(), torch.randn(1, 3, 6, dtype=torch.float64)
    x = F.layer_norm(vectors, (6,)) * weights["norm.weight"] + weights["norm.bias"]
    asking = x.mean(1) + weights["position"]
    x = torch.cat((asking[:, None], x), dim=1)[0]
    heads: list[Tensor] = []
    for head in (slice(0, 3), slice(3, 6)):
        q, k, v = (linear(read, weights, part)[:, head] for part, read in (("q", asking), ("k", x), ("v", x)))
        heads.append((q @ k.T / math.sqrt(3)).softmax(-1) @ v)
    expected = F.layer_norm(linear(torch.cat(heads, dim=1), weights, "map"), (5,))
    expected = expected * weights["map_norm.weight"] + weights["map_norm.bias"]
    given = {"encoder_hidden_states": vectors, "encoder_attention_mask": None}
    assert (module(given) - expected).abs().max() < CLOSE


def test_pixels_are_held_by_their_own_percentile() -> None:
    # Sizes 0.5, 1, 2, 4 and 3: three quarters of the way from the least to the greatest stands 3.
    image = torch.tensor([0.5, -1.0, 2.0, -4.0, 3.0]).view(1, 1, 1, 5)
    found = diffuse.held(image, diffuse.Percentile(0.75))
    assert found.flatten().tolist() == pytest.approx([0.5 / 3, -1 / 3, 2 / 3, -1.0, 1.0])
    within = image / 8
    assert torch.equal(diffuse.held(within, diffuse.Percentile(0.75)), within)  # never enlarged
    both = diffuse.held(torch.cat((image, within)), diffuse.Percentile(0.75))
    assert torch.equal(both, torch.cat((found, within)))  # each image by its own pixels
    assert diffuse.held(image, 1.0).flatten().tolist() == [0.5, -1.0, 1.0, -1.0, 1.0]
    assert diffuse.held(image.bfloat16(), diffuse.Percentile(0.75)).dtype == torch.bfloat16


@pytest.mark.parametrize("share", [0.95, 0.995])
def test_steps_with_thresholds_are_those_of_diffusers(share: float) -> None:
    sampler = diffuse.Sampler(Schedule(CosineBetas()), clip=diffuse.Percentile(share), anew=True)
    theirs = diffusers.DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", clip_sample=False, thresholding=True, dynamic_thresholding_ratio=share,
        sample_max_value=1e9,
    )  # fmt: skip
    theirs.set_timesteps(7)
    torch.manual_seed(0)
    for time in sampler.times(7):
        sample, predicted = torch.randn(2, 2, 3, 5, 5, dtype=torch.float64)
        ours = diffuse.ddim_step(sampler, predicted, time, 1000 // 7, sample)
        step = theirs.step(predicted, time, sample, use_clipped_model_output=True)
        assert (ours - step.prev_sample).abs().max() < CLOSE


class Watched(torch.nn.Module):
    """A part that enlarges, which keeps what it was called with and predicts the noise that is there."""

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.spec, self.part, self.calls = part.spec, part, []

    def forward(self, *given: Any) -> Any:
        self.calls.append(given)
        return self.part(*given)


def twin(seed: int = 0) -> Any:
    model = build(NODE, seed=seed)
    model.tokenizer = twin_tokenizer(NODE)
    return model


def test_what_is_enlarged_is_noisy_and_the_model_is_told_how_much() -> None:
    shares = diffuse.signal(Schedule(CosineBetas()))
    seen: dict[float, Tensor] = {}
    for noise in (0.0, 0.3, 1.0):
        model = twin()
        watched = Watched(model.upscalers[0])
        model.upscalers[0] = watched
        assert diffuse.draw_shared(model, ["red"], steps=2, noise=noise, guidance=2.0).shape == (1, 3, 32, 32)
        sample, _, vectors, small, level, _ = watched.calls[0]
        assert level == round(999 * noise)
        assert len(sample) == len(vectors) == len(small) == 2  # asked twice: with zeros for the text, and with it
        assert not vectors[0].any() and vectors[1].any()
        assert torch.equal(small[0], small[1])
        seen[noise] = small[0]
    drawn = seen[0.0]
    added = (seen[0.3] - shares[300] ** 0.5 * drawn) / (1 - shares[300]) ** 0.5
    assert abs(added.mean()) < 0.3 and 0.8 < added.std() < 1.2  # 192 numbers of a normal distribution
    assert (seen[1.0] - added).abs().max() < 0.01  # nothing but the same noise is left


def test_a_model_heeds_the_noise_level_and_the_small_picture() -> None:
    part = perturbed(NODE.upscalers[0])
    sample, told = torch.randn(1, 3, 16, 16, dtype=torch.float64), torch.randn(1, 4, 24, dtype=torch.float64)
    small = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        once, other = (part(sample, 9, told, small, level).sample for level in (0, 300))
        third = part(sample, 9, told, -small, 0).sample
    assert (once - other).abs().max() > 1e-3
    assert (once - third).abs().max() > 1e-3
    with pytest.raises(BestiaryError, match="give noise_level"):
        part.unet(torch.cat((sample, sample), dim=1), 9, told)
    with pytest.raises(BestiaryError, match="give encoder_hidden_states"):
        part.unet(torch.cat((sample, sample), dim=1), 9, noise_level=3)


def test_texts_of_several_lengths_are_drawn_as_each_alone() -> None:
    model = twin()
    short, long = "red", "a dog that runs"
    told, keep = diffuse.shared_text._read(model, [short, long])  # type: ignore[attr-defined]
    assert keep.tolist() == [[1] * 3 + [0] * (len(long) - 3), [1] * len(long)]
    alone = model.read(torch.tensor([model.tokenizer.encode(short)]))
    assert (told[0, :3] - alone[0]).abs().max() < 1e-5


def test_published_sizes() -> None:
    model: Any = make("imagen", **PUBLISHED)
    text = count(model.text)
    assert text.total == 4_762_310_656
    assert text.total - 32128 * 4096 == 4_630_714_368  # the paper's 4.6B, without the table of tokens
    assert count(model.base).total == 2_437_591_043  # 2B
    assert [count(part).total for part in model.upscalers] == [556_443_139, 548_046_339]  # 600M; 400M, see the entry
    assert sum(p.numel() for p in build(model, device="meta").parameters()) == count(model).total


def test_the_last_part_has_no_self_attention() -> None:
    first, last = NODE.upscalers
    assert any(isinstance(node, Attention) for _, node in walk(first))
    assert not any(isinstance(node, Attention) for _, node in walk(last))
    assert sum(isinstance(node, NormedWidthAttention) for _, node in walk(last)) == 2


def test_a_cascade_is_json_and_pseudo_code_and_costs_something() -> None:
    assert from_json(to_json(NODE)) == NODE
    shown = flat(NODE)
    assert "low_res is as noisy as at noise_level" in shown
    assert shown.count("transposed_conv(x, stride=2)") == 4
    assert "(shortcut(x) + conv(h)) * 0.7071" in shown
    assert "memory = layer_norm(encoder_hidden_states)" in shown
    parts = flops(NODE, 7).parts
    assert parts["text.stack.layers[*].mlp"] == 2 * (3 * 2 * 7 * 24 * 20)
    assert parts["upscalers[1].unet.leave"] == 2 * 16 * 3 * 32 * 32
    assert parts["base.unet.conditions[0]"] == 2 * 24 * ((1 + 2 * 8) * 24 + 64) + 4 * 24 * 8


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda node: node.at("dim", 25), "the text's vectors are 24 wide"),
        (lambda node: node.at("base.dim", 8), "dim is 8, but the U-Net's is 16"),
        (lambda node: node.at("upscalers[0].unet.size", 8), "pictures grow"),
        (lambda node: node.at("base.unet.conditions", (NoiseLevel(TimeCosines(), 16),)), "is told 1 noise levels"),
        (lambda node: node.at("upscalers[0].unet.conditions", ()), "is told 0 noise levels"),
        (lambda node: node.at("upscalers[0].unet.out", 2), "cannot answer 2"),
        (lambda node: swap(node, PooledText, PooledText(5, 24)), "5 heads do not divide vectors 24 wide"),
        (lambda node: swap(node, PooledText, PooledText(3, 12)), "reads vectors 12 wide, but the text's are 24"),
        (lambda node: swap(node, NoiseLevel, NoiseLevel(TimeCosines(), 3)), "waves of a noise level come in pairs"),
        (lambda node: node.at("upscalers[0].unet.up", node.upscalers[0].unet.up[:1]), "they must meet"),
    ],
)  # fmt: skip
def test_what_cannot_be(edit: Any, said: str) -> None:
    with pytest.raises(BestiaryError, match=said):
        check(edit(NODE))


@pytest.mark.parametrize(
    ("given", "said"),
    [({"noise": 2.0}, "noise is 2.0, which must be from 0 to 1"), ({"texts": [""]}, "the text is empty")],
)
def test_what_cannot_be_drawn(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BestiaryError, match=said):
        diffuse.draw_shared(twin(), **{"texts": ["red"], "steps": 1, **given})


def test_a_twin_draws(tmp_path: Path) -> None:
    done = bestiary(f"run imagen:tiny hedgehog --out {tmp_path / 'it.png'}")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "it.png") as picture:
        assert picture.size == (64, 64)
    assert "stand-in" not in done.err
