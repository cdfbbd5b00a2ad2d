"""XLNet: an encoder that is pretrained on permuted orders of prediction and remembers segments (Yang et al. 2019)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Classifier,
    Distances,
    LayerNorm,
    LMHead,
    Mask,
    Memory,
    Residual,
    SineDistances,
    Spans,
    Stack,
    Targeted,
    Tokens,
    Transform,
    Transformer,
    TwoStreamAttention,
)


def xlnet(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    *,
    memory: int | None = None,
    reuse: int | None = None,
    distances: Distances | None = None,
    mask: tuple[Mask, ...] = (),
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    tied: bool = True,
) -> Transformer:
    """XLNet (Yang et al. 2019): a post-norm encoder whose targets are queries of a second stream.

    ``memory`` is how many states of earlier segments are kept, ``None`` for all; ``reuse`` how many of a segment's own
    enter it. Any token may see any other but where the input's ``perm_mask`` forbids it.
    """
    norm = LayerNorm(eps)
    attention = TwoStreamAttention(
        heads, distances=distances or SineDistances(), memory=Memory(memory, reuse), mask=mask, dropout=dropout
    )
    layer = (
        Residual(attention, norm, "post", dropout=dropout),
        Residual(MLP(hidden, activation, dropout=dropout), norm, "post", dropout=dropout),
    )
    embed = Targeted(Tokens(vocab, dropout=dropout))
    return Transformer(dim, embed, Stack((layer,) * depth), {"lm": LMHead(tied=tied, bias=True)})


def classify_end(spec: Any, labels: int) -> Heads:
    """A label for the sequence, from the last place's vector through a tanh layer, padding or not."""
    return {"classifier": Classifier(labels, "end", Transform("tanh"), dropout=spec.embed.tokens.dropout)}


def tag_tokens(spec: Any, labels: int) -> Heads:
    """A label for each token."""
    return {"tags": Classifier(labels, "every")}


def find_spans(spec: Any, labels: int) -> Heads:
    """The span of the text that answers a question."""
    return {"spans": Spans()}
