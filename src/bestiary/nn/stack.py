"""Stacks of layers: residual branches in order, norms where the spec puts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import CrossAttention
from bestiary.nn.bounded import BoundedAttention
from bestiary.nn.context import Context
from bestiary.nn.convolution import Blank, InputConvolution, Nothing
from bestiary.nn.cross_width import CrossWidthAttention, JoinedAttention, NormedJoinedAttention, NormedWidthAttention
from bestiary.nn.disentangled import TABLES, DisentangledAttention
from bestiary.nn.experts import Experts
from bestiary.nn.fusion import Fusion
from bestiary.nn.global_context import GlobalQueryAttention
from bestiary.nn.looking import ImageAttention, LatentAttention
from bestiary.nn.mlp import GLU, MLP, OneMap
from bestiary.nn.norms import norm
from bestiary.nn.placed import PlacedAttention, PlacedCrossAttention
from bestiary.nn.qk_norm import QKNormAttention
from bestiary.nn.recurrence import QueryBiases, RelativeAttention, TiedRelativeAttention, TwoStreamAttention, recall
from bestiary.nn.rotary import held
from bestiary.nn.scores import score_position
from bestiary.nn.sparse import self_attention
from bestiary.nn.windowed import WindowedAttention
from bestiary.nn.windows import CosineAttention, Windows
from bestiary.spec import branch_names, own_layers, run_order


class Normed(nn.Module):
    """An op behind a norm of its own."""

    def __init__(self, node: spec.Normed, dim: int) -> None:
        super().__init__()
        self.norm, self.op = norm(node.norm, dim), op(node.op, dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return self.op(self.norm(x), context)


class Parallel(nn.Module):
    """Ops side by side on one input, summed."""

    def __init__(self, node: spec.Parallel, dim: int) -> None:
        super().__init__()
        self.names = branch_names(node.ops)
        for name, part in zip(self.names, node.ops, strict=True):
            self.add_module(name, op(part, dim))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        parts = [getattr(self, name)(x, context) for name in self.names]
        return torch.stack(parts).sum(0) if len(parts) > 2 else parts[0] + parts[1]


class Modulated(Normed):
    """An op between a norm that a vector scales and shifts and a factor that it gives."""

    def __init__(self, node: spec.Modulated, dim: int) -> None:
        super().__init__(node, dim)
        self.shift, self.scale, self.gate = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, modulated by ``context.told``, ``[B, 1, dim]``."""
        assert context.told is not None, "a modulated layer was run without what modulates it"
        h = self.norm(x) * (1 + self.scale(context.told)) + self.shift(context.told)
        return self.gate(context.told) * self.op(h, context)

    def fill_zeros(self) -> None:
        """Let the layer pass on what it reads, at first: what the vector gives is zero."""
        for linear in (self.shift, self.scale, self.gate):
            linear.weight.zero_()


OPS: dict[type[spec.Op], Callable[[Any, int], nn.Module]] = {
    spec.Attention: self_attention,
    spec.QKNormAttention: QKNormAttention,
    spec.BoundedAttention: BoundedAttention,
    spec.CrossAttention: CrossAttention,
    spec.PlacedAttention: PlacedAttention,
    spec.PlacedCrossAttention: PlacedCrossAttention,
    spec.CrossWidthAttention: CrossWidthAttention,
    spec.JoinedAttention: JoinedAttention,
    spec.NormedWidthAttention: NormedWidthAttention,
    spec.NormedJoinedAttention: NormedJoinedAttention,
    spec.ImageAttention: ImageAttention,
    spec.LatentAttention: LatentAttention,
    spec.RelativeAttention: RelativeAttention,
    spec.TiedRelativeAttention: TiedRelativeAttention,
    spec.TwoStreamAttention: TwoStreamAttention,
    spec.WindowedAttention: WindowedAttention,
    spec.CosineAttention: CosineAttention,
    spec.GlobalQueryAttention: GlobalQueryAttention,
    spec.Windows: lambda node, dim: Windows(node, dim, op),
    spec.DisentangledAttention: DisentangledAttention,
    spec.InputConvolution: InputConvolution,
    spec.Blank: Blank,
    spec.Nothing: Nothing,
    spec.MLP: MLP,
    spec.GLU: GLU,
    spec.OneMap: OneMap,
    spec.Fusion: Fusion,
    spec.Experts: Experts,
    spec.Normed: Normed,
    spec.Modulated: Modulated,
    spec.Parallel: Parallel,
}


def op(node: spec.Op, dim: int) -> nn.Module:
    """Build the module of an op."""
    return OPS[type(node)](node, dim)


