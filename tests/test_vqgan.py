"""VQGAN: its codebook against loops, its transformer against GPT-2, and what an autoencoder does when it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import bestiary as command
from PIL import Image
from transformers import GPT2Config, GPT2LMHeadModel

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count
from bestiary.spec import Codebook, Gaussian, flat, from_json, to_json

CLOSE = 1e-10
NODE: Any = make("vqgan", widths=(8, 16), depth=1, entries=7, latent=6, size=16, attends=(0, 1), width=3, groups=4)


@pytest.fixture(scope="module")
def model() -> Any:
    made = build(NODE, seed=0).double().eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        made.code.vectors.weight.normal_()
    return made


def test_each_place_takes_the_nearest_vector(model: Any) -> None:
    latents = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    found, table = model.code(latents), model.code.vectors.weight
    for row in range(2):
        for y in range(4):
            for x in range(5):
                apart = [(latents[row, :, y, x] - vector).norm() for vector in table]
                code = min(range(7), key=lambda index: apart[index])
                assert found.codes[row, y, x] == code
                assert torch.equal(found.nearest[row, :, y, x], table[code])
    assert torch.equal(found.given, latents)


def test_gradients_pass_the_codebook_by(model: Any) -> None:
    """The straight-through estimator: what the decoder asks of a vector is asked of the place that took it."""
    latents = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    (model.code(latents).mode() * weights).sum().backward()
    assert latents.grad is not None and (latents.grad - weights).abs().max() < CLOSE
    assert model.code.vectors.weight.grad is None


@torch.no_grad()
def test_pictures_of_codes_are_those_of_their_vectors(model: Any) -> None:
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    answer = model(pixels)
    assert answer.codes.shape == (2, 8, 8)
    settled = model.code.look_up(answer.codes)
    assert (answer.latents - settled).abs().max() < 1e-14
    assert (model.decode(settled) - answer.sample).abs().max() < CLOSE  # what is settled stays as it is
    assert (model.picture(answer.codes) - (answer.sample / 2 + 0.5).clamp(0, 1)).abs().max() < CLOSE
    assert from_json(to_json(NODE)) == NODE and "argmin" in flat(NODE)


def test_codes_need_a_codebook() -> None:
    plain: Any = build(make("autoencoder_kl", widths=(8, 16), depth=1, groups=4), seed=0)
    with pytest.raises(BestiaryError, match="no codebook"):
        plain.picture(torch.zeros(1, 2, 2, dtype=torch.long))


@torch.no_grad()
def test_the_transformer_is_gpt2_with_gelu_and_a_matrix_of_its_own() -> None:
    sizes = {"vocab_size": 11, "n_positions": 9, "n_embd": 16, "n_layer": 2, "n_head": 4}
    config = GPT2Config(**sizes, activation_function="gelu", tie_word_embeddings=False)
    torch.manual_seed(0)
    reference = GPT2LMHeadModel(config).double().eval()
    for parameter in reference.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    theirs = reference.state_dict()
    ours: Any = build(make("code_gpt", dim=16, depth=2, heads=4, vocab=11, length=9), seed=0).double().eval()
    held = {
        "embed.tokens.weight": theirs["transformer.wte.weight"],
        "embed.position.weight": theirs["transformer.wpe.weight"],
        "heads.lm.output.weight": theirs["lm_head.weight"],
    }
    for part in ("weight", "bias"):
        held[f"stack.norm.{part}"] = theirs[f"transformer.ln_f.{part}"]
        for layer in range(2):
            here, there = f"stack.layers.{layer}", f"transformer.h.{layer}"
            thirds = theirs[f"{there}.attn.c_attn.{part}"].chunk(3, dim=-1)
            held |= {f"{here}.attn.{name}.{part}": each.t() for name, each in zip("qkv", thirds, strict=True)}
            for name, other in (("attn.o", "attn.c_proj"), ("mlp.up", "mlp.c_fc"), ("mlp.down", "mlp.c_proj")):
                held[f"{here}.{name}.{part}"] = theirs[f"{there}.{other}.{part}"].t()
            held[f"{here}.attn_norm.{part}"] = theirs[f"{there}.ln_1.{part}"]
            held[f"{here}.mlp_norm.{part}"] = theirs[f"{there}.ln_2.{part}"]
    ours.load_state_dict(held, strict=True)
    ids = torch.randint(11, (2, 9))
    assert (reference(ids).logits - ours(ids).logits).abs().max() < CLOSE
    assert sum(parameter.numel() for parameter in reference.parameters()) == count(ours.spec).total


def test_codes_are_written_one_after_another() -> None:
    """The transformer generates like any other: what conditions it comes first, and the cache changes nothing."""
    from bestiary.generate import generate

    ours: Any = build(make("code_gpt", dim=16, depth=2, heads=4, vocab=11, length=9), seed=0).double().eval()
    codes = generate(ours, torch.tensor([[0]]), max_new_tokens=8)
    with torch.no_grad():
        assert torch.equal(ours(codes[:, :-1]).logits.argmax(-1), codes[:, 1:])


def test_sizes_are_those_that_were_published() -> None:
    for name, entries in (("vqgan:f16-1024", 1024), ("vqgan:f16-16384", 16384), ("latent-diffusion:vq-f4", 8192)):
        node: Any = bestiary.spec(name)
        assert isinstance(node.code, Codebook) and node.code.entries == entries
    for name, millions in (("ffhq", 355), ("coco", 651)):
        assert round(count(bestiary.spec(f"vqgan:{name}")).total / 1e6) == millions
    assert isinstance(bestiary.spec("stable-diffusion").at("autoencoder.code"), Gaussian)


def test_run_draws_codes_and_makes_a_picture_again(tmp_path: Path) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    done = command(f"run vqgan:tiny --out {first}")
    assert done.code == 0, done.err
    assert "codes at random, 8 x 8 codes" in done.out
    done = command(f"run vqgan:tiny {first} --out {again} --json")
    assert done.code == 0, done.err
    (answer,) = json.loads(done.out)["results"]
    assert len(answer["codes"]) == len(answer["codes"][0]) == 8
    with Image.open(again) as picture:
        assert picture.size == (32, 32)
    assert command("run vqgan:tiny").code == 2
