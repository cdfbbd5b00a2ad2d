"""U-Nets that take noise out of images, the autoencoders of their latent maps, and both behind a text tower."""

from __future__ import annotations

from typing import Literal

from bestiary.spec import (
    GLU,
    Activation,
    Attend,
    Attention,
    Autoencoder,
    Cell,
    ClassCondition,
    Conditioning,
    ConvDown,
    ConvTower,
    ConvUp,
    CornerConvDown,
    CrossWidthAttention,
    Gaussian,
    GivenCondition,
    GroupNorm,
    JoinedAttention,
    LayerNorm,
    Level,
    NearestUp,
    PixelStack,
    PixelTransformer,
    PoolDown,
    Resample,
    ResBlock,
    Residual,
    ScaleShift,
    Shift,
    Stack,
    TimeCosines,
    TimeEmbedding,
    TimeSines,
    UNet,
    swap,
)

Widths = tuple[int, ...]


def cross_unet(
    widths: Widths,
    depth: int,
    heads: Widths,
    read: int,
    size: int = 64,
    channels: int = 4,
    out: int = 4,
    attends: Widths = (1, 1, 1, 0),
    *,
    groups: int = 32,
    eps: float = 1e-5,
    activation: Activation = "silu",
    dropout: float = 0.0,
) -> UNet:
    """The U-Net of latent diffusion (Rombach et al. 2021): transformers that read vectors ``read`` wide in most levels.

    ``attends`` counts the layers of a level's transformers, ``heads`` their heads; ``depth`` the cells of a level down.
    """
    res = ResBlock(GroupNorm(groups, eps), Shift(), activation, dropout)

    def attend(level: int, layers: int) -> Attend | None:
        layer = (
            Residual(Attention(heads[level], bias="o"), LayerNorm()),
            Residual(CrossWidthAttention(heads[level], bias="o", width=read), LayerNorm()),
            Residual(GLU(4 * widths[level], "gelu", bias=True), LayerNorm()),
        )
        return PixelTransformer(Stack((layer,) * layers), GroupNorm(groups, 1e-6)) if layers else None

    top = len(widths) - 1
    cells = [Cell(res, attend(level, attends[level])) for level in range(len(widths))]
    middle = Level(widths[-1], (Cell(res, attend(top, max(1, attends[top]))), Cell(res)))
    time = TimeEmbedding(TimeCosines(), 4 * widths[0])
    down, up = _ways(widths, cells, depth, ConvDown(), ConvUp())
    return UNet(widths[0], channels, out, size, time, down, middle, up, GroupNorm(groups, eps), activation)


