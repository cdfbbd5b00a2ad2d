"""Flamingo: a decoder that looks at pictures between its layers, and the network that reads these."""

from __future__ import annotations

from bestiary.architectures.transfo_xl import gopher
from bestiary.spec import (
    MLP,
    AddedTokens,
    ImageAttention,
    Interleaved,
    LastImage,
    LatentAttention,
    LayerNorm,
    LookingTransformer,
    NormFreeNet,
    Resampler,
    Residual,
    ScaledStage,
    Stack,
    TanhGate,
)


def nfnet(
    stages: tuple[int, ...], widths: tuple[int, ...] = (256, 512, 1536, 1536), stem: int = 128, dim: int = 3072,
    image: int | None = None, *, group: int = 128, alpha: float = 0.2,
) -> NormFreeNet:  # fmt: skip
    """NFNet (Brock et al. 2021): stages of so many blocks: of F0 1, 2, 6 and 3, of F1 twice as many."""
    blocks = tuple(ScaledStage(width, number) for width, number in zip(widths, stages, strict=False))
    return NormFreeNet(dim, stem, blocks, group, alpha, image=image)


def flamingo(
    dim: int,
    depth: int,
    heads: int,
    every: int,
    image: NormFreeNet,
    vocab: int = 32000,
    *,
    head_dim: int = 128,
    resampler_dim: int = 1536,
    resampler_depth: int = 6,
    resampler_heads: int = 16,
    latents: int = 64,
    frames: int = 8,
    added: int = 1,
    token: int | None = None,
) -> Interleaved:
    """Flamingo (Alayrac et al. 2022): Chinchilla's decoder that looks at pictures before every so many layers.

    Heads are ``head_dim`` wide everywhere, and hidden units four times the width. ``added`` words were not in the
    decoder's ``vocab``. ``token`` shows a picture in a text; the published models write ``<image>`` letter by letter.
    """
    norm = LayerNorm()
    told = LatentAttention(resampler_heads, head_dim=head_dim, bias="", norm=norm)
    sum_up = (Residual(told, norm), Residual(MLP(4 * resampler_dim, "relu_squared", bias=False), norm))
    resampler = Resampler(resampler_dim, latents, Stack((sum_up,) * resampler_depth), image.dim, frames)
    looks = ImageAttention(heads, head_dim=head_dim, bias="", width=dim, norm=norm, mask=(LastImage(token),))
    look = (
        Residual(looks, norm, scale=TanhGate()),
        Residual(MLP(4 * dim, "relu_squared", bias=False), norm, scale=TanhGate()),
    )
    lender = gopher(dim, depth, heads, 4 * dim, vocab, head_dim=head_dim)
    layer = lender.stack.layers[0]
    layers = tuple(each for index in range(depth) for each in ((look, layer) if index % every == 0 else (layer,)))
    stack = lender.stack.replace(layers=layers)
    text = LookingTransformer(dim, AddedTokens(vocab + added, added=added), stack, lender.heads)
    return Interleaved(dim, image, resampler, text, dim)
