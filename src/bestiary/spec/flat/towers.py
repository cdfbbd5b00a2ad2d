"""The flat view of whole models: embeddings, layers folded, branches with their norms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from bestiary.spec.codes import CaptionTokens
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
from bestiary.spec.flat import codes, control, feature_maps, folding, shared_text, vector_diffusion
from bestiary.spec.flat.detection import WHOLE as DETECTION
from bestiary.spec.flat.heads import head_lines
from bestiary.spec.flat.images import patch_lines
from bestiary.spec.flat.interleaved import WHOLE as INTERLEAVED
from bestiary.spec.flat.multimodal_whole import WHOLE as MULTIMODAL
from bestiary.spec.flat.ops import Line, norm_word, op_lines, score_word
from bestiary.spec.flat.pyramids import WHOLE as PYRAMIDS
from bestiary.spec.flat.speech import EMBEDDINGS as SOUNDS
from bestiary.spec.flat.vision_language import WHOLE as VISION_LANGUAGE
from bestiary.spec.flat.vision_language import query_lines
from bestiary.spec.fold import fold
from bestiary.spec.folding import FoldingModel
from bestiary.spec.fusion import side_width
from bestiary.spec.interleaved import LookingTransformer
from bestiary.spec.models import EncoderDecoder, Model, Transformer, vocabulary
from bestiary.spec.ops import Attention, Nothing
from bestiary.spec.positions import (
    EmbeddingPosition,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    Sinusoidal,
    SinusoidalAfterPadding,
    SinusoidalHalves,
    SinusoidalTable,
)
from bestiary.spec.proteins import BlankedTokens, DroppedTokens
from bestiary.spec.queries import Queries
from bestiary.spec.speech import SinusoidalRange, Spectrogram, Waveform
from bestiary.spec.stacks import Repeat, Residual, Scale, Stack, TanhGate


def flat(spec: Any) -> str:
    """Return the forward pass as pseudo-code. B is the batch, T the tokens, S the encoder's tokens."""
    header, lines = sheet(spec)
    return "\n".join([header, *(_aligned(code, remark) for code, remark in lines)])


Sheet = tuple[str, list[Line]]
"""The first line of a forward pass, and those of its body."""


def sheet(spec: Any) -> Sheet:
    """Return the lines of a whole model."""
    return _WHOLE[type(spec)](spec)


def _one_tower(spec: Transformer) -> Sheet:
    width = side_width(spec)
    given = _given(spec.embed)
    header = f"def forward({given}):" if width is None else f"def forward({given}, entity_embeds, entity_mask):"
    lines = [] if width is None else [("e = entity_embeds", f"[B, T, {width}], zeros where none is given")]
    lines += tower_lines(spec.embed, spec.stack, spec, "input_ids", "T")
    if isinstance(spec.embed, NarrowTokens):
        lines.append(("x = x @ Wnarrow", f"{spec.dim} -> {spec.embed.width}"))
    return header, [*lines, *_heads(spec)]


def _two_towers(spec: EncoderDecoder) -> Sheet:
    lines = [*tower_lines(spec.encoder.embed, spec.encoder.stack, spec, "input_ids", "S"), ("memory = x", "")]
    lines += [("", ""), *tower_lines(spec.decoder.embed, spec.decoder.stack, spec, "decoder_input_ids", "T")]
    given = _given(spec.encoder.embed)
    return f"def forward({given}, decoder_input_ids):", [*lines, *_heads(spec)]


def _given(embed: Embedding) -> str:
    """Return what a model is called with, where that is not tokens."""
    return next((given for kind, given in _GIVEN.items() if isinstance(embed, kind)), "input_ids")


_GIVEN: dict[type[Embedding], str] = {
    Patches: "pixel_values",
    Queries: "encoder_hidden_states",
    Spectrogram: "input_features",
    Waveform: "input_values",
    **control.GIVEN,
}


def _stack_lines(stack: Stack, dim: int) -> Iterator[Line]:
    yield from _layers(stack.layers, dim)
    if stack.norm is not None:
        yield f"x = {norm_word(stack.norm)}(x)", ""


def _text_lines(spec: Transformer) -> Iterator[Line]:
    yield from tower_lines(spec.embed, spec.stack, spec, "input_ids", "S")


