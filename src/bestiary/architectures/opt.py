"""OPT: decoders with learned positions that count real tokens (Zhang et al. 2022)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    LayerNorm,
    LearnedByMask,
    LMHead,
    NarrowTokens,
    Placement,
    Residual,
    Stack,
    Tokens,
    Transformer,
)


def opt(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 50272,
    length: int = 2048,
    width: int | None = None,
    *,
    placement: Placement = "pre",
    final_norm: bool = True,
    bias: bool = True,
    activation: Activation = "relu",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    tied: bool = True,
) -> Transformer:
    """OPT (Zhang et al. 2022): GPT-3's sizes, all layers dense, ReLU, norms in front of each branch.

    The 350M model alone has a token table of its own ``width``, norms behind each branch (``placement``) and none at
    the end. Galactica (Taylor et al. 2022) leaves the biases out.
    """
    norm = LayerNorm()
    attention = Attention(heads, bias="qkvo" if bias else "", mask=(Causal(),), dropout=attention_dropout)
    layer = (
        Residual(attention, norm, placement, dropout=dropout),
        Residual(MLP(hidden, activation, bias), norm, placement, dropout=dropout),
    )
    position = LearnedByMask(length)
    embed: Tokens | NarrowTokens = Tokens(vocab, position=position)
    if width is not None and width != dim:
        embed = NarrowTokens(vocab, width, position)
    stack = Stack((layer,) * depth, norm if final_norm and placement == "pre" else None)
    return Transformer(dim, embed, stack, {"lm": LMHead(tied=tied)})
