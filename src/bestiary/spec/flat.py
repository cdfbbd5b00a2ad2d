"""The flat view: a spec unrolled into pseudo-code of its forward pass, so that a model is read in one place."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

from bestiary.spec.edit import swap
from bestiary.spec.embeddings import (
    AdaptiveTokens,
    Embedding,
    NarrowTokens,
    NormedTokens,
    Patches,
    ScaledTokens,
    SharedTokens,
    Targeted,
    TaskTokens,
    Tokens,
)
from bestiary.spec.experts import (
    Experts,
    Top1,
    Top2,
)
from bestiary.spec.fold import fold
from bestiary.spec.fusion import Fusion, side_width
from bestiary.spec.heads import (
    AdaptiveLMHead,
    Classifier,
    EntityScores,
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
from bestiary.spec.models import EncoderDecoder, Transformer, vocabulary
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
    Op,
    Parallel,
    PositionMap,
    QKNormAttention,
    WindowedAttention,
)
from bestiary.spec.positions import (
    Alibi,
    BucketTable,
    CoarseAlibi,
    DistanceVectors,
    EmbeddingPosition,
    KeyAlibi,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    Rotary,
    ScorePosition,
    Sinusoidal,
    SinusoidalAfterPadding,
    SinusoidalHalves,
    SinusoidalTable,
    T5Bias,
)
from bestiary.spec.recurrence import RelativeAttention, TwoStreamAttention
from bestiary.spec.stacks import Repeat, Residual, Stack

Line = tuple[str, str]
"""A line of pseudo-code and the remark beside it."""


def flat(spec: Transformer | EncoderDecoder) -> str:
    """Return the forward pass as pseudo-code. B is the batch, T the tokens, S the encoder's tokens."""
    if isinstance(spec, EncoderDecoder):
        lines = [*_tower(spec.encoder.embed, spec.encoder.stack, spec, "input_ids", "S"), ("memory = x", "")]
        lines += [("", ""), *_tower(spec.decoder.embed, spec.decoder.stack, spec, "decoder_input_ids", "T")]
        header = "def forward(input_ids, decoder_input_ids):"
    else:
        width = side_width(spec)
        given = "pixel_values" if isinstance(spec.embed, Patches) else "input_ids"
        header = f"def forward({given}):" if width is None else f"def forward({given}, entity_embeds, entity_mask):"
        lines = [] if width is None else [("e = entity_embeds", f"[B, T, {width}], zeros where none is given")]
        lines += _tower(spec.embed, spec.stack, spec, "input_ids", "T")
        if isinstance(spec.embed, NarrowTokens):
            lines.append(("x = x @ Wnarrow", f"{spec.dim} -> {spec.embed.width}"))
    for name, head in spec.heads.items():
        lines += [("", ""), *_head(name, head, spec)]
    return "\n".join([header, *(_aligned(code, remark) for code, remark in lines)])


def _aligned(code: str, remark: str) -> str:
    text = f"    {code}" if code else ""
    return f"{text:<88} # {remark}" if remark else text.rstrip()


def _tower(embed: Embedding, stack: Stack, spec: Any, ids: str, length: str) -> Iterator[Line]:
    yield from _embed(embed, spec, ids, length)
    if stack.position is not None:  # shown in each attention, which is where it acts
        yield f"# {_score(stack.position)} is learned or computed once and shared by every layer", ""
        stack = swap(
            stack, Attention, lambda attention: attention.replace(position=attention.position or stack.position)
        )
    yield from _layers(stack.layers, spec.dim)
    if stack.norm is not None:
        yield f"x = {_norm(stack.norm)}(x)", ""


