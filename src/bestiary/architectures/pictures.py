"""Image makers whole: U-Nets with the schedule of their noise, and latent diffusion with text tower and autoencoder."""

from __future__ import annotations

from typing import Literal

from bestiary.architectures.clip import clip_text
from bestiary.architectures.diffusion import Widths, autoencoder, cross_unet, pixel_unet
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    CosineBetas,
    LatentDiffusion,
    LayerNorm,
    Learned,
    LinearBetas,
    PixelDiffusion,
    Residual,
    ScaledLinearBetas,
    Schedule,
    Stack,
    Tokens,
    Transformer,
)


def ddpm(
    widths: Widths, depth: int, attends: tuple[int, ...], size: int, *, groups: int = 32, dropout: float = 0.0
) -> PixelDiffusion:
    """DDPM (Ho et al. 2020): a U-Net that predicts the noise of images, in a thousand even steps."""
    unet = pixel_unet(widths, depth, attends, size, resample="corner_conv", groups=groups, dropout=dropout)
    return PixelDiffusion(unet.dim, unet, Schedule(LinearBetas(1e-4, 0.02)))


def adm(
    width: int,
    widths: Widths,
    depth: int,
    attends: tuple[int, ...],
    size: int,
    classes: int | None = None,
    head_dim: int | None = None,
    heads: int | None = None,
    *,
    noise: Literal["linear", "cosine"] = "linear",
    groups: int = 32,
    dropout: float = 0.0,
) -> PixelDiffusion:
    """ADM (Dhariwal and Nichol 2021): more heads, attention in more levels, blocks that resample, AdaGN, classes.

    ``width`` is that of the waves of the time step, which is the first level's where images are not large. The noise's
    variance is learned, so twice as many channels are predicted.
    """
    unet = pixel_unet(
        widths, depth, attends, size, 3, 6, head_dim, heads, classes,
        waves_width=None if width == widths[0] else width, time="scale_shift", waves="cosines", resample="block",
        groups=groups, eps=1e-5, dropout=dropout,
    )  # fmt: skip
    betas = CosineBetas() if noise == "cosine" else LinearBetas(1e-4, 0.02)
    return PixelDiffusion(unet.dim, unet, Schedule(betas))


def stable_diffusion(
    dim: int,
    text_depth: int,
    text_heads: int,
    text_hidden: int,
    widths: Widths,
    depth: int,
    heads: Widths,
    code_widths: Widths,
    code_depth: int = 2,
    size: int = 512,
    vocab: int = 49408,
    length: int = 77,
    end: int | None = None,
    *,
    text_activation: Activation = "quick_gelu",
    predicts: Literal["noise", "velocity"] = "noise",
    groups: int = 32,
) -> LatentDiffusion:
    """Stable Diffusion (2022): latent diffusion told by CLIP's reader of texts, whose weights are kept as they are."""
    text = clip_text(dim, text_depth, text_heads, text_hidden, vocab, length, end, activation=text_activation)
    text = text.with_heads({"pool": text.heads["pool"]})
    return _latent(text, widths, depth, heads, code_widths, code_depth, size, predicts, groups)


def latent_diffusion(
    dim: int,
    text_depth: int,
    text_heads: int,
    widths: Widths,
    depth: int,
    heads: Widths,
    code_widths: Widths,
    code_depth: int = 2,
    size: int = 256,
    vocab: int = 30522,
    length: int = 77,
    *,
    head_dim: int = 64,
    groups: int = 32,
) -> LatentDiffusion:
    """Latent diffusion from text (Rombach et al. 2021, 4.3.1): its encoder of texts is trained with the U-Net."""
    norm = LayerNorm()
    layer = (
        Residual(Attention(text_heads, head_dim=head_dim, bias="o"), norm),
        Residual(MLP(4 * dim), norm),
    )
    text = Transformer(dim, Tokens(vocab, position=Learned(length)), Stack((layer,) * text_depth, norm))
    return _latent(text, widths, depth, heads, code_widths, code_depth, size, "noise", groups)


def _latent(
    text: Transformer,
    widths: Widths,
    depth: int,
    heads: Widths,
    code_widths: Widths,
    code_depth: int,
    size: int,
    predicts: Literal["noise", "velocity"],
    groups: int,
) -> LatentDiffusion:
    attends = (1,) * (len(widths) - 1) + (0,)
    side = size // 2 ** (len(code_widths) - 1)
    unet = cross_unet(widths, depth, heads, text.dim, side, attends=attends, groups=groups)
    code = autoencoder(code_widths, code_depth, unet.channels, size, groups=groups)
    return LatentDiffusion(text.dim, text, unet, code, Schedule(ScaledLinearBetas(0.00085, 0.012), predicts=predicts))
