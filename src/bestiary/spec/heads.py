"""Heads: what a model answers with, read off its last hidden state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.ops import Activation

Source = Literal["every", "first", "last", "end", "mean", "source_end", "pooled", "first_and_mean"]
"""Which vectors a classifier reads: every token's, the first's, the last real token's, the last place's whether it is
padding or not, the mean of real tokens', the decoder's where the source's last real token stands, the pooler's, or the
first's beside the mean of those after it, twice as wide."""


@dataclass(frozen=True)
class Head(Node):
    """Any head."""


@dataclass(frozen=True)
class Transform(Node):
    """A linear map, a nonlinearity and, mostly for language models, a norm, before the last linear map of a head."""

    activation: Activation = "gelu"
    norm: Norm | None = None
    dropout: float = 0.0
    bias: bool = True


@dataclass(frozen=True)
class Pooler(Head):
    """The first token's vector through a linear map and a nonlinearity (BERT's summary of the sequence)."""

    activation: Activation = "tanh"


@dataclass(frozen=True)
class FirstGlobal(Head):
    """Answers nothing: where the input does not say which tokens are global, the first is (Beltagy et al. 2020)."""


@dataclass(frozen=True)
class QuestionGlobal(Head):
    """Answers nothing: where the input does not say which tokens are global, those before the first ``separator`` are.

    They are the question, and the text that holds its answer follows (Beltagy et al. 2020, appendix B).
    """

    separator: int


@dataclass(frozen=True)
class LMHead(Head):
    """A score for each token of the vocabulary.

    ``tied`` reads the embedding's table instead of a matrix of its own (Press and Wolf 2016). ``scaled`` divides the
    hidden state by the root of its width first (T5 1.0). ``offset`` is an additive constant that checkpoints carry but
    nobody trains (BART's ``final_logits_bias``): kept, not counted.
    """

    tied: bool = True
    bias: bool = False
    transform: Transform | None = None
    scaled: bool = False
    offset: bool = False


@dataclass(frozen=True)
class AdaptiveLMHead(Head):
    """Log-probabilities of tokens in bands, the frequent first (Grave et al. 2016).

    The first band is scored beside one cluster for each of the others, whose tokens share that cluster's probability.
    ``tied`` reads the embedding's tables. Where the embedding projects a band, the hidden state is projected to its
    width: by the embedding's projection turned around, or by the head's own in the bands that ``own`` names.
    """

    cutoffs: tuple[int, ...]
    tied: bool = True
    own: tuple[int, ...] = ()


@dataclass(frozen=True)
class Classifier(Head):
    """``labels`` scores from the vectors that ``source`` names."""

    labels: int
    source: Source = "first"
    transform: Transform | None = None
    bias: bool = True
    dropout: float = 0.0


@dataclass(frozen=True)
class SentencePair(Head):
    """Whether the second of two segments follows the first, or stands in order, from the pooler's vector."""

    dropout: float = 0.0


@dataclass(frozen=True)
class Spans(Head):
    """For each token, the scores of its beginning and of its ending the answer (extractive question answering)."""

    transform: Transform | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class SpansAfterQuestion(Head):
    """``Spans`` behind one more post-norm MLP, where the question cannot hold the answer (Zaheer et al. 2020, E.2).

    The question is what comes before the first ``separator``, and that token. Its tokens are segment 0 and all others
    segment 1, unless the input says otherwise.
    """

    hidden: int
    separator: int
    norm: Norm
    activation: Activation = "gelu"
    dropout: float = 0.0


@dataclass(frozen=True)
class EntityScores(Head):
    """For each token, a score for each of the entities that the input lists (Zhang et al. 2019, section 3.4).

    ``transform`` maps the token's vector to the width of the stack's second stream, where it is multiplied with the
    vector of each entity.
    """

    transform: Transform


@dataclass(frozen=True)
class ReplacedTokens(Head):
    """For each token, the score of its having been put there by another model (Clark et al. 2020, section 3.1).

    A linear map and a nonlinearity stand before the one that gives the score.
    """

    activation: Activation = "gelu"
