"""ESM: encoders of proteins, a token for each residue (Rives et al. 2021; Lin et al. 2022)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures import bert
from bestiary.architectures.heads import Heads, tag_tokens
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Attention,
    BlankedTokens,
    Contacts,
    DroppedTokens,
    HeldRotary,
    LayerNorm,
    LearnedAfterPadding,
    Residual,
    Stack,
    Transformer,
)


def esm2(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 33,
    length: int = 1024,
    *,
    mask: int = 32,
    end: int = 2,
    base: float = 10_000.0,
    eps: float = 1e-5,
    drops_masks: bool = True,
    norms_embedding: bool = False,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
) -> Transformer:
    """ESM-2 (Lin et al. 2022): a pre-norm encoder with rotary positions that was trained to fill masked residues.

    ``length`` is the longest stretch of a protein seen in training, its two ends included; nothing stops there.
    """
    norm = LayerNorm(eps)
    attention = Attention(heads, position=HeldRotary(base, length=length), dropout=attention_dropout)
    layer = (Residual(attention, norm, dropout=dropout), Residual(MLP(hidden), norm, dropout=dropout))
    first = norm if norms_embedding else None
    embed = DroppedTokens(vocab, norm=first, mask_token=mask) if drops_masks else BlankedTokens(vocab, norm=first)
    model = Transformer(dim, embed, Stack((layer,) * depth, norm), {"contacts": Contacts(end)})
    return model.with_heads(masked_lm(model, 0))


@varies(esm2, fixed={"base": 10_000.0}, norms_embedding=True)
def esm1b(model: Transformer, *, pad: int = 1) -> Transformer:
    """ESM-1b (Rives et al. 2021): the same with learned positions, normed before the first layer."""
    length = model.at("stack.layers[0].attn.position.length")
    return model.at("embed.position", LearnedAfterPadding(length, pad)).at("stack.layers[*].attn.position", None)


def base(spec: Any, labels: int) -> Heads:
    """Contacts beside the first token's vector through a tanh layer."""
    return {**bert.pooled(spec, labels), **_contacts(spec)}


def masked_lm(spec: Any, labels: int) -> Heads:
    """Contacts beside a score for each token where a residue is masked."""
    return {**_contacts(spec), **bert.masked_lm_gelu(spec, labels)}


def classify(spec: Any, labels: int) -> Heads:
    """A label for the protein, from the first token's vector through a tanh layer of the head's own."""
    return {**_contacts(spec), "classifier": _classifier(spec, labels)}


def tag(spec: Any, labels: int) -> Heads:
    """A label for each residue."""
    tags = tag_tokens(spec, labels)["tags"]
    return {**_contacts(spec), "tags": tags.replace(dropout=_dropout(spec))}


def _classifier(spec: Any, labels: int) -> Any:
    dropout = _dropout(spec)
    found: Any = bert.classify_first(spec, labels)["classifier"]
    return found.replace(transform=found.transform.replace(dropout=dropout), dropout=dropout)


def _dropout(spec: Any) -> float:
    return spec.at("stack.layers[0].attn.dropout")


def _contacts(spec: Any) -> Heads:
    return {"contacts": spec.heads["contacts"]}
