"""Nodes of protein language models: masked residues that count for nothing, held rotations, contacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.edit import walk_once
from bestiary.spec.embeddings import Tokens
from bestiary.spec.heads import Head
from bestiary.spec.ops import Attention
from bestiary.spec.positions import Rotary
from bestiary.spec.stacks import own_layers, run_order


@dataclass(frozen=True)
class BlankedTokens(Tokens):
    """Tokens with zeros where padding stands, behind the norm (published code of Rives et al. 2021)."""


@dataclass(frozen=True)
class DroppedTokens(BlankedTokens):
    """The same, whose masks are zeros too, as if dropped out (published code of Lin et al. 2022).

    As with dropout the others are scaled up for what is missing, and so that ``rate``, the share of masks in training,
    leaves the scale as it was there. ``mask_token`` is the token of a mask.
    """

    mask_token: int = field(kw_only=True)
    rate: float = field(kw_only=True, default=0.15 * 0.8)


@dataclass(frozen=True)
class HeldRotary(Rotary):
    """Rotary positions whose frequencies are kept beside the weights, in the precision that the model trained with.

    Checkpoints hold them, rounded to half precision where training was: kept, not trained and not counted (ESM-2).
    """


@dataclass(frozen=True)
class Contacts(Head):
    """How likely two residues touch: a logistic regression on all attention maps (Rao et al. 2020, section 3).

    The maps are made symmetric, and of each what its rows and columns explain is taken out. ``end`` is the token that
    ends a protein.
    """

    end: int = 2


def attention_maps(model: Any) -> int:
    """Count the attention maps that a model of one tower makes: one for each head of each layer that runs."""
    layers = own_layers(model.stack)
    each = [sum(part.heads for _, part in walk_once(layer) if isinstance(part, Attention)) for layer in layers]
    return sum(each[index] for index in run_order(model.stack))