class Layer(nn.Module):
    """Residual branches, each under its op's name, with its norm beside it: ``attn``, ``attn_norm``."""

    def __init__(self, node: spec.Layer, dim: int) -> None:
        super().__init__()
        self.branches = tuple(zip(branch_names(node), node, strict=True))
        for name, branch in self.branches:
            self.add_module(name, op(branch.op, dim))
            if isinstance(branch.scale, spec.Scale):
                shape = 1 if type(branch.scale) is spec.TanhGate else dim
                self.register_parameter(f"{name}_scale", nn.Parameter(torch.empty(shape)))
            if branch.norm is not None:
                self.add_module(f"{name}_norm", norm(branch.norm, dim))
                if branch.placement == "both":
                    self.add_module(f"{name}_post_norm", norm(branch.norm, dim))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        for name, branch in self.branches:
            x = self.run(name, branch, x, context)
        return x

    def run(self, name: str, branch: spec.Residual, x: Tensor, context: Context) -> Tensor:
        """Run one branch: its norm stands where its placement says."""
        placement = branch.placement if branch.norm is not None else "none"
        h = recall(branch.op.memory, x, context) if _remembers(branch.op) else x
        h = self.norm(name, h) if placement in ("pre", "both") else h
        h = getattr(self, name)(h, context)
        if placement == "output":
            h = self.norm(name, h)
        elif placement == "both":
            h = getattr(self, f"{name}_post_norm")(h)
        h = F.dropout(h, branch.dropout, self.training)
        h = h if branch.scale == 1.0 else self.scale(name, branch.scale) * h
        x = x + (skipped(h, context.skips) if self.training and context.skips else h)
        return self.norm(name, x) if placement == "post" else x

    def scale(self, name: str, scale: float | spec.Scale) -> float | Tensor:
        """Return what a branch's output is multiplied with."""
        if not isinstance(scale, spec.Scale):
            return scale
        learned = getattr(self, f"{name}_scale")
        return learned.tanh() if isinstance(scale, spec.TanhGate) else learned

    def fill_scales(self) -> None:
        """Set learned scales to what they are at first."""
        for name, branch in self.branches:
            if isinstance(branch.scale, spec.LayerScale | spec.TanhGate):
                getattr(self, f"{name}_scale").fill_(branch.scale.init)

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Apply the norm of a branch."""
        return getattr(self, f"{name}_norm")(x)


def skipped(h: Tensor, probability: float) -> Tensor:
    """Leave samples of ``[B, ...]`` out at random, and make up for it in the others (Huang et al. 2016)."""
    kept = torch.rand(len(h), *[1] * (h.dim() - 1), device=h.device) >= probability
    return h * kept / (1 - probability)


def _remembers(node: spec.Op) -> TypeGuard[Any]:
    return isinstance(node, spec.Recurrent) and node.memory is not None


class Stack(nn.Module):
    """Layers in the order they run; those that share weights are one module run several times."""

    def __init__(self, node: spec.Stack, dim: int) -> None:
        super().__init__()
        self.node, self.dim = node, dim
        self.order = run_order(node)
        self.layers = nn.ModuleList(Layer(layer, dim) for layer in own_layers(node))
        self.norm = None if node.norm is None else norm(node.norm, dim)
        self.position = None if node.position is None else shared_position(node, dim)
        self.frequencies: Tensor | None
        self.register_buffer("frequencies", held_frequencies(node, dim))
        self.drop_path = node.drop_path / max(len(self.order) - 1, 1)
        self.before = 0

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        left = x
        for left in self.states(x, context):  # noqa: B007  # the last is wanted
            pass
        return left if self.norm is None else self.norm(left)

    def states(self, x: Tensor, context: Context) -> Iterator[Tensor]:
        """Yield what enters the first layer, then what each one leaves."""
        context.shared_scores, context.entered, context.frequencies = self.position, x, self.frequencies
        yield x
        for context.depth, index in enumerate(self.order):
            context.skips = self.drop_path * (self.before + context.depth)
            x = self.layers[index](x, context)
            yield x

    def constants(self) -> dict[str, Tensor]:
        """Return what the buffers hold where no file says otherwise."""
        held = held_frequencies(self.node, self.dim)
        return {} if held is None else {"frequencies": held}


def held_frequencies(node: spec.Stack, dim: int) -> Tensor | None:
    """Return the rotary frequencies that a stack keeps beside its weights, where its attentions turn by such."""
    for _, part in spec.walk_once(own_layers(node)):
        if isinstance(part, spec.Attention) and isinstance(part.position, spec.HeldRotary):
            return held(part.position, part.head_dim or dim // part.heads)
    return None


def shared_position(node: spec.Stack, dim: int) -> nn.Module:
    """Build the module of the position that a stack's attentions share."""
    position, ops = node.position, [part for _, part in spec.walk_once(own_layers(node))]
    assert position is not None
    if isinstance(position, spec.DistanceVectors):
        return TABLES[type(position)](position, dim)
    if isinstance(position, spec.QueryBiases):
        tied = next(op for op in ops if isinstance(op, spec.TiedRelativeAttention))
        return QueryBiases(tied.heads, tied.head_dim or dim // tied.heads)
    return score_position(position, next((op.heads for op in ops if isinstance(op, spec.Attention)), 1))
