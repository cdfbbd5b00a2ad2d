"""Losses of mixtures of experts against numbers by hand and the reference's functions."""

from __future__ import annotations

import math

import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func as balance_of_several
from transformers.models.switch_transformers.modeling_switch_transformers import (
    load_balancing_loss_func,
    router_z_loss_func,
)

from bestiary.objectives.experts import group_balancing, load_balancing, router_z

# Two experts; probabilities 3/4, 1/4 for the first two tokens, and 1/4, 3/4 for the third.
LOGITS = torch.tensor([[[math.log(3), 0.0], [math.log(3), 0.0], [0.0, math.log(3)]]])
NEAR = 1e-6


def test_balance_by_hand() -> None:
    # Two thirds of the tokens go to the first expert, one third to the second; mean probabilities 7/12 and 5/12.
    expected = 2 * (2 / 3 * 7 / 12 + 1 / 3 * 5 / 12)
    assert abs(load_balancing(LOGITS).item() - expected) < NEAR
    assert abs(load_balancing(LOGITS[0]).item() - expected) < NEAR
    assert abs(load_balancing(torch.zeros(4, 8), chosen=8).item() - 8.0) < NEAR
    assert abs(load_balancing(LOGITS, chosen=2).item() - 2.0) < NEAR


def test_balance_of_groups_by_hand() -> None:
    expected = (2 / 3 * 7 / 12 + 1 / 3 * 5 / 12) / 2
    assert abs(group_balancing(LOGITS).item() - expected) < NEAR
    # A second group, whose only token goes to the first expert: the mean of the two.
    both = torch.cat((LOGITS, LOGITS))
    keep = torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert abs(group_balancing(both, keep).item() - (expected + 3 / 4 / 2) / 2) < NEAR


def test_z_by_hand() -> None:
    assert abs(router_z(LOGITS).item() - math.log(4) ** 2) < NEAR
    assert abs(router_z(torch.zeros(5, 1)).item()) < NEAR


def test_padding_does_not_count() -> None:
    keep = torch.tensor([[1, 0, 1]])
    for loss in (load_balancing, group_balancing, router_z):
        assert abs(loss(LOGITS, keep=keep).item() - loss(LOGITS[:, [0, 2]]).item()) < NEAR  # type: ignore[operator]


def test_agree_with_the_reference() -> None:
    torch.manual_seed(0)
    logits, keep = torch.randn(3, 7, 5), torch.rand(3, 7) > 0.3
    one = logits[:1]
    assert abs(load_balancing(one) - load_balancing_loss_func(one.softmax(-1), one.argmax(-1))) < NEAR
    assert abs(router_z(logits) - router_z_loss_func(logits)) < NEAR
    flat = logits.flatten(0, 1)
    assert abs(load_balancing(logits, 2) - balance_of_several((flat,), 5, 2)) < NEAR
    assert abs(load_balancing(logits, 2, keep) - balance_of_several((flat,), 5, 2, keep)) < NEAR


def test_the_even_router_is_the_best() -> None:
    torch.manual_seed(0)
    logits = torch.randn(64, 4).requires_grad_()
    for loss in (load_balancing, group_balancing):
        (slope,) = torch.autograd.grad(loss(logits[None]), logits)
        assert loss((logits - 5 * slope)[None]) <= loss(logits[None])
