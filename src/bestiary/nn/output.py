"""What a model returns, under the names that transformers gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from bestiary.nn.cache import Cache


@dataclass
class Output:
    """B is the batch, T the tokens. A field is ``None`` where the model has no head that fills it."""

    last_hidden_state: Tensor
    """``[B, T, dim]``."""
    logits: Tensor | None = None
    """``[B, T, vocab]`` of a language model, ``[B, labels]`` or ``[B, T, labels]`` of a classifier, ``[B, T]`` of what
    tells replaced tokens, ``[B, queries, labels + 1]`` of a detector."""
    pooler_output: Tensor | None = None
    """``[B, dim]``."""
    seq_relationship_logits: Tensor | None = None
    """``[B, 2]``."""
    start_logits: Tensor | None = None
    """``[B, T]``."""
    end_logits: Tensor | None = None
    """``[B, T]``."""
    encoder_last_hidden_state: Tensor | None = None
    """``[B, S, dim]``."""
    entity_last_hidden_state: Tensor | None = None
    """``[B, T, width]``: the second stream, made of the token alone where no entity is aligned with it."""
    entity_states: Tensor | None = None
    """``[B, T, width]``: what each token is compared with entities by."""
    entity_logits: Tensor | None = None
    """``[B, T, C]``: the score of each of C entities that the input lists."""
    text_embeds: Tensor | None = None
    """``[B, width]``: a text's summary where it is compared with images."""
    image_embeds: Tensor | None = None
    """``[B, width]``: an image's."""
    logits_per_image: Tensor | None = None
    """``[M, N]``: how like each of M images is to each of N texts."""
    logits_per_text: Tensor | None = None
    """``[N, M]``: the same turned around."""
    text_model_output: Output | None = None
    vision_model_output: Output | None = None
    image_hidden_states: Tensor | None = None
    """``[M * vectors, dim]``: what images became among the vectors of words."""
    pred_boxes: Tensor | None = None
    """``[B, queries, 4]``: the middle, width and height of the box of each object, as shares of the image."""
    pred_masks: Tensor | None = None
    """``[B, queries, H, W]``: for each object, scores of the places that it covers."""
    """``[M * vectors, dim]``: what images became among the vectors of words; ``[B, N, S, width]``, beside them."""
    state_preds: Tensor | None = None
    """``[B, T, state]``: the next state, of each step of an episode."""
    action_preds: Tensor | None = None
    """``[B, T, action]``: the action."""
    return_preds: Tensor | None = None
    """``[B, T, 1]``: the next return to go."""
    projected_states: Tensor | None = None
    """``[B, T, width]``: what predicts the quantized sound."""
    projected_quantized_states: Tensor | None = None
    """``[B, T, width]``: what is to be predicted."""
    codevector_perplexity: Tensor | None = None
    """``[]``: how many entries of the codebooks are in use."""
    mems: Sequence[Tensor] | None = None
    """What each layer remembers for the next segment, ``[M, B, dim]`` each."""
    router_logits: tuple[Tensor, ...] | None = None
    """Scores of the experts, from each layer that has a router."""
    encoder_router_logits: tuple[Tensor, ...] | None = None
    decoder_router_logits: tuple[Tensor, ...] | None = None
    past_key_values: Cache | None = None
    mask: Tensor | None = None
    """``[B, patches]``: ones for the patches that were not read."""
    ids_restore: Tensor | None = None
    """``[B, patches]``: where each patch stands among the shuffled."""
    sample: Tensor | None = None
    """``[B, out, H, W]``: what a U-Net predicts of a noisy map, or a decoder makes of a latent one."""
    latents: Tensor | None = None
    """``[B, dim, H, W]``: the map that an autoencoder makes of an image."""

    codes: Tensor | None = None
    """``[B, H, W]``: the words that a picture is told in, one for each place of its map."""

    reconstruction: Tensor | None = None
    """``[B, channels, H, W]``: an image, told from one whose patches were masked."""

    @property
    def prediction_logits(self) -> Tensor | None:
        """The language-model scores, under their name beside a sentence head."""
        return self.logits

    @property
    def sop_logits(self) -> Tensor | None:
        """The sentence-order scores, under their other name."""
        return self.seq_relationship_logits
