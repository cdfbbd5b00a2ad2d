"""GLIDE: pictures of a text by two U-Nets, each with a text tower of its own (Nichol et al. 2021)."""

from __future__ import annotations

from bestiary.architectures.diffusion import Widths, pixel_unet
from bestiary.spec import (
    MLP,
    Attention,
    Cascade,
    CosineBetas,
    JoinedAttention,
    LayerNorm,
    Learned,
    LinearBetas,
    PaddedTokens,
    Residual,
    Schedule,
    Stack,
    TextDiffusion,
    TextUpscaler,
    Transformer,
    UNet,
    VectorCondition,
    swap,
)


def glide(
    dim: int,
    depth: int,
    heads: int,
    width: int,
    upper_dim: int,
    upper_depth: int,
    upper_heads: int,
    upper_width: int,
    size: int = 64,
    upper_size: int = 256,
    levels: Widths = (1, 2, 3, 4),
    upper_levels: Widths = (1, 1, 2, 2, 4, 4),
    attends: Widths = (0, 1, 1, 1),
    upper_attends: Widths = (0, 0, 0, 1, 1, 1),
    cells: int = 3,
    upper_cells: int = 2,
    vocab: int = 50257,
    length: int = 128,
    *,
    head_dim: int = 64,
    groups: int = 32,
    dropout: float = 0.1,
) -> Cascade:
    """GLIDE (Nichol et al. 2021, section 4.1): ADM's U-Nets, which read a text's vectors beside their own pixels.

    ``dim``, ``depth`` and ``heads`` are those of the text towers, ``width`` that of the U-Nets, times ``levels``;
    what begins with ``upper`` is of the part that enlarges.
    """

    def unet(width: int, levels: Widths, attends: Widths, cells: int, size: int, channels: int, dim: int) -> UNet:
        widths = tuple(width * times for times in levels)
        plain = pixel_unet(
            widths, cells, attends, size, channels, 6, head_dim, time="scale_shift", waves="cosines",
            resample="block", groups=groups, eps=1e-5, dropout=dropout,
        )  # fmt: skip
        joined = swap(plain, Attention, lambda node: JoinedAttention(node.heads, width=dim))
        return joined.replace(conditions=(VectorCondition(dim),))

    drawn = unet(width, levels, attends, cells, size, 3, dim)
    small = TextDiffusion(
        dim, padded_text(dim, depth, heads, vocab, length), drawn, Schedule(CosineBetas(0.008, 0.999))
    )
    large = TextUpscaler(
        upper_dim,
        padded_text(upper_dim, upper_depth, upper_heads, vocab, length),
        unet(upper_width, upper_levels, upper_attends, upper_cells, upper_size, 6, upper_dim),
        Schedule(LinearBetas(0.0001, 0.02)),
    )
    return Cascade(dim, small, (large,))


def padded_text(dim: int, depth: int, heads: int, vocab: int, length: int) -> Transformer:
    """GLIDE's reader of texts (Nichol et al. 2021, section 4.1), in which vectors of their own stand for padding."""
    layer = (Residual(Attention(heads), LayerNorm()), Residual(MLP(4 * dim), LayerNorm()))
    embed = PaddedTokens(vocab, position=Learned(length), length=length)
    return Transformer(dim, embed, Stack((layer,) * depth, LayerNorm()))
