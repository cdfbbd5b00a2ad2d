"""The flat view of what is read off queries of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.detection import ObjectBoxes, ObjectClasses, ObjectMasks, mask_widths
from bestiary.spec.flat.ops import Line
from bestiary.spec.heads import Head


def _classes(name: str, head: ObjectClasses, spec: Any) -> Iterator[Line]:
    yield "logits = x @ W + b", f"head {name}: {head.labels} labels, and no object"


def _boxes(name: str, head: ObjectBoxes, spec: Any) -> Iterator[Line]:
    yield "pred_boxes = sigmoid(relu(relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3)", f"head {name}: [B, {spec.queries}, 4]"


def _masks(name: str, head: ObjectMasks, spec: Any) -> Iterator[Line]:
    widths = mask_widths(spec.dim, head.heads)
    yield "a = softmax((x @ Wq + bq) @ (memory @ Wk + bk).T)", f"head {name}: one softmax over {head.heads} heads"
    yield (
        "m = conv3x3(conv3x3(concat(map, a)))",
        f"{widths[0]} -> {widths[2]}; behind each a group_norm and {head.activation}",
    )
    yield "for finer in maps[3, 2, 1]: m = conv3x3(enlarged(m) + finer @ W + b)", " -> ".join(map(str, widths[2:]))
    yield "pred_masks = conv3x3(m)", f"[B, {spec.queries}, H / 4, W / 4]"


HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    ObjectClasses: _classes,
    ObjectBoxes: _boxes,
    ObjectMasks: _masks,
}
