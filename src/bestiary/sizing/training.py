"""What training keeps in memory: weights, gradients, what the optimizer remembers, activations; whole or by adapters.

The optimizer is AdamW with two moments in float32 (Loshchilov and Hutter 2019). In half precision it steps a copy of
the weights in float32 (Micikevicius et al. 2018, section 3.1). Gradients stay allocated between steps, as they do where
several batches are summed. Adapters are those of LoRA (Hu et al. 2021, section 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bestiary.sizing.activations import Kept, kept
from bestiary.sizing.count import count
from bestiary.sizing.formula import Formula, formula, most, quotient
from bestiary.sizing.lines import FLOAT32, Line
from bestiary.sizing.matrices import at_hand, matrices
from bestiary.sizing.serving import caches, writes
from bestiary.sizing.tape import NUMBER, Trained, Unknown
from bestiary.spec import Model, Named, heads_of, vocab_size

LORA = ("q", "v")
"""The maps that have adapters: of queries and of values (Hu et al. 2021, section 7.1)."""

QLORA = ("q", "k", "v", "o", "gate", "up", "down")
"""Those of every linear map of a layer (Dettmers et al. 2023, section 4)."""

BLOCK, SCALES = 64, 256
"""Weights that share a scale in 8 bits, and scales that share one in float32 (Dettmers et al. 2023, section 3)."""

_MASTER, _CHECKPOINTING = formula("master"), formula("checkpointing")


def training(spec: Model) -> Iterator[Line]:
    """Yield the lines of a step that trains all weights."""
    total = count(spec).total
    yield from _trained("", total, "parameters")
    yield from _with_step(formula(total), _pass(spec, Trained()))


def lora(spec: Model) -> Iterator[Line]:
    """Yield the lines of a step that trains adapters beside frozen weights."""
    total = count(spec).total
    yield Line("frozen weights", "weights", NUMBER * total, f"{total:,} parameters, as they are read.")
    yield from _adapters(spec, LORA)


def qlora(spec: Model) -> Iterator[Line]:
    """Yield the lines of a step that trains adapters beside weights of four bits."""
    total, inside = count(spec).total, sum(one.weights for one in matrices(spec))
    scales = quotient(inside, BLOCK)
    four = quotient(inside, 2) + scales + quotient(scales, SCALES) * FLOAT32
    yield Line(
        "frozen weights of 4 bits", "weights", four,
        f"{inside:,} entries of the layers' matrices at 4 bits; {BLOCK} of them share a scale of 8 bits, and {SCALES} "
        "scales one in float32.",
    )  # fmt: skip
    rest = total - inside
    yield Line(
        "other frozen weights", "weights", NUMBER * rest,
        f"{rest:,} parameters outside of these matrices: embeddings, norms, biases and heads are not quantized.",
    )  # fmt: skip
    yield from _adapters(spec, QLORA)


def preferences(spec: Model) -> Iterator[Line]:
    """Yield the lines of a step of DPO: a policy and its frozen reference read two answers (Rafailov et al. 2023)."""
    if not caches(spec) or not writes(spec):
        return
    total = count(spec).total
    yield from _trained("policy's ", total, "parameters of the policy")
    yield Line(
        "reference", "weights", NUMBER * total,
        f"{total:,} parameters of the frozen model that the policy began as; it has no gradients and no moments.",
    )  # fmt: skip
    yield from _with_step(formula(total), map(_of_pairs, _pass(spec, Trained())))


def reinforcement(spec: Model) -> Iterator[Line]:
    """Yield the lines of a step of PPO: policy and value model are trained, reference and reward model are frozen."""
    if not caches(spec) or not writes(spec):
        return
    total, body = count(spec).total, _scored(spec)
    scores = count(body).total + spec.dim
    like = "taken as large as the policy, with one score in place of the vocabulary's"
    yield from _trained("policy's ", total, "parameters of the policy")
    yield from _trained("value model's ", scores, f"parameters of the value model, {like}")
    yield Line("reference", "weights", NUMBER * total, f"{total:,} parameters of the frozen model it began as.")
    yield Line("reward model", "weights", NUMBER * scores, f"{scores:,} parameters of a frozen reward model, {like}.")
    passes = [*_pass(spec, Trained(), "policy's "), *_pass(body, Trained(), "value model's ")]
    yield from _with_step(formula(total + scores), passes)
    busy = sum((line.formula for line in passes), Formula())
    writing = sum((line.formula for line in caches(spec)), Formula())
    yield Line(
        "keys and values while it writes", "cache", most(writing, busy) - busy,
        f"The policy writes its answers before it learns from them, with a cache of {writing} bytes: what that is "
        "more than the activations, which come later.",
    )  # fmt: skip


def untold(spec: Model, trained: Trained) -> str | None:
    """Return the kind of node that keeps a step's activations from being known, ``None`` where they are."""
    try:
        kept(spec, trained)
    except Unknown as unknown:
        return str(unknown)
    return None


