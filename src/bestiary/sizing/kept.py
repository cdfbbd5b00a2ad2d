"""What each kind of norm, op and head keeps for the backward pass, in the order in which it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.formula import Formula, formula
from bestiary.sizing.kept_attention import OPS as ATTENTIONS
from bestiary.sizing.kept_norms import norm
from bestiary.sizing.linear import maps
from bestiary.sizing.lines import FLOAT32
from bestiary.sizing.tape import INDEX, NUMBER, Tape, Tensor, Trained, Unknown
from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Classifier,
    Experts,
    FirstGlobal,
    LMHead,
    Node,
    Normed,
    Nothing,
    Op,
    Parallel,
    Pooler,
    ReplacedTokens,
    Router,
    SentencePair,
    Top1,
    Top2,
    TopK,
)


def op(node: Op, x: Tensor, tape: Tape) -> Tensor:
    """Run an op: return what it makes of ``x``, and keep on the tape what its derivative needs."""
    rule = OPS.get(type(node))
    if rule is None:
        raise Unknown(type(node).__name__)
    return rule(node, x, tape)


def activated(activation: Activation, x: Tensor, tape: Tape) -> Tensor:
    """Run a nonlinearity."""
    out = Tensor(x.numbers, x.grad)
    if x.grad:
        _KEEPS[activation](x, out, tape)
    return out


def times(left: Tensor, right: Tensor, tape: Tape) -> Tensor:
    """Multiply two tensors of one shape."""
    if right.grad:
        tape.keep(left)
    if left.grad:
        tape.keep(right)
    return Tensor(left.numbers, left.grad or right.grad)


def _input(x: Tensor, out: Tensor, tape: Tape) -> None:
    tape.keep(x)


def _output(x: Tensor, out: Tensor, tape: Tape) -> None:
    tape.keep(out)


def _sigmoid(x: Tensor, out: Tensor, tape: Tape) -> None:
    """x sigmoid(1.702 x): the sigmoid is its own derivative's, and a factor."""
    tape.keep(x, Tensor(x.numbers))


def _spelled_out(x: Tensor, out: Tensor, tape: Tape) -> None:
    """The tanh approximation written op by op: x and six products and sums on the way."""
    tape.keep(x, *(Tensor(x.numbers) for _ in range(6)))


_KEEPS: dict[Activation, Callable[[Tensor, Tensor, Tape], None]] = {
    "relu": _output, "relu_squared": lambda x, out, tape: tape.keep(Tensor(x.numbers)), "gelu": _input,
    "gelu_tanh": _input, "gelu_fast": _spelled_out, "gelu_tanh_short": _spelled_out, "quick_gelu": _sigmoid,
    "silu": _input, "tanh": _output,
}  # fmt: skip


def _mlp(node: MLP, x: Tensor, tape: Tape) -> Tensor:
    linear = maps(node, tape.model)
    up = tape.linear("up", linear["up"], x)
    return tape.linear("down", linear["down"], activated(node.activation, up, tape))


def _glu(node: GLU, x: Tensor, tape: Tape) -> Tensor:
    linear = maps(node, tape.model)
    gate, up = (tape.linear(name, linear[name], x) for name in ("gate", "up"))
    return tape.linear("down", linear["down"], times(activated(node.activation, gate, tape), up, tape))


def _parallel(node: Parallel, x: Tensor, tape: Tape) -> Tensor:
    parts = [op(part, x, tape) for part in node.ops]
    return tape.vectors(tape.model.dim, next((part for part in parts if part.grad), parts[0]))


def _normed(node: Normed, x: Tensor, tape: Tape) -> Tensor:
    return op(node.op, norm(node.norm, x, tape.rows, tape), tape)


def _experts(node: Experts, x: Tensor, tape: Tape) -> Tensor:
    """Each token goes to its experts as a row of its own; probabilities and choices are kept beside."""
    sent = tape.rows * node.router.chosen
    scored = tape.trained.weights or x.grad
    if tape.trained.weights:
        tape.keep(x)
    if scored:
        _ROUTERS[type(node.router)](node, x, tape)
    # Adapters are of linear maps; the matrices of all experts are one tensor, which has none.
    trained = tape.trained if tape.trained.weights else Trained(())
    inside = Tape(tape.model, trained, sent, formula(1))
    vectors = Tensor(sent * tape.model.dim, x.grad)
    inside.keep_numbers(sent * 2, INDEX)  # the order of rows, there and back
    answers = op(node.expert, vectors, inside)
    if scored:  # for the gradient of their weights
        inside.keep(answers)
    if answers.grad:
        inside.keep_numbers(sent, FLOAT32 if isinstance(node.router, TopK) else NUMBER)
    tape.own.update(inside.own)
    tape.common.update(inside.common)
    return tape.vectors(tape.model.dim, answers)


