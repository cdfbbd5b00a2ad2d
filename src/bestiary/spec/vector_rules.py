"""What models that draw by way of an image's vector must keep to beyond the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import CrossWidthAttention, JoinedAttention
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.summaries import TextEmbedding
from bestiary.spec.text_diffusion import ImageTextDiffusion
from bestiary.spec.vector_diffusion import (
    CodedVector,
    DiffusedVector,
    FinishedUpscaler,
    GivenCondition,
    PictureUpscaler,
    PriorCascade,
    VectorDiffusion,
)


def _read(node: Node) -> dict[int, None]:
    """Return the widths of the vectors that attentions inside a node read."""
    kinds = CrossWidthAttention | JoinedAttention
    return dict.fromkeys(part.width for _, part in walk_once(node) if isinstance(part, kinds))


def _vector_diffusion(node: VectorDiffusion, spec: Model) -> Iterator[str]:
    if node.dim != node.teller.dim:
        yield f"dim is {node.dim}, but the vectors that the U-Net is told are {node.teller.dim} wide"
    for width in _read(node.unet):
        if width != node.teller.dim:
            yield f"the U-Net reads vectors {width} wide, but those that it is told are {node.teller.dim}"
    if node.unet.conditions != (GivenCondition(),) or node.teller.hidden != node.unet.time.hidden:
        yield f"what is added to the time step is {node.teller.hidden} wide, and given: GivenCondition() alone"
    if node.unet.out not in (node.unet.channels, 2 * node.unet.channels):
        yield f"a U-Net that reads {node.unet.channels} channels cannot answer {node.unet.out} of an image"


def _upscaler(node: PictureUpscaler, spec: Model) -> Iterator[str]:
    unets = [node.unet, *([node.finish] if isinstance(node, FinishedUpscaler) else [])]
    if node.dim != node.unet.dim:
        yield f"dim is {node.dim}, but the U-Net's is {node.unet.dim}"
    for unet in unets:
        images = unet.channels // 2
        if unet.channels % 2 or unet.out not in (images, 2 * images):
            yield f"a small picture stands beside the noisy one, so {unet.channels} channels cannot give {unet.out}"
        if _read(unet) or unet.conditions:
            yield "what enlarges is told the time step alone"
    if len({(unet.size, unet.channels) for unet in unets}) > 1:
        yield "the U-Net of the last step draws pictures of another size or other channels"


def _diffused(node: DiffusedVector, spec: Model) -> Iterator[str]:
    if node.dim != node.denoiser.dim:
        yield f"dim is {node.dim}, but that of what takes noise out is {node.denoiser.dim}"


def _coded(node: CodedVector, spec: Model) -> Iterator[str]:
    if node.components > node.width:
        yield f"a vector {node.width} wide has no {node.components} principal components"
    if node.length < node.components + 1:
        yield f"{node.components} codes behind two tokens need {node.components + 1} places, not {node.length}"
    for width in _read(node.stack):
        if width != node.text.dim:
            yield f"attentions read vectors {width} wide, but the caption's are {node.text.dim}"


def _width(node: DiffusedVector | CodedVector) -> int:
    return node.denoiser.width if isinstance(node, DiffusedVector) else node.width


def _prior_cascade(node: PriorCascade, spec: Model) -> Iterator[str]:
    head = node.text.heads.get("embedding")
    if not isinstance(head, TextEmbedding) or head.width != node.dim:
        yield f"the text tower needs the head embedding=TextEmbedding({node.dim}), which texts share with images"
    if _width(node.prior) != node.dim:
        yield f"vectors are {node.dim} wide, but the prior tells some {_width(node.prior)} wide"
    if isinstance(node.prior, DiffusedVector):
        if node.prior.denoiser.width != node.text.dim:
            yield f"the prior reads vectors {node.prior.denoiser.width} wide, but the text's are {node.text.dim}"
        if node.prior.schedule.predicts != "image":
            yield "the prior tells the vector itself: its schedule predicts the image"
    seen = node.painter.image if isinstance(node.painter, ImageTextDiffusion) else node.painter.teller.width
    if seen != node.dim:
        yield f"vectors are {node.dim} wide, but what paints is told some {seen} wide"
    sides = [node.painter.unet.size, *(part.unet.size for part in node.upscalers)]
    if sides != sorted(set(sides)):
        yield f"pictures grow from one part to the next, but their sides are {sides}"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    VectorDiffusion: _vector_diffusion,
    PictureUpscaler: _upscaler,
    FinishedUpscaler: _upscaler,
    DiffusedVector: _diffused,
    CodedVector: _coded,
    PriorCascade: _prior_cascade,
}
