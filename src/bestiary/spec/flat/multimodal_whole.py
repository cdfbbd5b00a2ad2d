"""The flat view of whole models that read texts and images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.convolutional import WIDENING, Averaged, ConvNet, DeepStem, DilatedStage, FrozenBatchNorm
from bestiary.spec.flat.heads import head_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.models import Model
from bestiary.spec.multimodal import DualEncoder

Sheet = tuple[str, list[Line]]


def _conv_net(spec: ConvNet) -> Sheet:
    norm = "frozen_batch_norm" if isinstance(spec.norm, FrozenBatchNorm) else "batch_norm"
    side = spec.image
    lines: list[Line] = [(f"# every conv is followed by {norm}, and but for the last of a block by relu", "")]
    if isinstance(spec.stem, DeepStem):
        lines.append(("x = conv3x3(conv3x3(conv3x3(pixel_values, stride 2)))", f"{spec.channels} -> {spec.stem.width}"))
        lines.append(("x = mean of each 2 x 2 of x", (side and f"{side // 4} x {side // 4} places") or ""))
    else:
        lines.append(("x = conv7x7(pixel_values, stride 2)", f"{spec.channels} -> {spec.stem.width}"))
        lines.append(
            ("x = greatest of each 3 x 3 of x, stride 2", (side and f"{side // 4} x {side // 4} places") or "")
        )
    for stage in spec.stages:
        outputs = WIDENING * stage.width
        how = "mean of each 2 x 2 before the last conv and the shortcut" if isinstance(stage.halving, Averaged) else (
            "stride 2 in conv3x3 and the shortcut"
        )  # fmt: skip
        lines.append((f"repeat {stage.blocks} times:", "each with weights of its own"))
        lines.append(
            ("    x = relu(shortcut(x) + conv1x1(conv3x3(conv1x1(x))))", f"{stage.width} inside, {outputs} out")
        )
        if isinstance(stage, DilatedStage):
            lines.append(("    # but the first: conv3x3 over every second place", ""))
        if stage.halving is not None:
            lines.append((f"    # the first: {how}", ""))
    lines.append(("x = places(x)", f"[B, {(side // spec.shrinks) ** 2 if side else 'T'}, {spec.dim}]"))
    return "def forward(pixel_values):", [*lines, *_heads(spec)]


def _dual_encoder(spec: DualEncoder) -> Sheet:
    lines = [*part_lines("text", spec.text), ("", ""), *part_lines("image", spec.image), ("", "")]
    lines.append(("text_embeds, image_embeds = each / length(each)", f"vectors of {spec.dim}, and of length one"))
    return "def forward(input_ids, pixel_values):", [*lines, *_heads(spec)]


def part_lines(name: str, part: Model) -> Iterator[Line]:
    """Yield the lines of a model that is a part of another one."""
    from bestiary.spec.flat.towers import sheet  # the table of whole models, some of which come back here

    yield f"# {name}", ""
    yield from sheet(part)[1]


def _heads(spec: Any) -> Iterator[Line]:
    for name, head in spec.heads.items():
        yield "", ""
        yield from head_lines(name, head, spec)


WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {ConvNet: _conv_net, DualEncoder: _dual_encoder}
