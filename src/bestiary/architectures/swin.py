"""Swin and its kin: pyramids over an image, attention within windows (Liu et al. 2021)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.errors import BestiaryError
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Classifier,
    ContinuousBias,
    CosineAttention,
    LayerNorm,
    LearnedGrid,
    MaskedPaddedPatches,
    NormedMerging,
    Nothing,
    Op,
    PaddedPatches,
    PatchMerging,
    PixelBlocks,
    PlaceMean,
    Pyramid,
    Residual,
    Stack,
    Tier,
    WindowBias,
    Windows,
    own_layers,
    swap,
)


def swin(
    dim: int,
    depths: tuple[int, ...],
    heads: tuple[int, ...],
    window: int = 7,
    image: int = 224,
    patch: int = 4,
    labels: int = 1000,
    *,
    ratio: float = 4.0,
    channels: int = 3,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    drop_path: float = 0.1,
    qkv_bias: bool = True,
    learned_positions: bool = False,
) -> Pyramid:
    """Swin (Liu et al. 2021): every second layer shifts its windows by half of their side.

    ``depths`` and ``heads`` have a number for each tier; ``ratio`` is how many times its width an MLP is inside.
    """
    if len(heads) != len(depths):
        raise BestiaryError(f"there are {len(depths)} tiers, but heads for {len(heads)}; give each tier its heads")
    norm = LayerNorm(eps)

    def layer(width: int, heads: int, shift: int) -> tuple[Residual, ...]:
        bias = "qkvo" if qkv_bias else "o"
        attention = Attention(heads, bias=bias, position=WindowBias(window), dropout=attention_dropout)
        ops: tuple[Op, ...] = (Windows(attention, window, shift), MLP(int(ratio * width), activation))
        return tuple(Residual(op, norm, dropout=dropout) for op in ops)

    def tier(index: int) -> Tier:
        width, last = dim * 2**index, index == len(depths) - 1
        pair = (layer(width, heads[index], 0), layer(width, heads[index], window // 2))
        stack = Stack((pair * depths[index])[: depths[index]], norm if last else None)
        return Tier(width, stack, None if last else PatchMerging())

    position = LearnedGrid() if learned_positions else None
    embed = PaddedPatches(image, patch, channels, position=position, dropout=dropout)
    model = Pyramid(dim, embed, tuple(map(tier, range(len(depths)))), drop_path=drop_path)
    return model.with_heads(classify_mean(model, labels))


@varies(swin)
def swinv2(model: Pyramid, *, trained: tuple[int, ...] = (), main_norms: int = 0) -> Pyramid:
    """Swin v2 (Liu et al. 2022): cosines for scores, biases told by an MLP, norms behind what a branch computes.

    No window is wider than its map, of which published code counts whole patches alone. ``trained`` says for each tier
    how wide windows were in pretraining, 0 where they were as wide as they are. The main branch itself is normed after
    each ``main_norms`` layers of a tier, never if 0 (section 3.6).
    """
    before = (*trained, *[0] * len(model.tiers))
    sides = (model.embed.image // (model.embed.patch * 2**index) for index in range(len(model.tiers)))
    tiers = zip(model.tiers, sides, before, strict=False)
    changed = (_by_cosines(tier, side, was or None) for tier, side, was in tiers)
    return model.replace(tiers=tuple(_normed_between(tier, main_norms) for tier in changed))


def _by_cosines(tier: Tier, side: int, trained: int | None) -> Tier:
    def windows(node: Windows) -> Windows:
        plain, fits = node.attention, min(node.side, side)
        bias, position = plain.bias.replace("k", ""), ContinuousBias(fits, trained)
        attention = CosineAttention(plain.heads, bias=bias, position=position, dropout=plain.dropout)
        return Windows(attention, fits, node.shift if side > fits else 0)

    def branch(node: Residual) -> Residual:
        dropout = node.op.attention.dropout if isinstance(node.op, Windows) else node.dropout
        return node.replace(placement="output", dropout=dropout)

    tier = swap(swap(tier, Residual, branch), Windows, windows)
    return swap(tier, PatchMerging, lambda node: NormedMerging(node.norm))


def _normed_between(tier: Tier, every: int) -> Tier:
    """Norm the main branch after each ``every`` layers."""
    layers, norm = own_layers(tier.stack), Residual(Nothing(), LayerNorm(), "post")
    ends = [bool(every) and count % every == 0 for count in range(1, len(layers) + 1)]
    normed = tuple((*layer, norm) if end else layer for layer, end in zip(layers, ends, strict=True))
    return tier.replace(stack=tier.stack.replace(layers=normed))


def _masked(model: Pyramid) -> Pyramid:
    embed = model.embed
    assert isinstance(embed, PaddedPatches)
    masked = MaskedPaddedPatches(
        embed.image, embed.patch, embed.channels, position=embed.position, dropout=embed.dropout, norm=embed.norm
    )
    model = model.replace(embed=masked)
    return model.with_heads(fill_pixels(model, 0))


@varies(swin)
def swin_masked(model: Pyramid) -> Pyramid:
    """Swin that restores images of which patches are masked (SimMIM; Xie et al. 2021)."""
    return _masked(model)


@varies(swinv2)
def swinv2_masked(model: Pyramid) -> Pyramid:
    """Swin v2 that restores images of which patches are masked (Liu et al. 2022, section 3.5)."""
    return _masked(model)


def classify_mean(spec: Pyramid, labels: int) -> Heads:
    """Labels from the mean of the last map."""
    return {"pool": PlaceMean(), "classifier": Classifier(labels, "pooled")}


def mean_alone(spec: Pyramid, labels: int) -> Heads:
    """The mean of the last map."""
    return {"pool": PlaceMean()}


def fill_pixels(spec: Pyramid, labels: int) -> Heads:
    """The image's pixels, from the last map."""
    embed = spec.embed
    return {"pixels": PixelBlocks(embed.patch * 2 ** (len(spec.tiers) - 1), embed.channels)}
