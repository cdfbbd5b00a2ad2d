"""GC ViT: windows that see themselves, and windows that the whole map asks (Hatamizadeh et al. 2022)."""

from __future__ import annotations

from bestiary.architectures.swin import classify_mean
from bestiary.errors import BestiaryError
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    ConvMerging,
    ConvPatches,
    GlobalQueryAttention,
    GlobalTier,
    LayerNorm,
    LayerScale,
    Op,
    Pyramid,
    Residual,
    Stack,
    WindowBias,
    Windows,
)


def gcvit(
    dim: int,
    depths: tuple[int, ...],
    heads: tuple[int, ...],
    windows: tuple[int, ...],
    image: int = 224,
    labels: int = 1000,
    *,
    ratio: float = 3.0,
    channels: int = 3,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    scale: float = 0.0,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    drop_path: float = 0.0,
    qkv_bias: bool = True,
) -> Pyramid:
    """GC ViT: in every second layer the queries of a window are those that the whole map tells.

    ``depths``, ``heads`` and ``windows`` have a number for each tier; a ``scale`` of 0 scales no branch.
    """
    if not len(heads) == len(depths) == len(windows):
        raise BestiaryError("depths, heads and windows differ in length; give each tier one of each")
    norm, factor = LayerNorm(eps), LayerScale(scale) if scale else 1.0

    def layer(index: int, attention: Attention) -> tuple[Residual, ...]:
        hidden = int(dim * 2**index * ratio)
        ops: tuple[Op, ...] = (Windows(attention, windows[index]), MLP(hidden, activation, dropout=dropout))
        return tuple(Residual(op, norm, scale=factor, dropout=dropout) for op in ops)

    def tier(index: int) -> GlobalTier:
        last, bias, side = index == len(depths) - 1, "qkv" if qkv_bias else "", image // 4 // 2**index
        settings = {"position": WindowBias(windows[index]), "dropout": attention_dropout}
        own = Attention(heads[index], bias=bias + "o", **settings)
        asked = GlobalQueryAttention(heads[index], bias=bias[1:] + "o", **settings)
        pair = (layer(index, own), layer(index, asked))
        stack = Stack((pair * depths[index])[: depths[index]], norm if last else None)
        pools = max(0, (side // windows[index]).bit_length() - 1)
        return GlobalTier(dim * 2**index, stack, None if last else ConvMerging(norm), pools)

    embed = ConvPatches(image, channels=channels, norm=norm)
    model = Pyramid(dim, embed, tuple(map(tier, range(len(depths)))), drop_path=drop_path)
    return model.with_heads(classify_mean(model, labels))
