"""unCLIP: its prior against diffusers, its decoder against GLIDE's, its sizes against what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from feature_map_models import CODES, DECODER, KARLO, PRIOR, UNCLIP
from safetensors.torch import load_file, save_file
from test_patch_diffusion import CLOSE, FILE, distance, of_gradients, raw, swaps
from torch import Tensor

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count, flops
from bestiary.sizing.memory import cache_bytes
from bestiary.spec import Attention, Window, check, flat, from_json, swap, to_json
from bestiary.weights.save import published


def reference(seed: int) -> Any:
    torch.manual_seed(seed)
    sizes = {"num_attention_heads": 2 + seed, "attention_head_dim": 8, "num_layers": 2, "embedding_dim": 10 + seed}
    model = diffusers.PriorTransformer(**sizes, num_embeddings=5 + seed).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module", params=[0, 1])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    folder = tmp_path_factory.mktemp("reference")
    theirs = reference(request.param)
    theirs.save_pretrained(folder)
    return theirs, bestiary.load(folder), folder


def answers(model: Any, config: Any) -> dict[str, Tensor]:
    torch.manual_seed(0)
    width, length = config.embedding_dim, config.num_embeddings
    noisy, text, words = torch.randn(3, length + 2, width, dtype=torch.float64).split((1, 1, length), dim=1)
    keep = torch.ones(3, length)
    keep[1, 3:] = 0
    time = torch.tensor([0, 999, 20])
    if isinstance(model, diffusers.PriorTransformer):
        found = model(noisy[:, 0], time, text[:, 0], words, keep.bool()).predicted_image_embedding
        return {"vector": model.post_process_latents(found)}
    found = model(noisy[:, 0], time, text[:, 0], words, keep).image_embeds
    return {"vector": found * model.deviation + model.mean}


@torch.no_grad()
def test_outputs_agree(pair: tuple[Any, Any, Path]) -> None:
    theirs, ours, _ = pair
    assert distance(answers(theirs, theirs.config), answers(ours, theirs.config)) < CLOSE


def test_gradients_agree_and_reach_every_parameter(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    theirs, ours, _ = pair
    for model in (theirs, ours):
        (answer,) = answers(model, theirs.config).values()
        torch.manual_seed(1)
        (answer * torch.randn_like(answer)).sum().backward()
    of_gradients(theirs).save_pretrained(tmp_path)
    expected, found = load_file(tmp_path / FILE), published(of_gradients(ours), "unclip-prior")
    assert expected.keys() == found.keys()
    for name in expected:
        assert (expected[name] - found[name]).abs().max() < CLOSE, name
        assert name.endswith("to_k.bias") or found[name].any(), name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_saved_back_bit_equal_and_opened_by_the_reference(dtype: torch.dtype, tmp_path: Path) -> None:
    given, back = tmp_path / "given", tmp_path / "back"
    theirs = reference(1).to(dtype)
    theirs.save_pretrained(given)
    bestiary.save(bestiary.load(given), back)
    assert raw(back) == raw(given)
    opened, info = type(theirs).from_pretrained(back, output_loading_info=True)
    assert [(name, found) for name, found in info.items() if found] == []
    aside = {"_name_or_path", "_use_default_values"}
    assert {key for key in theirs.config.keys() - aside if theirs.config[key] != opened.config[key]} == set()


def test_three_counts_agree(pair: tuple[Any, Any, Path]) -> None:
    theirs, ours, _ = pair
    whole = sum(parameter.numel() for parameter in theirs.parameters())
    assert sum(parameter.numel() for parameter in build(ours.spec, device="meta").parameters()) == whole
    assert count(ours.spec).total == whole


@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(pair: tuple[Any, Any, Path], tmp_path: Path) -> None:
    theirs, _, folder = pair
    tensors = load_file(folder / FILE)
    expected = answers(theirs, theirs.config)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    pairs = list(swaps(tensors))
    survivors = []
    for one, other in pairs:
        save_file({**tensors, one: tensors[other], other: tensors[one]}, tmp_path / FILE)
        if distance(expected, answers(bestiary.load(tmp_path), theirs.config)) < CLOSE:
            survivors.append((one, other))
    assert len(pairs) > 15
    assert survivors == [two for two in pairs if all(name.endswith("to_k.bias") for name in two)]


def test_a_text_of_another_length_is_refused(pair: tuple[Any, Any, Path]) -> None:
    _, ours, _ = pair
    width = ours.spec.width
    vector = torch.zeros(1, width, dtype=torch.float64)
    with pytest.raises(BestiaryError, match="pad the text"):
        ours(vector, 3, vector, torch.zeros(1, 3, width, dtype=torch.float64))


@torch.no_grad()
def test_the_decoder_is_glide_told_by_one_more_vector() -> None:
    """What the paper adds, derived by hand: four vectors more to look at, and one more term in what blocks are told."""
    node: Any = make("unclip_decoder", **DECODER)
    model: Any = build(node, seed=0).double()
    for parameter in model.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    ids, image = torch.arange(7)[None], torch.randn(1, 10, dtype=torch.float64)
    sample = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    vectors = model.read(ids)
    rows = torch.stack([(image @ part.T + bias)[0] for part, bias in zip(
        model.extra.weight.split(24), model.extra.bias.split(24), strict=True)])[None]  # fmt: skip
    told = model.unet.conditions[0].map
    text, seen = told.weight.split((24, 10), dim=1)
    told_by_both = vectors[:, -1] @ text.T + image @ seen.T + told.bias
    given = {
        "encoder_hidden_states": torch.cat((vectors, rows), dim=1),
        "vector": torch.cat((vectors[:, -1], image), 1),
    }
    assert torch.allclose(told(given["vector"]), told_by_both)
    assert torch.allclose(model(ids, sample, 9, image).sample, model.unet(sample, 9, **given).sample)
    assert not torch.allclose(model(ids, sample, 9, image).sample, model(ids, sample, 9, 2 * image).sample)


@pytest.mark.parametrize("name", ["unclip_decoder", "unclip_prior"])
def test_parts_count_as_they_are_built_and_are_json_and_pseudo_code(name: str) -> None:
    sizes = DECODER if name == "unclip_decoder" else {"dim": 16, "depth": 2, "heads": 2, "width": 6, "length": 5}
    node = make(name, **sizes)
    assert sum(p.numel() for p in build(node, device="meta").parameters()) == count(node).total
    assert from_json(to_json(node)) == node
    assert "image_embeds" in flat(node)
    assert flops(node).sequence > 0


def test_the_prior_costs_what_its_maps_do() -> None:
    node = make("unclip_prior", dim=16, depth=1, heads=2, width=6, length=5)
    maps = 2 * (5 * 6 * 16 + 3 * 6 * 16) + 2 * (16 * 16 * 2)
    layer = 9 * 2 * (4 * 16 * 16 + 8 * 16 * 16) + 4 * 16 * (9 * 10 // 2)
    assert flops(node).sequence == maps + layer
    assert cache_bytes(node, 1) == 0  # its attentions are causal, but it writes nothing token by token


def test_enlarging_models_attend_nowhere_and_count_what_was_published() -> None:
    first = make("unclip_upsampler", width=320, size=256, levels=(1, 2, 3, 4), cells=3)
    second = make("unclip_upsampler", width=192, size=1024, levels=(1, 1, 2, 2, 4, 4), cells=2)
    assert "softmax" not in flat(first)
    assert (count(first).total, count(second).total) == (729_710_726, 282_064_326)


def test_a_prior_that_looks_within_a_window_is_refused() -> None:
    node: Any = make("unclip_prior", dim=16, depth=1, heads=2, width=6, length=5)
    windowed = swap(node, Attention, lambda attention: attention.replace(mask=(Window(3),)))
    with pytest.raises(BestiaryError, match="comes in order"):
        check(windowed)


WHOLE: dict[str, Any] = {
    "unclip": lambda: make("unclip", prior=PRIOR, **UNCLIP),
    "unclip by codes": lambda: make("unclip", prior=CODES, **UNCLIP),
    "karlo": lambda: make("karlo", **KARLO),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_chain_counts_as_it_is_built_and_is_json_and_pseudo_code(name: str) -> None:
    node = WHOLE[name]()
    assert sum(p.numel() for p in build(node, device="meta").parameters()) == count(node).total
    assert from_json(to_json(node)) == node
    assert "# the prior" in flat(node) and "low_res" in flat(node)
    parts = flops(node).parts
    assert {path.split(".")[0].split("[")[0] for path in parts} == {"text", "prior", "painter", "upscalers"}
    assert cache_bytes(node, 1) == 0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("painter.unet.size", 16, "pictures grow"),
        ("prior.schedule.predicts", "noise", "the prior tells the vector itself"),
        ("painter.teller.width", 8, "told some 8 wide"),
        ("painter.teller.hidden", 8, "what is added to the time step is 8 wide"),
        ("painter.teller.dim", 8, "are 8 wide"),
        ("upscalers[0].finish.size", 32, "the U-Net of the last step"),
        ("upscalers[0].unet.out", 4, "6 channels cannot give 4"),
        ("text.heads.embedding.width", 8, "needs the head embedding=TextEmbedding"),
        ("dim", 8, "some 16 wide"),
    ],
)
def test_what_cannot_be_in_a_chain(path: str, value: Any, said: str) -> None:
    with pytest.raises(BestiaryError, match=said):
        check(WHOLE["karlo"]().at(path, value))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [("components", 17, "no 17 principal components"), ("length", 5, "need 6 places"), ("width", 8, "some 8 wide")],
)
def test_what_cannot_be_in_a_prior_of_codes(path: str, value: int, said: str) -> None:
    with pytest.raises(BestiaryError, match=said):
        check(WHOLE["unclip by codes"]().at(f"prior.{path}", value))


def test_published_sizes_of_the_chain() -> None:
    assert bestiary.count("dall-e-2:whole").total == 354_032_640 + 1_225_927_680 + 3_565_432_326 + 1_011_775_052
    assert bestiary.count("dall-e-2:prior-codes").total == 2_414_722_944
    parts: Any = bestiary.spec("karlo:v1-alpha")
    sizes = [count(part).total for part in (parts.prior, parts.painter, *parts.upscalers)]
    assert sizes == [1_022_030_080, 893_318_086, 2 * 691_579_523]


def test_codes_are_drawn_where_the_prior_tells_them() -> None:
    from bestiary import diffuse
    from bestiary.cli.twin import byte_tokenizer

    node: Any = WHOLE["unclip by codes"]()
    model: Any = perturbed(build(node, seed=0))
    model.tokenizer = byte_tokenizer(300)
    pace = diffuse.Pace(2, 2, 2)
    first, again, other = (diffuse.draw_by_vector(model, ["cat"], pace=pace, seed=seed) for seed in (0, 0, 1))
    assert first.shape == (1, 3, 32, 32)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not torch.equal(first, diffuse.draw_by_vector(model, ["dog"], pace=pace, seed=0))


@torch.no_grad()
def test_codes_are_scored_one_behind_another_from_the_text() -> None:
    """Derived by hand: the stack reads the text's vector, nearness and codes, and sees none that come later."""
    model: Any = perturbed(build(WHOLE["unclip by codes"](), seed=0)).prior
    vector, words = torch.randn(1, 16, dtype=torch.float64), torch.randn(1, 7, 24, dtype=torch.float64)
    near, codes = torch.tensor([3]), torch.tensor([[6, 0, 2, 4]])
    scores = model(vector, words, near, codes).logits
    rows = [vector @ model.whole.weight.T + model.whole.bias, model.nearness.weight[3][None]]
    x = torch.stack([*rows, *(model.codes.weight[code][None] for code in codes[0])], dim=1) + model.position[:6]
    for layer in model.stack.layers:
        x = by_hand(layer, x, words)
    x = torch.nn.functional.layer_norm(x, (16,), model.stack.norm.weight, model.stack.norm.bias)
    assert torch.allclose(scores, x[:, 1:] @ model.output.weight.T, atol=1e-12)
    assert torch.allclose(model(vector, words, near, codes[:, :2]).logits, scores[:, :3])
    assert not torch.allclose(model(vector, 2 * words, near, codes).logits, scores)
    with pytest.raises(BestiaryError, match="this model tells 5"):
        model(vector, words, near, torch.zeros(1, 5, dtype=torch.long))


