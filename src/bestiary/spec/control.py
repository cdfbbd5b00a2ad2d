"""Control: how steps of an episode become tokens, and what is told of the next step from them."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.embeddings import Embedding
from bestiary.spec.heads import Head
from bestiary.spec.masks import Mask
from bestiary.spec.norms import Norm
from bestiary.spec.ops import Activation
from bestiary.spec.positions import EmbeddingPosition, Learned


@dataclass(frozen=True)
class IdleTables(EmbeddingPosition):
    """Tables that a text model left behind: of ``length`` positions all read the first, of ``vocab`` tokens nobody one.

    Decision Transformer as released with transformers runs inside an unchanged GPT-2, whose vectors all count as the
    first and whose tokens are never asked for. Checkpoints hold both tables whole.
    """

    length: int
    vocab: int = 1


@dataclass(frozen=True)
class Steps(Embedding):
    """Three vectors for each time step: of the return to go, the state and the action (Chen et al. 2021, section 3).

    Each is a linear map of its numbers, ``state`` and ``action`` of them, plus a learned vector of the step within the
    episode, of which there are ``length``. What is added after the norm is ``position``.
    """

    state: int
    action: int
    length: int
    norm: Norm
    position: IdleTables | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class NextState(Head):
    """The numbers of the next state, read where an action stands (Chen et al. 2021, as released)."""


@dataclass(frozen=True)
class NextAction(Head):
    """The numbers of the action, read where the state stands that it answers (Chen et al. 2021, section 3)."""

    activation: Activation | None = "tanh"


@dataclass(frozen=True)
class NextReturn(Head):
    """The return to go of the next step, read where an action stands (Chen et al. 2021, as released)."""


@dataclass(frozen=True)
class Transitions(Embedding):
    """A token for each number of a transition: state, action, reward, value (Janner et al. 2021, section 3.1).

    Every number has ``bins`` tokens of its own, and one more token, common to all, stands for what comes after the end.
    """

    observation: int
    action: int
    bins: int
    position: Learned
    dropout: float = 0.0

    @property
    def width(self) -> int:
        """How many tokens a transition is: its numbers, the reward and the value."""
        return self.observation + self.action + 2


@dataclass(frozen=True)
class BinScores(Head):
    """Scores of the bins of the number that comes next, and of the end: a matrix for each number of a transition.

    Janner et al. 2021, as released.
    """


@dataclass(frozen=True)
class LastHidden(Mask):
    """The last of every ``period`` keys is hidden from all queries, its own included (Janner et al. 2021, as released).

    There the value stands, which is foretold and never read.
    """

    period: int