def _embed(embed: Embedding, spec: Any, ids: str, length: str) -> Iterator[Line]:
    if isinstance(embed, Targeted):
        yield from _embed(embed.tokens, spec, ids, length)
        yield "x = concat(x, target for each target)", "where targets are asked for"
        return
    if isinstance(embed, AdaptiveTokens):
        bands = ", ".join(str(edge) for edge in (0, *embed.cutoffs))
        yield f"x = token[band][{ids}] @ W[band] * sqrt({spec.dim})", f"bands from {bands}; {embed.widths} wide"
        return
    if isinstance(embed, Patches):
        yield from _patches(embed, spec)
        return
    if isinstance(embed, NarrowTokens):
        yield f"x = token[{ids}] @ W", f"[B, {length}, {embed.width}] -> [B, {length}, {spec.dim}]"
        yield from ((f"x = x + {_position(position)}", "") for position in (embed.position,) if position)
        return
    tokens = cast("Tokens | SharedTokens", embed)
    table = cast(Tokens, embed if isinstance(embed, Tokens) else vocabulary(spec))
    width = table.width or spec.dim
    terms = [f"token[{ids}]" + (f" * sqrt({width})" if tokens.scaled or isinstance(embed, ScaledTokens) else "")]
    terms += ["segment[token_type_ids]"] if isinstance(tokens, Tokens) and tokens.types else []
    terms += ["task[task_type_ids]"] if isinstance(tokens, TaskTokens) else []
    terms += [_position(tokens.position)] if tokens.position is not None else []
    if isinstance(tokens, NormedTokens) and tokens.norm is not None:
        terms[0] = f"{_norm(tokens.norm)}({terms[0]})"
    yield f"x = {' + '.join(terms)}", f"[B, {length}, {width}]"
    if tokens.norm is not None and not isinstance(tokens, NormedTokens):
        yield f"x = {_norm(tokens.norm)}(x)", ""
    if table.width is not None and isinstance(embed, Tokens):
        yield "x = x @ W + b", f"{width} -> {spec.dim}"


