"""Texts with pictures between their words: against a slow derivation, and what must not matter does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import generate, spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import Cache, build
from bestiary.sizing import cache_bytes, count
from bestiary.spec import ImageAttention, Interleaved, LastImage, TanhGate, check, own_layers, swap

TOKEN = 90
IMAGE = {
    "architecture": "nfnet", "stages": [1, 1, 1, 1], "widths": [16, 16, 32, 32], "stem": 16, "dim": 20, "group": 8,
    "image": 32,
}  # fmt: skip
SIZES: dict[str, Any] = {
    "dim": 24, "depth": 5, "heads": 3, "head_dim": 6, "every": 2, "image": IMAGE, "vocab": 96, "resampler_dim": 14,
    "resampler_depth": 2, "resampler_heads": 2, "latents": 3, "frames": 4, "token": TOKEN,
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    """A model in float64 whose every parameter is perturbed, gates and scales that are zero at first included."""
    made: Any = build(make("flamingo", **SIZES), seed=0).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return made


def texts() -> Tensor:
    """Two texts with two pictures: shown at tokens 2 and 6, and at 0 and 1."""
    torch.manual_seed(1)
    ids = torch.randint(2, 80, (2, 11))
    ids[0, [2, 6]] = TOKEN
    ids[1, [0, 1]] = TOKEN
    return ids


def pictures(seed: int = 2) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(2, 2, 3, 32, 32, dtype=torch.float64)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Attention of one query ``[inner]`` to keys ``[S, inner]``, head by head."""
    parts = zip(q.chunk(heads), k.chunk(heads, -1), v.chunk(heads, -1), strict=True)
    return torch.cat([(k @ q / len(q) ** 0.5).softmax(0) @ v for q, k, v in parts])


def resampled(module: Any, features: Tensor) -> Tensor:
    """Figure 4 of the paper, for one film ``[F, S, width]``, vector by vector."""
    f = torch.stack([module.enter(place) + module.frames[at] for at, frame in enumerate(features) for place in frame])
    x = module.latents
    for layer in module.stack.layers:
        attention, h = layer.attn, layer.attn_norm(x)
        read = torch.cat((attention.read_norm(f), h))
        told = [attend(attention.q(one), attention.k(read), attention.v(read), attention.heads) for one in h]
        x = x + attention.o(torch.stack(told))
        x = x + layer.mlp.down(F.relu(layer.mlp.up(layer.mlp_norm(x))) ** 2)
    return x


def looked(layer: Any, y: Tensor, vectors: list[Tensor], last: list[int]) -> Tensor:
    """Figure 5, for one text ``[T, dim]``: token t looks at the vectors of picture last[t], counted from one."""
    attention, h = layer.cross, layer.cross_norm(y)
    told = torch.zeros_like(y)
    for t, number in enumerate(last):
        if number:
            read = attention.read_norm(vectors[number - 1])
            told[t] = attention.o(attend(attention.q(h[t]), attention.k(read), attention.v(read), attention.heads))
    y = y + torch.tanh(layer.cross_scale) * told
    return y + torch.tanh(layer.mlp_scale) * layer.mlp.down(F.relu(layer.mlp.up(layer.mlp_norm(y))) ** 2)


@torch.no_grad()
def test_it_equals_the_paper_step_by_step(model: Any) -> None:
    ids, pixels = texts(), pictures()
    found = model(ids, pixel_values=pixels)
    for row, last in enumerate(([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2], [1, *[2] * 10])):
        maps = [model.image(picture[None]).last_hidden_state for picture in pixels[row]]
        vectors = [model.bridge(resampled(model.resampler, its)) for its in maps]
        assert (found.image_hidden_states[row] - torch.stack(vectors)).abs().max() < 1e-10
        x = F.embedding(ids[row], model.text.embed.tokens.weight)
        for node, layer in zip(own_layers(model.spec.text.stack), model.text.stack.layers, strict=True):
            if isinstance(node[0].op, ImageAttention):
                x = looked(layer, x, vectors, last)
            else:  # a layer of the lender, held to its own tests
                context = made_context(len(ids[row]))
                x = layer(x[None], context)[0]
        logits = model.text.stack.norm(x) @ model.text.embed.tokens.weight.T
        assert (found.logits[row] - logits).abs().max() < 1e-10


