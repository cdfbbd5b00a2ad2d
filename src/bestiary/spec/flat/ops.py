"""The flat view of ops: what an attention, an MLP or a mixture computes, as lines of pseudo-code."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from bestiary.spec.control import LastHidden
from bestiary.spec.detection import PlacedAttention, PlacedCrossAttention
from bestiary.spec.experts import Experts, Top1, Top2
from bestiary.spec.feature_maps import (
    CrossWidthAttention,
    GroupNorm,
    JoinedAttention,
    NormedJoinedAttention,
    NormedWidthAttention,
)
from bestiary.spec.fusion import Fusion
from bestiary.spec.global_context import GlobalQueryAttention
from bestiary.spec.images import WindowBias
from bestiary.spec.interleaved import ImageAttention, LatentAttention
from bestiary.spec.masks import (
    BlockSparse,
    Causal,
    Mask,
    MemorySpan,
    PictureColumn,
    PictureRow,
    PictureWindow,
    Prefix,
    Window,
)
from bestiary.spec.norms import (
    HeadNorm,
    JointNorm,
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
    Attention,
    Blank,
    BoundedAttention,
    ContentMap,
    CrossAttention,
    DisentangledAttention,
    InputConvolution,
    Normed,
    Nothing,
    Op,
    Parallel,
    PositionMap,
    QKNormAttention,
    WindowedAttention,
)
from bestiary.spec.patch_diffusion import Modulated
from bestiary.spec.positions import (
    Alibi,
    BucketTable,
    CoarseAlibi,
    DistanceVectors,
    KeyAlibi,
    Rotary,
    ScorePosition,
    T5Bias,
)
from bestiary.spec.pyramids import ContinuousBias, CosineAttention, Windows
from bestiary.spec.recurrence import QueryBiases, RelativeAttention, TiedRelativeAttention, TwoStreamAttention
from bestiary.spec.robots import HiddenActions, OneMap

Line = tuple[str, str]
"""A line of pseudo-code and the remark beside it."""


def score_word(position: ScorePosition) -> str:
    """Return what a position adds to a score."""
    if isinstance(position, DistanceVectors):
        place = "binned(query - key)" if isinstance(position, BucketTable) else "query - key"
        return f"distance[{place}]"
    if isinstance(position, QueryBiases):
        return "(u, w)"
    if isinstance(position, T5Bias):
        return "table[bucket(key - query)]"
    if isinstance(position, KeyAlibi | CoarseAlibi):
        return "slope * key" if isinstance(position, KeyAlibi) else "bfloat16(slope * key) / sqrt(head_dim)"
    if isinstance(position, WindowBias | ContinuousBias):
        return "table[key - query]" if isinstance(position, WindowBias) else "16 * sigmoid(mlp(log(key - query)))"
    return "-slope * |key - query|" if isinstance(position, Alibi) else "position"


Work = Generator[Line, None, str]
"""The lines that an op needs, and the expression of its result."""


def op_lines(op: Op, x: str, dim: int) -> Work:
    """Yield the lines that an op needs and return the expression of its result."""
    return (yield from _OPS[type(op)](op, x, dim))


def _windowed(op: WindowedAttention, x: str, dim: int) -> Work:
    yield f"q, k, v = {x} @ Wq + bq, {x} @ Wk + bk, {x} @ Wv + bv", f"{op.heads} heads of {dim // op.heads}"
    scale = (dim // op.heads) ** -0.5
    yield f"a = softmax(q @ k.T * {scale:.4g}) @ v", f"keys at most {op.window} away, and global ones"
    yield "a[global] = the same with Wq_global, Wk_global, Wv_global", "global tokens see every token"
    return "a @ Wo + bo"


def _convolution(op: InputConvolution, x: str, dim: int) -> Work:
    groups = f", {op.groups} groups" if op.groups > 1 else ""
    yield "c = conv(entered) + b", f"over {op.kernel} neighbors of the stack's input{groups}"
    return f"{op.activation}(c)"


def _blank(op: Blank, x: str, dim: int) -> Work:
    yield from ()
    return f"where(padding, -{x}, 0)"


def _nothing(op: Nothing, x: str, dim: int) -> Work:
    yield from ()
    return "0"


def _mlp(op: MLP, x: str, dim: int) -> Work:
    b1, b2 = (" + b1", " + b2") if op.bias else ("", "")
    yield f"m = {op.activation}({x} @ W1{b1})", f"{dim} -> {op.hidden}"
    return f"m @ W2{b2}"


def _one_map(op: OneMap, x: str, dim: int) -> Work:
    yield from ()
    return f"{x} @ W + b"


def _glu(op: GLU, x: str, dim: int) -> Work:
    yield f"m = {op.activation}({x} @ Wgate) * ({x} @ Wup)", f"{dim} -> {op.hidden}, twice"
    return "m @ Wdown"


def _fusion(op: Fusion, x: str, dim: int) -> Work:
    norm = norm_word(op.norm)
    if op.attention is not None:
        head_dim = op.width // op.attention.heads
        yield "q, k, v = e @ Uq + cq, e @ Uk + ck, e @ Uv + cv", f"{op.attention.heads} heads of {head_dim}"
        yield f"a = softmax(q @ k.T * {head_dim**-0.5:.4g}) @ v", "every place sees the aligned ones"
        yield f"e = {norm}(e + a @ Uo + co)", ""
    yield "e = e * entity_mask", "zero where no entity is aligned"
    yield f"m = {op.activation}({x} @ W1 + b1 + e @ U1 + c1)", f"{dim} and {op.width} -> {op.hidden}"
    yield f"e = {norm}(e + m @ U2 + c2)", ""
    return "m @ W2 + b2"


def _normed(op: Normed, x: str, dim: int) -> Work:
    yield f"n = {norm_word(op.norm)}({x})", ""
    return (yield from op_lines(op.op, "n", dim))


def _modulated(op: Modulated, x: str, dim: int) -> Work:
    yield "shift, scale, gate = silu(c) @ Ws + bs, silu(c) @ Wc + bc, silu(c) @ Wg + bg", f"{dim} each"
    yield f"n = {norm_word(op.norm)}({x}) * (1 + scale) + shift", "no gain or offset of its own"
    return f"gate * ({(yield from op_lines(op.op, 'n', dim))})"


def _parallel(op: Parallel, x: str, dim: int) -> Work:
    results: list[str] = []
    for index, part in enumerate(op.ops):
        result = yield from op_lines(part, x, dim)
        yield f"r{index} = {result}", ""
        results.append(f"r{index}")
    return " + ".join(results)


def _experts(op: Experts, x: str, dim: int) -> Work:
    chosen = op.router.chosen
    yield f"w, e = top_{chosen}(softmax({x} @ Wr))", _chosen(op)
    yield "# each W below is that of expert e", ""
    result = yield from op_lines(op.expert, x, dim)
    return f"sum(w * ({result}))" if chosen > 1 else f"w * ({result})"


def _chosen(op: Experts) -> str:
    router = op.router
    said = ""
    if isinstance(router, Top1):
        said = f", room for {router.capacity} tokens"
    elif isinstance(router, Top2):
        said = f", room for {router.factor:g} x 2T/{op.experts}"
    return f"{router.chosen} of {op.experts} experts{said}"


def _attention(op: Attention | CrossAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    kv_heads = op.kv_heads or op.heads
    source = "memory" if isinstance(op, CrossAttention) else x
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    shape = f"{op.heads} heads of {head_dim}" + (f", {kv_heads} for keys and values" if kv_heads != op.heads else "")
    asks, asked = x, source
    if isinstance(op, PlacedAttention | PlacedCrossAttention):
        asks, asked = f"({x} + places)", f"({source} + {'memory_' * (source == 'memory')}places)"
    yield f"q, k, v = {asks} @ Wq{bias['q']}, {asked} @ Wk{bias['k']}, {source} @ Wv{bias['v']}", shape
    if isinstance(op, QKNormAttention):
        norm = norm_word(op.qk_norm.norm)
        yield f"q, k = {norm}(q), {norm}(k)", _SPANS[type(op.qk_norm)]
    if isinstance(op, CosineAttention):
        yield "q, k = min(s, limit) * q / length(q), k / length(k)", f"s is learned for each head; limit {op.limit:g}"
    if isinstance(op, BoundedAttention):
        yield "q, k, v = clip(q), clip(k), clip(v)", f"between {-op.bound:g} and {op.bound:g}"
    if isinstance(op, Attention) and isinstance(op.position, Rotary):
        share = "" if op.position.fraction == 1 else f"the first {op.position.fraction:g} of each head, "
        yield "q, k = rotate(q, positions), rotate(k, positions)", f"{share}base {op.position.base:g}"
    scale = head_dim**-0.5 if op.scale is None else op.scale
    scale = 1.0 if isinstance(op, CosineAttention) else scale
    terms = ["q @ k.T" + (f" * {scale:.4g}" if scale != 1 else "")]
    if isinstance(op, Attention) and isinstance(op.position, ScorePosition):
        terms.append(score_word(op.position))
    masks = _masks(op.mask) if isinstance(op, Attention) else ""
    yield f"a = softmax({' + '.join(terms)}) @ v", masks or "every token sees every token"
    return f"a @ Wo{bias['o']}"


def _joined(op: JoinedAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    yield f"q = {x} @ Wq{bias['q']}", f"{op.heads} heads of {head_dim}"
    yield f"k = concat(memory @ Uk{bias['k'].replace('b', 'c')}, {x} @ Wk{bias['k']})", f"memory is {op.width} wide"
    yield f"v = concat(memory @ Uv{bias['v'].replace('b', 'c')}, {x} @ Wv{bias['v']})", ""
    yield f"a = softmax(q @ k.T * {head_dim**-0.5 if op.scale is None else op.scale:.4g}) @ v", ""
    return f"a @ Wo{bias['o']}"


def _reading_normed(op: NormedJoinedAttention | NormedWidthAttention, x: str, dim: int) -> Work:
    yield f"memory = {norm_word(op.read_norm)}(encoder_hidden_states)", f"{op.width} wide"
    return (yield from (_joined(op, x, dim) if isinstance(op, JoinedAttention) else _attention(op, x, dim)))


def _image(op: ImageAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    read = "memory" if op.norm is None else "m"
    if op.norm is not None:
        yield f"m = {norm_word(op.norm)}(memory)", f"vectors of pictures, {op.width} wide"
    yield (
        f"q, k, v = {x} @ Wq{bias['q']}, {read} @ Wk{bias['k']}, {read} @ Wv{bias['v']}",
        f"{op.heads} heads of {head_dim}",
    )
    yield from _normed_heads(op.qk_norm)
    scale = head_dim**-0.5 if op.scale is None else op.scale
    yield f"a = softmax(q @ k.T * {scale:.4g}) @ v", "the last picture shown; zero before the first"
    return f"a @ Wo{bias['o']}"


def _latent(op: LatentAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    yield f"m = concat({norm_word(op.norm)}(memory), {x})", "what is read, and the learned vectors"
    yield f"q, k, v = {x} @ Wq{bias['q']}, m @ Wk{bias['k']}, m @ Wv{bias['v']}", f"{op.heads} heads of {head_dim}"
    yield from _normed_heads(op.qk_norm)
    yield f"a = softmax(q @ k.T * {head_dim**-0.5 if op.scale is None else op.scale:.4g}) @ v", ""
    return f"a @ Wo{bias['o']}"


def _normed_heads(qk_norm: QKNorm | None) -> Iterator[Line]:
    if qk_norm is not None:
        norm = norm_word(qk_norm.norm)
        yield f"q, k = {norm}(q), {norm}(k)", _SPANS[type(qk_norm)]


def _global_query(op: GlobalQueryAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "kvo"}
    yield f"q, k, v = g, {x} @ Wk{bias['k']}, {x} @ Wv{bias['v']}", f"{op.heads} heads of {head_dim}"
    position = f" + {score_word(op.position)}" if isinstance(op.position, ScorePosition) else ""
    yield f"a = softmax(q @ k.T * {head_dim**-0.5 if op.scale is None else op.scale:.4g}{position}) @ v", ""
    return f"a @ Wo{bias['o']}"


def _in_windows(op: Windows, x: str, dim: int) -> Work:
    shift = f", after a shift by {op.shift}" if op.shift else ""
    yield f"w = windows({x})", f"{op.side} x {op.side} places{shift}"
    result = yield from op_lines(op.attention, "w", dim)
    return f"on_map({result})"


def _recurrent(op: RelativeAttention | TwoStreamAttention, x: str, dim: int) -> Work:
    head_dim = op.head_dim or dim // op.heads
    if op.memory is not None:
        yield f"m = concat(remembered, {x})", "what this layer read before, without gradient"
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    read = "m" if op.memory is not None else x
    shape = f"{op.heads} heads of {head_dim}"
    yield f"q, k, v = {x} @ Wq{bias['q']}, {read} @ Wk{bias['k']}, {read} @ Wv{bias['v']}", shape
    yield "r = distance_vectors @ Wr", "one for each distance"
    terms = ["(q + u) @ k.T", "(q + w) @ r.T"]
    if isinstance(op, TwoStreamAttention):
        terms.append("(q + s) @ same_or_other_segment.T")
    scale = head_dim**-0.5 if op.scale is None else op.scale
    yield f"a = softmax(({' + '.join(terms)}) * {scale:.4g}) @ v", _masks(op.mask) or "every token sees every token"
    if isinstance(op, TwoStreamAttention):
        yield "# targets ask in the same way, and do not see their own token", ""
    return f"a @ Wo{bias['o']}"


_SPANS: dict[type[QKNorm], str] = {
    HeadNorm: "each head, one gain for all",
    OwnHeadNorm: "each head, with its own gain",
    JointNorm: "all heads together",
}


def _disentangled(op: DisentangledAttention, x: str, dim: int) -> Work:
    bias = {name: f" + b{name}" if name in op.bias else "" for name in "qkvo"}
    shape = f"{op.heads} heads of {dim // op.heads}"
    yield f"q, k, v = {x} @ Wq{bias['q']}, {x} @ Wk{bias['k']}, {x} @ Wv{bias['v']}", shape
    terms = ["q @ k.T"]
    if op.to_position is not None:
        yield f"dk = distance @ {_map(op.to_position, 'k', bias)}", "what contents ask"
        terms.append("q @ dk[query - key]")
    if op.from_position is not None:
        yield f"dq = distance @ {_map(op.from_position, 'q', bias)}", "what contents answer"
        terms.append("k @ dq[query - key]")
    scale = (dim // op.heads * len(terms)) ** -0.5
    yield f"a = softmax(({' + '.join(terms)}) * {scale:.4g}) @ v", "every token sees every token"
    return f"a @ Wo{bias['o']}"


def _map(node: PositionMap, name: str, bias: dict[str, str]) -> str:
    if isinstance(node, ContentMap):
        return f"W{name}{bias[name]}"
    return f"Wd{name}" + (f" + bd{name}" if getattr(node, "bias", False) else "")


_OPS: dict[type[Op], Callable[[Any, str, int], Work]] = {
    Attention: _attention,
    QKNormAttention: _attention,
    BoundedAttention: _attention,
    CosineAttention: _attention,
    PlacedAttention: _attention,
    PlacedCrossAttention: _attention,
    Windows: _in_windows,
    GlobalQueryAttention: _global_query,
    CrossAttention: _attention,
    CrossWidthAttention: _attention,
    NormedWidthAttention: _reading_normed,
    JoinedAttention: _joined,
    NormedJoinedAttention: _reading_normed,
    ImageAttention: _image,
    LatentAttention: _latent,
    RelativeAttention: _recurrent,
    TiedRelativeAttention: _recurrent,
    TwoStreamAttention: _recurrent,
    WindowedAttention: _windowed,
    DisentangledAttention: _disentangled,
    InputConvolution: _convolution,
    Blank: _blank,
    Nothing: _nothing,
    MLP: _mlp,
    GLU: _glu,
    OneMap: _one_map,
    Fusion: _fusion,
    Experts: _experts,
    Normed: _normed,
    Modulated: _modulated,
    Parallel: _parallel,
}


def _masks(masks: tuple[Mask, ...]) -> str:
    words: dict[type[Mask], str] = {
        Causal: "only the past",
        Prefix: "the prefix and the past",
        HiddenActions: "never from what is done to what is done",
        LastHidden: "never the last of a period",
        MemorySpan: "as many keys as are remembered",
        PictureRow: "all of the text, and a row's length of the picture",
        PictureColumn: "all of the text, and its column of the picture",
        PictureWindow: "all of the text, and a square of the picture",
    }
    if masks and isinstance(masks[0], BlockSparse):
        return f"blocks of {masks[0].block}: first, last, 3 around, {masks[0].random} random"
    return ", ".join(
        f"keys less than {mask.size} away" if isinstance(mask, Window) else words.get(type(mask), str(mask))
        for mask in masks
    )


def norm_word(norm: Norm) -> str:
    """Return the name of a norm as a function."""
    if isinstance(norm, ShiftedRMSNorm):
        return "shifted_norm"
    if isinstance(norm, GroupNorm):
        return "group_norm"
    return "rms_norm" if isinstance(norm, RMSNorm | RescaleNorm | ZeroCenteredNorm) else "layer_norm"
