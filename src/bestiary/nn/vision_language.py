"""Language models that are shown pictures, whose vectors stand among those of words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.base import Model
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.embeddings import Tokens
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.spec.vision_language import layer_of, read_width

Make = Callable[[spec.Model], Any]
"""Builds a model that is a part of another one."""


class LinearConnector(nn.Module):
    """One linear map."""

    def __init__(self, node: spec.LinearConnector, model: spec.VisionLanguage, make: Make) -> None:
        super().__init__()
        self.map = nn.Linear(read_width(model), model.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, S, width]`` to ``[B, S, dim]``."""
        return self.map(x)


class MLPConnector(nn.Module):
    """Two linear maps and a nonlinearity between."""

    def __init__(self, node: spec.MLPConnector, model: spec.VisionLanguage, make: Make) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[node.activation]
        self.up = nn.Linear(read_width(model), model.dim, bias=node.bias)
        self.down = nn.Linear(model.dim, model.dim, bias=node.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, S, width]`` to ``[B, S, dim]``."""
        return self.down(self.activation(self.up(x)))


class NormedMLPConnector(MLPConnector):
    """The same behind a norm."""

    def __init__(self, node: spec.NormedMLPConnector, model: spec.VisionLanguage, make: Make) -> None:
        super().__init__(node, model, make)
        self.norm = norm(node.norm, read_width(model))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, S, width]`` to ``[B, S, dim]``."""
        return super().forward(self.norm(x))


class QueryConnector(nn.Module):
    """Learned queries ask, and their answers are mapped."""

    def __init__(self, node: spec.QueryConnector, model: spec.VisionLanguage, make: Make) -> None:
        super().__init__()
        self.former = make(node.former)
        self.map = nn.Linear(node.former.dim, model.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, S, width]`` to ``[B, count, dim]``."""
        return self.map(self.former(x).last_hidden_state)


CONNECTORS: dict[type[spec.Connector], Callable[[Any, spec.VisionLanguage, Make], nn.Module]] = {
    spec.LinearConnector: LinearConnector,
    spec.MLPConnector: MLPConnector,
    spec.NormedMLPConnector: NormedMLPConnector,
    spec.QueryConnector: QueryConnector,
}


class VisionLanguage(Model):
    """A reader of images, a connector, and a decoder in whose input images stand."""

    looks_on = False
    """Whether each new token looks at the images again; here they stand in the prompt."""

    def __init__(self, node: spec.VisionLanguage, make: Make) -> None:
        super().__init__(node)
        self.image = make(node.image)
        self.connector = CONNECTORS[type(node.connector)](node.connector, node, make)
        self.text = make(node.text)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        image_embeds: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Read texts, ``[B, T]``, and the images whose vectors stand in them, in the order of their places.

        ``pixel_values`` are ``[M, channels, image, image]``; ``image_embeds`` are what ``look`` made of them, given in
        their stead.
        """
        shown = image_embeds if pixel_values is None else self.look(pixel_values)
        output = self.text(
            inputs_embeds=self.vectors(input_ids, shown), attention_mask=attention_mask, position_ids=position_ids,
            past_key_values=past_key_values, logits_to_keep=logits_to_keep,
        )  # fmt: skip
        output.image_hidden_states = None if shown is None else shown.flatten(0, 1)
        return output

    def look(self, pixel_values: Tensor) -> Tensor:
        """Return what images become among words, ``[M, vectors, dim]``."""
        return self.connector(self.read(pixel_values))

    def read(self, pixel_values: Tensor) -> Tensor:
        """Return what is read of images, ``[M, S, width]``."""
        reads = self.spec.reads
        if reads is None:
            return self.image(pixel_values).last_hidden_state
        depth = len(self.image.stack.order)
        wanted = [layer_of(layer, depth) for layer in reads.layers]
        states = islice(self.image.states(pixel_values), max(wanted) + 1)
        kept = {index: x[:, reads.skipped :] for index, x in enumerate(states) if index in wanted}
        return torch.cat([kept[index] for index in wanted], dim=-1)

    def vectors(self, input_ids: Tensor, shown: Tensor | None) -> Tensor:
        """Return the vectors of tokens, ``[B, T, dim]``, those of images in place of theirs."""
        table: Tokens = self.reader().embed
        if shown is None:
            return table.look_up(_looked_up(input_ids, table))
        place = input_ids == self.spec.token
        if int(place.sum()) != shown.shape[0] * shown.shape[1]:
            raise BestiaryError(
                f"{len(shown)} images are {shown.shape[0] * shown.shape[1]} vectors, but token {self.spec.token},"
                f" in whose place they stand, comes {int(place.sum())} times: write it {shown.shape[1]} times for each"
            )
        x = table.look_up(_looked_up(input_ids.masked_fill(place, 0), table))
        return x.masked_scatter(place[..., None], shown.to(x.dtype))

    def reader(self) -> Any:
        """Return the tower whose tokens images stand among."""
        return self.text


class VisionEncoderDecoder(VisionLanguage):
    """The same with a pair of towers, of which the encoder reads the images."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Tensor | None = None,
        past_key_values: Cache | None = None,
        image_embeds: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Run both towers, or the decoder alone on ``encoder_outputs``, which ``encode`` gave."""
        if encoder_outputs is None:
            encoder_outputs = self.encode(input_ids, attention_mask, pixel_values, image_embeds)
        return self.text(
            attention_mask=attention_mask, decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask, encoder_outputs=encoder_outputs,
            past_key_values=past_key_values, logits_to_keep=logits_to_keep,
        )  # fmt: skip

    def encode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_embeds: Tensor | None = None,
    ) -> Tensor:
        """Return the encoder's last hidden state, ``[B, S, dim]``."""
        if input_ids is None:
            raise BestiaryError("the model was called without input_ids: the tokens in whose places images stand")
        shown = image_embeds if pixel_values is None else self.look(pixel_values)
        return self.text.encode(None, attention_mask, self.vectors(input_ids, shown))

    def reader(self) -> Any:
        """Return the tower whose tokens images stand among."""
        return self.text.encoder


def _looked_up(input_ids: Tensor, table: Tokens) -> Context:
    """Return what a table is read with."""
    return Context(torch.zeros(1, 0), 0, input_ids=input_ids, table=table.table)