_WHOLE: dict[type[Model], Callable[[Any], Sheet]] = {
    Transformer: _one_tower,
    EncoderDecoder: _two_towers,
    **feature_maps.sheets(_stack_lines, _text_lines),
    **vector_diffusion.sheets(_stack_lines, _text_lines),
    **codes.sheets(_stack_lines, _one_tower),
    **shared_text.sheets(_stack_lines, _text_lines),
    FoldingModel: folding.sheet,
    **MULTIMODAL,
    **VISION_LANGUAGE,
    **INTERLEAVED,
    LookingTransformer: _one_tower,
    **PYRAMIDS,
    **DETECTION,
}


def _heads(spec: Transformer | EncoderDecoder) -> Iterator[Line]:
    for name, head in spec.heads.items():
        yield "", ""
        yield from head_lines(name, head, spec)


def _aligned(code: str, remark: str) -> str:
    text = f"    {code}" if code else ""
    return f"{text:<88} # {remark}" if remark else text.rstrip()


def tower_lines(embed: Embedding, stack: Stack, spec: Any, ids: str, length: str) -> Iterator[Line]:
    """Yield the lines of an embedding and a stack."""
    yield from _embed(embed, spec, ids, length)
    yield from stack_lines(stack, spec.dim)


def stack_lines(stack: Stack, dim: int) -> Iterator[Line]:
    """Yield the lines of a stack."""
    if stack.position is not None:  # shown in each attention, which is where it acts
        yield f"# {score_word(stack.position)} is learned or computed once and shared by every layer", ""
        stack = swap(
            stack, Attention, lambda attention: attention.replace(position=attention.position or stack.position)
        )
    yield from _layers(stack.layers, dim)
    if stack.norm is not None:
        yield f"x = {norm_word(stack.norm)}(x)", ""


def _embed(embed: Embedding, spec: Any, ids: str, length: str) -> Iterator[Line]:
    if isinstance(embed, Targeted):
        yield from _embed(embed.tokens, spec, ids, length)
        yield "x = concat(x, target for each target)", "where targets are asked for"
        return
    if isinstance(embed, AdaptiveTokens):
        bands = ", ".join(str(edge) for edge in (0, *embed.cutoffs))
        widths = ", ".join(str(width or f"{spec.dim} without W") for width in embed.widths)
        yield f"x = token[band][{ids}] @ W[band] * sqrt({spec.dim})", f"bands from {bands}; {widths} wide"
        return
    own = next((lines for kind, lines in _OWN.items() if isinstance(embed, kind)), None)
    if own is not None:
        yield from own(embed, spec, length)
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
        terms[0] = f"{norm_word(tokens.norm)}({terms[0]})"
    yield f"x = {' + '.join(terms)}", f"[B, {length}, {width}]"
    if isinstance(embed, DroppedTokens):
        yield f"# masks are zeros, the other token vectors times {1 - embed.rate:g} / (1 - share of masks)", ""
    if tokens.norm is not None and not isinstance(tokens, NormedTokens):
        yield f"x = {norm_word(tokens.norm)}(x)", ""
    if isinstance(embed, BlankedTokens):
        yield "x = x * attention_mask", ""
    if table.width is not None and isinstance(embed, Tokens):
        yield "x = x @ W + b", f"{width} -> {spec.dim}"


_OWN: dict[type[Embedding], Callable[[Any, Any, str], Iterator[Line]]] = {
    Patches: lambda embed, spec, length: patch_lines(embed, spec.dim),
    Queries: query_lines,
    **SOUNDS,
    **control.EMBEDDINGS,
    CaptionTokens: codes.caption_lines,
}
"""Embeddings of what is no text, or more than one."""


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
    return "sines_and_cosines" if isinstance(position, _FIXED) else "position"


_FIXED = (Sinusoidal, SinusoidalTable, SinusoidalHalves, SinusoidalRange)


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


def _scaled(scale: float | Scale, result: str) -> str:
    if isinstance(scale, Scale):
        return f"{'tanh(gate)' if isinstance(scale, TanhGate) else 'scale'} * ({result})"
    return f"{scale:g} * ({result})" if scale != 1.0 else result


def _branch(branch: Residual, dim: int) -> Iterator[Line]:
    norm = norm_word(branch.norm) if branch.norm is not None else None
    before = norm is not None and branch.placement in ("pre", "both")
    if before:
        yield f"h = {norm}(x)", ""
    source = "h" if before else "x"
    result = yield from op_lines(branch.op, source, dim)
    added = _scaled(branch.scale, result)
    if norm is not None and branch.placement == "post":
        yield f"x = {norm}(x)" if isinstance(branch.op, Nothing) else f"x = {norm}(x + {added})", ""
    elif norm is not None and branch.placement in ("output", "both"):
        yield f"x = x + {norm}({added})", ""
    else:
        yield f"x = x + {added}", ""
