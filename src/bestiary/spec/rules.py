"""What a node must keep to that its types cannot say: one rule for each kind, each problem a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeGuard, cast

from bestiary.spec import cascade_rules, map_rules, shared_text_rules, vector_rules
from bestiary.spec.agents import RULES as AGENTS
from bestiary.spec.codes import RULES as CODES
from bestiary.spec.convolutional import RULES as CONVOLUTIONAL
from bestiary.spec.detection import RULES as DETECTION
from bestiary.spec.edit import walk_once
from bestiary.spec.embeddings import (
    AdaptiveTokens,
    NarrowTokens,
    NormedTokens,
    ScaledTokens,
    SharedTokens,
    TaskTokens,
    Tokens,
)
from bestiary.spec.experts import Experts
from bestiary.spec.feature_maps import CrossWidthAttention, JoinedAttention, NormedJoinedAttention, NormedWidthAttention
from bestiary.spec.fields import misfit
from bestiary.spec.folding import RULES as FOLDING
from bestiary.spec.fusion import Fusion, SideAttention, fusions, side_width
from bestiary.spec.global_context import RULES as GLOBAL_CONTEXT
from bestiary.spec.heads import AdaptiveLMHead, Classifier, EntityScores, LMHead, Pooler, SentencePair
from bestiary.spec.images import FirstVector, Grid, PatchMean
from bestiary.spec.images_rules import RULES as IMAGES
from bestiary.spec.interleaved import RULES as INTERLEAVED
from bestiary.spec.interleaved import AddedTokens, ImageAttention, LatentAttention, LookingTransformer
from bestiary.spec.limits import MAX_SIZE, field_problems
from bestiary.spec.masks import BlockSparse, Causal, Prefix
from bestiary.spec.models import EncoderDecoder, Model, Transformer, as_heads_see, vocabulary
from bestiary.spec.multimodal import RULES as MULTIMODAL
from bestiary.spec.node import Node
from bestiary.spec.normfree import RULES as NORM_FREE
from bestiary.spec.ops import (
    Attention,
    BoundedAttention,
    CrossAttention,
    DisentangledAttention,
    InputConvolution,
    Normed,
    Parallel,
    QKNormAttention,
    WindowedAttention,
)
from bestiary.spec.patch_diffusion import Modulated, PatchDenoiser
from bestiary.spec.positions import (
    BucketTable,
    DistanceVectors,
    LearnedBlocks,
    LearnedByMask,
    Rotary,
    ScorePosition,
    SinusoidalAfterPadding,
    T5Bias,
)
from bestiary.spec.proteins import BlankedTokens, Contacts, DroppedTokens, HeldRotary, attention_maps
from bestiary.spec.pyramids import RULES as PYRAMIDS
from bestiary.spec.pyramids import PlaceMean
from bestiary.spec.queries import Queries
from bestiary.spec.recurrence import (
    QueryBiases,
    Recurrent,
    RelativeAttention,
    TiedRelativeAttention,
    TwoStreamAttention,
)
from bestiary.spec.robots import RULES as ROBOTS
from bestiary.spec.speech_rules import RULES as SPEECH_RULES
from bestiary.spec.stacks import Repeat, Stack, own_layers
from bestiary.spec.summaries import RULES as SUMMARIES
from bestiary.spec.text_diffusion import PaddedTokens
from bestiary.spec.vision_language import RULES as VISION_LANGUAGE

MAX_EXPERTS = 10_000
_TAKEN = {"type", "half", "float", "double", "train", "eval", "apply", "to", "name", "keys", "items", "values", "pop"}
"""Names that a module's own methods have: a head of that name could not be stored."""


