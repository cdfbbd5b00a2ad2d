"""Sizes of what reads texts with pictures between their words: parts, maps and operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bestiary.sizing import map_attention
from bestiary.sizing.cost import Pass, branch_costs, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, linear_parts, model_inside, parts_of
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.sizing.multimodal import part_costs
from bestiary.spec import (
    AddedTokens,
    ConvNet,
    CrossWidthAttention,
    ImageAttention,
    Interleaved,
    LatentAttention,
    LookingTransformer,
    Model,
    Node,
    NormFreeNet,
    QKNorm,
    QKNormAttention,
    Resampler,
)
from bestiary.spec.normfree import map_places

Costs = tuple[int, Iterable[tuple[str, int]]]
"""How many tokens a pass reads, and what its modules cost."""


def _qk_norms(qk_norm: QKNorm | None, node: ImageAttention | LatentAttention, model: Model) -> Parts:
    """Yield the norms of queries and keys, sized as those of self-attention are."""
    if qk_norm is not None:
        like = QKNormAttention(node.heads, node.kv_heads, node.head_dim, "", qk_norm=qk_norm)
        yield from ((name, number) for name, number in parts_of(like, model.dim, model) if name.endswith(".norm"))


def _image_attention(node: ImageAttention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("read_norm", node.norm, node.width, model)
    yield from _qk_norms(node.qk_norm, node, model)


def _latent_attention(node: LatentAttention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("read_norm", node.norm, width, model)
    yield from _qk_norms(node.qk_norm, node, model)


def _resampler(node: Resampler, width: int, model: Model) -> Parts:
    yield "frames", (node.frames or 0) * width
    yield "latents", node.latents * width
    yield from each_map(node, width, model)
    yield from inside("stack", node.stack, width, model)


def _interleaved(node: Interleaved, width: int, model: Model) -> Parts:
    yield from model_inside("image", node.image)
    yield from model_inside("resampler", node.resampler)
    yield from each_map(node, width, model)
    yield from model_inside("text", node.text)


def _resampler_maps(node: Resampler, model: Model) -> Maps:
    return {"enter": Linear(node.width, node.dim, False)} if node.width else {}


def _interleaved_maps(node: Interleaved, model: Model) -> Maps:
    return {"bridge": Linear(node.summed, node.bridge, False)} if node.bridge else {}


def _latent_cost(node: LatentAttention, run: Pass) -> int:
    """Learned vectors ask themselves and all that is read."""
    linear, keys = maps(node, run.model), run.tokens + run.source
    asked = run.tokens * (linear["q"].weights + linear["o"].weights)
    told = keys * (linear["k"].weights + linear["v"].weights)
    return 2 * (asked + told) + 4 * linear["q"].outputs * run.tokens * keys


def shown(node: Interleaved) -> int:
    """Return how many vectors stand for a picture."""
    return node.resampler.latents if node.resampler else _places(node.image)


def _places(image: Model) -> int:
    """Return how many vectors a reader of pictures gives for one."""
    if isinstance(image, NormFreeNet):
        return map_places(image, image.image or image.shrinks)
    if isinstance(image, ConvNet):
        return ((image.image or image.shrinks) // image.shrinks) ** 2
    from bestiary.sizing.reach import context_length

    return context_length(image)


def _whole_looking(spec: LookingTransformer, context: int | None, source: int | None) -> Costs:
    from bestiary.sizing.flops import heads, tower
    from bestiary.sizing.reach import context_length

    run = Pass(spec, context_length(spec, context), source or 1)
    return run.tokens, [*tower("", spec.embed, spec.stack, run), *heads(spec, run.tokens)]


def _whole_resampler(spec: Resampler, context: int | None, source: int | None) -> Costs:
    run = Pass(spec, spec.latents, source or 1)
    branches = branch_costs(spec.stack, run).items()
    enter = run.source * once(spec, run)
    return run.source, [("enter", enter), *((f"stack.layers[*].{name}", number) for name, number in branches)]


def _whole_interleaved(spec: Interleaved, context: int | None, source: int | None) -> Costs:
    """A text and one picture in it."""
    places, image = part_costs(spec.image, None)
    tokens, text = _whole_looking(spec.text, context, shown(spec))
    parts = [("image", image), ("text", text)]
    if spec.resampler is not None:
        parts.insert(1, ("resampler", _whole_resampler(spec.resampler, None, places)[1]))
    bridge = shown(spec) * once(spec, Pass(spec, shown(spec)))
    inside = [(f"{part}.{path}", number) for part, its in parts for path, number in its]
    return tokens + places, [*inside, ("bridge", bridge)]


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    AddedTokens: lambda node, model: {"project": Linear(node.width, model.dim)} if node.width else {},
    ImageAttention: map_attention.MAPS[CrossWidthAttention],
    Resampler: _resampler_maps,
    Interleaved: _interleaved_maps,
}

PARTS: dict[type[Node], Rule] = {
    ImageAttention: _image_attention,
    LatentAttention: _latent_attention,
    Resampler: _resampler,
    Interleaved: _interleaved,
}

FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    LatentAttention: _latent_cost,
}

WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], Costs]] = {
    LookingTransformer: _whole_looking,
    Resampler: _whole_resampler,
    Interleaved: _whole_interleaved,
}