def pixel_unet(
    widths: Widths,
    depth: int,
    attends: tuple[int, ...],
    size: int,
    channels: int = 3,
    out: int = 3,
    head_dim: int | None = None,
    heads: int | None = None,
    classes: int | None = None,
    *,
    waves_width: int | None = None,
    time: Literal["shift", "scale_shift"] = "shift",
    waves: Literal["sines", "cosines"] = "sines",
    resample: Literal["conv", "corner_conv", "block"] = "conv",
    groups: int = 32,
    eps: float = 1e-6,
    activation: Activation = "silu",
    dropout: float = 0.0,
    middle: bool = True,
) -> UNet:
    """The U-Net of pixels (Ho et al. 2020) and what Dhariwal and Nichol 2021 made of it.

    ``attends`` says which levels attend, by ones and zeros, with so many ``heads``, or heads ``head_dim`` wide: one
    head unless either is said. The ``middle`` attends too, if it does.
    Levels are resampled by a convolution or within a residual ``block``.
    """
    norm = GroupNorm(groups, eps)
    told: Conditioning = ScaleShift() if time == "scale_shift" else Shift()
    res = ResBlock(norm, told, activation, dropout)

    def attend(width: int) -> Attend:
        return PixelStack(Stack(((Residual(Attention(heads or width // (head_dim or width)), norm),),)))

    cells = [Cell(res, attend(width) if attends[level] else None) for level, width in enumerate(widths)]
    between = Level(widths[-1], (Cell(res, attend(widths[-1]) if middle else None), Cell(res)))
    halve: Resample | ResBlock = ConvDown() if resample == "conv" else CornerConvDown()
    double: Resample | ResBlock = ConvUp()
    if resample == "block":
        halve, double = res.replace(resample=PoolDown()), res.replace(resample=NearestUp())
    down, up = _ways(widths, cells, depth, halve, double)
    kind = TimeSines() if waves == "sines" else TimeCosines()
    embedding = TimeEmbedding(kind, 4 * (waves_width or widths[0]), waves_width)
    known = () if classes is None else (ClassCondition(classes),)
    return UNet(widths[0], channels, out, size, embedding, down, between, up, norm, conditions=known)


def joined_unet(
    widths: Widths,
    depth: int,
    attends: tuple[int, ...],
    read: int,
    size: int = 64,
    channels: int = 3,
    out: int = 6,
    head_dim: int = 64,
    *,
    groups: int = 32,
    activation: Activation = "silu",
    dropout: float = 0.0,
) -> UNet:
    """The same, whose attentions look at vectors ``read`` wide beside their pixels (Nichol et al. 2021, section 4.1).

    What blocks know besides the time step is given as wide as that (as released with Karlo).
    """
    plain = pixel_unet(
        widths, depth, attends, size, channels, out, head_dim, time="scale_shift", waves="cosines", resample="block",
        groups=groups, eps=1e-5, activation=activation, dropout=dropout,
    )  # fmt: skip
    joined = swap(plain, Attention, lambda node: JoinedAttention(node.heads, width=read))
    return joined.replace(conditions=(GivenCondition(),), activation=activation)


def autoencoder(
    widths: Widths,
    depth: int,
    latent: int = 4,
    size: int = 512,
    channels: int = 3,
    scale: float = 0.18215,
    *,
    groups: int = 32,
    activation: Activation = "silu",
) -> Autoencoder:
    """The autoencoder of latent diffusion (Rombach et al. 2021, section 3.1): each place a normal distribution.

    ``depth`` counts the blocks of a level of the encoder; the decoder's have one more.
    """
    norm = GroupNorm(groups, 1e-6)
    cell = Cell(ResBlock(norm, activation=activation))
    attend = PixelStack(Stack(((Residual(Attention(1), norm),),)))
    middle = Level(widths[-1], (cell.replace(attend=attend), cell))
    last = len(widths) - 1
    levels = [(width, CornerConvDown() if level < last else None) for level, width in enumerate(widths)]
    down = tuple(Level(width, (cell,) * depth, halve) for width, halve in levels)
    up = tuple(Level(width, (cell,) * (depth + 1), halve and ConvUp()) for width, halve in _doubling(levels))
    encoder = ConvTower(widths[0], channels, (*down, middle), 2 * latent, norm)
    decoder = ConvTower(widths[-1], latent, (middle, *up), channels, norm)
    return Autoencoder(latent, size, encoder, Gaussian(scale), decoder)


def _doubling(levels: list[tuple[int, CornerConvDown | None]]) -> list[tuple[int, CornerConvDown | None]]:
    """Return levels in reverse, all but the last of which leave resampled."""
    widths = [width for width, _ in reversed(levels)]
    return list(zip(widths, [how for _, how in levels], strict=True))


def _ways(
    widths: Widths, cells: list[Cell], depth: int, halve: Resample | ResBlock, double: Resample | ResBlock
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return the levels down and those up, a cell more in each: all but the last are resampled."""
    last = len(widths) - 1
    order = range(len(widths))
    down = tuple(Level(widths[i], (cells[i],) * depth, halve if i < last else None) for i in order)
    up = tuple(Level(widths[i], (cells[i],) * (depth + 1), double if i else None) for i in reversed(order))
    return down, up
