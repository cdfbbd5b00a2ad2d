"""unCLIP, which is DALL-E 2: each of its parts (Ramesh et al. 2022)."""

from __future__ import annotations

from bestiary.architectures.diffusion import Widths, pixel_unet
from bestiary.architectures.glide import glide
from bestiary.spec import (
    MLP,
    Attention,
    Causal,
    EmbeddingDenoiser,
    ImageTextDiffusion,
    LayerNorm,
    Residual,
    Stack,
    TextDiffusion,
    TimeCosines,
    TimeVector,
    UNet,
    VectorCondition,
)


def unclip_prior(
    dim: int, depth: int, heads: int, width: int, length: int = 77, *, dropout: float = 0.0
) -> EmbeddingDenoiser:
    """The diffusion prior (Ramesh et al. 2022, section 2.2): from a text to the vector of an image of it.

    ``width`` is that of the vectors that texts and images share, ``length`` counts those of a text.
    """
    attend = Residual(Attention(heads, mask=(Causal(),), dropout=dropout), LayerNorm())
    layer = (attend, Residual(MLP(4 * dim, dropout=dropout), LayerNorm()))
    return EmbeddingDenoiser(dim, width, length, TimeVector(TimeCosines(), dim), Stack((layer,) * depth, LayerNorm()))


def unclip_decoder(
    dim: int,
    depth: int,
    heads: int,
    width: int,
    image: int,
    size: int = 64,
    levels: Widths = (1, 2, 3, 4),
    attends: Widths = (0, 1, 1, 1),
    cells: int = 3,
    vocab: int = 50257,
    length: int = 256,
    *,
    head_dim: int = 64,
    groups: int = 32,
) -> ImageTextDiffusion:
    """The decoder (section 2.1): GLIDE's first model, told by a vector of the image besides, ``image`` wide."""
    drawn: TextDiffusion = glide(
        dim, depth, heads, width, dim, depth, heads, width, size, 2 * size, levels, levels, attends, attends, cells, 1,
        vocab, length, head_dim=head_dim, groups=groups,
    ).text  # fmt: skip
    unet = drawn.unet.replace(conditions=(VectorCondition(dim + image),))
    return ImageTextDiffusion(dim, drawn.text, unet, drawn.schedule, image)


def unclip_upsampler(
    width: int, size: int, levels: Widths, cells: int, *, groups: int = 32, dropout: float = 0.0
) -> UNet:
    """What enlarges (section 2.1 and appendix C): ADM's U-Net without attention, beside a small picture."""
    widths = tuple(width * times for times in levels)
    node = pixel_unet(
        widths, cells, (0,) * len(levels), size, 6, 6, time="scale_shift", waves="cosines", resample="block",
        groups=groups, eps=1e-5, dropout=dropout,
    )  # fmt: skip
    bare = node.middle.cells[1]
    return node.replace(middle=node.middle.replace(cells=(bare, bare)))
