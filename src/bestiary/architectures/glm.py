"""GLM: text with blanks, seen whole, and what fills them, written token by token (Du et al. 2021; Zeng et al. 2022)."""

from __future__ import annotations

from bestiary.spec import (
    GLU,
    MLP,
    Attention,
    LayerNorm,
    LearnedBlocks,
    LMHead,
    Prefix,
    Residual,
    Rotary,
    Stack,
    Tokens,
    Transformer,
)


def glm(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    *,
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    embedding_dropout: float = 0.1,
) -> Transformer:
    """GLM (Du et al. 2021): GPT-2's layers, a prefix mask, and positions that count the text and each block apart.

    The text in which blanks are marked is the prefix. What fills them stands behind it, each token at its blank's place
    in the text; the place within the block tells them apart, so that nothing says how long a blank is.
    """
    norm = LayerNorm(eps)
    layer = (
        Residual(Attention(heads, mask=(Prefix(),), dropout=attention_dropout), norm, dropout=dropout),
        Residual(MLP(hidden, "gelu_tanh"), norm, dropout=dropout),
    )
    embed = Tokens(vocab, position=LearnedBlocks(length), dropout=embedding_dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"lm": LMHead()})


def glm_130b(
    dim: int, depth: int, heads: int, hidden: int, vocab: int = 150528, length: int = 2048, *, eps: float = 1e-5
) -> Transformer:
    """GLM-130B (Zeng et al. 2022): the text before a blank is seen whole, what fills it as far as it is written.

    DeepNorm (Wang et al. 2022) norms ``a x + op(x)`` with ``a`` the root of twice the depth. A norm takes out any
    factor, so that is the norm of ``x + op(x) / a`` whose smallest number is smaller by the square of ``a``: a branch
    with a scale says it. Each layer's first norm stands here after the layer before, and the first of all after the
    embedding.
    """
    strength = (2 * depth) ** 0.5
    norm = LayerNorm(eps / strength**2)
    attention = Attention(heads, position=Rotary(length=length), mask=(Prefix(),))
    layer = (
        Residual(attention, norm, "post", scale=1 / strength),
        Residual(GLU(hidden, "gelu", bias=True), norm, "post", scale=1 / strength),
    )
    return Transformer(dim, Tokens(vocab, norm=LayerNorm(eps)), Stack((layer,) * depth), {"lm": LMHead()})
