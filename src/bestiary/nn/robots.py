"""Robots that follow an instruction: convolutions told by it, learned tokens, and a decoder of motions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.convolutional import BatchNorm
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.nn.positions import POSITIONS
from bestiary.nn.stack import Stack


def _strided(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad a map so that a convolution in steps of two leaves half of it, rounded down as released."""
    before, after = (kernel // 2 - 1, kernel // 2) if stride == 2 else (kernel // 2, kernel // 2)
    return F.pad(x, (before, after, before, after))


class Film(nn.Module):
    """Channels scaled and shifted by a vector."""

    def __init__(self, context: int, channels: int) -> None:
        super().__init__()
        self.shift, self.scale = nn.Linear(context, channels), nn.Linear(context, channels)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to the same shape."""
        return x * (1 + self.scale(told)[..., None, None]) + self.shift(told)[..., None, None]


class InvertedBlock(nn.Module):
    """Widen, convolve each channel alone, weigh channels by their means, narrow."""

    def __init__(self, node: spec.InvertedStage, inputs: int, stride: int, net: spec.FilmNet) -> None:
        super().__init__()
        wide = inputs * node.expand
        self.kernel, self.stride, self.residual = node.kernel, stride, stride == 1 and inputs == node.width
        self.expand = nn.Conv2d(inputs, wide, 1, bias=False) if node.expand > 1 else None
        self.expand_norm = BatchNorm(spec.BatchNorm(net.eps), wide) if node.expand > 1 else None
        self.depth = nn.Conv2d(wide, wide, node.kernel, stride, groups=wide, bias=False)
        self.depth_norm = BatchNorm(spec.BatchNorm(net.eps), wide)
        few = max(1, inputs // 4)
        self.squeeze, self.excite = nn.Linear(wide, few), nn.Linear(few, wide)
        self.project = nn.Conv2d(wide, node.width, 1, bias=False)
        self.project_norm = BatchNorm(spec.BatchNorm(net.eps), node.width)
        self.film = Film(net.context, node.width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Map ``[B, inputs, H, W]`` to ``[B, width, H', W']``."""
        h = x
        if self.expand is not None and self.expand_norm is not None:
            h = F.silu(self.expand_norm(self.expand(h)))
        h = F.silu(self.depth_norm(self.depth(_strided(h, self.kernel, self.stride))))
        weights = self.excite(F.silu(self.squeeze(h.mean((-2, -1))))).sigmoid()
        h = self.project_norm(self.project(h * weights[..., None, None]))
        return self.film(x + h if self.residual else h, told)


class FilmNet(nn.Module):
    """The whole network, its last map as wide as the model."""

    def __init__(self, node: spec.FilmNet, dim: int) -> None:
        super().__init__()
        self.stem, self.stem_norm = (
            nn.Conv2d(3, node.stem, 3, 2, bias=False),
            BatchNorm(spec.BatchNorm(node.eps), node.stem),
        )
        self.blocks, inputs = nn.ModuleList(), node.stem
        for stage in node.stages:
            for number in range(stage.blocks):
                self.blocks.append(InvertedBlock(stage, inputs, 1 if number else stage.stride, node))
                inputs = stage.width
        self.top, self.top_norm = (
            nn.Conv2d(inputs, node.top, 1, bias=False),
            BatchNorm(spec.BatchNorm(node.eps), node.top),
        )
        self.leave, self.film = nn.Conv2d(node.top, dim, 1, bias=False), Film(node.context, dim)

    def forward(self, images: Tensor, told: Tensor) -> Tensor:
        """Map ``[B, 3, S, S]`` and ``[B, context]`` to ``[B, dim, H, W]``."""
        return self.film(self.leave(self.features(images, told)), told)

    def features(self, images: Tensor, told: Tensor) -> Tensor:
        """Return the last map before it is brought to the model's width, ``[B, top, H, W]``."""
        x = F.silu(self.stem_norm(self.stem(_strided(images, 3, 2))))
        for block in self.blocks:
            x = block(x, told)
        return F.silu(self.top_norm(self.top(x)))


class TokenLearner(nn.Module):
    """Weighted means of all places."""

    def __init__(self, node: spec.TokenLearner, dim: int) -> None:
        super().__init__()
        self.norm = norm(node.norm, dim)
        self.up, self.down = nn.Linear(dim, node.hidden), nn.Linear(node.hidden, node.tokens)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, places, dim]`` to ``[B, tokens, dim]``."""
        weights = self.down(F.gelu(self.up(self.norm(x)), approximate="tanh"))
        return weights.transpose(1, 2).softmax(-1) @ x


class Looks(nn.Module):
    """Tokens of each look before empty ones, mapped once more, and places."""

    def __init__(self, node: spec.Looks, dim: int) -> None:
        super().__init__()
        self.node = node
        self.net, self.learner = FilmNet(node.net, dim), TokenLearner(node.learner, dim)
        self.past = nn.Linear(node.bins, dim)  # of past actions: what it gives is set to zero, as released
        self.enter = nn.Linear(dim, dim)
        self.position = POSITIONS[type(node.position)](node.position, dim)
        self.everywhere = nn.Parameter(torch.empty(dim))

    def forward(self, pixel_values: Tensor, told: Tensor, context: Context) -> Tensor:
        """Map ``[B, images, 3, S, S]`` and ``[B, context]`` to ``[B, images * period, dim]``."""
        batch, images = pixel_values.shape[:2]
        places = self.net(pixel_values.flatten(0, 1), told.repeat_interleave(images, dim=0)).flatten(2).transpose(1, 2)
        looks = self.learner(places).unflatten(0, (batch, images))
        empty = looks.new_zeros(batch, images, self.node.actions, looks.shape[-1])
        x = self.enter(torch.cat((looks, empty), dim=2).flatten(1, 2))
        return x + self.position(context) + self.everywhere


class RobotTransformer(Model):
    """One tower that looks, is told what to do, and foretells how to move."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        assert isinstance(node.embed, spec.Looks)
        self.embed = Looks(node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(self, pixel_values: Tensor, instruction: Tensor) -> Output:
        """Run the model on looks ``[B, images, 3, S, S]`` and the vector of an instruction ``[B, context]``."""
        node: spec.Looks = self.spec.embed
        shape = (node.images, 3, node.image, node.image)
        if pixel_values.shape[1:] != shape or instruction.shape != (len(pixel_values), node.net.context):
            raise BestiaryError(
                f"pixel_values must be [batch, {', '.join(map(str, shape))}] and"
                f" instruction [batch, {node.net.context}]"
            )
        tokens = node.position.length
        context = Context(torch.arange(tokens, device=pixel_values.device)[None], tokens)
        return self.answer(self.stack(self.embed(pixel_values, instruction, context), context), context)
