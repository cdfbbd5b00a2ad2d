"""RT-1: a robot's looks, told by an instruction, become a few tokens of a small decoder (Brohan et al. 2022)."""

from __future__ import annotations

import math

from bestiary.spec import (
    ActionBins,
    Attention,
    Causal,
    FilmNet,
    HiddenActions,
    InvertedStage,
    LayerNorm,
    Learned,
    Looks,
    OneMap,
    Residual,
    Stack,
    TokenLearner,
    Transformer,
)

STAGES = (
    InvertedStage(3, 1, 16, 1), InvertedStage(3, 2, 24, stride=2), InvertedStage(5, 2, 40, stride=2),
    InvertedStage(3, 3, 80, stride=2), InvertedStage(5, 3, 112), InvertedStage(5, 4, 192, stride=2),
    InvertedStage(3, 1, 320),
)  # fmt: skip
"""EfficientNet-B0's stages (Tan and Le 2019, table 1), which larger ones widen and deepen."""


def rt1(
    dim: int,
    depth: int,
    heads: int,
    head_dim: int,
    wide: float = 1.2,
    deep: float = 1.4,
    image: int = 300,
    images: int = 6,
    tokens: int = 8,
    actions: int = 11,
    bins: int = 256,
    context: int = 512,
    *,
    dropout: float = 0.1,
) -> Transformer:
    """RT-1 (Brohan et al. 2022): EfficientNet told by an instruction, TokenLearner, and layers of one map each.

    ``wide`` and ``deep`` are EfficientNet's factors, those of its third size unless said.
    """
    stages = tuple(
        stage.replace(width=_rounded(stage.width * wide), blocks=math.ceil(stage.blocks * deep)) for stage in STAGES
    )
    net = FilmNet(_rounded(32 * wide), stages, _rounded(1280 * wide), context)
    norm, mask = LayerNorm(1e-6), (Causal(), HiddenActions(tokens, actions))
    attention = Attention(heads, head_dim=head_dim, mask=mask, dropout=dropout)
    layer = (Residual(attention, norm), Residual(OneMap(), norm, dropout=dropout))
    embed = Looks(net, TokenLearner(tokens), Learned(images * (tokens + actions)), image, images, actions, bins)
    return Transformer(dim, embed, Stack((layer,) * depth), {"action": ActionBins()})


def _rounded(channels: float) -> int:
    """Round channels to a multiple of eight, not more than a tenth down."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
