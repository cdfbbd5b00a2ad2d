"""Ops: what a residual branch computes. An op maps ``[batch, tokens, dim]`` to the same shape and knows no norms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from bestiary.spec.masks import Mask
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm, QKNorm
from bestiary.spec.positions import Rotary, ScorePosition

Activation = Literal[
    "relu", "relu_squared", "gelu", "gelu_tanh", "gelu_fast", "gelu_tanh_short", "quick_gelu", "silu", "tanh"
]
"""``gelu_tanh`` is the tanh approximation of GELU (Hendrycks and Gimpel 2016); ``quick_gelu`` is x sigmoid(1.702 x).
``gelu_fast`` and ``gelu_tanh_short`` are the tanh approximation with ten and with eight digits of its constant, as
published code has it: in every dtype but float64 all three are the same."""


@dataclass(frozen=True)
class Op(Node):
    """Any op."""


@dataclass(frozen=True)
class Attention(Op):
    """Scaled dot-product self-attention with several heads (Vaswani et al. 2017).

    ``kv_heads`` fewer than ``heads`` share keys and values between groups of queries (Ainslie et al. 2023); ``None``
    means as many. ``head_dim`` is ``dim / heads`` unless said. ``bias`` names the projections that have one.
    ``scale`` multiplies the scores, ``head_dim ** -0.5`` unless said. ``dropout`` acts on the probabilities.
    """

    slot: ClassVar[str] = "attn"

    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    bias: str = "qkvo"
    position: Rotary | ScorePosition | None = None
    mask: tuple[Mask, ...] = ()
    scale: float | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class QKNormAttention(Attention):
    """Self-attention whose queries and keys are normalized before positions act on them (Dehghani et al. 2023)."""

    qk_norm: QKNorm = field(kw_only=True)


@dataclass(frozen=True)
class BoundedAttention(Attention):
    """Self-attention whose queries, keys and values are held within ``bound`` of zero (MPT StoryWriter, 2023)."""

    bound: float = field(kw_only=True)


@dataclass(frozen=True)
class CrossAttention(Op):
    """Attention whose keys and values are read from the encoder's output (Vaswani et al. 2017, section 3.2.3)."""

    slot: ClassVar[str] = "cross"

    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    bias: str = "qkvo"
    scale: float | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class WindowedAttention(Op):
    """Self-attention in a band, and from and to a few global tokens (Longformer; Beltagy et al. 2020, section 3).

    A query sees keys up to ``window`` positions away on either side, and the global tokens. These see every token,
    through queries, keys and values of their own. Which tokens are global is the input's to say, none of them
    unless it does. Time and memory grow linearly with the tokens.
    """

    slot: ClassVar[str] = "attn"

    heads: int
    window: int
    dropout: float = 0.0


@dataclass(frozen=True)
class MLP(Op):
    """Two linear maps with a nonlinearity between them; ``dropout`` acts on the hidden units."""

    slot: ClassVar[str] = "mlp"

    hidden: int
    activation: Activation = "gelu"
    bias: bool = True
    dropout: float = 0.0


@dataclass(frozen=True)
class GLU(Op):
    """A gated MLP: ``down(activation(gate(x)) * up(x))`` (Shazeer 2020); with SiLU it is SwiGLU."""

    slot: ClassVar[str] = "mlp"

    hidden: int
    activation: Activation = "silu"
    bias: bool = False
    dropout: float = 0.0


@dataclass(frozen=True)
class Normed(Op):
    """An op behind a norm of its own, for parallel branches that do not share one (GPT-NeoX)."""

    op: Op
    norm: Norm


@dataclass(frozen=True)
class Parallel(Op):
    """Ops side by side on one input, their outputs summed (GPT-J; Wang and Komatsuzaki 2021)."""

    slot: ClassVar[str] = "parallel"

    ops: tuple[Op, ...]


@dataclass(frozen=True)
class PositionMap(Node):
    """Where disentangled attention has the queries or keys of distances from."""


@dataclass(frozen=True)
class OwnMap(PositionMap):
    """A linear map of their own."""

    bias: bool = True


@dataclass(frozen=True)
class ContentMap(PositionMap):
    """The map that makes queries or keys of contents, used again."""


@dataclass(frozen=True)
class DisentangledAttention(Op):
    """Self-attention that scores contents and distances apart and sums (He et al. 2020, section 3.1).

    ``to_position`` says where the keys of distances come from that contents ask, ``from_position`` where the queries of
    distances come from that contents answer; ``None`` leaves the term out. The sum is divided by the root of the head's
    width times the number of terms. The vectors of distances are the stack's: a ``DistanceTable`` or ``BucketTable``.
    """

    slot: ClassVar[str] = "attn"

    heads: int
    bias: str = "qkvo"
    to_position: PositionMap | None = None
    from_position: PositionMap | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class InputConvolution(Op):
    """A convolution over ``kernel`` neighbors of what entered the stack, added where the branch is (He et al. 2021).

    Padding counts as zero. ``dropout`` acts before the nonlinearity.
    """

    slot: ClassVar[str] = "conv"

    kernel: int
    groups: int = 1
    activation: Activation = "tanh"
    dropout: float = 0.0


@dataclass(frozen=True)
class Blank(Op):
    """Takes out what stands at padding, so that zero is left there (published code of He et al. 2020)."""

    slot: ClassVar[str] = "blank"


@dataclass(frozen=True)
class Nothing(Op):
    """Adds nothing: a branch of it norms the main branch where it stands (Liu et al. 2022, section 3.6)."""

    slot: ClassVar[str] = "main"
