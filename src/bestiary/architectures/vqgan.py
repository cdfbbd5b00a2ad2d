"""VQGAN: an autoencoder with a learned codebook, and the transformer that writes its codes (Esser et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.diffusion import Widths, autoencoder
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Autoencoder,
    Causal,
    Cell,
    Codebook,
    ConvTower,
    LayerNorm,
    Learned,
    Level,
    LMHead,
    Residual,
    Stack,
    Tokens,
    Transformer,
    swap,
)


def vqgan(
    widths: Widths,
    depth: int = 2,
    entries: int = 1024,
    latent: int = 256,
    size: int = 256,
    channels: int = 3,
    attends: Widths = (),
    width: int | None = None,
    *,
    scale: float = 1.0,
    groups: int = 32,
    activation: Activation = "silu",
) -> Autoencoder:
    """The autoencoder of VQGAN (section 3.1, Table 7): latent diffusion's, which came of it, with a codebook.

    ``attends`` says by ones and zeros which levels attend, none unless said; ``width`` is that of the codebook's
    vectors, ``latent`` unless said.
    """
    plain = autoencoder(widths, depth, latent, size, channels, groups=groups, activation=activation)
    attend = next(cell.attend for level in plain.encoder.levels for cell in level.cells if cell.attend)

    def attending(tower: ConvTower, which: Widths) -> ConvTower:
        levels = (
            swap(level, Cell, lambda cell: cell.replace(attend=attend)) if one else level
            for level, one in zip(tower.levels, which, strict=True)
        )
        return tower.replace(levels=tuple(levels))

    ways: Widths = attends or (0,) * len(widths)
    encoder = attending(plain.encoder, (*ways, 0)).replace(out=latent)
    decoder = attending(plain.decoder, (0, *reversed(ways)))
    return Autoencoder(width or latent, size, encoder, Codebook(scale, entries=entries), decoder)


def attending_levels(levels: tuple[Level, ...]) -> Widths:
    """Return by ones and zeros which levels attend in every cell."""
    return tuple(int(all(cell.attend is not None for cell in level.cells)) for level in levels)


def code_gpt(
    dim: int, depth: int, heads: int = 16, vocab: int = 1024, length: int = 512, *, dropout: float = 0.0
) -> Transformer:
    """The transformer of VQGAN (appendix B, Table 8): GPT-2 over codes, those of a condition before the picture's.

    As released, its nonlinearity is GELU itself, and its output has a matrix of its own.
    """
    attention = Attention(heads, mask=(Causal(),), dropout=dropout)
    layer = (
        Residual(attention, LayerNorm(), dropout=dropout),
        Residual(MLP(4 * dim), LayerNorm(), dropout=dropout),
    )
    embed = Tokens(vocab, position=Learned(length), dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, LayerNorm()), {"lm": LMHead(tied=False)})