def made_context(tokens: int) -> Any:
    from bestiary.nn.context import Context

    return Context(torch.arange(tokens)[None], tokens)


@torch.no_grad()
def test_films_are_read_with_the_times_of_their_frames(model: Any) -> None:
    film = torch.randn(1, 1, 4, 3, 32, 32, dtype=torch.float64)
    maps = model.image(film[0, 0]).last_hidden_state
    assert (model.look(film)[0, 0] - model.bridge(resampled(model.resampler, maps))).abs().max() < 1e-10
    times = model.resampler.times(7)
    assert torch.equal(times[[0, 6]], model.resampler.frames[[0, 3]])
    assert (times[1] - (model.resampler.frames[0] + model.resampler.frames[1]) / 2).abs().max() < 1e-12
    longer = model(torch.tensor([[TOKEN, 5]]), pixel_values=torch.randn(1, 1, 7, 3, 32, 32, dtype=torch.float64))
    assert longer.image_hidden_states.shape == (1, 1, 3, 24)


@torch.no_grad()
def test_text_before_a_picture_does_not_see_it(model: Any) -> None:
    ids, pixels = texts(), pictures()
    other = pixels.clone()
    other[0, 1] = pictures(3)[0, 1]
    one, two = model(ids, pixel_values=pixels).logits[0], model(ids, pixel_values=other).logits[0]
    assert torch.equal(one[:6], two[:6])  # the second picture is shown at token 6
    assert (one[6:] - two[6:]).abs().min() > 0
    alone = model(ids).logits[0]
    assert (alone[:2] - one[:2]).abs().max() < 1e-12  # as if there were no pictures at all


def test_a_token_looks_at_its_last_picture_only(model: Any) -> None:
    vectors = torch.randn(2, 2, 3, 24, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 11, 24, dtype=torch.float64)
    context = made_context(11)
    context.input_ids, context.memory, context.pictures = texts(), vectors.flatten(1, 2), 2
    told = model.text.looks()(x, context)
    assert not told[0, :2].any()
    for token, seen in ((2, 0), (5, 0), (6, 1), (10, 1)):
        gradient = torch.autograd.grad(told[0, token].sum(), vectors, retain_graph=True)[0][0]
        assert gradient[seen].any()
        assert not gradient[1 - seen].any()


@torch.no_grad()
def test_closed_gates_leave_the_lender_as_it_was(model: Any) -> None:
    fresh: Any = build(model.spec, seed=0).double()
    lender: Any = build(make("gopher", dim=24, depth=5, heads=3, head_dim=6, hidden=96, vocab=97), seed=1).double()
    layers = own_layers(fresh.spec.text.stack)
    own = [layer for node, layer in zip(layers, fresh.text.stack.layers, strict=True) if len(node) == 2]
    lent = iter(lender.stack.layers)
    for node, layer in zip(layers, own, strict=True):
        if not isinstance(node[0].op, ImageAttention):
            layer.load_state_dict(next(lent).state_dict())
    fresh.text.embed.load_state_dict(lender.embed.state_dict())
    fresh.text.stack.norm.load_state_dict(lender.stack.norm.state_dict())
    ids = texts()
    assert torch.equal(fresh(ids, pixel_values=pictures()).logits, lender(ids).logits)


def test_gradients_reach_every_parameter(model: Any) -> None:
    film = torch.randn(2, 2, 4, 3, 32, 32, dtype=torch.float64)
    model(texts(), pixel_values=film).logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
        parameter.grad = None


@torch.no_grad()
def test_cache_changes_nothing(model: Any) -> None:
    ids, pixels = texts(), pictures()
    whole = model(ids, pixel_values=pixels).logits
    for first in (1, 4, 8):  # before, between and behind the first text's pictures
        cache = Cache(2)
        steps = [model(ids[:, :first], pixel_values=pixels, past_key_values=cache).logits]
        steps += [model(ids[:, at : at + 1], past_key_values=cache).logits for at in range(first, ids.shape[1])]
        assert (torch.cat(steps, 1) - whole).abs().max() < 1e-10
    cache.select(torch.tensor([1]))
    more = model(torch.tensor([[7]]), past_key_values=cache).logits
    longer = torch.cat((ids[1:], torch.tensor([[7]])), 1)
    assert (more[:, 0] - model(longer, pixel_values=pixels[1:]).logits[:, -1]).abs().max() < 1e-10


