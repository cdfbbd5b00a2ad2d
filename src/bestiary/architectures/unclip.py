"""unCLIP, which is DALL-E 2: its parts, the whole, and the copy that was published (Ramesh et al. 2022; Karlo)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.diffusion import Widths, joined_unet, pixel_unet
from bestiary.architectures.glide import glide, padded_text
from bestiary.spec import (
    MLP,
    Attention,
    Causal,
    CodedVector,
    CosineBetas,
    CrossWidthAttention,
    DiffusedVector,
    EmbeddingDenoiser,
    FinishedUpscaler,
    ImageTextDiffusion,
    LayerNorm,
    LinearBetas,
    PictureUpscaler,
    PriorCascade,
    Residual,
    Schedule,
    Stack,
    TextDiffusion,
    TimeCosines,
    TimeVector,
    UNet,
    VectorCondition,
    VectorDiffusion,
    VectorTeller,
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
    return pixel_unet(
        tuple(width * times for times in levels), cells, (0,) * len(levels), size, 6, 6, time="scale_shift",
        waves="cosines", resample="block", groups=groups, eps=1e-5, dropout=dropout, middle=False,
    )  # fmt: skip


def unclip_codes(
    dim: int,
    depth: int,
    heads: int,
    text_dim: int,
    text_depth: int,
    text_heads: int,
    width: int = 1024,
    components: int = 319,
    buckets: int = 1024,
    length: int = 384,
    vocab: int = 50257,
    text_length: int = 256,
) -> CodedVector:
    """The autoregressive prior (section 2.2): principal components of an image's vector, one after another.

    ``dim``, ``depth`` and ``heads`` are those of what tells the codes; a text tower of its own reads the caption.
    """
    layer = (
        Residual(Attention(heads, mask=(Causal(),)), LayerNorm()),
        Residual(CrossWidthAttention(heads, width=text_dim), LayerNorm()),
        Residual(MLP(4 * dim), LayerNorm()),
    )
    stack = Stack((layer,) * depth, LayerNorm())
    text = padded_text(text_dim, text_depth, text_heads, vocab, text_length)
    return CodedVector(dim, text, width, components, buckets, length, stack)


def unclip(text: Any, prior: Any, painter: Any, first: Any, second: Any) -> PriorCascade:
    """The whole (Ramesh et al. 2022): CLIP's text tower, either prior, the decoder, and two that enlarge.

    What enlarges first and second is a U-Net each; the second's noise grows evenly (appendix C).
    """
    schedules = (Schedule(CosineBetas()), Schedule(LinearBetas(0.0001, 0.02)))
    upscalers = tuple(
        PictureUpscaler(unet.dim, unet, schedule) for unet, schedule in zip((first, second), schedules, strict=True)
    )
    return PriorCascade(text.heads["embedding"].width, text, _prior(prior), painter, upscalers)


def karlo(
    text: Any,
    prior: Any,
    widths: Widths,
    depth: int,
    attends: Widths,
    read: int,
    upper_widths: Widths,
    upper_depth: int,
    size: int = 64,
    upper_size: int = 256,
    *,
    head_dim: int = 64,
    groups: int = 32,
) -> PriorCascade:
    """Karlo (Kakao Brain 2022): unCLIP whose decoder reads CLIP's own vectors, and one size enlarged, in two parts.

    ``read`` is the width that these are mapped to; what begins with ``upper`` is of what enlarges.
    """
    width = text.heads["embedding"].width
    unet = joined_unet(widths, depth, attends, read, size, head_dim=head_dim, groups=groups)
    painter = VectorDiffusion(read, VectorTeller(read, width, unet.time.hidden), unet, Schedule(CosineBetas()))
    plain = pixel_unet(
        upper_widths, upper_depth, (0,) * len(upper_widths), upper_size, 6, 3, waves="cosines", resample="block",
        groups=groups, eps=1e-5, middle=False,
    )  # fmt: skip
    upscaler = FinishedUpscaler(plain.dim, plain, Schedule(CosineBetas()), plain)
    return PriorCascade(width, text, _prior(prior), painter, (upscaler,))


def vector_teller(dim: int, width: int, hidden: int, extra: int = 4) -> VectorTeller:
    """What Karlo's decoder is told of vectors (section 2.1), a part that its folder holds by itself."""
    return VectorTeller(dim, width, hidden, extra)


def _prior(given: Any) -> DiffusedVector | CodedVector:
    """Return a prior with the noise that it takes out, if it does (appendix C: the cosine schedule)."""
    if isinstance(given, CodedVector):
        return given
    return DiffusedVector(given.dim, given, Schedule(CosineBetas(), predicts="image"))
