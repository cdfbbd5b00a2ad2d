"""The GPT line: decoders with learned positions (Radford et al. 2018, 2019; Brown et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    Classifier,
    LayerNorm,
    Learned,
    LMHead,
    Mask,
    Placement,
    Residual,
    Stack,
    Tokens,
    Transformer,
    Window,
)


def gpt(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    *,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    embedding_dropout: float = 0.1,
    placement: Placement = "post",
    tied: bool = True,
) -> Transformer:
    """GPT (Radford et al. 2018): a causal decoder with a norm after each branch and none at the end."""
    norm = LayerNorm(eps)
    layer = (
        Residual(Attention(heads, mask=(Causal(),), dropout=attention_dropout), norm, placement, dropout=dropout),
        Residual(MLP(hidden, activation), norm, placement, dropout=dropout),
    )
    embed = Tokens(vocab, position=Learned(length), dropout=embedding_dropout)
    return Transformer(dim, embed, Stack((layer,) * depth), {"lm": LMHead(tied)})


def gpt2(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 1024,
    *,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    embedding_dropout: float = 0.1,
    scales: tuple[float | None, ...] = (None,),
    tied: bool = True,
) -> Transformer:
    """GPT-2 (Radford et al. 2019): the norms moved to the front of each branch, and one more at the end.

    ``scales`` are what the layers multiply their scores by, where one differs from the others: Mistral's GPT-2
    (Karamcheti et al. 2021) divides those of a layer by its number.
    """
    model = gpt(
        dim, depth, heads, hidden, vocab, length,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
        embedding_dropout=embedding_dropout, placement="pre", tied=tied,
    )  # fmt: skip
    if any(scale is not None for scale in scales):
        for index in range(depth):
            model = model.at(f"stack.layers[{index}].attn.op.scale", scales[index % len(scales)])
    return model.replace(stack=model.stack.replace(norm=LayerNorm(eps)))


def gpt3(
    dim: int, depth: int, heads: int, hidden: int, vocab: int = 50257, length: int = 2048, *, window: int = 256,
    head_dim: int | None = None, dropout: float = 0.0,
) -> Transformer:  # fmt: skip
    """GPT-3 (Brown et al. 2020): GPT-2 whose layers alternate dense and locally banded attention.

    The width of the band was never published: ``window`` is a stand-in, and changes no count. ``head_dim`` is said
    where the published sizes do not multiply out.
    """
    model = gpt2(
        dim, depth, heads, hidden, vocab, length,
        dropout=dropout, attention_dropout=dropout, embedding_dropout=dropout,
    )  # fmt: skip
    banded: tuple[Mask, ...] = (Causal(), Window(window))
    model = model.at("stack.layers[*].attn.head_dim", head_dim)
    return model.at("stack.layers[1::2].attn.mask", banded) if depth > 1 else model


def gpt_neo(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 50257,
    length: int = 2048,
    window: int = 256,
    *,
    local: tuple[bool, ...] = (False, True),
    activation: Activation = "gelu_tanh",
    eps: float = 1e-5,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    embedding_dropout: float = 0.0,
    tied: bool = True,
) -> Transformer:
    """GPT-Neo (Black et al. 2021): GPT-2 with unscaled scores, no bias on queries, keys and values, and local layers.

    ``local`` says of each layer of a pattern, repeated over the depth, whether it sees ``window`` tokens only.
    """
    model = gpt2(
        dim, depth, heads, hidden, vocab, length,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
        embedding_dropout=embedding_dropout,
    )  # fmt: skip
    model = model.at("stack.layers[*].attn.bias", "o").at("stack.layers[*].attn.op.scale", 1.0)
    far = model.stack.layers[0]
    assert isinstance(far, tuple)
    near = (far[0].at("op.mask", (Causal(), Window(window))), far[1])
    layers = tuple(near if local[index % len(local)] else far for index in range(depth))
    return model.replace(stack=model.stack.replace(layers=layers)).with_heads({"lm": LMHead(tied=tied)})


def classify_last(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from its last real token."""
    return {"classifier": Classifier(labels, "last", bias=False)}
