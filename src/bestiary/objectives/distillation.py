"""A student made to compute as its teacher does, on the way and at the end (Li et al. 2022, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def logits_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean square difference of two models' scores, ``[B, T, vocab]``."""
    return F.mse_loss(student, teacher)


def attention_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Return the sum over the student's layers of the mean square difference of attention probabilities.

    ``layers`` says which of the teacher's layers each of the student's stands for; tensors are ``[B, heads, T, K]``.
    """
    return _matched(student, [teacher[layer] for layer in layers])


def hidden_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Return the same for hidden states, ``[B, T, dim]``: the embedding's output first, then each layer's."""
    return _matched(student, [teacher[0], *(teacher[layer + 1] for layer in layers)])


def distillation_loss(
    task: Tensor, logits: Tensor, attentions: Sequence[Tensor], hidden: Sequence[Tensor],
    *, task_weight: float = 1.0, logits_weight: float = 1.0, inner_weight: float = 1.0,
) -> Tensor:  # fmt: skip
    """Return the whole loss: that of the task, that of the scores, and those of what stands between.

    ``attentions`` are the losses of the encoder's and the decoder's self-attention and of the attention between them,
    ``hidden`` those of either side's hidden states. The authors' code also adds the encoder's last state, summed over
    the batch; the paper does not.
    """
    inner = torch.stack((*attentions, *hidden)).sum()
    return task_weight * task + logits_weight * logits + inner_weight * inner


def _matched(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    return torch.stack([F.mse_loss(own, aim) for own, aim in zip(student, teacher, strict=True)]).sum()
