"""The linear maps of each node: what its parameters and its FLOPs are both read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing import (
    codes,
    control,
    detection,
    global_context,
    images,
    interleaved,
    map_attention,
    patch_diffusion,
    pyramids,
    speech,
    text_diffusion,
    vector_diffusion,
)
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.sizing.multimodal import MAPS as MULTIMODAL
from bestiary.sizing.vision_language import MAPS as VISION_LANGUAGE
from bestiary.spec import (
    GLU,
    MLP,
    AdaptiveLMHead,
    AdaptiveTokens,
    Attention,
    Blank,
    BlankedTokens,
    BoundedAttention,
    Classifier,
    Contacts,
    CosineAttention,
    CrossAttention,
    DisentangledAttention,
    DroppedTokens,
    EntityScores,
    Experts,
    FirstGlobal,
    Fusion,
    InputConvolution,
    LatentAttention,
    LMHead,
    Model,
    NarrowTokens,
    Node,
    NormedTokens,
    Nothing,
    OwnMap,
    PaddedTokens,
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
    Targeted,
    TaskTokens,
    TiedRelativeAttention,
    Tokens,
    Transformer,
    TwoStreamAttention,
    WindowedAttention,
    attention_maps,
    band_sizes,
    band_widths,
    side_width,
    vocabulary,
)


def has_maps(node: Node) -> bool:
    """Tell whether a node applies maps of its own; others only hold nodes that do."""
    return type(node) in RULES


def _attention(node: Attention | CrossAttention | RelativeAttention | TwoStreamAttention, model: Model) -> Maps:
    # Without a head width of its own the heads split dim, so dim stays exact where a half-made edit does not divide it.
    inner = node.heads * node.head_dim if node.head_dim else model.dim
    shared = inner if node.kv_heads is None else inner * node.kv_heads // node.heads
    return {
        "q": Linear(model.dim, inner, "q" in node.bias),
        "k": Linear(model.dim, shared, "k" in node.bias),
        "v": Linear(model.dim, shared, "v" in node.bias),
        "o": Linear(inner, model.dim, "o" in node.bias),
    }


def _relative(node: RelativeAttention | TwoStreamAttention, model: Model) -> Maps:
    linear = _attention(node, model)
    return {**linear, "r": Linear(model.dim, linear["q"].outputs, False)}


def _windowed_attention(node: WindowedAttention, model: Model) -> Maps:
    square = Linear(model.dim, model.dim)
    return dict.fromkeys(("q", "k", "v", "o", "q_global", "k_global", "v_global"), square)


def _disentangled(node: DisentangledAttention, model: Model) -> Maps:
    contents = {name: Linear(model.dim, model.dim, name in node.bias) for name in "qkvo"}
    distances = {"position_k": node.to_position, "position_q": node.from_position}
    own = {name: Linear(model.dim, model.dim, m.bias) for name, m in distances.items() if isinstance(m, OwnMap)}
    return {**contents, **own}


def _mlp(node: MLP, model: Model) -> Maps:
    return {"up": Linear(model.dim, node.hidden, node.bias), "down": Linear(node.hidden, model.dim, node.bias)}


def _glu(node: GLU, model: Model) -> Maps:
    up = Linear(model.dim, node.hidden, node.bias)
    return {"gate": up, "up": up, "down": Linear(node.hidden, model.dim, node.bias)}


def _fusion(node: Fusion, model: Model) -> Maps:
    within = Linear(node.width, node.width)
    return {
        **({f"attention.{name}": within for name in "qkvo"} if node.attention else {}),
        "up": Linear(model.dim, node.hidden),
        "up_side": Linear(node.width, node.hidden),
        "down": Linear(node.hidden, model.dim),
        "down_side": Linear(node.hidden, node.width),
    }


def _tokens(node: Tokens, model: Model) -> Maps:
    return {"project": Linear(node.width, model.dim)} if node.width else {}


def _lm_head(node: LMHead, model: Model) -> Maps:
    table = vocabulary(model)
    width = (table and node.tied and table.width) or model.dim
    transform = {"transform.dense": Linear(model.dim, width, node.transform.bias)} if node.transform else {}
    return {**transform, "output": Linear(width, table.vocab, node.bias)} if table else transform


def _adaptive_tokens(node: AdaptiveTokens, model: Model) -> Maps:
    return {f"projections.{band}": Linear(width, model.dim, False) for band, width in enumerate(node.widths) if width}


def _adaptive_lm_head(node: AdaptiveLMHead, model: Model) -> Maps:
    """The maps of each band: to its width, and to its tokens; the first scores the clusters too."""
    embed = model.embed if isinstance(model, Transformer) else None
    if not isinstance(embed, Tokens | AdaptiveTokens):
        return {}
    banded = isinstance(embed, AdaptiveTokens)
    widths = band_widths(embed, model.dim) if banded else [model.dim] * (len(node.cutoffs) + 1)
    project = {name: Linear(m.outputs, m.inputs, False) for name, m in maps(embed, model).items() if banded}
    sizes = zip(band_sizes(embed.vocab, node.cutoffs), widths, strict=False)
    output = {f"tables.{band}": Linear(width, size) for band, (size, width) in enumerate(sizes)}
    return {**project, **output, "clusters": Linear(widths[0], len(node.cutoffs))}


def _classifier(node: Classifier, model: Model) -> Maps:
    width = model.dim * (1 + (node.source == "first_and_mean"))
    return {**_transform(node, model), "output": Linear(width, node.labels, node.bias)}


def _transform(node: Classifier | Spans, model: Model) -> Maps:
    return {"transform.dense": Linear(model.dim, model.dim, node.transform.bias)} if node.transform else {}


def _entity_scores(node: EntityScores, model: Model) -> Maps:
    """The map to the entities' width; how many entities are scored is the input's to say: counted as none."""
    return {"transform.dense": Linear(model.dim, side_width(model) or model.dim, node.transform.bias)}


def _spans_after_question(node: SpansAfterQuestion, model: Model) -> Maps:
    up, down = Linear(model.dim, node.hidden), Linear(node.hidden, model.dim)
    return {"up": up, "down": down, "output": Linear(model.dim, 2)}


RULES: dict[type[Node], Callable[[Any, Model], Maps]] = {
    **control.MAPS,
    **detection.MAPS,
    **speech.MAPS,
    **images.MAPS,
    **pyramids.MAPS,
    **global_context.MAPS,
    Attention: _attention,
    QKNormAttention: _attention,
    BoundedAttention: _attention,
    CosineAttention: _attention,
    LatentAttention: _attention,
    CrossAttention: _attention,
    RelativeAttention: _relative,
    TiedRelativeAttention: _relative,
    TwoStreamAttention: _relative,
    WindowedAttention: _windowed_attention,
    DisentangledAttention: _disentangled,
    InputConvolution: lambda node, model: {"map": Linear(model.dim // node.groups * node.kernel, model.dim)},
    Blank: lambda node, model: {},
    Nothing: lambda node, model: {},
    MLP: _mlp,
    GLU: _glu,
    Fusion: _fusion,
    Experts: lambda node, model: {"router": Linear(model.dim, node.experts, node.router.bias)},
    Tokens: _tokens,
    TaskTokens: _tokens,
    Targeted: lambda node, model: _tokens(node.tokens, model),
    ScaledTokens: _tokens,
    BlankedTokens: _tokens,
    PaddedTokens: _tokens,
    DroppedTokens: _tokens,
    SharedTokens: lambda node, model: {},
    FirstGlobal: lambda node, model: {},
    QuestionGlobal: lambda node, model: {},
    NormedTokens: lambda node, model: {},
    NarrowTokens: lambda node, model: {
        "project": Linear(node.width, model.dim, False),
        "narrow": Linear(model.dim, node.width, False),
    },
    Pooler: lambda node, model: {"dense": Linear(model.dim, model.dim)},
    LMHead: _lm_head,
    AdaptiveTokens: _adaptive_tokens,
    AdaptiveLMHead: _adaptive_lm_head,
    Classifier: _classifier,
    SentencePair: lambda node, model: {"output": Linear(model.dim, 2)},
    ReplacedTokens: lambda node, model: {"dense": Linear(model.dim, model.dim), "output": Linear(model.dim, 1)},
    EntityScores: _entity_scores,
    Contacts: lambda node, model: {"output": Linear(attention_maps(model), 1)},
    Spans: lambda node, model: {**_transform(node, model), "output": Linear(model.dim, 2)},
    SpansAfterQuestion: _spans_after_question,
    **MULTIMODAL,
    **VISION_LANGUAGE,
    **interleaved.MAPS,
    **map_attention.MAPS,
    **patch_diffusion.MAPS,
    **text_diffusion.MAPS,
    **vector_diffusion.MAPS,
    **codes.MAPS,
}
