"""U-Nets and autoencoders of diffusers 0.42.1: tiny, of odd sizes, every parameter perturbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import diffusers
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from torch import Tensor

diffusers.utils.logging.set_verbosity(diffusers.utils.logging.ERROR)

WIDTHS = [8, 16, 24]


@dataclass(frozen=True)
class Row:
    """One class at one kind of config: what makes it, and its answers on some input, by name."""

    name: str
    config: Callable[[Random], dict[str, Any]]
    answers: Callable[[Any, dict[str, Tensor]], dict[str, Tensor]]
    given: Callable[[Any], dict[str, Tensor]]
    label: str

    def __str__(self) -> str:
        return f"{self.name}-{self.label}"

    def reference(self, seed: int, draws: type[Random] = Random) -> Any:
        """Return the reference in float64, every parameter perturbed, its sizes drawn by the seed."""
        torch.manual_seed(seed)
        kind = UnCLIPTextProjModel if self.name == "UnCLIPTextProjModel" else getattr(diffusers, self.name)
        reference = kind(**self.config(draws(f"{self} {seed}"))).double().eval()
        with torch.no_grad():
            for parameter in reference.parameters():
                parameter += 0.05 * torch.randn_like(parameter)
        return reference


def sides(config: Any) -> tuple[int, int]:
    """Draw the sides of maps, which need not be what halving brings back."""
    return (13, 18) if config.in_channels == 4 else (16, 12)


def noisy(config: Any) -> dict[str, Tensor]:
    """Draw noisy maps at time steps of their own, vectors to look at, classes."""
    given = {
        "sample": torch.randn(3, config.in_channels, *sides(config), dtype=torch.float64),
        "timestep": torch.tensor([3, 721, 20]),
    }
    if "cross_attention_dim" in config:
        given["encoder_hidden_states"] = torch.randn(3, 7, config.cross_attention_dim, dtype=torch.float64)
    elif config.num_class_embeds:
        given["class_labels"] = torch.tensor([4, 0, 2])
    return given


def predicted(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"sample": model(**given).sample}


def images(config: Any) -> dict[str, Tensor]:
    return {
        "pixels": torch.randn(2, config.in_channels, 16, 20, dtype=torch.float64),
        "latents": torch.randn(2, config.latent_channels, 4, 5, dtype=torch.float64),
    }


def both_ways(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    encoded, image = model.encode(given["pixels"]), model.decode(given["latents"])
    latent, image = getattr(encoded, "latent_dist", encoded), getattr(image, "sample", image)
    return {"mean": latent.mean, "logvar": latent.logvar, "image": image}


def common(random: Random, **changes: Any) -> dict[str, Any]:
    sizes = {
        "block_out_channels": WIDTHS[: random.choice((2, 3))],
        "layers_per_block": random.choice((1, 2)),
        "norm_num_groups": random.choice((2, 4)),
        "act_fn": random.choice(("silu", "gelu", "relu")),
    }
    return sizes | changes


def cross(random: Random, **changes: Any) -> dict[str, Any]:
    config = common(random) | {"cross_attention_dim": random.choice((9, 11)), "norm_eps": random.choice((1e-5, 1e-3))}
    levels = len(config["block_out_channels"])
    kinds = ["CrossAttnDownBlock2D"] * (levels - 1) + ["DownBlock2D"]
    layers = [random.choice((1, 2)) for _ in range(levels - 1)] + [1]
    return config | {
        "down_block_types": kinds,
        "up_block_types": [kind.replace("Down", "Up") for kind in reversed(kinds)],
        "transformer_layers_per_block": layers,
        "attention_head_dim": [2, 4, 3][:levels],
        **changes,
    }


def linear(random: Random) -> dict[str, Any]:
    return cross(random, use_linear_projection=True)


def plain(random: Random) -> dict[str, Any]:
    """What Ho et al. 2020 published: sines first, zeros in corners, one head in the second level."""
    config = common(random, norm_eps=1e-6, flip_sin_to_cos=False, freq_shift=1, downsample_padding=0)
    levels = len(config["block_out_channels"])
    kinds = ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"][:levels]
    return config | {
        "down_block_types": kinds,
        "up_block_types": [kind.replace("Down", "Up") for kind in reversed(kinds)],
        "attention_head_dim": None,
    }


def ablated(random: Random) -> dict[str, Any]:
    """What Dhariwal and Nichol 2021 made of it: levels resampled in blocks, scale and shift, classes, more heads."""
    config = common(random, resnet_time_scale_shift="scale_shift", num_class_embeds=5, attention_head_dim=4)
    levels = len(config["block_out_channels"])
    kinds = ["ResnetDownsampleBlock2D", *(["AttnDownBlock2D"] * (levels - 1))]
    return config | {
        "down_block_types": kinds,
        "up_block_types": [kind.replace("Downsample", "Upsample").replace("Down", "Up") for kind in reversed(kinds)],
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "attn_norm_num_groups": config["norm_num_groups"],
    }


def coded(random: Random) -> dict[str, Any]:
    levels = 3
    return common(random, block_out_channels=WIDTHS) | {
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "latent_channels": random.choice((2, 3)),
        "scaling_factor": 0.7,
    }


def bare(random: Random) -> dict[str, Any]:
    """What enlarges Karlo's pictures: the same blocks without any attention."""
    config = ablated(random) | {"resnet_time_scale_shift": "default", "num_class_embeds": None, "add_attention": False}
    levels = len(config["block_out_channels"])
    kinds = {"down_block_types": ["ResnetDownsampleBlock2D"] * levels}
    kinds |= {"up_block_types": ["ResnetUpsampleBlock2D"] * levels, "attn_norm_num_groups": None}
    return config | kinds | {"in_channels": 6, "out_channels": 3, "attention_head_dim": 8}


