"""From sizes to specs: one small pure function per kind of model, and one table that names them and their heads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bestiary.architectures import (
    alphafold,
    bart,
    bert,
    big_bird,
    blip2,
    bloom,
    clip,
    cm3,
    control,
    ctrl,
    dall_e,
    deberta,
    detr,
    diffusion,
    dit,
    electra,
    ernie,
    ernie_thu,
    esm,
    experts,
    flamingo,
    gcvit,
    glide,
    glm,
    gpt,
    gptj,
    heads,
    imagen,
    llama,
    llava,
    longformer,
    megatron,
    modernbert,
    opt,
    palm,
    pictures,
    rt1,
    siglip,
    swin,
    t5,
    transfo_xl,
    transformer,
    unclip,
    vit,
    vqgan,
    wav2vec2,
    whisper,
    xlnet,
)
from bestiary.architectures.heads import Task
from bestiary.errors import BestiaryError, nearest
from bestiary.spec import Model, check
from bestiary.spec.limits import MAX_DEPTH, MAX_SIZE

__all__ = ["ARCHITECTURES", "Architecture", "make", "with_task"]


@dataclass(frozen=True)
class Architecture:
    """A function from sizes to a spec, the task whose heads that spec has, and the heads that other tasks put on it."""

    make: Callable[..., Model]
    task: str
    others: Mapping[str, Task]


_ENCODER: dict[str, Task] = {
    "token-classification": heads.tag_tokens,
    "question-answering": heads.find_spans,
}
_BERT: dict[str, Task] = {
    "masked-lm": bert.masked_lm,
    "pretraining": bert.pretraining,
    "next-sentence": bert.next_sentence,
    "sequence-classification": bert.classify_pooled,
    **_ENCODER,
}
_ROBERTA: dict[str, Task] = {
    "masked-lm": bert.masked_lm_gelu,
    "sequence-classification": bert.classify_first,
    **_ENCODER,
}
_DISTILBERT: dict[str, Task] = {
    "masked-lm": bert.masked_lm,
    "sequence-classification": bert.classify_first_relu,
    **_ENCODER,
}
_ELECTRA: dict[str, Task] = {
    "masked-lm": electra.fill_in,
    "replaced-token-detection": electra.detect_replaced,
    "sequence-classification": electra.classify_first,
    **_ENCODER,
}
_LONGFORMER: dict[str, Task] = {
    **_ROBERTA,
    "sequence-classification": longformer.classify_global,
    "question-answering": longformer.find_spans_global,
}
_BIG_BIRD: dict[str, Task] = {
    "masked-lm": big_bird.fill_in,
    "pretraining": bert.pretraining,
    "sequence-classification": big_bird.classify_beside_pooler,
    "token-classification": big_bird.tag_beside_pooler,
    "question-answering": big_bird.find_spans,
}
_MODERNBERT: dict[str, Task] = {
    "base": heads.no_head,
    "sequence-classification": modernbert.classify_mean,
    "token-classification": modernbert.tag_tokens,
    "question-answering": modernbert.find_spans,
}
_MODERNBERT_FIRST = _MODERNBERT | {"sequence-classification": modernbert.classify_first}
_DEBERTA: dict[str, Task] = {
    "masked-lm": deberta.masked_lm,
    "sequence-classification": deberta.classify_first,
    **_ENCODER,
}
_ERNIE_THU: dict[str, Task] = {**_BERT, "masked-lm": ernie_thu.masked_lm, "pretraining": ernie_thu.pretraining}
_ALBERT = {task: heads for task, heads in _BERT.items() if task != "next-sentence"}
_DECODER: dict[str, Task] = {"base": heads.no_head, "sequence-classification": gpt.classify_last}
_XLNET: dict[str, Task] = {
    "base": heads.no_head,
    "sequence-classification": xlnet.classify_end,
    "token-classification": xlnet.tag_tokens,
    "question-answering": xlnet.find_spans,
}


_LLAMA: dict[str, Task] = {
    **_DECODER,
    "token-classification": llama.tag_tokens,
    "question-answering": heads.find_spans,
}
_STABLELM: dict[str, Task] = {**_DECODER, "token-classification": llama.tag_tokens_alike}
_ANSWERING: dict[str, Task] = {**_DECODER, "question-answering": heads.find_spans}
_TAGGING: dict[str, Task] = {**_ANSWERING, "token-classification": gptj.tag_tokens}
_TAGGED_BY_LAYERS: dict[str, Task] = {**_ANSWERING, "token-classification": bloom.tag_tokens}
_ESM: dict[str, Task] = {
    "base": esm.base,
    "sequence-classification": esm.classify,
    "token-classification": esm.tag,
}
_SEQ2SEQ: dict[str, Task] = {"base": heads.no_head}
_BART: dict[str, Task] = {
    **_SEQ2SEQ,
    "sequence-classification": bart.classify_source,
    "question-answering": heads.find_spans,
}

_WAVEFORM: dict[str, Task] = {
    "base": heads.no_head,
    "speech-recognition": wav2vec2.write_letters,
    "audio-classification": wav2vec2.classify_sound,
}
_DETR: dict[str, Task] = {"base": heads.no_head}
_PYRAMID: dict[str, Task] = {"base": swin.mean_alone, "image-classification": swin.classify_mean}

ARCHITECTURES: dict[str, Architecture] = {
    "transformer": Architecture(transformer.transformer, "seq2seq-lm", _SEQ2SEQ),
    "bert": Architecture(bert.bert, "base", _BERT),
    "roberta": Architecture(bert.roberta, "base", _ROBERTA),
    "megatron_bert": Architecture(megatron.megatron_bert, "base", _BERT),
    "xlm_roberta_xl": Architecture(megatron.xlm_roberta_xl, "base", _ROBERTA),
    "ernie": Architecture(ernie.ernie, "base", _BERT),
    "ernie_thu": Architecture(ernie_thu.ernie_thu, "base", _ERNIE_THU),
    "deberta": Architecture(deberta.deberta, "base", _DEBERTA),
    "deberta_v2": Architecture(deberta.deberta_v2, "base", _DEBERTA),
    "electra": Architecture(electra.electra, "base", _ELECTRA),
    "electra_generator": Architecture(electra.electra_generator, "masked-lm", {"base": heads.no_head}),
    "albert": Architecture(bert.albert, "base", _ALBERT),
    "distilbert": Architecture(bert.distilbert, "base", _DISTILBERT),
    "longformer": Architecture(longformer.longformer, "base", _LONGFORMER),
    "big_bird": Architecture(big_bird.big_bird, "base", _BIG_BIRD),
    "modernbert": Architecture(modernbert.modernbert, "masked-lm", _MODERNBERT),
    "modernbert_first": Architecture(modernbert.modernbert, "masked-lm", _MODERNBERT_FIRST),
    "gpt": Architecture(gpt.gpt, "causal-lm", _DECODER),
    "gpt2": Architecture(gpt.gpt2, "causal-lm", _TAGGING),
    "gpt3": Architecture(gpt.gpt3, "causal-lm", _DECODER),
    "gptj": Architecture(gptj.gptj, "causal-lm", _ANSWERING),
    "gpt_neox": Architecture(gptj.gpt_neox, "causal-lm", _TAGGING),
    "gpt_neox_serial": Architecture(gptj.gpt_neox_serial, "causal-lm", _TAGGING),
    "gpt_neo": Architecture(gpt.gpt_neo, "causal-lm", _TAGGING),
    "opt": Architecture(opt.opt, "causal-lm", _ANSWERING),
    "bloom": Architecture(bloom.bloom, "causal-lm", _TAGGED_BY_LAYERS),
    "mpt": Architecture(bloom.mpt, "causal-lm", _TAGGED_BY_LAYERS),
    "falcon": Architecture(bloom.falcon, "causal-lm", _TAGGED_BY_LAYERS),
    "falcon_two_norms": Architecture(bloom.falcon_two_norms, "causal-lm", _TAGGED_BY_LAYERS),
    "falcon_serial": Architecture(bloom.falcon_serial, "causal-lm", _TAGGED_BY_LAYERS),
    "ctrl": Architecture(ctrl.ctrl, "causal-lm", _DECODER),
    "palm": Architecture(palm.palm, "causal-lm", _DECODER),
    "lamda": Architecture(palm.lamda, "causal-lm", _DECODER),
    "t5": Architecture(t5.t5, "seq2seq-lm", _SEQ2SEQ),
    "t5_1_1": Architecture(t5.t5_1_1, "seq2seq-lm", _SEQ2SEQ),
    "umt5": Architecture(t5.umt5, "seq2seq-lm", _SEQ2SEQ),
    "t5_encoder": Architecture(t5.t5_encoder, "encoder", {}),
    "t5_1_1_encoder": Architecture(t5.t5_1_1_encoder, "encoder", {}),
    "umt5_encoder": Architecture(t5.umt5_encoder, "encoder", {}),
    "bart": Architecture(bart.bart, "seq2seq-lm", _BART),
    "mbart": Architecture(bart.mbart, "seq2seq-lm", _BART),
    "pegasus": Architecture(bart.pegasus, "seq2seq-lm", _SEQ2SEQ),
    "blenderbot": Architecture(bart.blenderbot, "seq2seq-lm", _SEQ2SEQ),
    "blenderbot_small": Architecture(bart.blenderbot_small, "seq2seq-lm", _SEQ2SEQ),
    "m2m_100": Architecture(bart.m2m_100, "seq2seq-lm", _SEQ2SEQ),
    "marian": Architecture(bart.marian, "seq2seq-lm", _SEQ2SEQ),
    "alexatm": Architecture(bart.alexatm, "seq2seq-lm", _SEQ2SEQ),
    "transfo_xl": Architecture(transfo_xl.transfo_xl, "causal-lm", _DECODER),
    "glm": Architecture(glm.glm, "causal-lm", {"base": heads.no_head}),
    "glm_130b": Architecture(glm.glm_130b, "causal-lm", {"base": heads.no_head}),
    "gopher": Architecture(transfo_xl.gopher, "causal-lm", _DECODER),
    "xlnet": Architecture(xlnet.xlnet, "causal-lm", _XLNET),
    "llama": Architecture(llama.llama, "causal-lm", _LLAMA),
    "llama3_1": Architecture(llama.llama3_1, "causal-lm", _LLAMA),
    "mistral": Architecture(llama.mistral, "causal-lm", _LLAMA),
    "qwen2": Architecture(llama.qwen2, "causal-lm", _LLAMA),
    "qwen3": Architecture(llama.qwen3, "causal-lm", _LLAMA),
    "stablelm": Architecture(llama.stablelm, "causal-lm", _STABLELM),
    "gemma": Architecture(llama.gemma, "causal-lm", _LLAMA),
    "mixtral": Architecture(experts.mixtral, "causal-lm", _LLAMA),
    "switch": Architecture(experts.switch, "seq2seq-lm", _SEQ2SEQ),
    "switch_gated": Architecture(experts.switch_gated, "seq2seq-lm", _SEQ2SEQ),
    "glam": Architecture(experts.glam, "causal-lm", _DECODER),
    "glam_dense": Architecture(experts.glam_dense, "causal-lm", _DECODER),
    "clip": Architecture(clip.clip, "contrastive", {}),
    "clip_vision": Architecture(clip.clip_vision, "embedding", {"base": clip.summary_alone}),
    "clip_resnet": Architecture(clip.clip_resnet, "embedding", {}),
    "llava": Architecture(llava.llava, "image-text-to-text", {"base": heads.no_head}),
    "blip2": Architecture(blip2.blip2, "image-text-to-text", {}),
    "blip2_vision": Architecture(blip2.blip2_vision, "base", {}),
    "qformer": Architecture(blip2.qformer, "base", {}),
    "vip_llava": Architecture(llava.vip_llava, "image-text-to-text", {"base": heads.no_head}),
    "llava_linear": Architecture(llava.llava_linear, "image-text-to-text", {"base": heads.no_head}),
    "nfnet": Architecture(flamingo.nfnet, "features", {}),
    "flamingo": Architecture(flamingo.flamingo, "image-text-to-text", {"base": heads.no_head}),
    "decision_transformer": Architecture(control.decision_transformer, "next-action", {}),
    "rt1": Architecture(rt1.rt1, "next-action", {}),
    "gato": Architecture(control.gato, "next-action", {}),
    "trajectory_transformer": Architecture(control.trajectory_transformer, "next-action", {}),
    "cm3": Architecture(cm3.cm3, "causal-lm", {"base": heads.no_head}),
    "siglip": Architecture(siglip.siglip, "contrastive", {}),
    "siglip_text": Architecture(siglip.siglip_text, "base", {}),
    "siglip_vision": Architecture(siglip.siglip_vision, "base", {}),
    "clip_text": Architecture(clip.clip_text, "embedding", {"base": clip.summary_alone}),
    "alphafold": Architecture(alphafold.alphafold, "structure", {"aligned-error": alphafold.with_aligned_error}),
    "esm2": Architecture(esm.esm2, "masked-lm", _ESM),
    "esm1b": Architecture(esm.esm1b, "masked-lm", _ESM),
    "wav2vec2": Architecture(wav2vec2.wav2vec2, "pretraining", _WAVEFORM),
    "hubert": Architecture(wav2vec2.hubert, "pretraining", _WAVEFORM),
    "whisper_encoder": Architecture(
        whisper.whisper_encoder, "encoder", {"audio-classification": wav2vec2.classify_sound}
    ),
    "whisper": Architecture(whisper.whisper, "speech-recognition", _SEQ2SEQ),
    "ddpm": Architecture(pictures.ddpm, "unconditional-image-generation", {}),
    "adm": Architecture(pictures.adm, "class-to-image", {}),
    "latent_diffusion": Architecture(pictures.latent_diffusion, "text-to-image", {}),
    "stable_diffusion": Architecture(pictures.stable_diffusion, "text-to-image", {}),
    "cross_unet": Architecture(diffusion.cross_unet, "denoising", {}),
    "dit": Architecture(dit.dit, "denoising", {}),
    "glide": Architecture(glide.glide, "denoising", {}),
    "imagen": Architecture(imagen.imagen, "denoising", {}),
    "imagen_base": Architecture(imagen.imagen_base, "denoising", {}),
    "imagen_upscaler": Architecture(imagen.imagen_upscaler, "denoising", {}),
    "efficient_unet": Architecture(imagen.efficient_unet, "denoising", {}),
    "glide_part": Architecture(glide.glide_part, "denoising", {}),
    "unclip_prior": Architecture(unclip.unclip_prior, "denoising", {}),
    "unclip_decoder": Architecture(unclip.unclip_decoder, "denoising", {}),
    "unclip_upsampler": Architecture(unclip.unclip_upsampler, "denoising", {}),
    "unclip_codes": Architecture(unclip.unclip_codes, "denoising", {}),
    "unclip": Architecture(unclip.unclip, "text-to-image", {}),
    "karlo": Architecture(unclip.karlo, "text-to-image", {}),
    "vector_teller": Architecture(unclip.vector_teller, "denoising", {}),
    "joined_unet": Architecture(diffusion.joined_unet, "denoising", {}),
    "dall_e": Architecture(dall_e.dall_e, "text-to-image", {}),
    "vqgan": Architecture(vqgan.vqgan, "autoencoding", {}),
    "code_gpt": Architecture(vqgan.code_gpt, "causal-lm", _DECODER),
    "dvae": Architecture(dall_e.dvae, "autoencoding", {}),
    "pixel_unet": Architecture(diffusion.pixel_unet, "denoising", {}),
    "autoencoder_kl": Architecture(diffusion.autoencoder, "autoencoding", {}),
    "vit": Architecture(vit.vit, "image-classification", {"base": vit.pooled_image}),
    "deit": Architecture(
        vit.deit, "distilled-classification", {"base": vit.pooled_image, "image-classification": vit.classify_first}
    ),
    "beit": Architecture(
        vit.beit, "image-classification", {"base": vit.pooled_patches, "masked-image-modeling": vit.visual_words}
    ),
    "dinov2": Architecture(vit.dinov2, "base", {"image-classification": vit.classify_first_and_mean}),
    "gcvit": Architecture(gcvit.gcvit, "image-classification", {"base": swin.mean_alone}),
    "swin": Architecture(swin.swin, "image-classification", {"base": swin.mean_alone}),
    "swinv2": Architecture(swin.swinv2, "image-classification", {"base": swin.mean_alone}),
    "swin_masked": Architecture(swin.swin_masked, "masked-image-modeling", _PYRAMID),
    "swinv2_masked": Architecture(swin.swinv2_masked, "masked-image-modeling", _PYRAMID),
    "resnet": Architecture(detr.resnet, "base", {}),
    "detr": Architecture(detr.detr, "object-detection", _DETR | {"image-segmentation": detr.cover_objects}),
    "detr_masks": Architecture(detr.detr_masks, "image-segmentation", _DETR | {"object-detection": detr.find_objects}),
    "mae": Architecture(vit.mae, "masked-image-modeling", {"base": heads.no_head}),
}

_MAY_BE_ZERO = {"mask", "end", "types", "pad", "random", "skipped", "token"}


def make(name: str, **arguments: Any) -> Model:
    """Return the checked spec of a named architecture at the given sizes.

    An argument may be a model that is a part of this one: its arguments, with the name of its ``architecture`` among
    them. Sizes are checked before anything is built, so that a corrupt file cannot ask for a billion layers. Raises
    ``BestiaryError`` naming the argument.
    """
    if name not in ARCHITECTURES:
        raise BestiaryError(f"'{name}' is no architecture{nearest(name, ARCHITECTURES)}")
    function = ARCHITECTURES[name].make
    known = inspect.signature(function).parameters
    for argument, value in list(arguments.items()):
        if argument not in known:
            raise BestiaryError(f"{name} takes no argument '{argument}'{nearest(argument, known)}")
        least = 0 if argument in _MAY_BE_ZERO or isinstance(value, tuple) else 1
        least = -MAX_DEPTH if argument == "layers" else least  # counted from either end
        most = MAX_DEPTH if argument.endswith(("depth", "depths")) else MAX_SIZE - 1
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and not isinstance(number, bool) and not least <= number <= most:
                raise BestiaryError(f"{name}: {argument} is {value}; give a number from {least} to {most}")
        if isinstance(value, Mapping):
            arguments[argument] = _part(name, argument, value)
    missing = [key for key, p in known.items() if p.default is p.empty and key not in arguments]
    if missing:
        raise BestiaryError(f"{name} needs {' and '.join(missing)}")
    return check(function(**arguments))


def _part(whole: str, argument: str, given: Mapping[str, Any]) -> Model:
    """Return the spec of a model that is a part of another, made by the architecture that its arguments name."""
    sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    architecture = sizes.pop("architecture", None)
    if not isinstance(architecture, str):
        raise BestiaryError(f"{whole}: {argument} names no architecture; add it, such as 'clip_text'")
    try:
        return make(architecture, **sizes)
    except BestiaryError as error:
        raise BestiaryError(f"{whole}: {argument}: {error}") from None


def with_task(spec: Model, name: str, task: str, labels: int = 2) -> Model:
    """Return a model that ``make`` gave with the heads of another task; ``labels`` counts a classifier's.

    Raises ``BestiaryError`` naming the tasks that the architecture has heads for.
    """
    architecture = ARCHITECTURES[name]
    if task == architecture.task:
        return spec
    if task not in architecture.others:
        known = ", ".join((architecture.task, *architecture.others))
        raise BestiaryError(f"{name} has no heads for '{task}'; it has them for {known}")
    return check(spec.with_heads(architecture.others[task](spec, labels)))