def _patches(embed: Patches, spec: Any) -> Iterator[Line]:
    count = (embed.image // embed.patch) ** 2
    pixels = embed.channels * embed.patch**2
    yield "x = patches(pixel_values) @ W + b", f"{count} patches of {pixels} values -> [B, {count}, {spec.dim}]"
    if embed.extra:
        yield "x = concat(extra_tokens, x)", f"[B, {count + embed.extra}, {spec.dim}]"
    if embed.position is not None:
        yield "x = x + position", "a learned vector for each place"


def _position(position: EmbeddingPosition) -> str:
    if isinstance(position, Learned | LearnedByMask):
        return (
            "position[0, 1, ...]" if not position.offset else f"position[{position.offset}, {position.offset + 1}, ...]"
        )
    if isinstance(position, LearnedBlocks):
        return "place[position_ids[0]] + block[position_ids[1]]"
    if isinstance(position, LearnedAfterPadding):
        return f"position[{position.pad + 1}, {position.pad + 2}, ...]"
    if isinstance(position, SinusoidalAfterPadding):
        return f"sines_and_cosines[{position.pad + 1}, {position.pad + 2}, ...]"
    return "sines_and_cosines" if isinstance(position, Sinusoidal | SinusoidalTable | SinusoidalHalves) else "position"


def _score(position: ScorePosition) -> str:
    if isinstance(position, DistanceVectors):
        place = "binned(query - key)" if isinstance(position, BucketTable) else "query - key"
        return f"distance[{place}]"
    if isinstance(position, T5Bias):
        return "table[bucket(key - query)]"
    if isinstance(position, KeyAlibi | CoarseAlibi):
        return "slope * key" if isinstance(position, KeyAlibi) else "bfloat16(slope * key) / sqrt(head_dim)"
    return "-slope * |key - query|" if isinstance(position, Alibi) else "position"


def _layers(layers: Any, dim: int) -> Iterator[Line]:
    yield from _fold(fold(layers), dim)


def _fold(runs: Any, dim: int) -> Iterator[Line]:
    for times, unit in runs:
        indent = ""
        if times > 1:
            yield f"repeat {times} times:", "each with weights of its own"
            indent = "    "
        for code, remark in _fold(unit, dim) if isinstance(unit, list) else _layer(unit, dim):
            yield indent + code, remark


def _layer(layer: Any, dim: int) -> Iterator[Line]:
    if isinstance(layer, Repeat):
        yield f"repeat {layer.times} times:", "with the same weights"
        for code, remark in _layers(layer.layers, dim):
            yield "    " + code, remark
        return
    for branch in cast("tuple[Residual, ...]", layer):
        yield from _branch(branch, dim)


def _branch(branch: Residual, dim: int) -> Iterator[Line]:
    norm = _norm(branch.norm) if branch.norm is not None else None
    before = norm is not None and branch.placement in ("pre", "both")
    if before:
        yield f"h = {norm}(x)", ""
    source = "h" if before else "x"
    result = yield from _op(branch.op, source, dim)
    added = f"{branch.scale:g} * ({result})" if branch.scale != 1.0 else result
    if norm is not None and branch.placement == "post":
        yield f"x = {norm}(x + {added})", ""
    elif norm is not None and branch.placement in ("output", "both"):
        yield f"x = x + {norm}({added})", ""
    else:
        yield f"x = x + {added}", ""


Work = Generator[Line, None, str]
"""The lines that an op needs, and the expression of its result."""


def _op(op: Op, x: str, dim: int) -> Work:
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


def _mlp(op: MLP, x: str, dim: int) -> Work:
    b1, b2 = (" + b1", " + b2") if op.bias else ("", "")
    yield f"m = {op.activation}({x} @ W1{b1})", f"{dim} -> {op.hidden}"
    return f"m @ W2{b2}"


def _glu(op: GLU, x: str, dim: int) -> Work:
    yield f"m = {op.activation}({x} @ Wgate) * ({x} @ Wup)", f"{dim} -> {op.hidden}, twice"
    return "m @ Wdown"


def _fusion(op: Fusion, x: str, dim: int) -> Work:
    norm = _norm(op.norm)
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
    yield f"n = {_norm(op.norm)}({x})", ""
    return (yield from _op(op.op, "n", dim))


def _parallel(op: Parallel, x: str, dim: int) -> Work:
    results: list[str] = []
    for index, part in enumerate(op.ops):
        result = yield from _op(part, x, dim)
        yield f"r{index} = {result}", ""
        results.append(f"r{index}")
    return " + ".join(results)


def _experts(op: Experts, x: str, dim: int) -> Work:
    chosen = op.router.chosen
    yield f"w, e = top_{chosen}(softmax({x} @ Wr))", _chosen(op)
    yield "# each W below is that of expert e", ""
    result = yield from _op(op.expert, x, dim)
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
    yield f"q, k, v = {x} @ Wq{bias['q']}, {source} @ Wk{bias['k']}, {source} @ Wv{bias['v']}", shape
    if isinstance(op, QKNormAttention):
        norm = _norm(op.qk_norm.norm)
        yield f"q, k = {norm}(q), {norm}(k)", _SPANS[type(op.qk_norm)]
    if isinstance(op, BoundedAttention):
        yield "q, k, v = clip(q), clip(k), clip(v)", f"between {-op.bound:g} and {op.bound:g}"
    if isinstance(op, Attention) and isinstance(op.position, Rotary):
        share = "" if op.position.fraction == 1 else f"the first {op.position.fraction:g} of each head, "
        yield "q, k = rotate(q, positions), rotate(k, positions)", f"{share}base {op.position.base:g}"
    scale = head_dim**-0.5 if op.scale is None else op.scale
    terms = ["q @ k.T" + (f" * {scale:.4g}" if scale != 1 else "")]
    if isinstance(op, Attention) and isinstance(op.position, ScorePosition):
        terms.append(_score(op.position))
    masks = _masks(op.mask) if isinstance(op, Attention) else ""
    yield f"a = softmax({' + '.join(terms)}) @ v", masks or "every token sees every token"
    return f"a @ Wo{bias['o']}"


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
    CrossAttention: _attention,
    RelativeAttention: _recurrent,
    TwoStreamAttention: _recurrent,
    WindowedAttention: _windowed,
    DisentangledAttention: _disentangled,
    InputConvolution: _convolution,
    Blank: _blank,
    MLP: _mlp,
    GLU: _glu,
    Fusion: _fusion,
    Experts: _experts,
    Normed: _normed,
    Parallel: _parallel,
}


