"""The flat view of detectors: a network's map, its places encoded, and queries of objects that ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.spec.detection import Detector
from bestiary.spec.flat.heads import head_lines
from bestiary.spec.flat.multimodal_whole import part_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.models import Model

Sheet = tuple[str, list[Line]]


def _detector(spec: Detector) -> Sheet:
    from bestiary.spec.flat.towers import stack_lines  # the table of whole models, which this one is in

    dim, waves = spec.dim, "row's and column's share of the image, between 0 and one turn"
    lines: list[Line] = [*part_lines("net", spec.net), ("", "")]
    lines.append(("x = x @ W + b", f"[B, S, {dim}], S places of {spec.net.shrinks} x {spec.net.shrinks} pixels"))
    lines.append(("places = sines_and_cosines", f"[B, S, {dim}]: the {waves}"))
    lines += [*stack_lines(spec.encoder, dim), ("memory, memory_places = x, places", ""), ("", "")]
    lines.append(("places = queries", f"[{spec.queries}, {dim}], learned: one for each object"))
    lines += [(f"x = zeros({spec.queries}, {dim})", ""), *stack_lines(spec.decoder, dim)]
    for name, head in spec.heads.items():
        lines += [("", ""), *head_lines(name, head, spec)]
    return "def forward(pixel_values, pixel_mask):", lines


WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {Detector: _detector}
