"""Transformers that act: they read an episode and tell what to do next (Chen et al. 2021; Janner et al. 2021)."""

from __future__ import annotations

from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    AgentTokens,
    Attention,
    BinScores,
    Causal,
    IdleTables,
    LastHidden,
    LayerNorm,
    Learned,
    LMHead,
    NextAction,
    NextReturn,
    NextState,
    PatchBlock,
    RelativeAttention,
    Residual,
    Stack,
    Steps,
    Transformer,
    Transitions,
)


def decision_transformer(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    state: int,
    action: int,
    steps: int = 4096,
    places: int | None = None,
    tokens: int = 1,
    *,
    activation: Activation = "relu",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    embedding_dropout: float = 0.1,
    scales: tuple[float | None, ...] | None = None,
    tanh: bool = True,
) -> Transformer:
    """Decision Transformer (Chen et al. 2021): GPT-2's layers over returns to go, states and actions in turn.

    ``places`` are the positions that released checkpoints carry beside those of steps, ``tokens`` the words; both are
    left out where ``places`` is ``None``. ``scales`` are those of the layers' scores, the usual ones unless said.
    """
    norm = LayerNorm(eps)
    mlp = Residual(MLP(hidden, activation), norm, dropout=dropout)
    attention = Attention(heads, mask=(Causal(),), dropout=attention_dropout)
    layers = tuple(
        (Residual(attention.replace(scale=scale), norm, dropout=dropout), mlp) for scale in scales or (None,) * depth
    )
    idle = None if places is None else IdleTables(places, tokens)
    return Transformer(
        dim,
        Steps(state, action, steps, LayerNorm(1e-5), idle, embedding_dropout),
        Stack(layers, norm),
        {"state": NextState(), "action": NextAction("tanh" if tanh else None), "return": NextReturn()},
    )


def trajectory_transformer(
    dim: int,
    depth: int,
    heads: int,
    observation: int,
    action: int,
    bins: int = 100,
    length: int = 249,
    *,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    embedding_dropout: float = 0.1,
) -> Transformer:
    """Trajectory Transformer (Janner et al. 2021): a GPT over transitions cut into bins, number by number."""
    norm, embed = LayerNorm(1e-5), Transitions(observation, action, bins, Learned(length), embedding_dropout)
    attention = Attention(heads, mask=(Causal(), LastHidden(embed.width)), dropout=attention_dropout)
    layer = (Residual(attention, norm, dropout=dropout), Residual(MLP(4 * dim), norm, dropout=dropout))
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"bins": BinScores()})


def gato(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    text: int = 32000,
    bins: int = 1024,
    channels: int = 192,
    *,
    patch: int = 16,
    intervals: int = 128,
    places: int = 512,
    dropout: float = 0.0,
    eps: float = 1e-5,
) -> Transformer:
    """Gato (Reed et al. 2022): Transformer-XL's scores and gated MLPs over one sequence of all that is seen and done.

    ``hidden`` units are half gates, half values. The stated counts need that and the map of distances in every layer;
    ``channels`` of the block that patches go through nobody published.
    """
    norm = LayerNorm(eps)
    attention = RelativeAttention(heads, mask=(Causal(),))
    layer = (Residual(attention, norm, dropout=dropout), Residual(GLU(hidden // 2, "gelu"), norm, dropout=dropout))
    embed = AgentTokens(
        text + bins + 1, bins=bins, block=PatchBlock(channels), patch=patch, intervals=intervals, places=places
    )
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"lm": LMHead()})
