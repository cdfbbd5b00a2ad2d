"""Sizes of models that draw by way of an image's vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.sizing import feature_maps, text_diffusion
from bestiary.sizing.cost import Pass, branch_costs
from bestiary.sizing.inside import Parts, Rule, each_map, inside, model_inside, nothing
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.sizing.multimodal import part_costs
from bestiary.spec import (
    CodedVector,
    DiffusedVector,
    FinishedUpscaler,
    GivenCondition,
    ImageTextDiffusion,
    Model,
    Node,
    PictureUpscaler,
    PriorCascade,
    VectorDiffusion,
    VectorTeller,
)

Costs = Iterator[tuple[str, int]]
_WORDS = 77
"""Vectors of a text where nothing says how many: what CLIP makes of one."""


def _teller(node: VectorTeller, width: int, model: Model) -> Parts:
    yield from each_map(node, width, node)
    yield from (("nothing", node.width), ("norm", 2 * node.dim))


def _teller_maps(node: VectorTeller, model: Model) -> Maps:
    told = Linear(node.width, node.hidden)
    return {
        "image": told,
        "whole": told,
        "extra": Linear(node.width, node.extra * node.dim),
        "words": Linear(node.width, node.dim),
    }


def _vector_diffusion(node: VectorDiffusion, width: int, model: Model) -> Parts:
    yield from model_inside("teller", node.teller)
    yield from model_inside("unet", node.unet)


def _upscaler(node: PictureUpscaler, width: int, model: Model) -> Parts:
    yield from model_inside("unet", node.unet)
    if isinstance(node, FinishedUpscaler):
        yield from model_inside("finish", node.finish)


def _diffused(node: DiffusedVector, width: int, model: Model) -> Parts:
    yield from model_inside("denoiser", node.denoiser)


def _coded(node: CodedVector, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    yield from each_map(node, width, node)
    yield from (("nearness", node.buckets * width), ("codes", node.buckets * width), ("position", node.length * width))
    yield from inside("stack", node.stack, width, node)


def _coded_maps(node: CodedVector, model: Model) -> Maps:
    return {"whole": Linear(node.width, node.dim), "output": Linear(node.dim, node.buckets, bias=False)}


def _prior_cascade(node: PriorCascade, width: int, model: Model) -> Parts:
    for name in ("text", "prior", "painter"):
        yield from model_inside(name, getattr(node, name))
    for index, part in enumerate(node.upscalers):
        yield from model_inside(f"upscalers[{index}]", part)


def _teller_costs(node: VectorTeller, words: int) -> Costs:
    linear = maps(node, node)
    times = {"image": 1, "whole": 1, "extra": 1, "words": words}
    yield from ((name, 2 * count * linear[name].weights) for name, count in times.items())


def _painter_costs(node: VectorDiffusion | ImageTextDiffusion, words: int) -> Costs:
    if isinstance(node, ImageTextDiffusion):
        yield from text_diffusion.diffusion_pass(node, None, None)[1]
        return
    yield from ((f"teller.{name}", number) for name, number in _teller_costs(node.teller, words))
    for path, number in feature_maps.unet_pass(node.unet, None, node.teller.extra + words)[1]:
        yield f"unet.{path}", number


def _upscaler_costs(node: PictureUpscaler) -> Costs:
    yield from ((f"unet.{path}", number) for path, number in feature_maps.unet_pass(node.unet, None, 0)[1])


def _coded_costs(node: CodedVector) -> Costs:
    tokens, text = part_costs(node.text, None)
    yield from ((f"text.{name}", number) for name, number in text)
    places = node.components + 1
    linear = maps(node, node)
    yield "whole", 2 * linear["whole"].weights
    yield "output", 2 * node.components * linear["output"].weights
    for name, number in branch_costs(node.stack, Pass(node, places, tokens)).items():
        yield f"stack.layers[*].{name}", number


def _prior_costs(node: DiffusedVector | CodedVector) -> Costs:
    if isinstance(node, CodedVector):
        return _coded_costs(node)
    costs = text_diffusion.embedding_pass(node.denoiser, None, None)[1]
    return ((f"denoiser.{name}", number) for name, number in costs)


def _cascade_costs(node: PriorCascade) -> Costs:
    """One step of each part, the text read."""
    tokens, text = part_costs(node.text, None)
    parts: dict[str, Any] = {"text": text, "prior": _prior_costs(node.prior)}
    parts["painter"] = _painter_costs(node.painter, tokens)
    parts |= {f"upscalers[{index}]": _upscaler_costs(part) for index, part in enumerate(node.upscalers)}
    yield from ((f"{name}.{path}", number) for name, costs in parts.items() for path, number in costs)


PARTS: dict[type[Node], Rule] = {
    GivenCondition: nothing,
    VectorTeller: _teller,
    VectorDiffusion: _vector_diffusion,
    PictureUpscaler: _upscaler,
    FinishedUpscaler: _upscaler,
    DiffusedVector: _diffused,
    CodedVector: _coded,
    PriorCascade: _prior_cascade,
}

MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {VectorTeller: _teller_maps, CodedVector: _coded_maps}

WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    VectorTeller: lambda node, context, source: (1, _teller_costs(node, source or _WORDS)),
    VectorDiffusion: lambda node, context, source: (1, _painter_costs(node, source or _WORDS)),
    PictureUpscaler: lambda node, context, source: (1, _upscaler_costs(node)),
    FinishedUpscaler: lambda node, context, source: (1, _upscaler_costs(node)),
    DiffusedVector: lambda node, context, source: (1, _prior_costs(node)),
    CodedVector: lambda node, context, source: (1, _prior_costs(node)),
    PriorCascade: lambda node, context, source: (1, _cascade_costs(node)),
}
