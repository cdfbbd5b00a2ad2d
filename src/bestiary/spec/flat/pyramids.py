"""The flat view of pyramids: each tier's layers, and how its places are merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.flat.heads import head_lines
from bestiary.spec.flat.images import patch_lines
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.global_context import ConvMerging, GlobalTier
from bestiary.spec.models import Model, as_heads_see
from bestiary.spec.pyramids import NormedMerging, Pyramid, Tier, map_sides

Sheet = tuple[str, list[Line]]


def _pyramid(spec: Pyramid) -> Sheet:
    lines = list(patch_lines(spec.embed, spec.dim))
    for tier, side in zip(spec.tiers, map_sides(spec), strict=True):
        lines += [("", ""), *_tier(tier, side)]
    seen = as_heads_see(spec)
    for name, head in spec.heads.items():
        lines += [("", ""), *head_lines(name, head, seen)]
    return "def forward(pixel_values):", lines


def _tier(tier: Tier, side: int) -> Iterator[Line]:
    from bestiary.spec.flat.towers import stack_lines  # the table of whole models, which this one is in

    yield f"# a map of {side} x {side} places, {tier.dim} wide", ""
    if isinstance(tier, GlobalTier):
        count = max(1, tier.pools)
        yield f"repeat {count} times: g = block(g)", f"g is x at first; halved {tier.pools} times: a window's queries"
    yield from stack_lines(tier.stack, tier.dim)
    if tier.merge is not None:
        norm, wide = norm_word(tier.merge.norm), f"{4 * tier.dim} -> {2 * tier.dim}"
        if isinstance(tier.merge, ConvMerging):
            yield f"x = {norm}(conv3x3(block({norm}(x)), stride 2))", f"{tier.dim} -> {2 * tier.dim}"
        elif isinstance(tier.merge, NormedMerging):
            yield f"x = {norm}(four_neighbors(x) @ W)", wide
        else:
            yield f"x = {norm}(four_neighbors(x)) @ W", wide


WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {Pyramid: _pyramid}
