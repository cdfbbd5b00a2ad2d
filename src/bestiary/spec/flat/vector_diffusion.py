"""The flat view of models that draw by way of an image's vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.flat.feature_maps import Layers, Sheet, Text, embedding_lines, told_sheet, unet_lines
from bestiary.spec.flat.ops import Line
from bestiary.spec.text_diffusion import ImageTextDiffusion
from bestiary.spec.vector_diffusion import (
    CodedVector,
    DiffusedVector,
    FinishedUpscaler,
    PictureUpscaler,
    PriorCascade,
    VectorDiffusion,
    VectorTeller,
)

_BLANK: Line = ("", "")


def _teller_lines(node: VectorTeller) -> Iterator[Line]:
    yield "v = image_embeds or nothing", f"{node.width} wide; what stands for no image is learned"
    yield f"e = {node.extra} columns of v @ We + be", f"[B, {node.extra}, {node.dim}]"
    yield "w = layer_norm(encoder_hidden_states @ Ww + bw)", f"{node.width} -> {node.dim}"
    yield "encoder_hidden_states = concat(e, w)", ""
    yield "vector = v @ Wv + bv + text_embeds @ Wt + bt", f"{node.width} -> {node.hidden}"


def _vector_lines(node: VectorDiffusion, layers: Layers) -> Iterator[Line]:
    yield from _teller_lines(node.teller)
    yield from unet_lines(node.unet, layers)


def _upscaler_lines(node: PictureUpscaler, layers: Layers) -> Iterator[Line]:
    how = "bicubic" if isinstance(node, FinishedUpscaler) else "bilinear"
    yield "sample = concat(sample, enlarged(low_res))", how
    yield from unet_lines(node.unet, layers)
    if isinstance(node, FinishedUpscaler):
        yield "# the last step is one of another U-Net of these sizes", ""


def _coded_lines(node: CodedVector, layers: Layers, text: Text) -> Iterator[Line]:
    yield from text(node.text)
    yield "memory = x", "what cross-attention reads"
    yield "x = concat(text_embeds @ Wt + bt, near[nearness], code[codes])", f"{node.components} codes at most"
    yield "x = x + position", f"{node.length} places"
    yield from layers(node.stack, node.dim)
    yield "logits = x[:, 1:] @ W", f"scores of {node.buckets} buckets, of each code and the next"
    yield "image_embeds = middles(codes) @ axes + mean", f"{node.components} axes of {node.width}"


def sheets(layers: Layers, text: Text) -> dict[Any, Callable[[Any], Sheet]]:
    """Return the sheet of each kind of model; ``text`` writes out a tower of text."""
    told = told_sheet(layers, text)

    def prior(node: DiffusedVector | CodedVector) -> Sheet:
        if isinstance(node, CodedVector):
            given = "input_ids, text_embeds, nearness, codes"
            return f"def forward({given}):", list(_coded_lines(node, layers, text))
        given = "sample, timestep, text_embeds, encoder_hidden_states"
        return f"def forward({given}):", list(embedding_lines(node.denoiser, layers))

    def painter(node: VectorDiffusion) -> Sheet:
        given = "sample, timestep, image_embeds, text_embeds, encoder_hidden_states"
        return f"def forward({given}):", list(_vector_lines(node, layers))

    def upscaler(node: PictureUpscaler) -> Sheet:
        return "def forward(sample, timestep, low_res):", list(_upscaler_lines(node, layers))

    def whole(node: PriorCascade) -> Sheet:
        paint = told if isinstance(node.painter, ImageTextDiffusion) else painter
        lines = [*text(node.text), ("encoder_hidden_states, text_embeds = x, summary @ W", f"{node.dim} wide")]
        lines += [_BLANK, ("# the prior: the image's vector", ""), *prior(node.prior)[1]]
        lines += [_BLANK, (f"# what paints, {node.painter.unet.size} pixels", ""), *paint(node.painter)[1]]  # type: ignore[arg-type]
        for index, part in enumerate(node.upscalers):
            lines += [_BLANK, (f"# upscaler {index}, to {part.unet.size} pixels", ""), *upscaler(part)[1]]
        return "def forward(input_ids):", lines

    return {
        VectorTeller: lambda node: (
            "def forward(image_embeds, text_embeds, encoder_hidden_states):",
            list(_teller_lines(node)),
        ),
        VectorDiffusion: painter,
        PictureUpscaler: upscaler,
        FinishedUpscaler: upscaler,
        DiffusedVector: prior,
        CodedVector: prior,
        PriorCascade: whole,
    }
