"""GLM-130B: a prefix decoder with DeepNorm, rotary positions and gated MLPs (Zeng et al. 2022)."""

from __future__ import annotations

from bestiary.spec import GLU, Attention, LayerNorm, LMHead, Prefix, Residual, Rotary, Stack, Tokens, Transformer


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
