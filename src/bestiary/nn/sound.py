"""Models that hear: a spectrogram to the first hidden state, in one tower or before a decoder that writes text."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model, OneTower
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.output import Output
from bestiary.nn.positions import POSITIONS
from bestiary.nn.stack import Stack
from bestiary.nn.towers import EncoderDecoder, Tower


class Spectrogram(nn.Module):
    """Two convolutions over three frames, the second over every other place, and positions."""

    def __init__(self, node: spec.Spectrogram, dim: int) -> None:
        super().__init__()
        self.mels, self.frames, self.dropout = node.mels, 2 * node.position.length, node.dropout
        self.first = nn.Conv1d(node.mels, dim, 3, padding=1)
        self.second = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.position = POSITIONS[type(node.position)](node.position, dim)

    def forward(self, input_features: Tensor, context: Context) -> Tensor:
        """Map ``[B, mels, frames]`` to ``[B, frames / 2, dim]``."""
        x = F.gelu(self.second(F.gelu(self.first(input_features)))).transpose(1, 2)
        return F.dropout(x + self.position(context).to(x.dtype), self.dropout, self.training)

    def context(self, input_features: Tensor) -> Context:
        """Set out what a pass over a spectrogram needs beside its hidden state."""
        if input_features.dim() != 3 or input_features.shape[1:] != (self.mels, self.frames):
            raise BestiaryError(
                f"input_features has shape {list(input_features.shape)}; this model hears"
                f" [batch, {self.mels}, {self.frames}]: pad the sound, or cut it into pieces"
            )
        return Context(torch.arange(self.frames // 2, device=input_features.device)[None], self.frames // 2)


class SoundTower(nn.Module):
    """The side of an encoder-decoder that hears."""

    def __init__(self, node: spec.Tower, dim: int) -> None:
        super().__init__()
        assert isinstance(node.embed, spec.Spectrogram)
        self.embed = Spectrogram(node.embed, dim)
        self.stack = Stack(node.stack, dim)

    def forward(self, input_features: Tensor) -> Tensor:
        """Return the last hidden state, ``[B, S, dim]``."""
        context = self.embed.context(input_features)
        return self.stack(self.embed(input_features, context), context)


class SoundEncoderDecoder(EncoderDecoder):
    """Two towers: the first hears, the second reads it and writes text."""

    def __init__(self, node: spec.EncoderDecoder) -> None:
        Model.__init__(self, node)
        self.encoder = SoundTower(node.encoder, node.dim)
        self.decoder = Tower(node.decoder, node.dim)
        self.add_heads()

    def forward(  # type: ignore[override]
        self,
        input_features: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        encoder_outputs: Tensor | None = None,
        past_key_values: Cache | None = None,
        decoder_position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Run both towers, or the decoder alone on ``encoder_outputs`` ``[B, S, dim]`` given from an earlier pass.

        ``input_features`` is ``[B, mels, frames]``, ``decoder_input_ids`` ``[B, T]``.
        """
        if encoder_outputs is None:
            encoder_outputs = self.encode(input_features)
        context = self.begin(
            decoder_input_ids, decoder_inputs_embeds, decoder_attention_mask, decoder_position_ids, past_key_values
        )
        context.memory, context.logits_to_keep = encoder_outputs, logits_to_keep
        return self.finish(context, decoder_inputs_embeds)

    def encode(self, input_features: Tensor | None) -> Tensor:  # type: ignore[override]
        """Return the encoder's last hidden state, ``[B, S, dim]``."""
        if input_features is None:
            raise BestiaryError("the model was called without input_features or encoder_outputs: give one of them")
        return self.encoder(input_features)


class SpectrogramTransformer(OneTower):
    """One tower that hears a spectrogram."""

    def __init__(self, node: spec.Transformer) -> None:
        assert isinstance(node.embed, spec.Spectrogram)
        super().__init__(node, Spectrogram(node.embed, node.dim))

    def forward(self, input_features: Tensor) -> Output:
        """Run the model on spectrograms, ``[B, mels, frames]``."""
        context = self.embed.context(input_features)
        return self.answer(self.stack(self.embed(input_features, context), context), context)