@torch.no_grad()
def test_what_each_token_sees_can_be_said(model: Any) -> None:
    ids, pixels = texts(), pictures()
    node = swap(model.spec, LastImage, LastImage())
    silent: Any = build(node, seed=0).double()
    silent.load_state_dict(model.state_dict())
    with pytest.raises(BestiaryError, match="image_attention_mask"):
        silent(ids, pixel_values=pixels)
    shown = (ids == TOKEN).cumsum(1)[..., None] == torch.arange(1, 3)
    expected = model(ids, pixel_values=pixels).logits
    assert torch.equal(silent(ids, pixel_values=pixels, image_attention_mask=shown).logits, expected)
    cache = Cache(2)
    silent(ids[:, :8], pixel_values=pixels, image_attention_mask=shown[:, :8], past_key_values=cache)
    last = silent(ids[:, 8:9], past_key_values=cache).logits  # sees what the token before it saw
    assert (last - expected[:, 8:9]).abs().max() < 1e-10
    with pytest.raises(BestiaryError, match="2 images"):
        silent(ids, pixel_values=pixels, image_attention_mask=shown[:, :, :1])
    with pytest.raises(BestiaryError, match="pixel_values has shape"):
        silent(ids, pixel_values=pixels[0, 0])


@torch.no_grad()
def test_generation_looks_at_the_pictures(model: Any) -> None:
    ids, pixels = texts(), pictures()
    told = generate.generate(model, ids, pixel_values=pixels, max_new_tokens=4)
    read = ids
    for _ in range(4):
        read = torch.cat((read, model(read, pixel_values=pixels).logits[:, -1:].argmax(-1)), 1)
    assert torch.equal(told, read)
    padded = F.pad(ids[:1], (3, 0))
    mask = F.pad(torch.ones_like(ids[:1]), (3, 0))
    assert torch.equal(
        generate.generate(model, padded, mask, pixel_values=pixels[:1], max_new_tokens=4)[:, 3:], told[:1]
    )


def test_the_cache_counts_what_it_holds(model: Any) -> None:
    cache = Cache(11)
    model(texts()[:1], pixel_values=pictures()[:1, :1], past_key_values=cache)
    assert cache.nbytes() == cache_bytes(model.spec, 11, 3, precision="float32") * 2


def test_specs_that_cannot_be_are_refused(model: Any) -> None:
    node: Interleaved = model.spec
    for wrong, said in (
        (node.replace(dim=25), "texts are read at 24"),
        (node.replace(bridge=None), "are shown 14"),
        (node.at("resampler.width", 21), "reads vectors 21 wide"),
        (node.at("text", node.text.at("stack.layers[0].cross.op.mask", ())), "one mask, LastImage"),
        (swap(node, LastImage, LastImage(97)), "one of 97 tokens"),
        (node.at("text.embed.added", 97), "must leave some"),
        (node.at("image.group", 9), "which groups of 9 do not fill"),
    ):
        with pytest.raises(BestiaryError, match=said):
            check(wrong)
    with pytest.raises(BestiaryError, match="only a LookingTransformer"):
        check(spec.Transformer(24, node.text.embed, node.text.stack, node.text.heads))


@pytest.mark.parametrize(("dim", "depth", "heads", "every", "parts"), [
    (2048, 24, 16, 1, ("1.4B", "1.2B")), (4096, 32, 32, 4, ("7.1B", "1.6B")), (8192, 80, 64, 7, ("70B", "10B")),
])  # fmt: skip
def test_parts_count_to_the_published_table(dim: int, depth: int, heads: int, every: int, parts: Any) -> None:
    from bestiary.catalog.stated import agrees

    image = {"architecture": "nfnet", "stages": [7, 14, 42, 21], "image": 320}
    node: Any = make("flamingo", dim=dim, depth=depth, heads=heads, every=every, image=image)
    lender = count(make("gopher", dim=dim, depth=depth, heads=heads, head_dim=128, hidden=4 * dim, vocab=32001)).total
    assert agrees("435M", count(node.image).total)
    assert agrees("194M", count(node.resampler).total)
    assert agrees(parts[0], lender)
    assert agrees(parts[1], count(node.text).total - lender)
    assert TanhGate() == node.text.stack.layers[0][0].scale
