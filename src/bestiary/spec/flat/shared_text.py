"""The flat view of models whose U-Nets read one text tower, and of U-Nets that halve before they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.flat.feature_maps import RESAMPLES, Layers, Sheet, cell_lines, told_lines, unet_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.fold import fold
from bestiary.spec.shared_text import DownLevel, EfficientUNet, SharedTextCascade, ToldDiffusion, ToldUpscaler, UpLevel


def _cells(level: DownLevel | UpLevel, layers: Layers) -> Iterator[Line]:
    for times, cell in fold(level.cells):
        indent = "    " if times > 1 else ""
        if times > 1:
            yield f"repeat {times} times:", "each with weights of its own"
        lines = cell_lines(cell, level.dim, "what enters", False, layers)
        yield from ((indent + code, remark) for code, remark in lines)


def _modulated(level: DownLevel | UpLevel, act: str) -> Iterator[Line]:
    yield f"scale, shift = {act}(t) @ W + b", "of each channel"
    yield "x = group_norm(x) * (1 + scale) + shift", f"{level.told.norm.groups} groups"


def _efficient_lines(node: EfficientUNet, layers: Layers) -> Iterator[Line]:
    yield from told_lines(node)
    yield "x = conv(sample)", f"[B, {node.channels}, {node.size}, {node.size}] -> {node.dim} channels"
    yield "kept = []", ""
    for index, level in enumerate(node.down):
        code, remark = RESAMPLES[type(level.enter)]
        yield f"# down {index}: {level.dim} channels", ""
        yield f"x = {code.format('x')}", remark
        yield from _modulated(level, node.activation)
        yield from _cells(level, layers)
        yield "kept.push(x)", ""
    for index, level in enumerate(node.up):
        code, remark = RESAMPLES[type(level.leave)]
        yield f"# up {index}: {level.dim} channels", ""
        yield "x = concat(x, kept.pop())", "what stands opposite"
        yield from _modulated(level, node.activation)
        yield from _cells(level, layers)
        yield f"x = {code.format('x')}", remark
    yield "sample = x @ W + b", f"of each pixel: {node.out} channels"


def sheets(layers: Layers, text: Callable[[Any], Iterator[Line]]) -> dict[Any, Callable[[Any], Sheet]]:
    """Return the sheet of each kind of model; ``text`` writes out a tower of text."""

    def step(node: ToldDiffusion) -> Iterator[Line]:
        if isinstance(node, ToldUpscaler):
            yield "# low_res is as noisy as at noise_level", ""
            yield "sample = concat(sample, enlarged(low_res))", "bilinear"
        unet = node.unet
        yield from _efficient_lines(unet, layers) if isinstance(unet, EfficientUNet) else unet_lines(unet, layers)

    def told(node: ToldDiffusion) -> Sheet:
        more = ", low_res, noise_level" if isinstance(node, ToldUpscaler) else ""
        return f"def forward(sample, timestep, encoder_hidden_states{more}):", list(step(node))

    def cascade(node: SharedTextCascade) -> Sheet:
        lines: list[Line] = [*text(node.text), ("encoder_hidden_states = x", "")]
        for index, part in enumerate((node.base, *node.upscalers)):
            lines += [("", ""), (f"# part {index}, of {part.unet.size} pixels", ""), *step(part)]
        return "def forward(input_ids, sample, timestep):", lines

    return {
        EfficientUNet: lambda node: (
            "def forward(sample, timestep, encoder_hidden_states):",
            list(_efficient_lines(node, layers)),
        ),
        ToldDiffusion: told,
        ToldUpscaler: told,
        SharedTextCascade: cascade,
    }