def _top_k(node: Experts, x: Tensor, tape: Tape) -> None:
    """Keep the probabilities of all experts, and of the chosen which, what divides theirs and what that gives."""
    tape.keep_numbers(tape.rows * (node.experts + node.router.chosen + 1))
    tape.keep_numbers(tape.rows * node.router.chosen, INDEX)


def _top_2(node: Experts, x: Tensor, tape: Tape) -> None:
    """Keep the same, and who has room; in half precision also what is scored, and the matrix, in float32."""
    _top_k(node, x, tape)
    _scored_in_float32(node, x, tape)


def _top_1(node: Experts, x: Tensor, tape: Tape) -> None:
    """Keep the probabilities of all experts, which was chosen, and who has room."""
    tape.keep_numbers(tape.rows * node.experts)
    tape.keep_numbers(tape.rows, INDEX)
    _scored_in_float32(node, x, tape)


def _scored_in_float32(node: Experts, x: Tensor, tape: Tape) -> None:
    if tape.trained.weights:
        tape.keep_float(x)
    if x.grad:
        tape.keep_numbers(formula(node.experts * tape.model.dim), formula("master"))
    tape.keep_numbers(tape.rows * node.router.chosen, 1)


_ROUTERS: dict[type[Router], Callable[[Experts, Tensor, Tape], None]] = {TopK: _top_k, Top1: _top_1, Top2: _top_2}


OPS: dict[type[Node], Callable[[Any, Tensor, Tape], Tensor]] = {
    **ATTENTIONS,
    MLP: _mlp,
    GLU: _glu,
    Parallel: _parallel,
    Normed: _normed,
    Experts: _experts,
    Nothing: lambda node, x, tape: Tensor(Formula(), False),
}


def head(node: Node, x: Tensor, tape: Tape) -> None:
    """Run a head on the last hidden state; what its loss needs on top is another matter."""
    rule = HEADS.get(type(node))
    if rule is None:
        raise Unknown(type(node).__name__)
    rule(node, x, tape)


def _lm_head(node: LMHead, x: Tensor, tape: Tape) -> None:
    linear = maps(node, tape.model)
    if node.transform is not None:
        x = tape.linear("transform.dense", linear["transform.dense"], x)
        x = activated(node.transform.activation, x, tape)
        x = norm(node.transform.norm, x, tape.rows, tape) if node.transform.norm else x
    if "output" in linear:
        tape.linear("output", linear["output"], Tensor(x.numbers, x.grad) if node.scaled else x)


def _pooler(node: Pooler, x: Tensor, tape: Tape) -> None:
    """One vector of each sequence, a view: the whole is kept."""
    if tape.trained.weights:
        tape.keep(x)
    tape.keep_numbers(tape.batch * tape.model.dim, NUMBER)


def _classifier(node: Classifier, x: Tensor, tape: Tape) -> None:
    if node.source != "every" and node.source != "first":
        raise Unknown(f"Classifier of {node.source}")
    if node.transform is not None:
        raise Unknown("Transform")
    if tape.trained.weights:
        tape.keep(x)


def _replaced(node: ReplacedTokens, x: Tensor, tape: Tape) -> None:
    dense = tape.linear("dense", maps(node, tape.model)["dense"], x)
    tape.linear("output", maps(node, tape.model)["output"], activated(node.activation, dense, tape))


HEADS: dict[type[Node], Callable[[Any, Tensor, Tape], None]] = {
    LMHead: _lm_head,
    Pooler: _pooler,
    Classifier: _classifier,
    ReplacedTokens: _replaced,
    SentencePair: lambda node, x, tape: None,  # reads what the pooler keeps
    FirstGlobal: lambda node, x, tape: None,
}
