"""The parts of each node and their parameters: one rule for each kind of node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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
    patch_diffusion,
    pyramids,
    shared_text,
    speech,
    text_diffusion,
    vector_diffusion,
    vision_language,
)
from bestiary.sizing.inside import Parts, each_map, inside, linear_parts, nothing, own, parts_of
from bestiary.sizing.layers import owned
from bestiary.sizing.linear import maps
from bestiary.sizing.multimodal import PARTS as MULTIMODAL
from bestiary.spec import (
    GLU,
    MLP,
    AdaptiveLMHead,
    AdaptiveTokens,
    AddedTokens,
    Alibi,
    Attention,
    Blank,
    BlankedTokens,
    BoundedAttention,
    BucketTable,
    Classifier,
    CoarseAlibi,
    Contacts,
    CrossAttention,
    DisentangledAttention,
    DistanceTable,
    DroppedTokens,
    EncoderDecoder,
    EntityScores,
    Experts,
    FirstGlobal,
    Fusion,
    HeadNorm,
    HeldRotary,
    InputConvolution,
    JointNorm,
    KeyAlibi,
    Layer,
    LayerNorm,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    LMHead,
    LookingTransformer,
    Model,
    NarrowTokens,
    Node,
    Normed,
    NormedTokens,
    Nothing,
    OwnHeadNorm,
    Parallel,
    Pooler,
    QKNorm,
    QKNormAttention,
    QueryBiases,
    QuestionGlobal,
    RelativeAttention,
    ReplacedTokens,
    RescaleNorm,
    RMSNorm,
    Rotary,
    RoundedLayerNorm,
    RoundedRotary,
    Scale,
    ScaledTokens,
    SentencePair,
    SharedTokens,
    ShiftedRMSNorm,
    Sinusoidal,
    SinusoidalAfterPadding,
    SinusoidalHalves,
    SinusoidalTable,
    Spans,
    SpansAfterQuestion,
    Stack,
    T5Bias,
    TanhGate,
    Targeted,
    TaskTokens,
    TiedRelativeAttention,
    Tokens,
    Tower,
    Transform,
    Transformer,
    TwoStreamAttention,
    WindowedAttention,
    ZeroCenteredNorm,
    as_heads_see,
    band_sizes,
    band_widths,
    branch_names,
    own_layers,
    walk_once,
)


def _attention(node: Attention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("position", node.position, node.heads, model)


def _relative(node: RelativeAttention | TwoStreamAttention, width: int, model: Model) -> Parts:
    linear = maps(node, model)
    yield "", sum([one.parameters for one in linear.values()]) + _VECTORS[type(node)] * linear["q"].outputs


_VECTORS: dict[type[Node], int] = {RelativeAttention: 2, TiedRelativeAttention: 0, TwoStreamAttention: 5}
"""How many vectors of all heads each has: two to add to queries, and for segments one more and a pair."""


def _targeted(node: Targeted, width: int, model: Model) -> Parts:
    yield from parts_of(node.tokens, width, model)
    yield "target", width


def _qk_norm_attention(node: QKNormAttention, width: int, model: Model) -> Parts:
    yield from _attention(node, width, model)
    for name, heads in (("q", node.heads), ("k", node.kv_heads or node.heads)):
        width = maps(node, model)[name].outputs
        yield f"{name}.norm", _QK_NORMS[type(node.qk_norm)](node.qk_norm, heads, width // heads, model)


def _norm_size(norm: Node, width: int, model: Model) -> int:
    return sum(number for _, number in parts_of(norm, width, model))


_QK_NORMS: dict[type[QKNorm], Callable[[Any, int, int, Model], int]] = {
    HeadNorm: lambda node, heads, head_dim, model: _norm_size(node.norm, head_dim, model),
    OwnHeadNorm: lambda node, heads, head_dim, model: heads * _norm_size(node.norm, head_dim, model),
    JointNorm: lambda node, heads, head_dim, model: _norm_size(node.norm, heads * head_dim, model),
}


def _experts(node: Experts, width: int, model: Model) -> Parts:
    yield from ((name, linear.parameters) for name, linear in maps(node, model).items())
    yield "experts", node.experts * sum(number for _, number in parts_of(node.expert, width, model))


def _fusion(node: Fusion, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("attention_norm", node.norm if node.attention else None, node.width, model)
    yield from inside("side_norm", node.norm, node.width, model)


def _distances(node: DistanceTable | BucketTable, width: int, model: Model) -> Parts:
    yield "", node.rows * model.dim
    yield from inside("norm", node.norm, model.dim, model)


def _normed(node: Normed, width: int, model: Model) -> Parts:
    yield from inside("norm", node.norm, width, model)
    yield from inside("op", node.op, width, model)


def _parallel(node: Parallel, width: int, model: Model) -> Parts:
    for name, op in zip(branch_names(node.ops), node.ops, strict=True):
        yield from inside(name, op, width, model)


def _tokens(node: Tokens, width: int, model: Model) -> Parts:
    width = node.width or width
    yield "tokens", node.vocab * width
    yield "types", node.types * width
    yield from _shared_tokens(node, width, model)
    yield from ((name, linear.parameters) for name, linear in maps(node, model).items())


def _task_tokens(node: TaskTokens, width: int, model: Model) -> Parts:
    yield from _tokens(node, width, model)
    yield "tasks", node.tasks * (node.width or width)


def _shared_tokens(node: Tokens | SharedTokens, width: int, model: Model) -> Parts:
    yield from inside("position", node.position, width, model)
    yield from inside("norm", node.norm, width, model)


def _narrow_tokens(node: NarrowTokens, width: int, model: Model) -> Parts:
    yield "tokens", node.vocab * node.width
    yield from inside("position", node.position, width, model)
    yield from ((name, linear.parameters) for name, linear in maps(node, model).items())


def _lm_head(node: LMHead, width: int, model: Model) -> Parts:
    linear = maps(node, model)
    output = linear.pop("output", None)
    yield from ((name, dense.parameters) for name, dense in linear.items())
    yield from _transform_norm(node.transform, output.inputs if output else width, model)
    if output:  # a tied head reads the token table, which is counted where it stands
        yield ("bias", output.bias * output.outputs) if node.tied else ("output", output.parameters)


def _adaptive_tokens(node: AdaptiveTokens, width: int, model: Model) -> Parts:
    sizes = band_sizes(node.vocab, node.cutoffs)
    yield "tables", sum([size * own for size, own in zip(sizes, band_widths(node, width), strict=False)])
    yield "projections", sum([linear.parameters for linear in maps(node, model).values()])


def _adaptive_lm_head(node: AdaptiveLMHead, width: int, model: Model) -> Parts:
    linear = maps(node, model)
    tables = [one for name, one in linear.items() if name.startswith("tables")]
    yield "tables", 0 if node.tied else sum([one.weights for one in tables])
    yield "biases", sum([one.outputs for one in tables])
    yield "clusters", linear["clusters"].parameters if linear else 0
    own = [f"projections.{band}" for band in node.own]
    yield "projections", sum([linear[name].parameters for name in own if name in linear])  # a half-made edit lacks some


def _classifier(node: Classifier | Spans, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield from _transform_norm(node.transform, width, model)


def _entity_scores(node: EntityScores, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield from _transform_norm(node.transform, maps(node, model)["transform.dense"].outputs, model)


def _spans_after_question(node: SpansAfterQuestion, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield from inside("norm", node.norm, width, model)


def _transform_norm(transform: Transform | None, width: int, model: Model) -> Parts:
    return inside("transform.norm", transform and transform.norm, width, model)


def _stack(node: Stack, width: int, model: Model) -> Parts:
    sums: Counter[str] = Counter()
    for layer, times in owned(node).items():
        for part, number in _layer(layer, width, model):
            sums[part] += times * number
    yield from ((f"layers[*].{part}", number) for part, number in sums.items())
    yield from inside("norm", node.norm, width, model)
    if node.position is not None:
        yield from inside("position", node.position, _scored(node, model), model)


def _scored(node: Stack, model: Model) -> int:
    """Return the heads whose scores a stack's position is added to; for biases of queries, how wide all are."""
    ops = [part for _, part in walk_once(own_layers(node))]
    if isinstance(node.position, QueryBiases):
        return next((maps(op, model)["q"].outputs for op in ops if isinstance(op, RelativeAttention)), 0)
    return next((op.heads for op in ops if isinstance(op, Attention)), 1)


