"""GLIDE: pictures of a text by two U-Nets, each with a text tower of its own (Nichol et al. 2021)."""

from __future__ import annotations

from typing import Literal

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
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
    Transformer,
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
    inpaints: bool = False,
) -> Cascade:
    """GLIDE (Nichol et al. 2021, section 4.1): ADM's U-Nets, which read a text's vectors beside their own pixels.

    ``dim``, ``depth`` and ``heads`` are those of the text towers, ``width`` that of the U-Nets, times ``levels``;
    what begins with ``upper`` is of the part that enlarges. It ``inpaints`` if it was made to paint holes in pictures.
    """

    same = {"vocab": vocab, "length": length, "head_dim": head_dim, "groups": groups, "dropout": dropout}
    small = glide_part(dim, depth, heads, width, size, levels, attends, cells, inpaints=inpaints, **same)
    large = glide_part(
        upper_dim, upper_depth, upper_heads, upper_width, upper_size, upper_levels, upper_attends, upper_cells,
        enlarges=True, inpaints=inpaints, noise="linear", **same,
    )  # fmt: skip
    assert isinstance(large, TextUpscaler)
    return Cascade(dim, small, (large,))


def glide_part(
    dim: int,
    depth: int,
    heads: int,
    width: int,
    size: int,
    levels: Widths,
    attends: Widths,
    cells: int,
    vocab: int = 50257,
    length: int = 128,
    steps: int = 1000,
    *,
    enlarges: bool = False,
    inpaints: bool = False,
    noise: Literal["cosine", "linear"] = "cosine",
    head_dim: int = 64,
    groups: int = 32,
    dropout: float = 0.1,
) -> TextDiffusion:
    """Either part of GLIDE: a text tower and a U-Net that reads its vectors, and what stands beside the noisy image."""
    channels = 3 * (1 + enlarges + inpaints) + inpaints
    plain = pixel_unet(
        tuple(width * times for times in levels), cells, attends, size, channels, 6, head_dim, time="scale_shift",
        waves="cosines", resample="block", groups=groups, eps=1e-5, dropout=dropout,
    )  # fmt: skip
    joined = swap(plain, Attention, lambda node: JoinedAttention(node.heads, width=dim))
    unet = joined.replace(conditions=(VectorCondition(dim),))
    text = padded_text(dim, depth, heads, vocab, length)
    schedule = Schedule(CosineBetas() if noise == "cosine" else LinearBetas(0.0001, 0.02), steps)
    return _KINDS[enlarges, inpaints](dim, text, unet, schedule)


_KINDS: dict[tuple[bool, bool], type[TextDiffusion]] = {
    (False, False): TextDiffusion,
    (True, False): TextUpscaler,
    (False, True): TextInpainter,
    (True, True): TextInpaintUpscaler,
}
"""The kind of a part, by whether it enlarges and whether it paints holes."""


def padded_text(dim: int, depth: int, heads: int, vocab: int, length: int) -> Transformer:
    """GLIDE's reader of texts (Nichol et al. 2021, section 4.1), in which vectors of their own stand for padding."""
    layer = (Residual(Attention(heads), LayerNorm()), Residual(MLP(4 * dim), LayerNorm()))
    embed = PaddedTokens(vocab, position=Learned(length), length=length)
    return Transformer(dim, embed, Stack((layer,) * depth, LayerNorm()))
