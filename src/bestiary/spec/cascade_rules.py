"""What models that draw by a text must keep to beyond the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import CrossWidthAttention, JoinedAttention
from bestiary.spec.masks import Causal, Mask
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.positions import Learned
from bestiary.spec.text_diffusion import (
    Cascade,
    EmbeddingDenoiser,
    ImageTextDiffusion,
    PaddedTokens,
    TextDiffusion,
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
    VectorCondition,
)


def padded_tokens(node: PaddedTokens, spec: Model) -> Iterator[str]:
    """Yield what is wrong beyond what holds for any tokens."""
    if not isinstance(node.position, Learned) or node.position.length != node.length or node.width or node.norm:
        yield f"vectors for padding stand at {node.length} places, so position is Learned({node.length}), without more"


def _text_diffusion(node: TextDiffusion, spec: Model) -> Iterator[str]:
    if node.text.dim != node.dim:
        yield f"the text's vectors are {node.text.dim} wide, but dim, which the U-Net reads, is {node.dim}"
    told = node.dim + (node.image if isinstance(node, ImageTextDiffusion) else 0)
    for kinds, needed in ((CrossWidthAttention | JoinedAttention, node.dim), (VectorCondition, told)):
        for width in dict.fromkeys(part.width for _, part in walk_once(node.unet) if isinstance(part, kinds)):
            if width != needed:
                yield f"the U-Net reads vectors {width} wide, but those that it is told are {needed}"
    images, spare = divmod(node.unet.channels, _PICTURES[type(node)])
    if spare != isinstance(node, TextInpainter | TextInpaintUpscaler) or node.unet.out not in (images, 2 * images):
        yield f"a U-Net that reads {node.unet.channels} channels cannot answer {node.unet.out} of an image"


_PICTURES = {TextDiffusion: 1, ImageTextDiffusion: 1, TextUpscaler: 2, TextInpainter: 2, TextInpaintUpscaler: 3}
"""How many pictures a U-Net reads beside one another; one channel more says where a picture is known."""


def _cascade(node: Cascade, spec: Model) -> Iterator[str]:
    sides = [node.text.unet.size, *(part.unet.size for part in node.upscalers)]
    if sides != sorted(set(sides)):
        yield f"pictures grow from one part to the next, but their sides are {sides}"
    if node.dim != node.text.dim:
        yield f"dim is that of the first text tower, {node.text.dim}, not {node.dim}"


def _embedding_denoiser(node: EmbeddingDenoiser, spec: Model) -> Iterator[str]:
    if any(not isinstance(part, Causal) for _, part in walk_once(node.stack) if isinstance(part, Mask)):
        yield "what it reads comes in order, so its attentions take Causal() or no mask"
    if node.time.width % 2 or node.time.width < 4:
        yield f"waves of the time step come in pairs, two at least, but their width is {node.time.width}"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    TextDiffusion: _text_diffusion,
    TextUpscaler: _text_diffusion,
    TextInpainter: _text_diffusion,
    TextInpaintUpscaler: _text_diffusion,
    ImageTextDiffusion: _text_diffusion,
    EmbeddingDenoiser: _embedding_denoiser,
    Cascade: _cascade,
}