def _masks(masks: tuple[Mask, ...]) -> str:
    words: dict[type[Mask], str] = {
        Causal: "only the past",
        Prefix: "the prefix and the past",
        MemorySpan: "as many keys as are remembered",
    }
    if masks and isinstance(masks[0], BlockSparse):
        return f"blocks of {masks[0].block}: first, last, 3 around, {masks[0].random} random"
    return ", ".join(
        f"keys less than {mask.size} away" if isinstance(mask, Window) else words.get(type(mask), str(mask))
        for mask in masks
    )


def _norm(norm: Norm) -> str:
    if isinstance(norm, ShiftedRMSNorm):
        return "shifted_norm"
    return "rms_norm" if isinstance(norm, RMSNorm | RescaleNorm | ZeroCenteredNorm) else "layer_norm"


def _head(name: str, head: Head, spec: Any) -> Iterator[Line]:
    if isinstance(head, Pooler):
        yield f"pooler_output = {head.activation}(x[:, 0] @ W + b)", f"head {name}"
    elif isinstance(head, AdaptiveLMHead):
        yield "p = log_softmax(concat(x @ W[0].T + b[0], x @ clusters.T + c))", f"head {name}: the first band, clusters"
        yield "logits = concat(p[:band], p[cluster] + log_softmax(x @ W[band].T + b[band]), ...)", "log-probabilities"
    elif isinstance(head, LMHead):
        table = cast(Tokens, vocabulary(spec))
        yield from _transform(head.transform)
        source = ("h" if head.transform else "x") + (f" * {spec.dim}**-0.5" if head.scaled else "")
        matrix = "token.T" if head.tied else "W"
        bias = " + b" if head.bias or head.offset else ""
        yield f"logits = {source} @ {matrix}{bias}", f"head {name}: [B, T, {table.vocab}]"
    elif isinstance(head, Classifier):
        read = {"every": "x", "first": "x[:, 0]", "last": "x[:, last]", "end": "x[:, -1]"}
        read |= {"mean": "mean(x)", "source_end": "x[:, last of input_ids]", "pooled": "pooler_output"}
        yield from _transform(head.transform)
        source = "h" if head.transform else read[head.source]
        yield f"logits = {source} @ W{' + b' if head.bias else ''}", f"head {name}: {head.labels} labels"
    elif isinstance(head, ReplacedTokens):
        yield f"h = {head.activation}(x @ W + b)", ""
        yield "logits = h @ w + b", f"head {name}: [B, T]"
    elif isinstance(head, EntityScores):
        yield from _transform(head.transform)
        yield "entity_logits = h @ entity_candidates.T", f"head {name}: one for each candidate, {side_width(spec)} wide"
    elif isinstance(head, FirstGlobal | QuestionGlobal):
        first = (
            "the first token is" if isinstance(head, FirstGlobal) else f"tokens before the first {head.separator} are"
        )
        yield f"# {first} global unless the input says which are", f"head {name}"
    elif isinstance(head, SentencePair):
        yield "seq_relationship_logits = pooler_output @ W + b", f"head {name}"
    elif isinstance(head, SpansAfterQuestion):
        yield f"m = {head.activation}(x @ W1 + b1) @ W2 + b2", f"{spec.dim} -> {head.hidden} -> {spec.dim}"
        yield f"x = {_norm(head.norm)}(x + m)", ""
        yield "start_logits, end_logits = columns(x @ W + b)", f"head {name}: never in the question"
    else:
        assert isinstance(head, Spans)
        yield from _transform(head.transform)
        yield f"start_logits, end_logits = columns({'h' if head.transform else 'x'} @ W + b)", f"head {name}"


def _transform(transform: Transform | None) -> Iterator[Line]:
    if transform is not None:
        dense = f"{transform.activation}(x @ W{' + b' if transform.bias else ''})"
        yield f"h = {_norm(transform.norm)}({dense})" if transform.norm else f"h = {dense}", ""
