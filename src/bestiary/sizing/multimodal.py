"""Sizes of what reads texts and images together: parts and operations of its nodes and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.sizing.convolutional import conv_costs, conv_net, places
from bestiary.sizing.cost import Pass, cost, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, model_inside, nothing
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.sizing.normfree import norm_free_net
from bestiary.sizing.normfree import whole as whole_norm_free_net
from bestiary.spec import (
    AttentionSummary,
    Contrast,
    ConvNet,
    DualEncoder,
    Embedded,
    EndSummary,
    FirstSummary,
    HighestSummary,
    ImageEmbedding,
    LastSummary,
    Model,
    Node,
    NormedPatches,
    NormFreeNet,
    ProbeSummary,
    SigmoidContrast,
    TextEmbedding,
)


def _first_summary(node: FirstSummary, width: int, model: Model) -> Parts:
    yield from inside("norm", node.norm, width, model)


def _probe_summary(node: ProbeSummary, width: int, model: Model) -> Parts:
    yield "probe", width
    yield from inside("cross", node.attention, width, model)
    yield from inside("norm", node.norm, width, model)
    yield from inside("mlp", node.mlp, width, model)


def _attention_summary(node: AttentionSummary, width: int, model: Any) -> Parts:
    yield "position", (places(model, model.image) + 1) * width
    yield "cross", sum(linear.parameters for linear in maps(node, model).values())


def _normed_patches(node: NormedPatches, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield "extra", node.extra * width
    yield "position", ((node.image // node.patch) ** 2 + node.extra) * width if node.position else 0
    yield from inside("norm", node.norm, width, model)


def _dual_encoder(node: DualEncoder, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    yield from model_inside("image", node.image)
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, width, model)


def _none_maps(node: Node, model: Model) -> Maps:
    return {}


def _embedded_maps(node: Embedded, model: Model) -> Maps:
    return {"output": Linear(model.dim, node.width, node.bias)}


def _attention_summary_maps(node: AttentionSummary, model: Model) -> Maps:
    linear = maps(node.attention, model)
    return {**linear, "o": Linear(linear["o"].inputs, node.width, linear["o"].bias)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    EndSummary: _none_maps,
    HighestSummary: _none_maps,
    FirstSummary: _none_maps,
    LastSummary: lambda node, model: {"output": Linear(model.dim, node.width)},
    ProbeSummary: _none_maps,
    AttentionSummary: _attention_summary_maps,
    TextEmbedding: _embedded_maps,
    ImageEmbedding: _embedded_maps,
    NormedPatches: lambda node, model: {"patches": Linear(node.channels * node.patch**2, model.dim, False)},
    Contrast: _none_maps,
    SigmoidContrast: _none_maps,
}

PARTS: dict[type[Node], Rule] = {
    EndSummary: nothing,
    HighestSummary: nothing,
    FirstSummary: _first_summary,
    LastSummary: each_map,
    ProbeSummary: _probe_summary,
    AttentionSummary: _attention_summary,
    TextEmbedding: each_map,
    ImageEmbedding: each_map,
    NormedPatches: _normed_patches,
    Contrast: lambda node, width, model: iter((("scale", 1),)),
    SigmoidContrast: lambda node, width, model: iter((("scale", 1), ("bias", 1))),
    ConvNet: conv_net,
    NormFreeNet: norm_free_net,
    DualEncoder: _dual_encoder,
}


def _probe(node: ProbeSummary, run: Pass) -> int:
    """One vector asks, every token answers."""
    asked = Pass(run.model, 1, run.tokens)
    return cost(node.attention, asked) + cost(node.mlp, asked)


def _attention(node: AttentionSummary, run: Pass) -> int:
    linear, keys = maps(node, run.model), run.tokens + 1
    one = 2 * (linear["q"].weights + linear["o"].weights)
    return one + keys * (2 * (linear["k"].weights + linear["v"].weights) + 4 * linear["q"].outputs)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    EndSummary: once,
    HighestSummary: once,
    FirstSummary: once,
    LastSummary: once,
    ProbeSummary: _probe,
    AttentionSummary: _attention,
    TextEmbedding: once,
    ImageEmbedding: once,
    NormedPatches: lambda node, run: (run.tokens - node.extra) * once(node, run),
    Contrast: lambda node, run: 2 * run.model.dim,
    SigmoidContrast: lambda node, run: 2 * run.model.dim,
}

Costs = tuple[int, Iterable[tuple[str, int]]]
"""How many tokens a pass reads, and what its modules cost."""


def _whole_conv_net(spec: ConvNet, context: int | None, source: int | None) -> Costs:
    if spec.image is None:
        raise BestiaryError("this network reads images of any size; give its spec an 'image' to count operations for")
    tokens = places(spec, spec.image)
    run = Pass(spec, tokens)
    costs = [(f"heads.{name}", cost(head, run)) for name, head in spec.heads.items()]
    return tokens, [*conv_costs(spec, (spec.image, spec.image)), *costs]


def _whole_dual_encoder(spec: DualEncoder, context: int | None, source: int | None) -> Costs:
    """A text and an image, compared once."""
    sides = {"text": part_costs(spec.text, context), "image": part_costs(spec.image, None)}
    costs = [(f"{side}.{path}", number) for side, (_, its) in sides.items() for path, number in its]
    run = Pass(spec, 1)
    costs += [(f"heads.{name}", cost(head, run)) for name, head in spec.heads.items()]
    return sum(tokens for tokens, _ in sides.values()), costs


def part_costs(part: Model, context: int | None, source: int | None = None) -> Costs:
    """Return what a pass of a model costs that is a part of another one."""
    from bestiary.sizing.flops import WHOLE  # the table of the rules, which come back here for what stands inside

    return WHOLE[type(part)](part, context, source)


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], Costs]] = {
    ConvNet: _whole_conv_net,
    NormFreeNet: whole_norm_free_net,
    DualEncoder: _whole_dual_encoder,
}