def by_hand(layer: Any, x: Tensor, words: Tensor) -> Tensor:
    """Run one layer with plain sums: two heads of causal attention, two that read words, and an MLP."""
    functional = torch.nn.functional
    causal = torch.full((x.shape[1], x.shape[1]), -torch.inf, dtype=x.dtype).triu(1)
    for name, mask in (("attn", causal), ("cross", torch.zeros(x.shape[1], words.shape[1], dtype=x.dtype))):
        op, norm = getattr(layer, name), getattr(layer, f"{name}_norm")
        h = functional.layer_norm(x, (16,), norm.weight, norm.bias)
        q, (k, v) = op.q(h), (part(h if name == "attn" else words) for part in (op.k, op.v))
        heads = [
            torch.softmax(q[..., at] @ k[..., at].mT / 8**0.5 + mask, dim=-1) @ v[..., at]
            for at in (slice(0, 8), slice(8, 16))
        ]
        x = x + op.o(torch.cat(heads, dim=-1))
    h = functional.layer_norm(x, (16,), layer.mlp_norm.weight, layer.mlp_norm.bias)
    return x + layer.mlp.down(functional.gelu(layer.mlp.up(h)))


def perturbed(model: Any) -> Any:
    model = model.double()
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def test_a_vector_is_cut_along_its_axes_and_told_back() -> None:
    model: Any = build(WHOLE["unclip by codes"](), seed=0).double().prior
    torch.manual_seed(0)
    axes = torch.linalg.qr(torch.randn(16, 16, dtype=torch.float64))[0][:5]
    model.axes.copy_(axes)
    model.mean.copy_(torch.randn(16))
    model.lowest.fill_(-3.5)
    model.highest.fill_(3.5)
    along = torch.tensor([[-3.5, -0.6, 0.4, 2.6, 9.0]], dtype=torch.float64)
    vector = along @ axes + model.mean
    codes = model.cut(vector)
    assert codes.tolist() == [[0, 2, 3, 6, 6]]
    back = (model.vector(codes) - model.mean) @ axes.T
    assert torch.allclose(back, torch.tensor([[-3.0, -1.0, 0.0, 3.0, 3.0]], dtype=torch.float64))
    assert torch.equal(model.cut(model.vector(codes)), codes)
