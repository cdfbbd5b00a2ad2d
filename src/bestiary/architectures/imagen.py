"""Imagen: pictures of a text by three U-Nets that read one frozen text encoder (Saharia et al. 2022)."""

from __future__ import annotations

from bestiary.architectures.diffusion import Widths, pixel_unet
from bestiary.architectures.t5 import t5_1_1_encoder
from bestiary.spec import (
    Attention,
    Cell,
    CornerConvDown,
    CosineBetas,
    DownLevel,
    EfficientUNet,
    GroupNorm,
    LayerNorm,
    LinearBetas,
    MappedResBlock,
    Modulation,
    NoiseLevel,
    NormedJoinedAttention,
    NormedWidthAttention,
    PixelStack,
    PooledText,
    Residual,
    Schedule,
    SharedTextCascade,
    Stack,
    TimeCosines,
    TimeEmbedding,
    ToldDiffusion,
    ToldUpscaler,
    TransposedConvUp,
    UNet,
    UpLevel,
    swap,
)

COSINE = Schedule(CosineBetas())
"""In the paper time runs from 0 to 1; here it is told by its thousandths (appendix F.1)."""


def imagen(
    dim: int,
    depth: int,
    heads: int,
    head_dim: int,
    hidden: int,
    width: int,
    upper_widths: Widths,
    upper_cells: Widths,
    size: int = 64,
    upper_sizes: Widths = (256, 1024),
    levels: Widths = (1, 2, 3, 4),
    attends: Widths = (0, 1, 1, 1),
    upper_attends: Widths = (0, 0, 0, 1),
    cells: int = 3,
    upper_heads: int = 8,
    vocab: int = 32128,
    *,
    pixel_head_dim: int = 64,
    pool_heads: int = 64,
    groups: int = 32,
) -> SharedTextCascade:
    """Imagen (Saharia et al. 2022, appendix F): T5's encoder, ADM's U-Net, and Efficient U-Nets that enlarge.

    ``dim`` to ``hidden`` are those of the text encoder; ``width``, ``levels``, ``attends`` and ``cells`` of the U-Net
    that draws; what begins with ``upper`` of those that enlarge, of which the last has no self-attention.
    """
    base = imagen_base(
        dim, width, size, levels, attends, cells, head_dim=pixel_head_dim, pool_heads=pool_heads, groups=groups
    )
    last = len(upper_sizes) - 1
    upscalers = tuple(
        imagen_upscaler(
            dim, upper_widths, upper_cells, upper_attends, upper_heads, side,
            joined=place < last, pool_heads=pool_heads, groups=groups,
        )
        for place, side in enumerate(upper_sizes)
    )  # fmt: skip
    return SharedTextCascade(dim, t5_1_1_encoder(dim, depth, heads, head_dim, hidden, vocab), base, upscalers)


def imagen_base(
    read: int,
    width: int,
    size: int = 64,
    levels: Widths = (1, 2, 3, 4),
    attends: Widths = (0, 1, 1, 1),
    cells: int = 3,
    *,
    head_dim: int = 64,
    pool_heads: int = 64,
    groups: int = 32,
) -> ToldDiffusion:
    """The part of Imagen that draws small pictures, told by vectors ``read`` wide (appendix F.1)."""
    unet = base_unet(width, levels, attends, cells, size, head_dim, read, groups)
    unet = unet.replace(conditions=(PooledText(pool_heads, read),))
    return ToldDiffusion(unet.dim, unet, COSINE)


def imagen_upscaler(
    read: int,
    widths: Widths,
    cells: Widths,
    attends: Widths,
    heads: int,
    size: int,
    *,
    joined: bool = True,
    pool_heads: int = 64,
    groups: int = 32,
) -> ToldUpscaler:
    """A part of Imagen that enlarges (appendices F.2 and F.3); without self-attention its noise grows evenly."""
    unet = efficient_unet(widths, cells, attends, heads, read, size, joined=joined, groups=groups)
    unet = unet.replace(conditions=(PooledText(pool_heads, read), NoiseLevel(TimeCosines(), unet.dim)))
    return ToldUpscaler(unet.dim, unet, COSINE if joined else Schedule(LinearBetas(1e-4, 0.02)), COSINE)


def base_unet(
    width: int, levels: Widths, attends: Widths, cells: int, size: int, head_dim: int, read: int, groups: int = 32
) -> UNet:
    """The U-Net that draws (appendix F.1): ADM's, whose attentions a text's vectors join, ``read`` wide, normed."""
    widths = tuple(width * times for times in levels)
    plain = pixel_unet(
        widths, cells, attends, size, 3, 3, head_dim, time="scale_shift", waves="cosines", resample="block",
        groups=groups, eps=1e-5,
    )  # fmt: skip
    return swap(plain, Attention, lambda node: NormedJoinedAttention(node.heads, width=read, read_norm=LayerNorm()))


def efficient_unet(
    widths: Widths,
    cells: Widths,
    attends: Widths,
    heads: int,
    read: int,
    size: int,
    channels: int = 6,
    out: int = 3,
    *,
    joined: bool = True,
    groups: int = 32,
) -> EfficientUNet:
    """The Efficient U-Net (appendix B.1, figures A.27 to A.30): halves before its cells, doubles behind them.

    ``widths`` and ``cells`` are those of each level, ``attends`` says by ones and zeros whose last cell attends, to a
    text's vectors, ``read`` wide, and, where they are ``joined``, to its own pixels. Heads are together twice as wide
    as the level (figure A.28).
    """
    norm = GroupNorm(groups)

    def row(level: int, width: int) -> tuple[Cell, ...]:
        kind = NormedJoinedAttention if joined else NormedWidthAttention
        op = kind(heads, head_dim=2 * width // heads, width=read, read_norm=LayerNorm())
        attend = PixelStack(Stack(((Residual(op, norm),),))) if attends[level] else None
        return (Cell(MappedResBlock(norm)),) * (cells[level] - 1) + (Cell(MappedResBlock(norm), attend),)

    rows = [(width, row(level, width)) for level, width in enumerate(widths)]
    down = tuple(DownLevel(width, CornerConvDown(), Modulation(norm), its) for width, its in rows)
    up = tuple(UpLevel(width, Modulation(norm), its, TransposedConvUp()) for width, its in reversed(rows))
    time = TimeEmbedding(TimeCosines(), 4 * widths[0])
    return EfficientUNet(widths[0], channels, out, size, time, down, up)
