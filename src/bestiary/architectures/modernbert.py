"""ModernBERT: an encoder with what decoders had learned since BERT (Warner et al. 2024)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    GLU,
    Activation,
    Attention,
    Classifier,
    LayerNorm,
    LMHead,
    Residual,
    RoundedRotary,
    Spans,
    Stack,
    Tokens,
    Transform,
    Transformer,
    Window,
)
from bestiary.spec.heads import Source


def modernbert(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 8192,
    *,
    local: tuple[bool, ...] | None = None,
    window: int = 64,
    base: float = 160_000.0,
    local_base: float = 10_000.0,
    activation: Activation = "gelu",
    head_activation: Activation = "gelu",
    eps: float = 1e-5,
    norm_bias: bool = False,
    attention_bias: bool = False,
    mlp_bias: bool = False,
    head_bias: bool = False,
    output_bias: bool = True,
    tied: bool = True,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    mlp_dropout: float = 0.0,
) -> Transformer:
    """ModernBERT (Warner et al. 2024): pre-norm, rotary positions, gated MLPs, and two layers of three are local.

    ``local`` says which, all but each third unless given; they see ``window`` tokens on either side and turn by a base
    of their own. The first layer has no norm before its attention, for the embedding has just been normed.
    """
    norm = LayerNorm(eps, norm_bias)
    names = "qkvo" if attention_bias else ""
    far = Attention(heads, bias=names, position=RoundedRotary(base, length=length), dropout=attention_dropout)
    near = far.replace(position=RoundedRotary(local_base, length=length), mask=(Window(window + 1),))
    mlp = Residual(GLU(hidden, activation, mlp_bias, mlp_dropout), norm)
    layers = [(Residual(attention, norm, dropout=attention_dropout), mlp) for attention in (far, near)]
    pattern = tuple(bool(index % 3) for index in range(depth)) if local is None else local
    first = (layers[pattern[0]][0].replace(norm=None), mlp)
    stack = Stack((first, *(layers[is_local] for is_local in pattern[1:])), norm)
    head = LMHead(tied, output_bias, Transform(head_activation, norm, bias=head_bias))
    return Transformer(dim, Tokens(vocab, norm=norm, dropout=dropout), stack, {"lm": head})


def classify_first(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the first token's vector through the head's transform."""
    return {"classifier": _classifier(spec, labels, "first")}


def classify_mean(spec: Transformer, labels: int) -> Heads:
    """The same from the mean of the tokens' vectors."""
    return {"classifier": _classifier(spec, labels, "mean")}


def tag_tokens(spec: Transformer, labels: int) -> Heads:
    """A label for each token."""
    return {"tags": _classifier(spec, labels, "every")}


def find_spans(spec: Transformer, labels: int) -> Heads:
    """The span that answers a question."""
    return {"spans": Spans(_transform(spec))}


def _classifier(spec: Transformer, labels: int, source: Source) -> Classifier:
    return Classifier(labels, source, _transform(spec))


def _transform(spec: Any) -> Transform:
    return spec.heads["lm"].transform
