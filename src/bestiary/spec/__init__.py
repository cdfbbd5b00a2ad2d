"""The architecture language: a model is a tree of immutable nodes. Nothing here runs, and nothing here needs torch."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from bestiary.spec.check import check
from bestiary.spec.edit import children, swap, walk
from bestiary.spec.embeddings import (
    AdaptiveTokens,
    Embedding,
    NormedTokens,
    Patches,
    ScaledTokens,
    SharedTokens,
    Targeted,
    TaskTokens,
    Tokens,
)
from bestiary.spec.experts import Experts, Router, Top1, Top2, TopK
from bestiary.spec.flat import flat
from bestiary.spec.heads import (
    AdaptiveLMHead,
    Classifier,
    FirstGlobal,
    Head,
    LMHead,
    Pooler,
    QuestionGlobal,
    ReplacedTokens,
    SentencePair,
    Spans,
    SpansAfterQuestion,
    Transform,
)
from bestiary.spec.masks import BlockSparse, Causal, Mask, MemorySpan, Prefix, Window
from bestiary.spec.models import EncoderDecoder, Model, Tower, Transformer, band_sizes, vocab_size, vocabulary
from bestiary.spec.node import Named, Node
from bestiary.spec.norms import (
    HeadNorm,
    JointNorm,
    LayerNorm,
    Norm,
    OwnHeadNorm,
    QKNorm,
    RescaleNorm,
    RMSNorm,
    ShiftedRMSNorm,
    ZeroCenteredNorm,
)
from bestiary.spec.ops import (
    GLU,
    MLP,
    Activation,
    Attention,
    CrossAttention,
    Normed,
    Op,
    Parallel,
    QKNormAttention,
    WindowedAttention,
)
from bestiary.spec.positions import (
    Alibi,
    DynamicScaling,
    EmbeddingPosition,
    Learned,
    LearnedAfterPadding,
    LearnedGrid,
    LinearScaling,
    RampScaling,
    Rotary,
    RotaryScaling,
    RoundedRotary,
    ScorePosition,
    Sinusoidal,
    SinusoidalAfterPadding,
    SinusoidalTable,
    T5Bias,
    YarnScaling,
)
from bestiary.spec.recurrence import (
    Distances,
    Memory,
    MirroredDistances,
    Recurrence,
    Recurrent,
    RelativeAttention,
    SineDistances,
    TwoStreamAttention,
    ZeroMemory,
)
from bestiary.spec.resize import resize, tiny
from bestiary.spec.serial import from_json, to_json
from bestiary.spec.show import tree
from bestiary.spec.stacks import Layer, Placement, Repeat, Residual, Stack, branch_names, own_layers, run_order
from bestiary.spec.vary import with_position

__all__ = [
    "GLU",
    "MLP",
    "Activation",
    "AdaptiveLMHead",
    "AdaptiveTokens",
    "Alibi",
    "Attention",
    "BlockSparse",
    "Causal",
    "Classifier",
    "CrossAttention",
    "Distances",
    "DynamicScaling",
    "Embedding",
    "EmbeddingPosition",
    "EncoderDecoder",
    "Experts",
    "FirstGlobal",
    "Head",
    "HeadNorm",
    "JointNorm",
    "LMHead",
    "Layer",
    "LayerNorm",
    "Learned",
    "LearnedAfterPadding",
    "LearnedGrid",
    "LinearScaling",
    "Mask",
    "Memory",
    "MemorySpan",
    "MirroredDistances",
    "Model",
    "Named",
    "Node",
    "Norm",
    "Normed",
    "NormedTokens",
    "Op",
    "OwnHeadNorm",
    "Parallel",
    "Patches",
    "Placement",
    "Pooler",
    "Prefix",
    "QKNorm",
    "QKNormAttention",
    "QuestionGlobal",
    "RMSNorm",
    "RampScaling",
    "Recurrence",
    "Recurrent",
    "RelativeAttention",
    "Repeat",
    "ReplacedTokens",
    "RescaleNorm",
    "Residual",
    "Rotary",
    "RotaryScaling",
    "RoundedRotary",
    "Router",
    "ScaledTokens",
    "ScorePosition",
    "SentencePair",
    "SharedTokens",
    "ShiftedRMSNorm",
    "SineDistances",
    "Sinusoidal",
    "SinusoidalAfterPadding",
    "SinusoidalTable",
    "Spans",
    "SpansAfterQuestion",
    "Stack",
    "T5Bias",
    "Targeted",
    "TaskTokens",
    "Tokens",
    "Top1",
    "Top2",
    "TopK",
    "Tower",
    "Transform",
    "Transformer",
    "TwoStreamAttention",
    "Window",
    "WindowedAttention",
    "YarnScaling",
    "ZeroCenteredNorm",
    "ZeroMemory",
    "band_sizes",
    "branch_names",
    "check",
    "children",
    "flat",
    "from_json",
    "own_layers",
    "resize",
    "run_order",
    "swap",
    "tiny",
    "to_json",
    "tree",
    "vocab_size",
    "vocabulary",
    "walk",
    "with_position",
]  # fmt: skip


class _Room(ModuleType):
    """``bestiary.spec`` is this room, and called with a name it is the entry's spec: one word of the public surface."""

    def __call__(self, name: str, task: str | None = None) -> Model:
        return import_module("bestiary.api").spec(name, task)


sys.modules[__name__].__class__ = _Room
