"""DALL-E: a discrete autoencoder of pictures, a sparse transformer over texts and its codes (Ramesh et al. 2021)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Attention,
    CaptionedGrid,
    CaptionTokens,
    Causal,
    Cell,
    CodeDecoder,
    CodeEncoder,
    CodeWriter,
    DiscreteAutoencoder,
    GainBlock,
    Layer,
    LayerNorm,
    Level,
    LMHead,
    MaxDown,
    NearestUp,
    Picture,
    PictureColumn,
    PictureRow,
    PictureWindow,
    Residual,
    Stack,
    Transformer,
)
from bestiary.spec.codes import code_side

ROW, COLUMN = 0, 1
PATTERN = (ROW, COLUMN, ROW, ROW)
"""Which way layers look along a picture, over and over (appendix B.1)."""


def dvae(
    width: int = 256,
    blocks: int = 2,
    codes: int = 8192,
    size: int = 256,
    widths: tuple[int, ...] = (1, 2, 4, 8),
    first: int = 128,
    channels: int = 3,
) -> DiscreteAutoencoder:
    """The dVAE (appendix A.1 and its release): groups of blocks, ``width`` times ``widths`` wide, halved between.

    ``first`` is the width that words enter the decoder with.
    """
    gain = (len(widths) * blocks) ** -2.0
    down, up = (Cell(GainBlock(kernels, gain)) for kernels in ((3, 3, 3, 1), (1, 3, 3, 3)))
    last, order = len(widths) - 1, range(len(widths))
    encoder = tuple(Level(width * widths[i], (down,) * blocks, MaxDown() if i < last else None) for i in order)
    decoder = tuple(Level(width * widths[i], (up,) * blocks, NearestUp() if i else None) for i in reversed(order))
    return DiscreteAutoencoder(
        codes, size, CodeEncoder(width, channels, 7, encoder), CodeDecoder(first, decoder, 2 * channels)
    )


def dall_e(
    dim: int, depth: int, heads: int, image: DiscreteAutoencoder, words: int = 16384, length: int = 256,
    kernel: int = 11,
) -> CodeWriter:  # fmt: skip
    """DALL-E (section 2.2 and appendix B.1): every layer sees all of the text, and of the picture rows or columns.

    The last layer sees a square of ``kernel`` instead. ``length`` counts the places of a text, the one that begins it
    included.
    """
    side = code_side(image)
    masks: tuple[Picture, ...] = (PictureRow(length, side), PictureColumn(length, side))
    layers = (*(_layer(dim, heads, masks[PATTERN[i % 4]]) for i in range(depth - 1)),)
    last = _layer(dim, heads, PictureWindow(length, side, kernel))
    embed = CaptionTokens(words + image.dim, position=CaptionedGrid(length, side), length=length, codes=image.dim)
    stack = Stack((*layers, last), LayerNorm())
    return CodeWriter(dim, Transformer(dim, embed, stack, {"lm": LMHead(tied=False)}), image)


def _layer(dim: int, heads: int, mask: Picture) -> Layer:
    """A block of Child et al. 2019, section 5.2: norms before both branches, and their approximation of GELU."""
    attend = Residual(Attention(heads, mask=(Causal(), mask)), LayerNorm())
    return attend, Residual(MLP(4 * dim, "quick_gelu"), LayerNorm())
