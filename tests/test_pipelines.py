"""Pipelines against diffusers: whole folders read and written, DDIM step by step, pictures, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import bestiary
from bestiary import diffuse
from bestiary.errors import BestiaryError
from bestiary.spec import CosineBetas, LinearBetas, ScaledLinearBetas, Schedule

diffusers.utils.logging.set_verbosity(diffusers.utils.logging.ERROR)
LETTERS = [chr(code) for code in range(33, 127)]
LENGTH = 11


def tokenizer() -> Any:
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "re", "red</w>", "<|startoftext|>", "<|endoftext|>"]
    numbered = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=numbered, merges=[("r", "e"), ("re", "d</w>")], model_max_length=LENGTH)


def perturbed(model: Any) -> Any:
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def latent_pipeline() -> Any:
    torch.manual_seed(0)
    words = tokenizer()
    ends = {"eos_token_id": words.eos_token_id, "bos_token_id": words.bos_token_id, "pad_token_id": 1}
    sizes = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3}
    text = CLIPTextConfig(vocab_size=len(words), max_position_embeddings=LENGTH, **sizes, **ends)
    common = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1}
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, cross_attention_dim=12, attention_head_dim=2, **common,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        sample_size=16, **common,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
    pipeline = diffusers.StableDiffusionPipeline(
        vae=perturbed(vae), text_encoder=perturbed(CLIPTextModel(text)), tokenizer=words, unet=perturbed(unet),
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return latent_pipeline()


@pytest.fixture(scope="module")
def folder(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline")
    pipeline.save_pretrained(path)
    return path


def noise() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3)).double()


@torch.no_grad()
def test_every_part_agrees(pipeline: Any, folder: Path) -> None:
    model = bestiary.load(folder)
    ids = pipeline.tokenizer("a red cat", padding="max_length", return_tensors="pt").input_ids
    assert diffuse.draw.__doc__ and torch.equal(padded(model, "a red cat"), ids)
    told = pipeline.text_encoder(ids).last_hidden_state
    assert (model.read(ids) - told).abs().max() < 1e-10
    step = pipeline.unet(noise(), 301, told).sample
    assert (model(ids, noise(), 301).sample - step).abs().max() < 1e-10
    image = torch.rand(1, 3, 16, 16, dtype=torch.float64) * 2 - 1
    assert (model.encode(image) - 0.18215 * pipeline.vae.encode(image).latent_dist.mean).abs().max() < 1e-10
    assert (model.decode(noise()) - pipeline.vae.decode(noise() / 0.18215).sample).abs().max() < 1e-10


def padded(model: Any, text: str) -> Tensor:
    from bestiary.diffuse.draw import padded as pad

    return pad(model, [text])


@torch.no_grad()
def test_the_same_picture_is_drawn(pipeline: Any, folder: Path) -> None:
    model = bestiary.load(folder)
    start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    asked = {"num_inference_steps": 6, "guidance_scale": 7.5, "latents": start.double()}
    latents = pipeline("a red cat", **asked, output_type="latent").images
    expected = (pipeline.vae.decode(latents / 0.18215).sample / 2 + 0.5).clamp(0, 1)
    drawn = diffuse.draw(model, ["a red cat"], steps=6, seed=5)
    assert drawn.std() > 0.01
    assert (drawn - expected).abs().max() < 1e-9  # seven passes of each part, one after another
    assert (diffuse.draw(model, ["a red cat"], steps=6, guidance=1.0, seed=5) - drawn).abs().max() > 1e-3


@torch.no_grad()
def test_what_we_save_opens_with_nothing_missing_or_unexpected(pipeline: Any, folder: Path, tmp_path: Path) -> None:
    bestiary.save(bestiary.load(folder), tmp_path)
    for name in ("text_encoder", "unet", "vae"):
        kind = type(getattr(pipeline, name))
        _, info = kind.from_pretrained(tmp_path / name, output_loading_info=True)
        assert [(what, found) for what, found in info.items() if found] == []
    opened = diffusers.StableDiffusionPipeline.from_pretrained(tmp_path, torch_dtype=torch.float64)
    opened.set_progress_bar_config(disable=True)
    asked = {"num_inference_steps": 3, "latents": noise(), "output_type": "latent"}
    assert torch.equal(opened("a red cat", **asked).images, pipeline("a red cat", **asked).images)
    configs = [dict(each.scheduler.config) for each in (opened, pipeline)]
    for config in configs:
        config.pop("_use_default_values", None)
    assert configs[0] == configs[1]


def test_a_pipeline_of_pixels_goes_there_and_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1, attention_head_dim=None,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipeline = diffusers.DDIMPipeline(unet=perturbed(unet), scheduler=diffusers.DDIMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    pipeline.save_pretrained(tmp_path / "theirs")
    model = bestiary.load(tmp_path / "theirs")
    bestiary.save(model, tmp_path / "ours")
    opened = diffusers.DDIMPipeline.from_pretrained(tmp_path / "ours", torch_dtype=torch.float64)
    sample = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        assert (opened.unet(sample, 7).sample - model(sample, 7).sample).abs().max() < 1e-10
    assert diffuse.draw_any(model, 2, steps=3).shape == (2, 3, 8, 8)


SCHEDULES: list[tuple[Schedule, dict[str, Any]]] = [
    (Schedule(LinearBetas(1e-4, 0.02)), {}),
    (Schedule(ScaledLinearBetas(0.00085, 0.012), predicts="velocity"),
     {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction"}),
    (Schedule(CosineBetas(), 500, "image"),
     {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 500, "prediction_type": "sample"}),
]  # fmt: skip
SAMPLERS: list[dict[str, Any]] = [
    {"clip": 1.0},
    {"offset": 1, "clean_end": False},
    {"spacing": "trailing"},
    {"spacing": "linspace", "clip": 0.5},
]


@pytest.mark.parametrize(("schedule", "config"), SCHEDULES, ids=["linear", "scaled", "cosine"])
@pytest.mark.parametrize("settings", SAMPLERS, ids=["clipped", "offset", "trailing", "linspace"])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_steps_are_those_of_diffusers(
    schedule: Schedule, config: dict[str, Any], settings: dict[str, Any], eta: float
) -> None:
    sampler = diffuse.Sampler(schedule, **settings)
    theirs = diffusers.DDIMScheduler(
        **config, clip_sample=sampler.clip is not None, clip_sample_range=sampler.clip or 1.0,
        set_alpha_to_one=sampler.clean_end, steps_offset=sampler.offset, timestep_spacing=sampler.spacing,
    )  # fmt: skip
    theirs.set_timesteps(7)
    assert sampler.times(7) == theirs.timesteps.tolist()
    torch.manual_seed(0)
    draw: Callable[[], Tensor] = lambda: torch.randn(2, 3, 5, 5, dtype=torch.float64)  # noqa: E731
    for time in sampler.times(7):
        sample, predicted, added = draw(), draw(), draw()
        ours = diffuse.ddim_step(sampler, predicted, time, schedule.steps // 7, sample, eta, added)
        step = theirs.step(predicted, time, sample, eta=eta, variance_noise=added if eta else None)
        assert (ours - step.prev_sample).abs().max() < 1e-10
    times = torch.tensor([3, schedule.steps - 1])
    image, added = draw(), draw()
    # There the shares are roots in the images' dtype; here too.
    assert (diffuse.noised(schedule, image, added, times) - theirs.add_noise(image, added, times)).abs().max() < 1e-10


def test_ddim_finds_the_image_that_a_true_prediction_tells() -> None:
    schedule = Schedule(LinearBetas(1e-4, 0.02))
    image, added = torch.rand(2, 1, 1, 4, 4, dtype=torch.float64)
    shares = diffuse.signal(schedule).double()

    def true(sample: Tensor, time: int) -> Tensor:
        return (sample - shares[time] ** 0.5 * image) / (1 - shares[time]) ** 0.5

    start = diffuse.noised(schedule, image, added, torch.tensor([980]))
    *_, found = diffuse.ddim(diffuse.Sampler(schedule), true, start, 50)
    assert (found - image).abs().max() < 1e-4  # the schedule is in float32


def test_guidance_goes_past_what_is_asked() -> None:
    told, unasked = torch.full((1, 2, 3), 5.0), torch.ones(1, 2, 3)
    ask = diffuse.guided(
        lambda sample, time, vectors: vectors.mean((1, 2)).view(-1, 1) + 0 * sample, told, unasked, 3.0
    )
    assert ask(torch.zeros(1, 1), 0).item() == 1.0 + 3.0 * (5.0 - 1.0)


def test_too_many_steps() -> None:
    with pytest.raises(BestiaryError, match="1001 steps are asked for; give from 1 to 1000"):
        diffuse.Sampler(Schedule(LinearBetas(1e-4, 0.02))).times(1001)


BAD_INDEX: list[tuple[str, Any, str]] = [
    ("_class_name", "StableDiffusionXLPipeline", "'_class_name' is 'StableDiffusionXLPipeline'"),
    ("unet", ["os", "system"], r"'unet' is \['os', 'system'\]; only UNet2DConditionModel can be loaded"),
    ("scheduler", ["diffusers", "HeunDiscreteScheduler"], "'scheduler' is .*; only DDIMScheduler or"),
    ("vae", None, "'vae' is null"),
    ("adapter", ["my.module", "Adapter"], "'?\"?adapter'?\"? is a part that we do not know"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_INDEX, ids=[key for key, *_ in BAD_INDEX])
def test_an_index_that_names_what_is_not_allowed(
    folder: Path, tmp_path: Path, key: str, value: Any, message: str
) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(index | {key: value}))
    with pytest.raises(BestiaryError, match=message):
        bestiary.load(tmp_path)


BAD_PARTS: list[tuple[str, dict[str, Any], str]] = [
    ("unet", {"cross_attention_dim": 13}, "has shape"),
    ("unet", {"down_block_types": ["KDownBlock2D", "DownBlock2D"]}, "give a list of CrossAttnDownBlock2D and DownB"),
    ("unet", {"up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]}, "the way up mirrors the way down"),
    ("unet", {"class_embed_type": "timestep"}, "another embedding of classes"),
    ("unet", {"widths": 3}, "'?\"?widths'?\"? is a key that we do not know"),
    ("vae", {"latent_channels": 0}, "'latent_channels' is 0; give a positive whole number"),
    ("vae", {"block_out_channels": "many"}, "give a list of some positive whole numbers"),
    ("scheduler", {"beta_schedule": "sigmoid"}, "'beta_schedule' is 'sigmoid'"),
    ("scheduler", {"rescale_betas_zero_snr": True}, "rescaled to end in noise"),
]


@pytest.mark.parametrize(
    ("part", "change", "message"), BAD_PARTS, ids=[f"{p}-{next(iter(c))}" for p, c, _ in BAD_PARTS]
)
def test_a_part_that_cannot_be_obeyed(
    folder: Path, tmp_path: Path, part: str, change: dict[str, Any], message: str
) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            (tmp_path / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    file = tmp_path / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BestiaryError, match=message):
        bestiary.load(tmp_path)