def joined(random: Random) -> dict[str, Any]:
    """Karlo's decoder: attention to pixels and vectors at once, and a vector added to that of the time step."""
    config = common(random, cross_attention_dim=random.choice((9, 11)), attention_head_dim=4)
    levels = len(config["block_out_channels"])
    kinds = ["ResnetDownsampleBlock2D", *(["SimpleCrossAttnDownBlock2D"] * (levels - 1))]
    return config | {
        "in_channels": 3,
        "out_channels": 6,
        "down_block_types": kinds,
        "up_block_types": [kind.replace("Down", "Up").replace("downs", "ups") for kind in reversed(kinds)],
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "class_embed_type": "identity",
        "resnet_time_scale_shift": "scale_shift",
    }


def told(config: Any) -> dict[str, Tensor]:
    """Draw noisy images, words of which some are padding, and what is added to the time step's vector."""
    keep = torch.ones(3, 7, dtype=torch.long)
    keep[1, 4:] = 0
    given = noisy(config) | {"keep": keep}
    return given | {"added": torch.randn(3, 4 * config.block_out_channels[0], dtype=torch.float64)}


def painted(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    known = {name: given[name] for name in ("sample", "timestep", "encoder_hidden_states")}
    if isinstance(model, diffusers.UNet2DConditionModel):
        return predicted(model, known | {"class_labels": given["added"], "attention_mask": given["keep"].bool()})
    return predicted(model, known | {"vector": given["added"], "encoder_attention_mask": given["keep"]})


def teller(random: Random) -> dict[str, Any]:
    return {
        "clip_extra_context_tokens": random.choice((2, 3)), "clip_embeddings_dim": random.choice((6, 10)),
        "time_embed_dim": random.choice((12, 20)), "cross_attention_dim": random.choice((5, 7)),
    }  # fmt: skip


def vectors(config: Any) -> dict[str, Tensor]:
    image, text, *words = torch.randn(6, 2, config.clip_embeddings_dim, dtype=torch.float64)
    return {"image": image, "text": text, "words": torch.stack(words, dim=1)}


def with_and_without(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Answer for an image, and for no image, one behind another."""
    image, text, words = given.values()
    if isinstance(model, UnCLIPTextProjModel):
        doubled = {"prompt_embeds": torch.cat((text, text)), "text_encoder_hidden_states": torch.cat((words, words))}
        read, added = model(image_embeddings=image, **doubled, do_classifier_free_guidance=True)
        return {"read": read, "added": added}
    both = zip(model(None, text, words), model(image, text, words), strict=True)
    return dict(zip(("read", "added"), (torch.cat(each) for each in both), strict=True))


def quantized(random: Random) -> dict[str, Any]:
    """A learned codebook, and attention in the last level, as Esser et al. 2020 released it."""
    config = {name: value for name, value in coded(random).items() if name != "scaling_factor"}
    attends = {
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    }
    return {**config, **attends, "num_vq_embeddings": random.choice((11, 13)), "vq_embed_dim": random.choice((4, 5))}


def through_codes(model: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Answer with the map before it is held against the codebook, images of what is nearest to it, and the pull.

    Vectors are copied and not mapped, so what trains them is that they and their places are pulled together.
    """
    encoded, image = model.encode(given["pixels"]), model.decode(given["latents"])
    before = encoded.latents if hasattr(encoded, "latents") else encoded.given
    through = model.decode(before)
    if hasattr(encoded, "nearest"):
        pull = 0.25 * (encoded.nearest - before.detach()).square().mean()
        pull = pull + (encoded.nearest.detach() - before).square().mean()
    else:
        pull = through.commit_loss
    image, through = (getattr(each, "sample", each) for each in (image, through))
    return {"map": before, "image": image, "through": through, "pull": pull}


def coded_maps(config: Any) -> dict[str, Tensor]:
    """Draw images, and maps as wide as the codebook's vectors."""
    return {
        "pixels": torch.randn(2, config.in_channels, 16, 20, dtype=torch.float64),
        "latents": torch.randn(2, config.vq_embed_dim, 4, 5, dtype=torch.float64),
    }


ROWS: tuple[Row, ...] = (
    Row("UNet2DConditionModel", cross, predicted, noisy, "convolutions"),
    Row("UNet2DConditionModel", linear, predicted, noisy, "linear"),
    Row("UNet2DModel", plain, predicted, noisy, "plain"),
    Row("UNet2DModel", ablated, predicted, noisy, "ablated"),
    Row("UNet2DModel", bare, predicted, noisy, "bare"),
    Row("UNet2DConditionModel", joined, painted, told, "joined"),
    Row("UnCLIPTextProjModel", teller, with_and_without, vectors, "teller"),
    Row("AutoencoderKL", coded, both_ways, images, "normal"),
    Row("VQModel", quantized, through_codes, coded_maps, "codebook"),
)
