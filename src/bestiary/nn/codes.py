"""Pictures as codes: autoencoders whose maps are words, and the transformer that writes them behind a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.cache import Cache
from bestiary.nn.feature_maps import Level, checked_map, nothing_read
from bestiary.nn.output import Output


class CodeTower(nn.Module):
    """Levels one after another, and a ReLU."""

    def __init__(self, levels: tuple[spec.Level, ...], entering: int) -> None:
        super().__init__()
        widths = [entering, *(level.dim for level in levels)]
        self.levels = nn.ModuleList(Level(level, width) for level, width in zip(levels, widths, strict=False))

    def through(self, x: Tensor) -> Tensor:
        """Map ``[B, entering, H, W]`` to ``[B, width, H', W']``."""
        read = nothing_read(x)
        for level in self.levels:
            x = level(x, None, read)
        return F.relu(x)


class CodeEncoder(CodeTower):
    """A convolution before them."""

    def __init__(self, node: spec.CodeEncoder) -> None:
        super().__init__(node.levels, node.dim)
        self.enter = nn.Conv2d(node.channels, node.dim, node.kernel, padding=node.kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to ``[B, width, H', W']``."""
        return self.through(self.enter(x))


class CodeDecoder(CodeTower):
    """A linear map behind them."""

    def __init__(self, node: spec.CodeDecoder) -> None:
        super().__init__(node.levels, node.dim)
        self.leave = nn.Conv2d(node.levels[-1].dim, node.out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, dim, H, W]`` to ``[B, out, H', W']``."""
        return self.leave(self.through(x))


@dataclass(frozen=True)
class LaplacePixels:
    """Each channel of a pixel as a Laplace distribution behind a sigmoid, ``[B, channels, H, W]`` each."""

    place: Tensor
    logspread: Tensor
    margin: float

    def picture(self) -> Tensor:
        """Return the picture at the distributions' places, from 0 to 1."""
        return ((torch.sigmoid(self.place) - self.margin) / (1 - 2 * self.margin)).clamp(0, 1)


class DiscreteAutoencoder(Model):
    """An encoder to scores of words, and a decoder of words, or of what stands between them while it is trained."""

    def __init__(self, node: spec.DiscreteAutoencoder) -> None:
        super().__init__(node)
        self.encoder = CodeEncoder(node.encoder)
        self.enter = nn.Conv2d(node.encoder.levels[-1].dim, node.dim, 1)
        self.leave = nn.Conv2d(node.dim, node.decoder.dim, 1)
        self.decoder = CodeDecoder(node.decoder)

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the scores of words, ``[B, dim, H, W]``, for pictures from 0 to 1, ``[B, channels, H', W']``."""
        checked_map("pixel_values", pixel_values, self.spec.encoder.channels)
        margin = self.spec.pixels.margin
        return self.enter(self.encoder((1 - 2 * margin) * pixel_values + margin))

    def codes(self, pixel_values: Tensor) -> Tensor:
        """Return the likeliest words of pictures, ``[B, H, W]``."""
        return self.encode(pixel_values).argmax(1)

    def decode(self, maps: Tensor) -> LaplacePixels:
        """Return how pixels are distributed, given maps of words, ``[B, dim, H, W]``: ones and zeros, or shares."""
        checked_map("maps", maps, self.spec.dim)
        place, logspread = self.decoder(self.leave(maps)).chunk(2, dim=1)
        return LaplacePixels(place, logspread, self.spec.pixels.margin)

    def picture(self, codes: Tensor) -> Tensor:
        """Return pictures from 0 to 1 of words, ``[B, H, W]``."""
        return self.decode(F.one_hot(codes, self.spec.dim).movedim(-1, 1).to(self.dtype)).picture()

    def forward(self, pixel_values: Tensor) -> Output:
        """Run pictures through their likeliest words and back."""
        scores = self.encode(pixel_values)
        codes = scores.argmax(1)
        return Output(scores, logits=scores, codes=codes, sample=self.picture(codes))


class CodeWriter(Model):
    """A transformer over a text and a picture's codes, and the autoencoder of these."""

    def __init__(self, node: spec.CodeWriter, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.image: Any = make(node.image)

    def arrange(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, codes: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the one sequence of texts, ``[B, S]``, and of what is written of pictures, and its mask.

        A vector begins the text, which is padded to its full length; another begins the picture, whose ``codes``
        ``[B, n]`` follow. Raises ``BestiaryError`` for a text that is too long, or has tokens that are no words.
        """
        embed = self.spec.text.embed
        most, batch = embed.length - 1, len(input_ids)
        if input_ids.shape[1] > most or bool((input_ids >= embed.words).any()):
            raise BestiaryError(f"a text has at most {most} tokens, each below {embed.words}; cut it")
        keep = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
        short = most - input_ids.shape[1]
        text = F.pad(F.pad(input_ids, (1, 0), value=embed.vocab), (0, short))
        keep = F.pad(F.pad(keep, (1, 0), value=1), (0, short))
        written = input_ids.new_zeros(batch, 0) if codes is None else codes + embed.words
        picture = F.pad(written, (1, 0), value=embed.vocab + 1)
        return torch.cat((text, picture), dim=1), torch.cat((keep, torch.ones_like(picture)), dim=1)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Score what follows each token of arranged sequences, ``[B, T]``, or, with a cache, of what is new in them."""
        return self.text(
            input_ids=input_ids,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            logits_to_keep=logits_to_keep,
        )
