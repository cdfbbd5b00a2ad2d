"""Mixtures of experts: decoders and pairs whose MLPs, some or all, are many and routed (Shazeer et al. 2017)."""

from __future__ import annotations

from bestiary.architectures.llama import mistral
from bestiary.architectures.t5 import t5, t5_1_1
from bestiary.architectures.vary import varies
from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Attention,
    Causal,
    EncoderDecoder,
    Experts,
    LMHead,
    Residual,
    RMSNorm,
    Router,
    Stack,
    T5Bias,
    Tokens,
    Top1,
    Top2,
    TopK,
    Transformer,
)


@varies(mistral, base=1000000.0, window=None)
def mixtral(model: Transformer, *, experts: int = 8, chosen: int = 2) -> Transformer:
    """Mixtral (Jiang et al. 2024): Mistral in which every MLP is ``experts`` of them, ``chosen`` for each token."""
    mlp = model.at("stack.layers[0].mlp.op")
    return model.at("stack.layers[*].mlp", Experts(mlp, experts, TopK(k=chosen)))


@varies(t5)
def switch(
    model: EncoderDecoder, *, experts: int = 8, capacity: int = 64, every: int | None = 2,
    decoder_every: int | None = 2, router_bias: bool = False,
) -> EncoderDecoder:  # fmt: skip
    """Switch Transformer (Fedus et al. 2021): T5 1.0 in which every second MLP is routed to one of many experts.

    Sparse is every layer whose number, divided by ``every``, leaves one: the second, the fourth ...; ``None`` means
    none. An expert takes ``capacity`` tokens of a sequence: the paper's capacity factor, for sequences of one length.
    """
    return _routed(model, experts, Top1(router_bias, capacity), every, decoder_every)


@varies(t5_1_1)
def switch_gated(
    model: EncoderDecoder, *, experts: int = 128, capacity: int = 64, every: int | None = 2,
    decoder_every: int | None = 2, router_bias: bool = False,
) -> EncoderDecoder:  # fmt: skip
    """Switch-XXL (Fedus et al. 2021, section 5.6): T5 1.1 with its gated MLPs, every second one routed."""
    return _routed(model, experts, Top1(router_bias, capacity), every, decoder_every)


def glam(
    dim: int, depth: int, heads: int, head_dim: int, hidden: int, vocab: int = 256000, *, experts: int | None = 64,
    factor: float = 1.0, buckets: int = 32, distance: int = 128, activation: Activation = "gelu_tanh",
    routed: Activation = "relu", eps: float = 1e-6, dropout: float = 0.0,
) -> Transformer:  # fmt: skip
    """GLaM (Du et al. 2021): a decoder in which every second MLP, from the first on, is two of 64 experts.

    ``experts`` of ``None`` are the dense models of the paper. Dense MLPs are gated, those of experts are not and have
    the activation ``routed``; every layer has a relative bias of its own. As in T5 1.0, scores are not scaled and the
    output is. All this is Google's own ``glam.py`` (Praxis), but for the capacity, which is GShard's.
    """
    norm = RMSNorm(eps)
    position = T5Bias(buckets, distance, bidirectional=False)
    width = None if heads * head_dim == dim else head_dim
    mask = (Causal(),)
    attention = Attention(heads, head_dim=width, bias="", position=position, mask=mask, scale=1.0, dropout=dropout)
    look, dense = (Residual(op, norm, dropout=dropout) for op in (attention, GLU(hidden, activation)))
    sparse = dense
    if experts is not None:
        sparse = dense.replace(op=Experts(MLP(hidden, routed, bias=False), experts, Top2(factor=factor)))
    layers = ((look, sparse), (look, dense)) * ((depth + 1) // 2)
    return Transformer(dim, Tokens(vocab, dropout=dropout), Stack(layers[:depth], norm), {"lm": LMHead(scaled=True)})


@varies(glam, fixed={"experts": None, "factor": 1.0, "routed": "relu"})
def glam_dense(model: Transformer) -> Transformer:
    """The dense models that GLaM was measured against (Du et al. 2021)."""
    return model


def _routed(
    model: EncoderDecoder, experts: int, router: Router, every: int | None, decoder_every: int | None
) -> EncoderDecoder:
    encoder = routed_layers(model.encoder.stack, experts, router, every)
    decoder = routed_layers(model.decoder.stack, experts, router, decoder_every)
    return model.replace(encoder=model.encoder.replace(stack=encoder), decoder=model.decoder.replace(stack=decoder))


def routed_layers(stack: Stack, experts: int, router: Router, every: int | None) -> Stack:
    """Return a stack of equal layers in which the MLP of each ``every``-th is many, and routed."""
    if every is None:
        return stack
    dense = stack.layers[0]
    assert isinstance(dense, tuple)
    sparse = (*dense[:-1], dense[-1].replace(op=Experts(dense[-1].op, experts, router)))  # type: ignore[arg-type]
    chosen = (index % every == 1 % every for index in range(len(stack.layers)))
    return stack.replace(layers=tuple(sparse if routed else dense for routed in chosen))
