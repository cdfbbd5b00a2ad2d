"""What every row of the harness is made of: the record of a row, and the sizes that families draw in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import transformers
from torch import Tensor
from transformers import PretrainedConfig

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

LABELS = 5
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu", "tanh", "quick_gelu")


KEY_BIASES = (".key.bias", ".key_global.bias", ".k_lin.bias", ".k_proj.bias", ".Wk.bias")


@dataclass(frozen=True)
class Row:
    """One published class at one kind of config. The label tells rows of one class apart."""

    name: str
    config: Callable[[Random], PretrainedConfig]
    label: str = ""
    tolerance: float = 1e-10
    reads: tuple[str, ...] = ()
    """What the class takes beside tokens: ``token_type_ids``; ``task_type_ids``; ``global_attention_mask``;
    ``position_ids``, given where padding is on the left; ``target_mapping``, with ``perm_mask``; ``source_twice``, a
    source with an end of text, and as many tokens for the decoder."""
    caches: bool = True
    """Whether the reference can keep keys and values."""
    steady: bool = True
    """Whether a token's keys stay the same as the sequence grows, so that a cache changes nothing."""
    trained_on: int = 11
    """How many tokens gradients are compared on: those of some references are not a number where they pad inside."""
    keys_turn: bool | None = False
    """Whether something comes between a key's bias and the softmax, which else ignores what is added to all keys;
    ``None`` when it is a rounding, which may show or not."""
    narrows: bool = False
    """Whether the reference takes scores of any dtype to float32, which no kernel of torch's does in float64. Then that
    cast is lifted while the two are compared, and with it in place their outputs are held to 1e-6."""

    idle: tuple[str, ...] = ()
    """Parameters that what the row reads leaves without a gradient."""

    unseen: tuple[str, ...] = KEY_BIASES
    """How tensors end that change no answer: a key's bias, and here and there another that is added to all keys."""

    given: Callable[[Any, str | None], dict[str, Tensor]] | None = None
    """What both models are called with, of the reference's config and the side that is padded, where it is no text."""

    single: bool = False
    """Whether the reference opens some parameters in float32 whatever the file holds; then all are drawn as such."""

    reopened: float = 1e-12
    """How far the reference may be from itself once it has opened what we saved."""

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def reference(self, seed: int) -> Any:
        """Return the reference with fresh weights, its sizes drawn by the seed."""
        return getattr(transformers, self.name)(self.config(Random(f"{self} {seed}")))

    def summed(self, one: str, other: str) -> bool:
        """Say whether the sum of two tensors is all that is read of them."""
        return False

    @property
    def generates(self) -> bool:
        """Whether the class scores the next token."""
        return self.name.endswith(("LMHeadModel", "ForCausalLM", "ForConditionalGeneration", "MTModel"))


def rows(config: Callable[..., PretrainedConfig], classes: str, **settings: Any) -> list[Row]:
    """Return a row for each class; a classifier's has labels of its own."""
    return [
        Row(name, partial(config, num_labels=LABELS) if "Classification" in name else config, **settings)
        for name in classes.split()
    ]


def encoder_sizes(random: Random, **changes: Any) -> dict[str, Any]:
    """Draw odd sizes of an encoder."""
    heads = random.choice((2, 3, 5))
    sizes = {
        "hidden_size": heads * random.choice((6, 10, 14)),
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "hidden_act": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-12, 1e-5, 1e-3)),
    }
    return sizes | changes


def text_sizes(random: Random, **changes: Any) -> dict[str, Any]:
    """Draw those, a vocabulary, positions and segment types."""
    sizes = {
        "vocab_size": random.randrange(101, 150, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "type_vocab_size": random.choice((2, 3)),
        "pad_token_id": random.choice((0, 1, 2)),
    }
    return encoder_sizes(random) | sizes | changes
