"""The flat view of what reads texts with pictures between their words, and of networks without norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.spec.flat.heads import head_lines
from bestiary.spec.flat.multimodal_whole import Sheet, part_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.interleaved import Interleaved, Resampler, image_token
from bestiary.spec.models import Model
from bestiary.spec.normfree import STEM, NormFreeNet


def _norm_free_net(spec: NormFreeNet) -> Sheet:
    side = spec.image
    widths = ", ".join(str(spec.stem // share) for share in STEM)
    lines: list[Line] = [
        ("# every conv standardizes its kernels; gelu is 1.7015 times the usual", ""),
        ("x = conv3x3(gelu(conv3x3(gelu(conv3x3(gelu(conv3x3(pixel_values)))))))", f"to {widths}; strides 2, 1, 1, 2"),
    ]
    for number, stage in enumerate(spec.stages):
        inner = f"{stage.width // 2} inside, in groups of {spec.group}"
        lines.append((f"repeat {stage.blocks} times:", "each with weights of its own"))
        lines.append(("    h = gelu(x) / deviation", "what is expected there"))
        lines.append(("    h = conv1x1(gelu(conv3x3(gelu(conv3x3(gelu(conv1x1(h)))))))", f"{inner}, {stage.width} out"))
        lines.append((f"    x = shortcut(x) + {spec.alpha:g} * skip * 2 * h * sigmoid(mlp(mean(h)))", ""))
        halves, read = ("stride 2 in one conv3x3, ", "mean of each 2 x 2 of h") if number else ("", "h")
        lines.append((f"    # the first: {halves}shortcut(x) = conv1x1({read})", ""))
    lines.append(("x = gelu(conv1x1(x))", f"{spec.dim} channels"))
    shown = "T" if side is None else str((-(-side // spec.shrinks)) ** 2)
    lines.append(("x = places(x)", f"[B, {shown}, {spec.dim}]"))
    for name, head in spec.heads.items():
        lines += [("", ""), *head_lines(name, head, spec)]
    return "def forward(pixel_values):", lines


def _resampler(spec: Resampler) -> Sheet:
    from bestiary.spec.flat.towers import stack_lines  # the table of whole models, some of which come back here

    lines: list[Line] = [("memory = features" + (" @ Wenter" if spec.width else ""), f"{spec.width or spec.dim} wide")]
    if spec.frames is not None:
        lines.append(("memory = memory + frame[0, 1, ...]", f"times of {spec.frames} pictures of a film"))
    lines.append(("x = latents", f"[B, {spec.latents}, {spec.dim}], learned"))
    return "def forward(features):", [*lines, *stack_lines(spec.stack, spec.dim)]


def _interleaved(spec: Interleaved) -> Sheet:
    lines: list[Line] = [*part_lines("image, of each picture", spec.image), ("", "")]
    if spec.resampler is not None:
        lines += [("features = x", ""), *part_lines("resampler, of each picture", spec.resampler), ("", "")]
    bridge = " @ Wbridge" if spec.bridge else ""
    lines.append((f"memory = concat(x of all pictures){bridge}", f"{spec.bridge or spec.summed} wide"))
    token = image_token(spec.text)
    lines.append(("", "") if token is None else (f"# token {token} shows the next picture", ""))
    return "def forward(input_ids, pixel_values):", [*lines, *part_lines("text", spec.text)]


WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {
    NormFreeNet: _norm_free_net,
    Resampler: _resampler,
    Interleaved: _interleaved,
}
