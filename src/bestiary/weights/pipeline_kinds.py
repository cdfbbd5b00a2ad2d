"""Kinds of pipelines: which parts a folder of each holds, under which names, and the model that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bestiary.spec import (
    Autoencoder,
    DiffusedVector,
    EmbeddingDenoiser,
    FinishedUpscaler,
    LatentDiffusion,
    Model,
    PatchDenoiser,
    PatchDiffusion,
    PixelDiffusion,
    PriorCascade,
    Schedule,
    Transformer,
    UNet,
    VectorDiffusion,
    VectorTeller,
)
from bestiary.weights.dialects import schedulers


class Part(NamedTuple):
    """A folder with weights: where the part stands in the model, what it holds, and what the index may call it."""

    ours: str
    """A path of attributes, such as ``prior.denoiser``."""
    holds: type[Model]
    libraries: tuple[str, ...]
    class_names: tuple[str, ...]


Parts = Mapping[str, Any]
"""The spec of each part, by its folder."""
Schedules = Mapping[str, Schedule]
"""The schedule of each scheduler, by its folder."""


_DDIM = {"_class_name": "DDIMScheduler", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
"""What the published files of latent diffusion say of DDIM's steps."""


class Kind(NamedTuple):
    """A kind of pipeline: the model that it is, its parts by folder, and how the model is put together of them."""

    model: type[Model]
    parts: Mapping[str, Part]
    assembled: Callable[[Parts, Schedules], Model]
    tokenizers: tuple[str, ...] = ()
    """The classes of its tokenizer, if it has one."""
    schedules: Mapping[str, str] = {"scheduler": "schedule"}  # a mapping that nobody writes into
    """The folders of its schedulers, and where in the model each one's schedule stands."""
    stepping: schedulers.Stepping = schedulers.USUAL
    usual: Mapping[str, Mapping[str, Any]] = {"scheduler": _DDIM}
    """The config of each scheduler to write where none came, beside what says the schedule."""
    idle: tuple[str, ...] = ()
    """Parts that draw nothing: they are left out, and the index that we write says so."""
    said: tuple[str, ...] = ()
    """What else its index may hold."""


_DIFFUSERS, _TRANSFORMERS = ("diffusers",), ("transformers",)
_CLIP_WORDS = ("CLIPTokenizer", "CLIPTokenizerFast")
_UNET = Part("unet", UNet, _DIFFUSERS, ("UNet2DModel",))
_CODE = Part("autoencoder", Autoencoder, _DIFFUSERS, ("AutoencoderKL",))

_PIXELS = Kind(
    PixelDiffusion,
    {"unet": _UNET},
    lambda parts, schedules: PixelDiffusion(parts["unet"].dim, parts["unet"], schedules["scheduler"]),
)

_LATENT = Kind(
    LatentDiffusion,
    {
        "text_encoder": Part("text", Transformer, _TRANSFORMERS, ("CLIPTextModel",)),
        "unet": Part("unet", UNet, _DIFFUSERS, ("UNet2DConditionModel",)),
        "vae": _CODE,
    },
    lambda parts, schedules: LatentDiffusion(
        parts["text_encoder"].dim, parts["text_encoder"], parts["unet"], parts["vae"], schedules["scheduler"]
    ),
    tokenizers=_CLIP_WORDS,
    idle=("safety_checker", "feature_extractor", "image_encoder"),
    said=("requires_safety_checker",),
)

_PATCHES = Kind(
    PatchDiffusion,
    {
        "transformer": Part("denoiser", PatchDenoiser, _DIFFUSERS, ("DiTTransformer2DModel", "Transformer2DModel")),
        "vae": _CODE,
    },
    lambda parts, schedules: PatchDiffusion(
        parts["transformer"].dim, parts["transformer"], parts["vae"], schedules["scheduler"]
    ),
    usual={"scheduler": {"_class_name": "DDIMScheduler", "clip_sample": False}},
    said=("id2label",),
)


_UNCLIP = {"_class_name": "UnCLIPScheduler", "variance_type": "fixed_small_log", "clip_sample_range": 1.0}
"""What Karlo's files say of steps, but for the prior's range and the decoder's variance."""


def _by_vector(parts: Parts, schedules: Schedules) -> PriorCascade:
    prior, teller, unet = parts["prior"], parts["text_proj"], parts["super_res_first"]
    return PriorCascade(
        prior.width,
        parts["text_encoder"],
        DiffusedVector(prior.dim, prior, schedules["prior_scheduler"]),
        VectorDiffusion(teller.dim, teller, parts["decoder"], schedules["decoder_scheduler"]),
        (FinishedUpscaler(unet.dim, unet, schedules["super_res_scheduler"], parts["super_res_last"]),),
    )


_BY_VECTOR = Kind(
    PriorCascade,
    {
        "text_encoder": Part("text", Transformer, _TRANSFORMERS, ("CLIPTextModelWithProjection",)),
        "prior": Part("prior.denoiser", EmbeddingDenoiser, _DIFFUSERS, ("PriorTransformer",)),
        # The library once named a part of its own pipelines by the module; its newest release names itself.
        "text_proj": Part("painter.teller", VectorTeller, ("unclip", "diffusers"), ("UnCLIPTextProjModel",)),
        "decoder": Part("painter.unet", UNet, _DIFFUSERS, ("UNet2DConditionModel",)),
        "super_res_first": _UNET._replace(ours="upscalers[0].unet"),
        "super_res_last": _UNET._replace(ours="upscalers[0].finish"),
    },
    _by_vector,
    tokenizers=_CLIP_WORDS,
    schedules={
        "prior_scheduler": "prior.schedule",
        "decoder_scheduler": "painter.schedule",
        "super_res_scheduler": "upscalers[0].schedule",
    },
    stepping=schedulers.ANCESTRAL,
    usual={
        "prior_scheduler": {**_UNCLIP, "clip_sample_range": 5.0},
        "decoder_scheduler": {**_UNCLIP, "variance_type": "learned_range"},
        "super_res_scheduler": _UNCLIP,
    },
)

KINDS = {
    "StableDiffusionPipeline": _LATENT,
    "DDPMPipeline": _PIXELS,
    "DDIMPipeline": _PIXELS,
    "DiTPipeline": _PATCHES,
    "UnCLIPPipeline": _BY_VECTOR,
}
"""Pipelines by the class that the index names; of a kind, the first is written."""
