"""Floating-point operations of a pass, from the matrix products in the spec.

A multiply-add is two operations. A vector times a matrix of n entries costs 2 n; with h heads of width d, each pair of
a query and a key it sees costs 2 h d for its score and 2 h d for its value. What is no matrix product (lookups, norms,
nonlinearities, softmax, sums) is free, as in Kaplan et al. 2020, section 2.1 and table 1. Hoffmann et al. 2022,
appendix F, count the lookup and the softmax too, and every pair of a causal mask. In both papers the backward pass
costs twice the forward pass, so training costs three times it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bestiary.sizing import (
    codes,
    control,
    detection,
    feature_maps,
    folding,
    global_context,
    images,
    interleaved,
    multimodal,
    patch_diffusion,
    pyramids,
    shared_text,
    speech,
    text_diffusion,
    vector_diffusion,
    vision_language,
)
from bestiary.sizing.cost import Pass, branch_costs, cost, each, once
from bestiary.sizing.linear import maps
from bestiary.sizing.reach import context_length, counted_by, pairs, reach, source_length
from bestiary.sizing.table import html, text
from bestiary.spec import (
    GLU,
    MLP,
    AdaptiveLMHead,
    AdaptiveTokens,
    AddedTokens,
    Attention,
    Blank,
    BlankedTokens,
    BoundedAttention,
    BucketTable,
    CaptionTokens,
    Classifier,
    Contacts,
    CosineAttention,
    CrossAttention,
    CrossWidthAttention,
    DisentangledAttention,
    DistanceTable,
    DroppedTokens,
    EncoderDecoder,
    EntityScores,
    Experts,
    FirstGlobal,
    FoldingModel,
    Fusion,
    ImageAttention,
    InputConvolution,
    LMHead,
    Model,
    Named,
    NarrowTokens,
    Node,
    Normed,
    NormedTokens,
    NormedWidthAttention,
    Nothing,
    PaddedTokens,
    Parallel,
    PatchDenoiser,
    PatchDiffusion,
    Pooler,
    QKNormAttention,
    QuestionGlobal,
    RelativeAttention,
    ReplacedTokens,
    ScaledTokens,
    SentencePair,
    SharedTokens,
    Spans,
    SpansAfterQuestion,
    Stack,
    Targeted,
    TaskTokens,
    TiedRelativeAttention,
    Tokens,
    Transformer,
    TwoStreamAttention,
    Window,
    WindowedAttention,
    ZeroMemory,
    as_heads_see,
    walk,
)

TRAINING = 3
"""A forward pass, and a backward pass that costs twice as much."""


@dataclass(frozen=True)
class Flops:
    """The operations of one forward pass over one sequence."""

    tokens: int
    """Tokens read: the context, and for an encoder-decoder the source besides."""
    parts: Mapping[str, int]
    """Module to operations in the order of the tree, the layers of a stack summed."""
    per: str = "token"
    """What operations are told for: a ``token``, or an ``input`` (a picture, a piece of sound, a protein)."""

    @property
    def sequence(self) -> int:
        """Operations of the whole pass."""
        return sum(self.parts.values())

    @property
    def forward(self) -> float:
        """Operations per token, the mean over the sequence; or per input, where a model reads one whole."""
        return self.sequence / self.tokens if self.per == "token" else self.sequence

    @property
    def training(self) -> float:
        """Operations of a forward and a backward pass, per the same, nothing recomputed."""
        return TRAINING * self.forward

    def __str__(self) -> str:
        return text(self._rows())

    def _repr_html_(self) -> str:
        return html(self._rows(), ("module", "FLOPs"), sums=3)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [(path, f"{number:,}") for path, number in self.parts.items()]
        return [
            *rows,
            (f"forward, {self.tokens:,} tokens", f"{self.sequence:,}"),
            (f"forward, per {self.per}", f"{self.forward:,.0f}"),
            (f"training, per {self.per}", f"{self.training:,.0f}"),
        ]


def flops(spec: Model, context: int | None = None, source: int | None = None) -> Flops:
    """Return the operations of a forward pass over ``context`` tokens, and ``source`` tokens on the encoder's side.

    ``context`` is the model's own length unless said, ``source`` as long as the context. Heads are included: a
    language-model head scores every token. Layers that share weights cost as often as they run. Raises
    ``BestiaryError`` when the model has no positions for so many tokens, or no length of its own.
    """
    tokens, parts = WHOLE[type(spec)](spec, context, source)
    return Flops(tokens, Named({path: cost for path, cost in parts if cost}), counted_by(spec))


Costs = Iterable[tuple[str, int]]
"""Modules and their operations."""


def _one_tower(spec: Transformer, context: int | None, source: int | None) -> tuple[int, Costs]:
    tokens = context_length(spec, context)
    return tokens, [*tower("", spec.embed, spec.stack, Pass(spec, tokens)), *heads(spec, tokens)]


def _two_towers(spec: EncoderDecoder, context: int | None, source: int | None) -> tuple[int, Costs]:
    tokens = context_length(spec, context)
    read = source_length(spec, source, tokens)
    return tokens + read, [
        *tower("encoder.", spec.encoder.embed, spec.encoder.stack, Pass(spec, read)),
        *tower("decoder.", spec.decoder.embed, spec.decoder.stack, Pass(spec, tokens, read)),
        *heads(spec, tokens),
    ]


def heads(spec: Transformer | EncoderDecoder, tokens: int) -> Costs:
    """Yield what heads cost."""
    run = Pass(as_heads_see(spec), tokens)
    yield from ((f"heads.{name}", cost(head, run)) for name, head in spec.heads.items())


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    Transformer: _one_tower,
    EncoderDecoder: _two_towers,
    **multimodal.WHOLE,
    **vision_language.WHOLE,
    **interleaved.WHOLE,
    **text_diffusion.WHOLE,
    **vector_diffusion.WHOLE,
    **codes.WHOLE,
    **shared_text.WHOLE,
    PatchDenoiser: patch_diffusion.denoiser_pass,
    PatchDiffusion: patch_diffusion.diffusion_pass,
    **feature_maps.WHOLE,
    FoldingModel: folding.flops,
    **pyramids.WHOLE,
    **detection.WHOLE,
}
"""For each kind of whole model: how many tokens a pass reads, and what its modules cost."""


def tower(prefix: str, embed: Node, stack: Stack, run: Pass) -> Iterator[tuple[str, int]]:
    """Yield what an embedding and a stack cost."""
    yield f"{prefix}embed", cost(embed, run)
    yield from ((f"{prefix}stack.layers[*].{name}", number) for name, number in branch_costs(stack, run).items())


def _attention(node: Attention, run: Pass) -> int:
    inner = maps(node, run.model)["q"].outputs
    return each(node, run) + 4 * inner * pairs(node.mask, run.tokens)


def _relative(node: RelativeAttention | TwoStreamAttention, run: Pass) -> int:
    """Every query is scored by each distance once, and what is seen is a shift of that; targets come on top."""
    linear, tokens = maps(node, run.model), run.tokens
    remembered = node.memory.length if isinstance(node.memory, ZeroMemory) else 0
    ahead = reach(node.mask).ahead
    keys = remembered + tokens
    distances = keys + 1 if ahead == 0 else keys + tokens
    projected = tokens * (linear["q"].weights + linear["o"].weights) + distances * linear["r"].weights
    projected += keys * (linear["k"].weights + linear["v"].weights)
    seen = pairs(node.mask, keys) - pairs(node.mask, remembered) if remembered else pairs(node.mask, tokens)
    seen -= 0 if ahead == 0 else remembered * tokens  # what remembers asks nothing
    return 2 * projected + linear["q"].outputs * (4 * seen + 2 * tokens * distances)


def _cross_attention(node: CrossAttention, run: Pass) -> int:
    linear = maps(node, run.model)
    asked = run.tokens * (linear["q"].weights + linear["o"].weights)
    read = run.source * (linear["k"].weights + linear["v"].weights)
    return 2 * (asked + read) + 4 * linear["q"].outputs * run.tokens * run.source


def _windowed_attention(node: WindowedAttention, run: Pass) -> int:
    # Global tokens are the input's, not the model's: counted as none. Each one costs a pass over the tokens more.
    linear = maps(node, run.model)
    each = sum(linear[name].weights for name in ("q", "k", "v", "o"))
    return 2 * run.tokens * each + 4 * linear["q"].outputs * pairs((Window(node.window + 1),), run.tokens)


def _experts(node: Experts, run: Pass) -> int:
    """The router, and the experts that a token passes through; none is dropped."""
    return each(node, run) + node.router.chosen * cost(node.expert, run)


def _fusion(node: Fusion, run: Pass) -> int:
    """Every place asks every place of the second stream, aligned or not, as the module computes it."""
    return each(node, run) + (4 * node.width * pairs((), run.tokens) if node.attention else 0)


def _disentangled(node: DisentangledAttention, run: Pass) -> int:
    dim, tokens = run.model.dim, run.tokens
    terms = (node.to_position is not None) + (node.from_position is not None)
    rows = _rows_read(
        next(part for _, part in walk(run.model) if isinstance(part, DistanceTable | BucketTable)), tokens
    )
    contents = 4 * 2 * tokens * dim**2 + 4 * dim * tokens**2
    return contents + terms * (2 * rows * dim**2 + 2 * dim * tokens * rows)


def _rows_read(table: DistanceTable | BucketTable, tokens: int) -> int:
    """Count the vectors that distances within so many tokens reach, as the module does."""
    half = table.rows // 2
    farthest = tokens - 1 if tokens <= table.exact else half
    return min(farthest, half) + min(farthest, half - 1) + 1


def _normed(node: Normed, run: Pass) -> int:
    return cost(node.op, run)


def _parallel(node: Parallel, run: Pass) -> int:
    return sum(cost(op, run) for op in node.ops)


def _classifier(node: Classifier, run: Pass) -> int:
    return each(node, run) if node.source == "every" else once(node, run)


RULES: dict[type[Node], Callable[[Any, Pass], int]] = {
    **control.FLOPS,
    **detection.FLOPS,
    **speech.FLOPS,
    **images.FLOPS,
    **pyramids.FLOPS,
    **global_context.FLOPS,
    Tokens: each,
    TaskTokens: each,
    Targeted: each,
    ScaledTokens: each,
    BlankedTokens: each,
    PaddedTokens: each,
    CaptionTokens: each,
    DroppedTokens: each,
    AddedTokens: each,
    SharedTokens: each,
    NormedTokens: each,
    NarrowTokens: each,
    Attention: _attention,
    QKNormAttention: _attention,
    BoundedAttention: _attention,
    CosineAttention: _attention,
    CrossAttention: _cross_attention,
    RelativeAttention: _relative,
    TiedRelativeAttention: _relative,
    TwoStreamAttention: _relative,
    WindowedAttention: _windowed_attention,
    DisentangledAttention: _disentangled,
    InputConvolution: each,
    Blank: each,
    Nothing: each,
    MLP: each,
    GLU: each,
    Fusion: _fusion,
    Experts: _experts,
    Normed: _normed,
    Parallel: _parallel,
    Pooler: once,
    FirstGlobal: once,
    QuestionGlobal: once,
    LMHead: each,
    AdaptiveTokens: each,
    AdaptiveLMHead: each,
    Classifier: _classifier,
    SentencePair: once,
    EntityScores: each,
    Contacts: lambda node, run: 0,  # read only when contacts are asked for
    Spans: each,
    ReplacedTokens: each,
    SpansAfterQuestion: each,
    **multimodal.FLOPS,
    **vision_language.FLOPS,
    **interleaved.FLOPS,
    CrossWidthAttention: _cross_attention,
    NormedWidthAttention: _cross_attention,
    ImageAttention: _cross_attention,
    **feature_maps.FLOPS,
    **text_diffusion.FLOPS,
    **shared_text.FLOPS,
    **patch_diffusion.FLOPS,
}