def _layer(layer: Layer, width: int, model: Model) -> Parts:
    for name, branch in zip(branch_names(layer), layer, strict=True):
        yield from inside(name, branch.op, width, model)
        if isinstance(branch.scale, Scale):
            yield f"{name}_scale", 1 if type(branch.scale) is TanhGate else width
        yield from inside(f"{name}_norm", branch.norm, width, model)
        if branch.placement == "both":
            yield from inside(f"{name}_post_norm", branch.norm, width, model)


def _tower(node: Tower | Transformer, width: int, model: Model) -> Parts:
    yield from inside("embed", node.embed, width, model)
    yield from inside("stack", node.stack, width, model)


def _transformer(node: Transformer, width: int, model: Model) -> Parts:
    yield from _tower(node, width, model)
    seen = as_heads_see(model)
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, seen.dim, seen)


def _encoder_decoder(node: EncoderDecoder, width: int, model: Model) -> Parts:
    yield from inside("encoder", node.encoder, width, model)
    yield from inside("decoder", node.decoder, width, model)
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, width, model)


RULES: dict[type[Node], Callable[[Any, int, Model], Parts]] = {
    **control.PARTS,
    **detection.PARTS,
    **speech.PARTS,
    **images.PARTS,
    **pyramids.PARTS,
    **global_context.PARTS,
    Transformer: _transformer,
    LookingTransformer: _transformer,
    EncoderDecoder: _encoder_decoder,
    **folding.PARTS,
    Tower: _tower,
    Stack: _stack,
    Tokens: _tokens,
    TaskTokens: _task_tokens,
    Targeted: _targeted,
    ScaledTokens: _tokens,
    BlankedTokens: _tokens,
    DroppedTokens: _tokens,
    AddedTokens: _tokens,
    SharedTokens: _shared_tokens,
    NormedTokens: _shared_tokens,
    NarrowTokens: _narrow_tokens,
    Attention: _attention,
    QKNormAttention: _qk_norm_attention,
    BoundedAttention: _attention,
    CrossAttention: linear_parts,
    RelativeAttention: _relative,
    TiedRelativeAttention: _relative,
    TwoStreamAttention: _relative,
    WindowedAttention: linear_parts,
    DisentangledAttention: linear_parts,
    InputConvolution: linear_parts,
    Blank: nothing,
    Nothing: nothing,
    DistanceTable: _distances,
    BucketTable: _distances,
    MLP: linear_parts,
    GLU: linear_parts,
    Fusion: _fusion,
    Experts: _experts,
    Normed: _normed,
    Parallel: _parallel,
    LayerNorm: own(lambda node, width: width * (1 + node.bias)),
    RoundedLayerNorm: own(lambda node, width: 2 * width),
    RMSNorm: own(lambda node, width: width),
    RescaleNorm: own(lambda node, width: width),
    ShiftedRMSNorm: own(lambda node, width: 2 * width),
    ZeroCenteredNorm: own(lambda node, width: width),
    Learned: own(lambda node, width: (node.length + node.offset) * width),
    LearnedAfterPadding: own(lambda node, width: (node.length + node.pad + 1) * width),
    LearnedBlocks: own(lambda node, width: 2 * (node.length + 1) * width),
    LearnedByMask: own(lambda node, width: (node.length + node.offset) * width),
    Sinusoidal: nothing,
    SinusoidalTable: nothing,
    SinusoidalAfterPadding: nothing,
    SinusoidalHalves: nothing,
    Rotary: nothing,
    RoundedRotary: nothing,
    HeldRotary: nothing,
    Alibi: nothing,
    KeyAlibi: nothing,
    CoarseAlibi: nothing,
    T5Bias: own(lambda node, width: node.buckets * width),
    QueryBiases: own(lambda node, width: 2 * width),
    Pooler: each_map,
    FirstGlobal: nothing,
    QuestionGlobal: nothing,
    LMHead: _lm_head,
    AdaptiveTokens: _adaptive_tokens,
    AdaptiveLMHead: _adaptive_lm_head,
    Classifier: _classifier,
    SentencePair: each_map,
    EntityScores: _entity_scores,
    Contacts: each_map,
    Spans: _classifier,
    SpansAfterQuestion: _spans_after_question,
    ReplacedTokens: each_map,
    **MULTIMODAL,
    **vision_language.PARTS,
    **interleaved.PARTS,
    **feature_maps.PARTS,
    **patch_diffusion.PARTS,
    **text_diffusion.PARTS,
    **vector_diffusion.PARTS,
    **codes.PARTS,
    **shared_text.PARTS,
}
