"""ERNIE of Baidu: BERT whose embedding may also say which pretraining task a text belongs to."""

from __future__ import annotations

from bestiary.architectures.bert import bert
from bestiary.architectures.vary import varies
from bestiary.spec import TaskTokens, Transformer


@varies(bert)
def ernie(model: Transformer, *, tasks: int | None = None) -> Transformer:
    """ERNIE (Sun et al. 2019a), which is BERT trained otherwise; with ``tasks``, ERNIE 2.0 (Sun et al. 2019b, 3.2)."""
    if tasks is None:
        return model
    return model.replace(embed=TaskTokens(**vars(model.embed), tasks=tasks))
