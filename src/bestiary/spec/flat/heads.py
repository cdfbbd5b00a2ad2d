"""The flat view of heads: what is read off the last hidden state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from bestiary.spec.embeddings import Tokens
from bestiary.spec.flat.control import HEADS as CONTROL_HEADS
from bestiary.spec.flat.images import HEADS as IMAGE_HEADS
from bestiary.spec.flat.multimodal import HEADS as MULTIMODAL_HEADS
from bestiary.spec.flat.object_heads import HEADS as OBJECT_HEADS
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.flat.speech import HEADS as SPEECH
from bestiary.spec.fusion import side_width
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
from bestiary.spec.models import vocabulary
from bestiary.spec.proteins import Contacts


def head_lines(name: str, head: Head, spec: Any) -> Iterator[Line]:
    """Yield the lines of a head."""
    return _HEADS[type(head)](name, head, spec)


def _pooler(name: str, head: Pooler, spec: Any) -> Iterator[Line]:
    yield f"pooler_output = {head.activation}(x[:, 0] @ W + b)", f"head {name}"


def _adaptive(name: str, head: AdaptiveLMHead, spec: Any) -> Iterator[Line]:
    if not head.cutoffs:
        yield f"logits = log_softmax(x @ {'token.T' if head.tied else 'W'} + b)", f"head {name}: log-probabilities"
        return
    yield "p = log_softmax(concat(x @ W[0].T + b[0], x @ clusters.T + c))", f"head {name}: the first band, clusters"
    yield "logits = concat(p[:band], p[cluster] + log_softmax(x @ W[band].T + b[band]), ...)", "log-probabilities"


def _language(name: str, head: LMHead, spec: Any) -> Iterator[Line]:
    table = cast(Tokens, vocabulary(spec))
    yield from _transform(head.transform)
    source = ("h" if head.transform else "x") + (f" * {spec.dim}**-0.5" if head.scaled else "")
    matrix = "token.T" if head.tied else "W"
    bias = " + b" if head.bias or head.offset else ""
    yield f"logits = {source} @ {matrix}{bias}", f"head {name}: [B, T, {table.vocab}]"


_READ = {
    "every": "x",
    "first": "x[:, 0]",
    "last": "x[:, last]",
    "end": "x[:, -1]",
    "mean": "mean(x)",
    "source_end": "x[:, last of input_ids]",
    "pooled": "pooler_output",
    "first_and_mean": "concat(x[:, 0], mean(x[:, 1:]))",
}


def _classifier(name: str, head: Classifier, spec: Any) -> Iterator[Line]:
    yield from _transform(head.transform)
    source = "h" if head.transform else _READ[head.source]
    yield f"logits = {source} @ W{' + b' if head.bias else ''}", f"head {name}: {head.labels} labels"


def _replaced(name: str, head: ReplacedTokens, spec: Any) -> Iterator[Line]:
    yield f"h = {head.activation}(x @ W + b)", ""
    yield "logits = h @ w + b", f"head {name}: [B, T]"


def _entities(name: str, head: EntityScores, spec: Any) -> Iterator[Line]:
    yield from _transform(head.transform)
    yield "entity_logits = h @ entity_candidates.T", f"head {name}: one for each candidate, {side_width(spec)} wide"


def _global(name: str, head: FirstGlobal | QuestionGlobal, spec: Any) -> Iterator[Line]:
    first = "the first token is" if isinstance(head, FirstGlobal) else f"tokens before the first {head.separator} are"
    yield f"# {first} global unless the input says which are", f"head {name}"


def _contacts(name: str, head: Contacts, spec: Any) -> Iterator[Line]:
    yield "# contacts, when asked for: sigmoid(corrected(attention maps) @ w + b)", f"head {name}"


def _pair(name: str, head: SentencePair, spec: Any) -> Iterator[Line]:
    yield "seq_relationship_logits = pooler_output @ W + b", f"head {name}"


def _after_question(name: str, head: SpansAfterQuestion, spec: Any) -> Iterator[Line]:
    yield f"m = {head.activation}(x @ W1 + b1) @ W2 + b2", f"{spec.dim} -> {head.hidden} -> {spec.dim}"
    yield f"x = {norm_word(head.norm)}(x + m)", ""
    yield "start_logits, end_logits = columns(x @ W + b)", f"head {name}: never in the question"


def _spans(name: str, head: Spans, spec: Any) -> Iterator[Line]:
    yield from _transform(head.transform)
    yield f"start_logits, end_logits = columns({'h' if head.transform else 'x'} @ W + b)", f"head {name}"


def _transform(transform: Transform | None) -> Iterator[Line]:
    if transform is not None:
        dense = f"{transform.activation}(x @ W{' + b' if transform.bias else ''})"
        yield f"h = {norm_word(transform.norm)}({dense})" if transform.norm else f"h = {dense}", ""


_HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    **SPEECH,
    **IMAGE_HEADS,
    **MULTIMODAL_HEADS,
    **CONTROL_HEADS,
    **OBJECT_HEADS,
    Contacts: _contacts,
    Pooler: _pooler,
    AdaptiveLMHead: _adaptive,
    LMHead: _language,
    Classifier: _classifier,
    ReplacedTokens: _replaced,
    EntityScores: _entities,
    FirstGlobal: _global,
    QuestionGlobal: _global,
    SentencePair: _pair,
    SpansAfterQuestion: _after_question,
    Spans: _spans,
}