def _attention(node: Attention | CrossAttention | RelativeAttention | TwoStreamAttention, spec: Model) -> Iterator[str]:
    if node.head_dim is None and spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"
    if node.kv_heads is not None and node.heads % node.kv_heads:
        yield f"{node.kv_heads} kv_heads do not divide {node.heads} heads"
    yield from _bias(node.bias)
    position = node.position if isinstance(node, Attention) else None
    if isinstance(node, Attention) and _block_sparse(node) and (node.mask[1:] or isinstance(position, ScorePosition)):
        yield "a block-sparse mask stands alone, without other masks and without a position on the scores"
    if isinstance(position, DistanceVectors):
        yield "vectors of distances are the stack's, for disentangled attentions to read"
    if isinstance(position, QueryBiases):
        yield "biases of queries are the stack's, for tied relative attentions to read"
    if isinstance(position, Rotary):
        rotated = int((node.head_dim or spec.dim // node.heads) * position.fraction)
        if position.fraction > 1 or rotated < 2 or rotated % 2:
            yield f"rotary positions turn pairs, but {rotated} coordinates of each head would be rotated"


def _relative(node: RelativeAttention | TwoStreamAttention, spec: Model) -> Iterator[str]:
    yield from _attention(node, spec)
    if spec.dim % 2:
        yield f"distances become pairs of a sine and a cosine, but dim is {spec.dim}, which is odd"


def _block_sparse(node: Attention) -> bool:
    return any(isinstance(mask, BlockSparse) for mask in node.mask)


def _windowed_attention(node: WindowedAttention, spec: Model) -> Iterator[str]:
    if spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"


def _disentangled(node: DisentangledAttention, spec: Model) -> Iterator[str]:
    if spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"
    if node.to_position is None and node.from_position is None:
        yield "disentangled attention without positions is Attention; give to_position, from_position or both"
    yield from _bias(node.bias)


def _bias(bias: str) -> Iterator[str]:
    if set(bias) - set("qkvo") or len(set(bias)) < len(bias):
        yield f"bias is '{bias}', which must name projections among q, k, v and o, each once"


def _input_convolution(node: InputConvolution, spec: Model) -> Iterator[str]:
    if not node.kernel % 2:
        yield f"kernel is {node.kernel}, which must be odd, so that a token is its middle"
    if spec.dim % node.groups:
        yield f"{node.groups} groups do not divide dim {spec.dim}"


def _fusion(node: Fusion, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Transformer) or not isinstance(spec.embed, Tokens):
        yield "a second stream stands beside the tokens of one tower: embed Tokens in a Transformer"
        return
    widths = list(dict.fromkeys(part.width for part in fusions(spec) if misfit(Fusion, "width", part.width) is None))
    if len(widths) > 1:
        yield f"one stream runs through all fusions, so they must have the same width, not {widths}"
    if any(part.memory is not None for _, part in walk_once(spec) if isinstance(part, Recurrent)):
        yield "a second stream remembers nothing of earlier segments; leave memories out"
    if any(isinstance(part, Causal | Prefix) for _, part in walk_once(spec)):
        yield "a second stream is read whole, so no attention beside it can hide what comes after"


def _side_attention(node: SideAttention, spec: Model) -> Iterator[str]:
    width = side_width(spec)
    if isinstance(width, int) and width % node.heads:
        yield f"{node.heads} heads do not divide the second stream's width {width}"


def _entity_scores(node: EntityScores, spec: Model) -> Iterator[str]:
    if not fusions(spec):
        yield "scores of entities need a Fusion in the stack, which says how wide an entity's vector is"


def _bucket_table(node: BucketTable, spec: Model) -> Iterator[str]:
    if node.buckets < 2:
        yield "a table needs at least 2 buckets"


def _projected_otherwise(node: QKNormAttention | BoundedAttention, spec: Model) -> Iterator[str]:
    yield from _attention(node, spec)
    if any(isinstance(mask, BlockSparse) for mask in node.mask):
        yield "attention in blocks neither normalizes nor bounds what it projects"


def _joined_attention(node: JoinedAttention, spec: Model) -> Iterator[str]:
    yield from _attention(node, spec)
    if node.mask or node.position is not None:
        yield "attention that joins another sequence has no order of keys that masks or positions could speak of"


def _t5_bias(node: T5Bias, spec: Model) -> Iterator[str]:
    one_side = node.buckets // (2 if node.bidirectional else 1)
    if one_side < 2 or node.buckets % 2 or node.distance <= one_side // 2:
        yield f"{node.buckets} buckets cannot be spread over distances up to {node.distance}"


def _parts(node: Stack) -> Iterator[Node]:
    """Yield the nodes of a stack's layers, those of a layer that stands many times once."""
    yield from (part for _, part in walk_once(own_layers(node)))


def _held(node: Node) -> TypeGuard[Attention]:
    return isinstance(node, Attention) and isinstance(node.position, HeldRotary)


def _stack(node: Stack, spec: Model) -> Iterator[str]:
    repeats = [item for item in node.layers if isinstance(item, Repeat)]
    faults = [fault for repeat in repeats for fault in field_problems(repeat)]  # own layers hide what repeats them
    if faults:
        yield from faults
    elif not node.layers or not all(repeat.layers for repeat in repeats):
        yield "a stack, and what it repeats, needs at least one layer"
    else:
        yield from _shared_position(node)
        yield from _query_biases(node)
    if not isinstance(node.position, DistanceVectors) and _has(node, DisentangledAttention):
        yield "disentangled attentions need a DistanceTable or a BucketTable as the stack's position"
    if not faults and len(held := {n.position for n in _parts(node) if _held(n)}) > 1:
        yield f"a stack holds one table of rotary frequencies, not {len(held)}"
    if not faults and len({part.memory for part in _parts(node) if isinstance(part, Recurrent)}) > 1:
        yield "attentions with relative distances must all have the same memory, or none"


def _shared_position(node: Stack) -> Iterator[str]:
    if node.position is None:
        return
    parts = list(_parts(node))
    if any(isinstance(part, WindowedAttention | BlockSparse) for part in parts):
        yield "sparse attention has no scores of all pairs that a stack's position could be added to"
    heads = {part.heads for part in parts if isinstance(part, Attention)}
    if len(heads) > 1:
        yield f"attentions that share a score position must have as many heads each, not {sorted(heads)}"
    if heads and isinstance(node.position, DistanceVectors):
        yield "vectors of distances are for disentangled attentions only"
    if heads and isinstance(node.position, QueryBiases):
        yield "biases of queries are for tied relative attentions only"


def _query_biases(node: Stack) -> Iterator[str]:
    tied = {(part.heads, part.head_dim) for part in _parts(node) if isinstance(part, TiedRelativeAttention)}
    if isinstance(node.position, QueryBiases) != bool(tied):
        yield "tied relative attentions and QueryBiases as the stack's position need each other"
    if len(tied) > 1:
        yield "attentions that share biases of queries must have as many heads each, of the same width"


def _alone(node: Parallel | Normed) -> Iterator[str]:
    if any(isinstance(op, Recurrent) and op.memory is not None for _, op in walk_once(node)):
        yield "an attention with a memory stands alone in its branch, which puts the memory before its input"


def _normed(node: Normed, spec: Model) -> Iterator[str]:
    yield from _alone(node)


def _modulated(node: Modulated, spec: Model) -> Iterator[str]:
    yield from _alone(node)
    if not isinstance(spec, PatchDenoiser):
        yield "only a PatchDenoiser has a vector that could modulate its layers"


def _patch_denoiser(node: PatchDenoiser, spec: Model) -> Iterator[str]:
    if node.embed.extra:
        yield "each vector becomes a patch of the answer, so no extra tokens can stand before the patches"
    if node.embed.image % node.embed.patch:
        yield f"patches of {node.embed.patch} places do not tile a map of {node.embed.image}, but all of it is answered"
    if node.time.width % 2 or node.time.width < 4:
        yield f"waves of the time step come in pairs, two at least, but their width is {node.time.width}"


def _experts(node: Experts, spec: Model) -> Iterator[str]:
    if node.experts > MAX_EXPERTS:
        yield f"there are {node.experts:,} experts, more than the {MAX_EXPERTS:,} that are allowed"
    if node.router.chosen > node.experts:
        yield f"the router chooses {node.router.chosen} of {node.experts} experts"


def _has(node: Stack, kind: type[Node]) -> bool:
    return any(isinstance(part, kind) for _, part in walk_once(node.layers))


def _parallel(node: Parallel, spec: Model) -> Iterator[str]:
    if len(node.ops) < 2:
        yield "parallel branches need at least two ops"
    yield from _alone(node)


def _tokens(node: Tokens | SharedTokens | NarrowTokens, spec: Model) -> Iterator[str]:
    if isinstance(node.position, Grid):
        yield f"{type(node.position).__name__} is for patches of an image; tokens take Learned(length)"


def _normed_tokens(node: NormedTokens, spec: Model) -> Iterator[str]:
    yield from _tokens(node, spec)
    if node.norm is None:
        yield "NormedTokens has no norm; without one they are SharedTokens"


def _padded_tokens(node: PaddedTokens, spec: Model) -> Iterator[str]:
    yield from _tokens(node, spec)
    yield from cascade_rules.padded_tokens(node, spec)


def _sinusoids(node: SinusoidalAfterPadding, spec: Model) -> Iterator[str]:
    if spec.dim < 4:
        yield f"these sinusoids need two wavelengths at least, but dim {spec.dim} has room for {spec.dim // 2}"


def _scaled_tokens(node: ScaledTokens, spec: Model) -> Iterator[str]:
    yield from _tokens(node, spec)
    if node.scaled:
        yield "ScaledTokens are scaled already; leave 'scaled' out"


def _dropped_tokens(node: DroppedTokens, spec: Model) -> Iterator[str]:
    yield from _tokens(node, spec)
    if node.mask_token >= node.vocab:
        yield f"mask_token is {node.mask_token}, which must be one of {node.vocab} tokens"
    if not 0 <= node.rate < 1:
        yield f"rate is {node.rate}, which must be at least 0 and less than 1"


def _contacts(node: Contacts, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Transformer) or not attention_maps(spec):
        yield "contacts are read off the attention maps of one tower: put Attention into its stack"


def _learned_by_mask(node: LearnedByMask, spec: Model) -> Iterator[str]:
    if not node.offset:
        yield "offset is 0, but padding reads the row before the first position: give at least one"


def _learned_blocks(node: LearnedBlocks, spec: Model) -> Iterator[str]:
    if any(isinstance(part, Rotary) for _, part in walk_once(spec)):
        yield "positions come in pairs, which rotary positions do not read: take one or the other"


def _transformer(node: Transformer, spec: Model) -> Iterator[str]:
    yield from _head_names(node)
    told = isinstance(node.embed, Queries)  # of vectors that it is given to ask
    if not told and any(isinstance(part, CrossAttention) for part in _parts(node.stack)):
        yield "stack: cross-attention has no encoder to read; build an EncoderDecoder"


def _encoder_decoder(node: EncoderDecoder, spec: Model) -> Iterator[str]:
    yield from _head_names(node)
    if isinstance(node.encoder.embed, SharedTokens):
        yield "encoder.embed: SharedTokens is the decoder's; the encoder owns the table"
    if isinstance(node.decoder.embed, SharedTokens) and not isinstance(node.encoder.embed, Tokens):
        yield "decoder.embed: SharedTokens has no token table of the encoder to share"
    width = getattr(node.encoder.embed, "width", None)
    if isinstance(node.decoder.embed, SharedTokens) and width not in (None, spec.dim):
        yield "decoder.embed: a table narrower than the model cannot be shared"
    for side, tower in (("encoder", node.encoder), ("decoder", node.decoder)):
        if isinstance(tower.embed, NarrowTokens):
            yield f"{side}.embed: NarrowTokens are for a model of one tower; a tower of two takes Tokens with a width"
    if any(isinstance(part, CrossAttention) for part in _parts(node.encoder.stack)):
        yield "encoder.stack: cross-attention belongs to the decoder"


def _head_names(node: Transformer | EncoderDecoder) -> Iterator[str]:
    for name in node.heads:
        if not name.isidentifier() or name in _TAKEN:
            yield f"heads: {name!r} cannot name a head; use a plain word that no module method has"


def _bands(vocab: int | None, cutoffs: tuple[int, ...]) -> Iterator[str]:
    edges = (0, *cutoffs, vocab or MAX_SIZE)
    if any(after <= before for before, after in pairwise(edges)):
        yield f"cutoffs are {list(cutoffs)}, which must rise, from 1 to less than the vocabulary"


def _adaptive_tokens(node: AdaptiveTokens, spec: Model) -> Iterator[str]:
    yield from _bands(node.vocab, node.cutoffs)
    if len(node.widths) != len(node.cutoffs) + 1 or any(width is not None and width < 1 for width in node.widths):
        yield f"{len(node.cutoffs)} cutoffs make {len(node.cutoffs) + 1} bands, each with a positive width"


def _adaptive_lm_head(node: AdaptiveLMHead, spec: Any) -> Iterator[str]:
    embed = getattr(spec, "embed", None)
    if isinstance(embed, AdaptiveTokens):
        if node.cutoffs != embed.cutoffs:
            yield f"the head's cutoffs are {list(node.cutoffs)}, but the embedding's are {list(embed.cutoffs)}"
        bare = [band for band, width in enumerate(embed.widths) if width is None and band in node.own]
        if bare:
            yield f"own names {bare}, which are as wide as the model, so that nothing is projected"
    elif not isinstance(embed, Tokens) or embed.width is not None or node.own:
        yield "an adaptive head reads tokens in bands, or one table as wide as the model, and then projects nothing"
    else:
        yield from _bands(embed.vocab, node.cutoffs)
    if len(set(node.own)) < len(node.own) or any(not 0 <= band <= len(node.cutoffs) for band in node.own):
        yield f"own is {list(node.own)}, which must name bands from 0 to {len(node.cutoffs)}, each once"


def _lm_head(node: LMHead, spec: Model) -> Iterator[str]:
    table, spec = vocabulary(spec), as_heads_see(spec)
    if table is None:
        yield "a language-model head needs a token vocabulary"
    elif node.tied and node.transform is None and table.width not in (None, spec.dim):
        yield f"a tied head needs a transform from dim {spec.dim} to the table's width {table.width}"


def _classifier(node: Classifier, spec: Any) -> Iterator[str]:
    if node.source == "pooled":
        yield from _needs_pooler(node, spec)
    if node.source == "source_end" and not isinstance(spec, EncoderDecoder):
        yield "what stands where the source ends needs an encoder that reads a source; take the last token"


def _needs_pooler(node: Node, spec: Any) -> Iterator[str]:
    kinds: list[type[Node]] = [type(head) for head in spec.heads.values()]
    if not any(kind in (Pooler, PatchMean, FirstVector, PlaceMean) for kind in kinds[: kinds.index(type(node))]):
        yield "what reads the pooled vector needs a Pooler before it among the heads"


def _interleaved(node: Any, spec: Model) -> Iterator[str]:
    """What such a node keeps to as one of its kind, and what it keeps to besides."""
    yield from _KINDS[type(node)](node, spec)
    yield from INTERLEAVED[type(node)](node, spec)


_KINDS: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    AddedTokens: _tokens,
    ImageAttention: _attention,
    LatentAttention: _attention,
    LookingTransformer: lambda node, spec: _head_names(node),
}

_RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    **SPEECH_RULES,
    **IMAGES,
    **PYRAMIDS,
    **GLOBAL_CONTEXT,
    Attention: _attention,
    QKNormAttention: _projected_otherwise,
    BoundedAttention: _projected_otherwise,
    CrossAttention: _attention,
    CrossWidthAttention: _attention,
    NormedWidthAttention: _attention,
    JoinedAttention: _joined_attention,
    NormedJoinedAttention: _joined_attention,
    RelativeAttention: _relative,
    TiedRelativeAttention: _relative,
    TwoStreamAttention: _relative,
    WindowedAttention: _windowed_attention,
    DisentangledAttention: _disentangled,
    InputConvolution: _input_convolution,
    Fusion: _fusion,
    SideAttention: _side_attention,
    T5Bias: _t5_bias,
    BucketTable: _bucket_table,
    Stack: _stack,
    Parallel: _parallel,
    Normed: _normed,
    Modulated: _modulated,
    PatchDenoiser: _patch_denoiser,
    Experts: _experts,
    Tokens: _tokens,
    TaskTokens: _tokens,
    ScaledTokens: _scaled_tokens,
    BlankedTokens: _tokens,
    DroppedTokens: _dropped_tokens,
    SharedTokens: _tokens,
    NormedTokens: _normed_tokens,
    SinusoidalAfterPadding: _sinusoids,
    NarrowTokens: _tokens,
    LearnedByMask: _learned_by_mask,
    LearnedBlocks: _learned_blocks,
    Transformer: _transformer,
    EncoderDecoder: _encoder_decoder,
    LMHead: _lm_head,
    AdaptiveTokens: _adaptive_tokens,
    AdaptiveLMHead: _adaptive_lm_head,
    Classifier: _classifier,
    SentencePair: _needs_pooler,
    EntityScores: _entity_scores,
    **FOLDING,
    **SUMMARIES,
    **AGENTS,
    **CODES,
    **ROBOTS,
    Contacts: _contacts,
    **MULTIMODAL,
    **VISION_LANGUAGE,
    **CONVOLUTIONAL,
    **DETECTION,
    **NORM_FREE,
    **INTERLEAVED,
    **dict.fromkeys(_KINDS, _interleaved),
    **map_rules.RULES,
    **cascade_rules.RULES,
    **vector_rules.RULES,
    **shared_text_rules.RULES,
    PaddedTokens: _padded_tokens,
}


def rule_problems(node: Node, spec: Model) -> list[str]:
    """Return what the rule of a node finds wrong with it, in the model where it stands."""
    rule = _RULES.get(type(node))
    return list(rule(cast(Any, node), spec)) if rule else []
