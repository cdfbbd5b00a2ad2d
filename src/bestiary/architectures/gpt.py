"""The GPT line: decoders with learned positions (Radford et al. 2018, 2019; Brown et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
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
    own_layers,
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


@varies(gpt, length=1024, fixed={"placement": "pre"})
def gpt2(model: Transformer, *, scales: tuple[float | None, ...] = (None,)) -> Transformer:
    """GPT-2 (Radford et al. 2019): the norms moved to the front of each branch, and one more at the end.

    ``scales`` are what the layers multiply their scores by, where one differs from the others: Mistral's GPT-2
    (Karamcheti et al. 2021) divides those of a layer by its number.
    """
    norm, depth = model.at("stack.layers[0].mlp.norm"), len(model.stack.layers)
    if any(scale is not None for scale in scales):
        for index in range(depth):
            model = model.at(f"stack.layers[{index}].attn.op.scale", scales[index % len(scales)])
    return model.replace(stack=model.stack.replace(norm=norm))


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


@varies(
    gpt2, vocab=50257, length=2048, dropout=0.0, attention_dropout=0.0, embedding_dropout=0.0,
    fixed={"scales": (None,)},
)  # fmt: skip
def gpt_neo(model: Transformer, *, window: int = 256, local: tuple[bool, ...] = (False, True)) -> Transformer:
    """GPT-Neo (Black et al. 2021): GPT-2 with unscaled scores, no bias on queries, keys and values, and local layers.

    ``local`` says of each layer of a pattern, repeated over the depth, whether it sees ``window`` tokens only.
    """
    model = model.at("stack.layers[*].attn.bias", "o").at("stack.layers[*].attn.op.scale", 1.0)
    far = own_layers(model.stack)[0]
    near = (far[0].at("op.mask", (Causal(), Window(window))), far[1])
    layers = tuple(near if local[index % len(local)] else far for index in range(len(model.stack.layers)))
    return model.replace(stack=model.stack.replace(layers=layers))


def classify_last(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from its last real token."""
    return {"classifier": Classifier(labels, "last", bias=False)}
