"""Sizes of models that draw by a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.sizing import feature_maps
from bestiary.sizing.cost import Pass, branch_costs, cost, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, model_inside, own, parts_of
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.sizing.reach import context_length
from bestiary.spec import (
    Cascade,
    EmbeddingDenoiser,
    ImageTextDiffusion,
    Model,
    Node,
    PaddedTokens,
    TextDiffusion,
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
    Tokens,
    VectorCondition,
)

Costs = Iterator[tuple[str, int]]


def _padded_tokens(node: PaddedTokens, width: int, model: Model) -> Parts:
    yield from parts_of(Tokens(node.vocab, node.types, node.position), width, model)
    yield "padding", node.length * width


def _text_diffusion(node: TextDiffusion, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    yield from model_inside("unet", node.unet)


def _image_text_diffusion(node: ImageTextDiffusion, width: int, model: Model) -> Parts:
    yield from _text_diffusion(node, width, model)
    yield "extra", Linear(node.image, node.extra * node.dim).parameters


def _denoiser(node: EmbeddingDenoiser, width: int, model: Model) -> Parts:
    yield from each_map(node, width, node)
    yield "last", width
    yield "position", (node.length + 4) * width
    yield from inside("time", node.time, width, node)
    yield from inside("stack", node.stack, width, node)
    yield from (("mean", node.width), ("deviation", node.width))


def _denoiser_maps(node: EmbeddingDenoiser, model: Model) -> Maps:
    into = dict.fromkeys(("words", "whole", "image"), Linear(node.width, node.dim))
    return {**into, "output": Linear(node.dim, node.width)}


def embedding_pass(node: EmbeddingDenoiser, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Return what one vector costs, its text read."""
    run = Pass(node, node.length + 4)
    linear = maps(node, node)
    times = {"words": node.length, "whole": 1, "image": 1, "output": 1}
    parts = {name: 2 * count * linear[name].weights for name, count in times.items()}
    parts |= {"time": once(node.time, run)}
    parts |= {f"stack.layers[*].{name}": number for name, number in branch_costs(node.stack, run).items()}
    return 1, iter(parts.items())


def _cascade(node: Cascade, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    for index, part in enumerate(node.upscalers):
        yield from model_inside(f"upscalers[{index}]", part)


def _diffusion_costs(prefix: str, node: TextDiffusion) -> Costs:
    tokens = context_length(node.text)
    run = Pass(node.text, tokens)
    yield f"{prefix}text.embed", cost(node.text.embed, run)
    for name, number in branch_costs(node.text.stack, run).items():
        yield f"{prefix}text.stack.layers[*].{name}", number
    more = node.extra if isinstance(node, ImageTextDiffusion) else 0
    if isinstance(node, ImageTextDiffusion):
        yield f"{prefix}extra", 2 * node.image * node.extra * node.dim
    for path, number in feature_maps.unet_pass(node.unet, None, tokens + more)[1]:
        yield f"{prefix}unet.{path}", number


def diffusion_pass(node: TextDiffusion, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Return what it costs to read a text, and one step of the U-Net."""
    return 1, _diffusion_costs("", node)


def cascade_pass(node: Cascade, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Return what one step of each part costs, texts read."""
    parts = {"text.": node.text, **{f"upscalers[{index}].": part for index, part in enumerate(node.upscalers)}}
    return 1, (piece for prefix, part in parts.items() for piece in _diffusion_costs(prefix, part))


PARTS: dict[type[Node], Rule] = {
    PaddedTokens: _padded_tokens,
    VectorCondition: own(lambda node, width: (node.width + 1) * width),
    TextDiffusion: _text_diffusion,
    TextUpscaler: _text_diffusion,
    TextInpainter: _text_diffusion,
    TextInpaintUpscaler: _text_diffusion,
    ImageTextDiffusion: _image_text_diffusion,
    EmbeddingDenoiser: _denoiser,
    Cascade: _cascade,
}

WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    TextDiffusion: diffusion_pass,
    TextUpscaler: diffusion_pass,
    TextInpainter: diffusion_pass,
    TextInpaintUpscaler: diffusion_pass,
    ImageTextDiffusion: diffusion_pass,
    EmbeddingDenoiser: embedding_pass,
    Cascade: cascade_pass,
}

MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {EmbeddingDenoiser: _denoiser_maps}

FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    VectorCondition: lambda node, run: 2 * node.width * run.model.dim,
}
