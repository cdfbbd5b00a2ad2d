"""Tensor operations of key tables, in inverse pairs: what reading a checkpoint does, writing it undoes.

An op takes the tensors on one side of a line and gives those of the other. Reading makes views wherever it can, so that
mapped memory stays mapped; on meta tensors the same ops check shapes before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.errors import BestiaryError

Tensors = Sequence[Tensor]


@dataclass(frozen=True)
class Op:
    """``read`` maps theirs to ours, ``write`` ours to theirs; both know the spec and how many parts there are."""

    read: Callable[[Tensors, Any, int], Tensors]
    write: Callable[[Tensors, Any, int], Tensors]


def _each(function: Callable[[Tensor, Any], Tensor]) -> Callable[[Tensors, Any, int], Tensors]:
    return lambda tensors, node, parts: [function(tensor, node) for tensor in tensors]


def _transpose(tensor: Tensor, node: Any) -> Tensor:
    return tensor.t()


def _split(tensors: Tensors, node: Any, parts: int) -> Tensors:
    (fused,) = tensors
    if len(fused) % parts:
        raise ValueError(f"{len(fused)} rows cannot be split into {parts}")
    return fused.chunk(parts)


def _join(tensors: Tensors, node: Any, parts: int) -> Tensors:
    return [torch.cat(list(tensors))]


def _stack(tensors: Tensors, node: Any, parts: int) -> Tensors:
    return [torch.stack(list(tensors))]


def _unstack(tensors: Tensors, node: Any, parts: int) -> Tensors:
    (stacked,) = tensors
    return stacked.unbind(0)


def _one_of(tensors: Tensors, node: Any, parts: int) -> Tensors:
    """Take what each layer of the files has a copy of."""
    first = tensors[0]
    if any(not torch.equal(first, other) for other in tensors[1:] if not other.is_meta):
        raise BestiaryError("the layers' copies of what is one tensor here differ; take files whose layers agree")
    return [first]


def _in_each_layer(tensors: Tensors, node: Any, parts: int) -> Tensors:
    (one,) = tensors
    return [one, *(one.clone() for _ in spec.own_layers(node.stack)[1:])]


def _unwrap(tensor: Tensor, node: Any) -> Tensor:
    return tensor.squeeze(0) if tensor.dim() == 3 and len(tensor) == 1 else tensor


def _wrap(tensor: Tensor, node: Any) -> Tensor:
    return tensor.unsqueeze(0)


def _flatten(tensor: Tensor, node: Any) -> Tensor:
    return tensor.flatten(1)


def _unflatten(tensor: Tensor, node: Any) -> Tensor:
    patches: spec.Patches = node.embed
    return tensor.unflatten(1, (patches.channels, patches.patch, patches.patch))


def _rows(tensors: Tensors, node: Any, parts: int) -> Tensors:
    return [torch.cat([tensor.flatten(0, -2) for tensor in tensors])]


def _apart(tensors: Tensors, node: Any, parts: int) -> Tensors:
    (rows,) = tensors
    return [row[None, None] for row in rows]


def _of_pixels(tensor: Tensor, node: Any) -> Tensor:
    return tensor[..., 0, 0] if tensor.shape[2:] == (1, 1) else tensor


def _as_convolution(tensor: Tensor, node: Any) -> Tensor:
    return tensor[..., None, None]


def _row(tensor: Tensor, node: Any) -> Tensor:
    return tensor[0] if tensor.dim() == 2 and len(tensor) == 1 else tensor


def _as_row(tensor: Tensor, node: Any) -> Tensor:
    return tensor[None]


def _first_attention(node: Any) -> Any:
    kinds = spec.Attention | spec.DisentangledAttention
    return next(part for _, part in spec.walk_once(node) if isinstance(part, kinds))


def _attention(node: Any) -> tuple[int, int]:
    found = _first_attention(node)
    return found.heads, getattr(found, "kv_heads", None) or found.heads


def _heads_flat(tensor: Tensor, node: Any) -> Tensor:
    return tensor.flatten(1)


def _heads_apart(tensor: Tensor, node: Any) -> Tensor:
    found = next(part for _, part in spec.walk_once(node) if isinstance(part, spec.Recurrent))
    return tensor.unflatten(1, (found.heads, -1))


def _split_heads(tensors: Tensors, node: Any, parts: int) -> Tensors:
    """Each group of heads holds its queries, then the key and the value that they share."""
    heads, groups = _attention(node)
    (fused,) = tensors
    each = fused.unflatten(0, (groups, heads // groups + 2, -1))
    return [part.flatten(0, 2) for part in (each[:, :-2], each[:, -2:-1], each[:, -1:])]


def _join_heads(tensors: Tensors, node: Any, parts: int) -> Tensors:
    heads, groups = _attention(node)
    held = zip(tensors, (heads // groups, 1, 1), strict=True)
    return [torch.cat([tensor.unflatten(0, (groups, share, -1)) for tensor, share in held], dim=1).flatten(0, 2)]


def _split_pairs(tensors: Tensors, node: Any, parts: int) -> Tensors:
    """Each head holds its keys, then its values."""
    (fused,) = tensors
    each = fused.unflatten(0, (_attention(node)[0], 2, -1))
    return [each[:, place].flatten(0, 1) for place in range(2)]


def _join_pairs(tensors: Tensors, node: Any, parts: int) -> Tensors:
    heads = _attention(node)[0]
    return [torch.stack([tensor.unflatten(0, (heads, -1)) for tensor in tensors], dim=1).flatten(0, 2)]


def _rotated(tensor: Tensor, heads: int, node: Any) -> tuple[Tensor, Tensor]:
    """Cut a tensor into what is turned of each head and what is left alone, ``[heads, coordinates, ...]``."""
    per_head = tensor.unflatten(0, (heads, -1))
    position = _first_attention(node).position
    share = position.fraction if isinstance(position, spec.Rotary) else 1.0
    turned = int(per_head.shape[1] * share)
    return per_head[:, :turned], per_head[:, turned:]


def _halves(tensor: Tensor, heads: int, node: Any) -> Tensor:
    """Pairs of neighbors (0 1)(2 3).. become pairs of halves (0 2 ..)(1 3 ..) within each head."""
    turned, rest = _rotated(tensor, heads, node)
    return torch.cat((turned[:, 0::2], turned[:, 1::2], rest), dim=1).flatten(0, 1)


def _neighbors(tensor: Tensor, heads: int, node: Any) -> Tensor:
    turned, rest = _rotated(tensor, heads, node)
    paired = torch.stack(turned.chunk(2, dim=1), dim=2).flatten(1, 2)
    return torch.cat((paired, rest), dim=1).flatten(0, 1)


IMPLIED = Op(lambda tensors, node, parts: tensors, lambda tensors, node, parts: tensors)
"""Changes nothing; marks constants that files leave out where they are those of a fresh model."""


def _xyz_last(tensor: Tensor, node: Any) -> Tensor:
    return tensor.unflatten(0, (3, -1)).transpose(0, 1).flatten(0, 1)


def _xyz_first(tensor: Tensor, node: Any) -> Tensor:
    return tensor.unflatten(0, (-1, 3)).transpose(0, 1).flatten(0, 1)


def _in_heads(heads: int) -> Op:
    return Op(
        _each(lambda tensor, node: tensor.flatten(1).t()),
        _each(lambda tensor, node: tensor.t().unflatten(1, (heads, -1))),
    )


def _out_heads(heads: int) -> Op:
    return Op(
        _each(lambda tensor, node: tensor.flatten(0, 1).t()),
        _each(lambda tensor, node: tensor.t().unflatten(0, (heads, -1))),
    )


def _head_rows(heads: int) -> Op:
    return Op(
        _each(lambda tensor, node: tensor.flatten(0, 1)), _each(lambda tensor, node: tensor.unflatten(0, (heads, -1)))
    )


def _shares(heads: int, *rows: int) -> Op:
    def read(tensors: Tensors, node: Any, parts: int) -> Tensors:
        (fused,) = tensors
        return [part.flatten(0, 1) for part in fused.unflatten(0, (heads, -1)).split(rows, dim=1)]

    def write(tensors: Tensors, node: Any, parts: int) -> Tensors:
        return [torch.cat([tensor.unflatten(0, (heads, -1)) for tensor in tensors], dim=1).flatten(0, 1)]

    return Op(read, write)


NUMBERED: dict[str, Callable[..., Op]] = {
    "in_heads": _in_heads,
    "out_heads": _out_heads,
    "head_rows": _head_rows,
    "shares": _shares,
}
"""Ops that a table gives numbers: ``in_heads 8`` makes ``[in, heads, head_dim]`` a matrix to heads, ``out_heads 8``
``[heads, head_dim, out]`` one from them, ``head_rows 8`` their biases one vector; ``shares 12 16 8`` cuts the rows of
each of 12 heads into 16 and 8."""

OPS: dict[str, Op] = {
    "T": Op(_each(_transpose), _each(_transpose)),
    "split": Op(_split, _join),
    "stack": Op(_stack, _unstack),
    "layers": Op(_unstack, _stack),
    "points": Op(_each(_xyz_last), _each(_xyz_first)),
    "split_heads": Op(_split_heads, _join_heads),
    "unwrap": Op(_each(_unwrap), _each(_wrap)),
    "flatten": Op(_each(_flatten), _each(_unflatten)),
    "in_layers": Op(_one_of, _in_each_layer),
    "implied": IMPLIED,
    "vector": Op(_each(lambda tensor, node: tensor.flatten()), _each(lambda tensor, node: tensor[None, None])),
    "rows": Op(_rows, _apart),
    "table": Op(_each(_as_row), _each(_row)),
    "pixel": Op(_each(_of_pixels), _each(_as_convolution)),
    "line": Op(_each(lambda tensor, node: tensor[..., 0]), _each(lambda tensor, node: tensor[..., None])),
    "split_pairs": Op(_split_pairs, _join_pairs),
    "column": Op(_each(lambda tensor, node: tensor.flatten()), _each(lambda tensor, node: tensor[:, None, None])),
    "row": Op(_each(_row), _each(_as_row)),
    "heads": Op(_each(_heads_flat), _each(_heads_apart)),
    "rotary_q": Op(
        _each(lambda tensor, node: _halves(tensor, _attention(node)[0], node)),
        _each(lambda tensor, node: _neighbors(tensor, _attention(node)[0], node)),
    ),
    "rotary_k": Op(
        _each(lambda tensor, node: _halves(tensor, _attention(node)[1], node)),
        _each(lambda tensor, node: _neighbors(tensor, _attention(node)[1], node)),
    ),
}
"""``T`` transposes a matrix; ``split`` cuts a tensor into equal parts by rows; ``split_heads`` takes queries, keys
and values out of rows where each group of heads has its own together; ``stack`` lays a tensor for each ``{e}`` one
on another, ``layers`` takes one for each layer off such; ``points`` lays three coordinates of each point side by side
that stand apart; ``in_layers`` takes one of the copies that all layers have; ``unwrap`` drops a leading axis of one;
``flatten`` makes a convolution over patches a matrix, ``pixel`` one over single pixels; ``row`` takes a table's only
row, ``table`` makes one of a row, ``rows`` lays several such under one another; ``vector`` is one by itself,
``column`` one along the first of three axes, ``line`` drops the last of them; ``split_pairs`` takes keys and
values out of rows where each head has its own together; ``heads`` makes one of the axes of heads and of their widths;
``rotary_q`` and ``rotary_k`` turn pairs of neighboring coordinates into pairs of halves, in the part of each head that
is turned."""


def op(words: str) -> Op:
    """Return the op of a table's words: a name, or a name and its numbers."""
    name, *numbers = words.split()
    return NUMBERED[name](*map(int, numbers)) if numbers else OPS[name]
