"""Sizes of language models that are shown pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass, branch_costs, cost, each, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, model_inside
from bestiary.sizing.linear import Linear, Maps
from bestiary.sizing.multimodal import Costs, part_costs
from bestiary.spec import (
    LinearConnector,
    MLPConnector,
    Model,
    Node,
    NormedMLPConnector,
    Queries,
    QueryConnector,
    VisionLanguage,
    as_read,
    places,
    read_width,
)


def _queries(node: Queries, width: int, model: Model) -> Parts:
    yield "queries", node.count * width
    yield from inside("norm", node.norm, width, model)


def _normed_mlp(node: NormedMLPConnector, width: int, model: Any) -> Parts:
    yield from inside("norm", node.norm, read_width(model), model)
    yield from each_map(node, width, model)


def _query_connector(node: QueryConnector, width: int, model: Model) -> Parts:
    yield from model_inside("former", node.former)
    yield from each_map(node, width, model)


def _vision_language(node: VisionLanguage, width: int, model: Model) -> Parts:
    yield from model_inside("image", node.image)
    yield from inside("connector", node.connector, width, node)
    yield from model_inside("text", node.text)


def _mlp_maps(node: MLPConnector, model: Any) -> Maps:
    return {
        "up": Linear(read_width(model), model.dim, node.bias),
        "down": Linear(model.dim, model.dim, node.bias),
    }


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    Queries: lambda node, model: {},
    LinearConnector: lambda node, model: {"map": Linear(read_width(model), model.dim)},
    MLPConnector: _mlp_maps,
    NormedMLPConnector: _mlp_maps,
    QueryConnector: lambda node, model: {"map": Linear(node.former.dim, model.dim)},
}

PARTS: dict[type[Node], Rule] = {
    Queries: _queries,
    LinearConnector: each_map,
    MLPConnector: each_map,
    NormedMLPConnector: _normed_mlp,
    QueryConnector: _query_connector,
    VisionLanguage: _vision_language,
}


def _query_cost(node: QueryConnector, run: Pass) -> int:
    """The queries ask all that is read of an image, and their answers are mapped."""
    asked = Pass(node.former, node.former.embed.count, run.tokens)  # type: ignore[union-attr]  # by its rule
    return sum(branch_costs(node.former.stack, asked).values()) + asked.tokens * once(node, run)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    Queries: each,
    LinearConnector: each,
    MLPConnector: each,
    NormedMLPConnector: each,
    QueryConnector: _query_cost,
}


def _whole(spec: VisionLanguage, context: int | None, source: int | None) -> Costs:
    """One image, and a text in which it stands; a pair's source where there is one."""
    from bestiary.sizing.flops import WHOLE  # the table of the rules, which come back here for what stands inside

    seen = as_read(spec)
    _, image = part_costs(seen, None)
    read = places(seen.embed) - (spec.reads.skipped if spec.reads else 0)  # type: ignore[arg-type]  # by its rule
    tokens, text = WHOLE[type(spec.text)](spec.text, context, source)
    costs = [(f"image.{path}", number) for path, number in image]
    costs.append(("connector", cost(spec.connector, Pass(spec, read))))
    return tokens, [*costs, *((f"text.{path}", number) for path, number in text)]


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], Costs]] = {VisionLanguage: _whole}
