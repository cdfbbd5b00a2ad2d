"""What serving keeps, against bytes that are there: of caches that models filled, and of files that hold weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from multimodal_models import BUILT as LOOKING
from torch import Tensor

import bestiary
from bestiary import nn
from bestiary.architectures import make
from bestiary.sizing import plan
from bestiary.spec import EncoderDecoder, Model

SMALL = {"dim": 16, "depth": 3, "heads": 4, "hidden": 24, "vocab": 50}
BATCH, TOKENS, SOURCE = 2, 11, 7
WRITERS: dict[str, Model] = {
    "a head of keys for each of queries": make("gpt2", **SMALL),
    "grouped queries": make("llama", **SMALL, kv_heads=2),
    "one head of keys": make("gemma", **SMALL, kv_heads=1, head_dim=8),
    "one head, in parallel": make("falcon", **SMALL),
    "heads wider than the model": make("gptj", **(SMALL | {"heads": 2}), rotated=2),
    "distances": make("gopher", **SMALL, head_dim=6),
    "a memory of zeros": make("transfo_xl", **SMALL, cutoffs=(11, 30), divisor=2, memory=5),
    "experts": make("mixtral", **SMALL, kv_heads=2, experts=4),
    "shared layers": make("albert", **SMALL, width=4).at("stack.layers[*].attn.mask", make("gpt2", **SMALL).at(
        "stack.layers[0].attn.mask")),
    "two towers": make("bart", dim=16, encoder_depth=3, decoder_depth=2, heads=4, hidden=24, vocab=50),
    "two towers, heads wider than the model": make("t5", **SMALL, head_dim=8),
}  # fmt: skip


def ids(tokens: int) -> Tensor:
    return torch.randint(5, 50, (BATCH, tokens), generator=torch.Generator().manual_seed(0))


def predicted(model: Model, **values: int) -> int:
    lines = plan(model).bytes("float32", **values)
    return sum(bytes_ for name, bytes_ in lines.items() if name != "weights")


@pytest.mark.parametrize("name", WRITERS)
def test_the_cache_is_as_large_as_told(name: str) -> None:
    model = WRITERS[name]
    cache = nn.Cache(TOKENS + (5 if name == "a memory of zeros" else 0))
    module = nn.build(model, seed=0).eval()
    inputs: dict[str, Any] = {"input_ids": ids(TOKENS)}
    if isinstance(model, EncoderDecoder):
        inputs = {"input_ids": ids(SOURCE), "decoder_input_ids": ids(TOKENS)}
    with torch.inference_mode():
        module(**inputs, past_key_values=cache)
    told = predicted(model, context=TOKENS, source=SOURCE, batch=BATCH)
    if name == "a memory of zeros":  # its span shows the last five; this cache drops no token
        assert cache.nbytes() * 5 == told * (TOKENS + 5)
    else:
        assert cache.nbytes() == told


def test_the_cache_of_a_sound() -> None:
    model = make("whisper", dim=16, encoder_depth=2, decoder_depth=3, heads=4, hidden=24, vocab=50, source=20)
    places, cache = plan(model).values()["source"], nn.Cache(TOKENS)
    module, sound = nn.build(model, seed=0).eval(), torch.zeros(BATCH, 80, 2 * places)
    with torch.inference_mode():
        module(sound, decoder_input_ids=ids(TOKENS), past_key_values=cache)
    assert cache.nbytes() == predicted(model, context=TOKENS, batch=BATCH)


def test_the_cache_of_a_text_that_looks_at_latent_vectors() -> None:
    model = LOOKING["flamingo"]
    cache, module = nn.Cache(TOKENS), nn.build(model, seed=0).eval()
    image = torch.rand(BATCH, 1, 3, 40, 40)
    with torch.inference_mode():
        module(input_ids=ids(TOKENS), pixel_values=image, past_key_values=cache)
    assert cache.nbytes() == predicted(model, context=TOKENS, batch=BATCH)


@pytest.mark.parametrize("context", [3, 30])
def test_a_cache_that_drops_what_a_window_left(context: int) -> None:
    model = make("mistral", **SMALL, kv_heads=2, window=8)
    config = transformers.MistralConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24,
        vocab_size=50, sliding_window=8,
    )  # fmt: skip
    cache = transformers.StaticCache(config=config, max_cache_len=context)
    with torch.inference_mode():
        transformers.MistralForCausalLM(config).eval()(ids(3), past_key_values=cache)
    kept = sum(one.nbytes for layer in cache.layers for one in (layer.keys, layer.values))
    assert kept == predicted(model, context=context, batch=BATCH)


@pytest.mark.parametrize("name", ["bert", "gpt-2", "t5", "alpaca", "opt", "bloom", "electra", "deberta", "vit"])
def test_the_file_is_as_large_as_told(name: str, tmp_path: Path) -> None:
    model = bestiary.build(f"{name}:tiny", seed=0)
    assert tensor_bytes(bestiary.save(model, tmp_path / "wide")) == plan(model.spec).bytes("float32")["weights"]
    half = bestiary.save(model.bfloat16(), tmp_path / "half")
    assert tensor_bytes(half) == plan(model.spec).bytes("bfloat16")["weights"]


def tensor_bytes(folder: Path) -> int:
    """Return the bytes of a safetensors file behind its header."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    assert json.loads(data[8:header])
    return len(data) - header