def _trained(whose: str, number: int, what: str) -> Iterator[Line]:
    """Yield what each trained parameter takes."""
    yield Line(f"{whose}weights", "weights", NUMBER * number, f"{number:,} {what}.")
    yield Line(
        f"{whose}gradients", "gradients", NUMBER * number,
        f"One for each of {number:,} {what}; they stay allocated between steps, as where batches are summed.",
    )  # fmt: skip
    yield Line(
        f"{whose}master weights", "optimizer", _MASTER * number,
        f"A copy in float32 of each of {number:,} {what}, which AdamW steps; none where weights are float32.",
    )  # fmt: skip
    yield Line(
        f"{whose}moments", "optimizer", formula(2 * FLOAT32 * number),
        f"AdamW's two running means in float32 of each gradient: {number:,} x 2 x {FLOAT32} bytes.",
    )  # fmt: skip


def _adapters(spec: Model, names: tuple[str, ...]) -> Iterator[Line]:
    """Yield what adapters take, each two matrices: from the inputs to ``rank`` numbers, from these to the outputs."""
    adapted = [one for one in matrices(spec) if one.name in names and not one.expert]
    widths = sum(one.times * (one.linear.inputs + one.linear.outputs) for one in adapted)
    number = formula("rank") * widths
    many, of = sum(one.times for one in adapted), ", ".join(dict.fromkeys(one.name for one in adapted))
    said = f"{many:,} maps ({of}) have one: rank x {widths:,} inputs and outputs"
    yield Line("adapters", "weights", NUMBER * number, f"{said}.")
    yield Line("gradients", "gradients", NUMBER * number, "One for each parameter of the adapters; none elsewhere.")
    yield Line("master weights", "optimizer", _MASTER * number, "A copy of the adapters in float32, which AdamW steps.")
    yield Line(
        "moments", "optimizer", number * (2 * FLOAT32), "AdamW's two running means in float32, of adapters only."
    )
    yield from _with_step(number, _pass(spec, Trained(names)))


def _with_step(trained: Formula, lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines of a pass, and what the optimizer's step needs more than they, when they are gone."""
    lines = list(lines)
    yield from lines
    busy = sum((line.formula for line in lines), Formula())
    yield Line(
        "optimizer's step", "optimizer", most(trained * FLOAT32, busy) - busy,
        "AdamW over all tensors at once, torch's way on GPUs, makes one more number in float32 for each it trains, "
        "when activations are gone: as much as this is more than they were. Its fused kernel makes none.",
    )  # fmt: skip


def _of_pairs(line: Line) -> Line:
    """Return a line of a pass over pairs of sequences, of which a batch counts each once."""
    said = f"{line.why} Each of a batch's pairs is two sequences, the answer preferred and the other."
    return Line(line.name, line.part, line.formula.put("batch", formula("batch") * 2), said)


def _pass(spec: Model, trained: Trained, whose: str = "") -> Iterator[Line]:
    """Yield what a forward pass keeps and a backward pass needs; nothing where a kind of node is not known."""
    try:
        held = kept(spec, trained)
    except Unknown:
        return
    depth = sum(run.times for run in held.runs)
    once = formula(1) - _CHECKPOINTING
    yield Line(
        f"{whose}activations", "activations", once * (held.all - held.around),
        f"What {depth:,} layers keep for the backward pass, {_each(held)}.",
    )  # fmt: skip
    yield Line(
        f"{whose}activations between layers", "activations", _CHECKPOINTING * held.entering,
        f"With checkpointing, of each of {depth:,} layers only what enters it; the rest is computed again.",
    )  # fmt: skip
    yield Line(
        f"{whose}activations around layers", "activations", held.around,
        "What embedding, last norm and heads keep, and what is made once for all layers: positions, masks.",
    )  # fmt: skip
    logits = _logits(spec)
    if logits:
        yield Line(
            f"{whose}logits", "logits", logits,
            f"{vocab_size(spec):,} log-probabilities of each token in float32 and, as the backward pass begins, two "
            "gradients as large: 3 x 4 bytes each.",
        )  # fmt: skip
    numbers = at_hand(spec, trained.weights)
    working = held.rows * numbers * NUMBER + _CHECKPOINTING * held.largest
    yield Line(
        f"{whose}layer at hand", "activations", most(working, logits) - logits,
        f"Gradients inside of a layer, {numbers} numbers a token, and with checkpointing the layer's activations "
        "again: as much as that is more than the logits, which are gone by then.",
    )  # fmt: skip


def _each(held: Kept) -> str:
    """Say in words what each kind of layer keeps."""
    kinds = dict.fromkeys(str(run.kept) for run in held.runs)
    return f"in bytes {' or '.join(kinds)} each"


def _logits(spec: Model) -> Formula:
    """Return the bytes of log-probabilities and of two gradients of them, in float32."""
    vocab = vocab_size(spec)
    if vocab is None or not writes(spec):
        return Formula()
    return formula("batch") * formula("context") * (3 * FLOAT32 * vocab)


def _scored(spec: Model) -> Model:
    """Return a model without heads."""
    return spec.with_heads(Named()) if heads_of(spec) else spec
