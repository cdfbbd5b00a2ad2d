"""The flat view of models of feature maps: U-Nets, autoencoders, and pipelines of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.diffusion import (
    Autoencoder,
    ClassCondition,
    Codebook,
    LatentDiffusion,
    PixelDiffusion,
    TimeSines,
    UNet,
)
from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import (
    Attend,
    Cell,
    ConvDown,
    ConvTower,
    ConvUp,
    CornerConvDown,
    CrossWidthAttention,
    GainBlock,
    JoinedAttention,
    Level,
    MappedResBlock,
    MaxDown,
    NearestUp,
    PixelStack,
    PixelTransformer,
    PoolDown,
    Resample,
    ResBlock,
    ScaledResBlock,
    ScaleShift,
    TransposedConvUp,
)
from bestiary.spec.flat.ops import Line
from bestiary.spec.fold import fold
from bestiary.spec.patch_diffusion import PatchDenoiser, PatchDiffusion
from bestiary.spec.shared_text import EfficientUNet, NoiseLevel, PooledText
from bestiary.spec.stacks import Stack
from bestiary.spec.text_diffusion import (
    Cascade,
    EmbeddingDenoiser,
    ImageTextDiffusion,
    TextDiffusion,
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
    VectorCondition,
)
from bestiary.spec.vector_diffusion import GivenCondition

Sheet = tuple[str, list[Line]]
Layers = Callable[[Stack, int], Iterator[Line]]
"""What writes out the layers of a stack of a width."""
Text = Callable[[Any], Iterator[Line]]
"""What writes out a tower of text."""

RESAMPLES: dict[type[Resample], tuple[str, str]] = {
    ConvDown: ("conv(x, stride=2)", "half the side"),
    CornerConvDown: ("conv(pad(x, right=1, bottom=1), stride=2)", "half the side"),
    PoolDown: ("mean_of_four({})", "half the side"),
    NearestUp: ("repeat_each_pixel({})", "twice the side"),
    MaxDown: ("greatest_of_four({})", "half the side"),
    ConvUp: ("conv(repeat_each_pixel(x))", "twice the side"),
    TransposedConvUp: ("transposed_conv(x, stride=2)", "twice the side"),
}


_SUM = "shortcut(x) + conv(h)"


def _res(node: ResBlock, entering: str, dim: int) -> Iterator[Line]:
    act = node.activation
    yield f"h = {act}(group_norm(x))", f"{node.norm.groups} groups"
    if node.resample is not None:
        code, remark = RESAMPLES[type(node.resample)]
        yield f"h, x = {code.format('h')}, {code.format('x')}", remark
    if node.time is None:
        yield f"h = {act}(group_norm(conv(h)))", f"{entering} -> {dim}"
    elif isinstance(node.time, ScaleShift):
        yield f"scale, shift = {act}(t) @ W + b", f"{dim} each"
        yield f"h = {act}(group_norm(conv(h)) * (1 + scale) + shift)", f"{entering} -> {dim}"
    else:
        yield f"h = {act}(group_norm(conv(h) + {act}(t) @ W + b))", f"{entering} -> {dim}"
    sum_ = f"({_SUM}) * {node.scale:.4g}" if isinstance(node, ScaledResBlock) else _SUM
    where = "" if isinstance(node, MappedResBlock) else " where the width changes, or x itself"
    yield f"x = {sum_}", f"a linear map of each pixel{where}"


def _gain(node: GainBlock, dim: int) -> Iterator[Line]:
    for index, kernel in enumerate(node.kernels):
        yield f"h = conv(relu({'h' if index else 'x'}))", f"{kernel} x {kernel}"
    yield f"x = shortcut(x) + {node.gain:g} * h", f"{dim // 4} channels within"


def _attend(node: Attend, dim: int, layers: Layers) -> Iterator[Line]:
    if isinstance(node, PixelStack):
        yield "x = pixels(x)", "row by row: tokens"
        yield from layers(node.stack, dim)
        yield "x = map(x)", ""
    elif isinstance(node, PixelTransformer):
        yield "y, x = x, pixels(group_norm(x)) @ Win + b", "row by row: tokens"
        yield from layers(node.stack, dim)
        yield "x = y + map(x @ Wout + b)", ""


def cell_lines(cell: Cell, dim: int, entering: str, reads: bool, layers: Layers) -> Iterator[Line]:
    """Yield the lines of a cell, which reads what stands opposite or not."""
    if reads:
        yield "x = concat(x, kept.pop())", "what stands opposite"
    yield from _gain(cell.res, dim) if isinstance(cell.res, GainBlock) else _res(cell.res, entering, dim)
    if cell.attend is not None:
        yield from _attend(cell.attend, dim, layers)


def level_lines(level: Level, name: str, layers: Layers, keeps: bool = False, reads: bool = False) -> Iterator[Line]:
    """Yield the lines of a level."""
    yield f"# {name}: {level.dim} channels", ""
    for times, cell in fold(level.cells):
        indent = "    " if times > 1 else ""
        if times > 1:
            yield f"repeat {times} times:", "each with weights of its own"
        lines = [*cell_lines(cell, level.dim, "what enters", reads, layers), *([("kept.push(x)", "")] if keeps else [])]
        yield from ((indent + code, remark) for code, remark in lines)
    if isinstance(level.resample, ResBlock):
        yield from _res(level.resample, str(level.dim), level.dim)
    elif level.resample is not None:
        code, remark = RESAMPLES[type(level.resample)]
        yield f"x = {code.format('x')}", remark
    if keeps and level.resample is not None:
        yield "kept.push(x)", ""


def told_lines(node: UNet | EfficientUNet) -> Iterator[Line]:
    """Yield the lines of what blocks are told."""
    hidden = node.time.hidden
    act, width = node.activation, node.time.width or node.dim
    waves = "sines, cosines" if isinstance(node.time.waves, TimeSines) else "cosines, sines"
    yield f"t = {act}(waves(timestep) @ W1 + b1) @ W2 + b2", f"{waves}: {width} -> {hidden}"
    for condition in node.conditions:
        if isinstance(condition, ClassCondition):
            yield "t = t + class[class_labels]", f"{condition.classes} classes"
        elif isinstance(condition, VectorCondition):
            yield "t = t + vector @ W + b", f"{condition.width} -> {hidden}"
        elif isinstance(condition, GivenCondition):
            yield "t = t + vector", f"{hidden} wide, as it is given"
        elif isinstance(condition, PooledText):
            yield "p = layer_norm(encoder_hidden_states)", f"[B, S, {condition.width}]"
            yield "c = mean(p) + position", "asks them and itself"
            yield "p = attention(c, concat(c, p))", f"{condition.heads} heads"
            yield "t = t + layer_norm(p @ W + b)", f"{condition.width} -> {hidden}"
        elif isinstance(condition, NoiseLevel):
            yield f"t = t + {act}(waves(noise_level) @ W1 + b1) @ W2 + b2", f"{condition.width} -> {hidden}"


def unet_lines(node: UNet, layers: Layers) -> Iterator[Line]:
    """Yield the lines of a U-Net."""
    yield from told_lines(node)
    if any(type(part) in (CrossWidthAttention, JoinedAttention) for _, part in walk_once(node)):
        yield "memory = encoder_hidden_states", "what attention reads"
    yield "x = conv(sample)", f"[B, {node.channels}, {node.size}, {node.size}] -> {node.dim} channels"
    yield "kept = [x]", ""
    for index, level in enumerate(node.down):
        yield from level_lines(level, f"down {index}", layers, keeps=True)
    yield from level_lines(node.middle, "middle", layers)
    for index, level in enumerate(node.up):
        yield from level_lines(level, f"up {index}", layers, reads=True)
    yield f"sample = conv({node.activation}(group_norm(x)))", f"{node.out} channels"


def _tower_lines(node: ConvTower, name: str, layers: Layers) -> Iterator[Line]:
    yield f"x = conv({name})", f"{node.channels} -> {node.dim} channels"
    for index, level in enumerate(node.levels):
        yield from level_lines(level, f"level {index}", layers)
    yield f"x = conv({node.activation}(group_norm(x)))", f"{node.out} channels"


def _autoencoder_lines(node: Autoencoder, layers: Layers) -> Iterator[Line]:
    yield from _tower_lines(node.encoder, "pixel_values", layers)
    if isinstance(node.code, Codebook):
        yield "x = x @ W + b", f"{node.encoder.out} -> {node.dim}"
        yield "codes = argmin(|x - vector|)", f"of {node.code.entries} vectors"
        yield "latents = vector[codes]", ""
    else:
        yield "mean, logvar = x @ W + b", f"of each place: {node.dim} and {node.dim}"
        yield "latents = mean", f"or drawn; noise is added to {node.code.scale:g} times it"
    yield from _tower_lines(node.decoder, "latents @ W + b", layers)


def _denoiser_lines(node: PatchDenoiser, layers: Layers) -> Iterator[Line]:
    side, patch, width = node.embed.image // node.embed.patch, node.embed.patch, node.time.width
    yield "c = silu(waves(timestep) @ W1 + b1) @ W2 + b2", f"{width} waves -> {node.dim}"
    for condition in node.conditions:
        if isinstance(condition, ClassCondition):
            yield "c = c + class[class_labels]", f"{condition.classes} classes"
    yield "x = patches(sample) @ W + b", f"{side**2} patches of {node.embed.channels * patch**2} values"
    if node.embed.position is not None:
        yield "x = x + position", "a vector for each place"
    yield from layers(node.stack, node.dim)
    yield "shift, scale = silu(c) @ Ws + bs, silu(c) @ Wc + bc", f"{node.dim} each"
    yield "x = layer_norm(x) * (1 + scale) + shift", "no gain or offset of its own"
    yield "sample = map(x @ W + b)", f"[B, {node.out}, {node.embed.image}, {node.embed.image}]"


def embedding_lines(node: EmbeddingDenoiser, layers: Layers) -> Iterator[Line]:
    """Yield the lines of what takes noise out of vectors."""
    yield "t = silu(waves(timestep) @ W1 + b1) @ W2 + b2", f"{node.time.width} waves -> {node.dim}"
    yield "w, e, n = encoder_hidden_states @ Ww + bw, text_embeds @ We + be, sample @ Wn + bn", f"{node.width} wide"
    yield "x = concat(w, e, t, n, last) + position", f"[B, {node.length} + 4, {node.dim}]"
    yield from layers(node.stack, node.dim)
    yield "image_embeds = x[:, -1] @ W + b", f"[B, {node.width}]"


def _steps(node: PixelDiffusion | LatentDiffusion, noisy: str, predicted: str, layers: Layers) -> Iterator[Line]:
    schedule = node.schedule
    yield f"for timestep in steps({schedule.steps}), from the last:", f"it predicts the {schedule.predicts}"
    for code, remark in unet_lines(node.unet, layers):
        yield f"    {code.replace('sample', predicted) if code.startswith('sample') else code}", remark
    yield f"    {noisy} = less_noisy({noisy}, {predicted})", ""


def told_sheet(layers: Layers, text: Text) -> Callable[[TextDiffusion], Sheet]:
    """Return what makes the sheet of a U-Net with a text tower of its own."""

    def drawn(node: TextDiffusion) -> Sheet:
        lines: list[Line] = [*text(node.text), ("encoder_hidden_states, vector = x, x[:, -1]", ""), ("", "")]
        if isinstance(node, ImageTextDiffusion):
            lines.append((f"encoder_hidden_states = concat(x, {node.extra} rows of image_embeds @ W + b)", ""))
            lines.append(("vector = concat(vector, image_embeds)", f"{node.dim} and {node.image} wide"))
        if isinstance(node, TextInpainter | TextInpaintUpscaler):
            lines.append(("sample = concat(sample, picture * known, known)", "ones where the picture has no holes"))
        if isinstance(node, TextUpscaler):
            lines.append(("sample = concat(sample, enlarged(low_res))", "bilinear"))
        given = "input_ids, sample, timestep" + (", low_res" if isinstance(node, TextUpscaler) else "")
        given += ", picture, known" if isinstance(node, TextInpainter | TextInpaintUpscaler) else ""
        given += ", image_embeds" if isinstance(node, ImageTextDiffusion) else ""
        return f"def forward({given}):", [*lines, *unet_lines(node.unet, layers)]

    return drawn


def sheets(layers: Layers, text: Text) -> dict[Any, Callable[[Any], Sheet]]:
    """Return the sheet of each kind of model; ``text`` writes out a tower of text."""
    drawn = told_sheet(layers, text)

    def cascade(node: Cascade) -> Sheet:
        header, lines = drawn(node.text)
        for index, part in enumerate(node.upscalers):
            lines += [("", ""), (f"# upscaler {index}, to {part.unet.size} pixels", ""), *drawn(part)[1]]
        return header, [(f"# the first part, of {node.text.unet.size} pixels", ""), *lines]

    def steps(node: PixelDiffusion) -> Sheet:
        return "def forward(sample):", list(_steps(node, "sample", "predicted", layers))

    def whole(node: LatentDiffusion) -> Sheet:
        lines: list[Line] = [*text(node.text), ("encoder_hidden_states = x", ""), ("", "")]
        lines += [*_steps(node, "latents", "sample", layers), ("", "")]
        lines += [(f"latents = latents / {node.autoencoder.code.scale:g}", "")]
        lines += _tower_lines(node.autoencoder.decoder, "latents @ W + b", layers)
        return "def forward(input_ids, latents):", lines

    def patches(node: PatchDiffusion) -> Sheet:
        lines: list[Line] = [(f"for timestep in steps({node.schedule.steps}), from the last:", "")]
        lines += [(f"    {code}" if code else "", remark) for code, remark in _denoiser_lines(node.denoiser, layers)]
        lines += [("    latents = less_noisy(latents, sample)", ""), ("", "")]
        lines += [(f"latents = latents / {node.autoencoder.code.scale:g}", "")]
        lines += _tower_lines(node.autoencoder.decoder, "latents @ W + b", layers)
        return "def forward(latents, class_labels):", lines

    return {
        TextDiffusion: drawn,
        TextUpscaler: drawn,
        TextInpainter: drawn,
        TextInpaintUpscaler: drawn,
        ImageTextDiffusion: drawn,
        EmbeddingDenoiser: lambda node: (
            "def forward(sample, timestep, text_embeds, encoder_hidden_states):",
            list(embedding_lines(node, layers)),
        ),
        Cascade: cascade,
        PatchDenoiser: lambda node: ("def forward(sample, timestep):", list(_denoiser_lines(node, layers))),
        PatchDiffusion: patches,
        UNet: lambda node: ("def forward(sample, timestep):", list(unet_lines(node, layers))),
        Autoencoder: lambda node: ("def forward(pixel_values):", list(_autoencoder_lines(node, layers))),
        PixelDiffusion: steps,
        LatentDiffusion: whole,
    }
