"""Pictures of texts by way of an image's vector: the prior, what paints, what enlarges (Ramesh et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.diffuse.ancestral import Ancestral, ancestral
from bestiary.diffuse.draw import padded_words, shown
from bestiary.diffuse.sampler import Sampler, ddim
from bestiary.watch import watched


@dataclass(frozen=True)
class Pace:
    """Steps and guidance of each part: as Karlo's published code takes them where it is fast."""

    prior: int = 25
    painter: int = 25
    upscalers: int = 7
    toward_vector: float = 4.0
    toward_picture: float = 8.0


PACE = Pace()


@dataclass(frozen=True)
class Told:
    """What a text says: its words, which of them are real, their vectors, and the vector of the whole text."""

    words: Tensor
    keep: Tensor
    vectors: Tensor
    whole: Tensor

    def like(self, other: Told) -> Told:
        """Return the same once for each of another's texts."""
        return Told(*(part.expand(len(other.words), *part.shape[1:]) for part in vars(self).values()))


@torch.inference_mode()
def draw_by_vector(model: Any, texts: Sequence[str], *, pace: Pace = PACE, seed: int = 0) -> Tensor:
    """Return a picture of each text, ``[B, channels, H, W]``, from 0 to 1.

    The noise is drawn on the CPU, so a seed gives the same noise on every device. Raises ``BestiaryError`` for a model
    without a tokenizer.
    """
    generator = torch.Generator().manual_seed(seed)
    told, nothing = _read(model, list(texts)), _read(model, [""])
    vectors = _vectors(model, told, nothing.like(told), pace, generator)
    sample = _painted(model, told, nothing.like(told), vectors, pace, generator).clamp(-1, 1)
    for index, part in enumerate(model.upscalers):
        sample = _enlarged(model, part, index, sample, pace, generator)
    return shown(sample)


def _read(model: Any, texts: list[str]) -> Told:
    ids, keep = padded_words(model, texts, model.spec.text.embed.position.length)
    read = model.text(input_ids=ids)  # causal, so what is padded behind a text changes nothing of it
    return Told(ids, keep, read.last_hidden_state, read.text_embeds)


def _sampler(model: Any, path: str, usual: Ancestral) -> Ancestral:
    """Return the sampler of the schedule that stands at a path, as the files describe it, if there are some."""
    if model.checkpoint is None:
        return usual
    return Ancestral(usual.schedule, **model.checkpoint.samplers[path])


def _noise(model: Any, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator).to(model.device, model.dtype)


def _vectors(model: Any, told: Told, nothing: Told, pace: Pace, generator: torch.Generator) -> Tensor:
    prior = model.prior
    if isinstance(prior.spec, spec.CodedVector):
        return _coded(prior, told, nothing, pace, generator)
    wanted = prior.spec.denoiser.length

    def widened(part: Tensor) -> Tensor:
        """A prior may have places for more words than the tower reads: they stay empty."""
        missing = wanted - part.shape[1]
        return torch.cat((part, part.new_zeros(len(part), missing, *part.shape[2:])), dim=1) if missing else part

    both = Told(*(torch.cat(pair) for pair in zip(vars(nothing).values(), vars(told).values(), strict=True)))
    words, keep = widened(both.vectors), widened(both.keep)

    def predict(sample: Tensor, time: int) -> Tensor:
        answer = prior(torch.cat((sample, sample)), time, both.whole, words, keep).image_embeds
        without, toward = answer.chunk(2)
        return without + pace.toward_vector * (toward - without)

    sampler = _sampler(model, "prior.schedule", Ancestral(prior.spec.schedule, clip=5.0))
    noise = _noise(model, (len(told.words), model.spec.dim), generator)
    *_, sample = ancestral(sampler, predict, noise, pace.prior, generator)
    return prior.vector(sample)


def _coded(prior: Any, told: Told, nothing: Told, pace: Pace, generator: torch.Generator) -> Tensor:
    """Draw codes one after another; a high nearness of text and image is asked for (section 2.2)."""
    length = prior.spec.text.embed.length
    words = torch.cat([prior.text(*_own_words(each, length)).last_hidden_state for each in (nothing, told)])
    whole = torch.cat((nothing.whole, told.whole))
    near = torch.full((len(whole),), prior.spec.buckets * 3 // 4, device=whole.device)
    codes: Tensor | None = None
    for _ in watched(range(prior.spec.components), "writing a vector"):
        both = None if codes is None else torch.cat((codes, codes))
        without, toward = prior(whole, words, near, both).logits[:, -1].chunk(2)
        scores = (without + pace.toward_vector * (toward - without)).float().cpu()
        drawn = torch.multinomial(scores.softmax(-1), 1, generator=generator).to(whole.device)
        codes = drawn if codes is None else torch.cat((codes, drawn), dim=1)
    return prior.vector(codes)


def _own_words(told: Told, length: int) -> tuple[Tensor, Tensor]:
    """Return what a tower with places of its own reads: the same tokens, cut or filled up."""
    ids, keep = (part[:, :length] for part in (told.words, told.keep))
    missing = length - ids.shape[1]
    if not missing:
        return ids, keep
    return torch.nn.functional.pad(ids, (0, missing)), torch.nn.functional.pad(keep, (0, missing))


def _painted(model: Any, told: Told, nothing: Told, vectors: Tensor, pace: Pace, generator: torch.Generator) -> Tensor:
    node, answer = model.spec.painter, _asked(model, told, nothing, vectors)

    def predict(sample: Tensor, time: int) -> Tensor:
        channels = sample.shape[1]
        without, toward = answer(torch.cat((sample, sample)), time).chunk(2)
        told_by_both = without[:, :channels] + pace.toward_picture * (toward - without)[:, :channels]
        return torch.cat((told_by_both, toward[:, channels:]), dim=1)

    learned = node.unet.out == 2 * node.unet.channels
    sampler = _sampler(model, "painter.schedule", Ancestral(node.schedule, learned, clip=1.0))
    noise = _noise(model, (len(told.words), node.unet.channels, node.unet.size, node.unet.size), generator)
    *_, sample = ancestral(sampler, predict, noise, pace.painter, generator)
    return sample


def _asked(model: Any, told: Told, nothing: Told, vectors: Tensor) -> Callable[[Tensor, int], Tensor]:
    """Return what paints, asked of noisy pictures twice: told nothing, then the texts and the vectors."""
    painter, node = model.painter, model.spec.painter
    if isinstance(node, spec.ImageTextDiffusion):
        length = painter.spec.text.embed.length
        pairs = zip(*(_own_words(each, length) for each in (nothing, told)), strict=True)
        words, keep = (torch.cat(pair) for pair in pairs)
        seen = torch.cat((torch.zeros_like(vectors), vectors))

        def answer(sample: Tensor, time: int) -> Tensor:
            return painter(words, sample, time, seen, keep).sample
    else:
        pairs = [painter.teller(image, each.whole, each.vectors) for image, each in ((None, nothing), (vectors, told))]
        read, added = (torch.cat(pair) for pair in zip(*pairs, strict=True))
        keep = torch.nn.functional.pad(torch.cat((nothing.keep, told.keep)), (node.teller.extra, 0), value=1)

        def answer(sample: Tensor, time: int) -> Tensor:
            return painter.unet(sample, time, read, keep, vector=added).sample

    return answer


def _enlarged(model: Any, part: Any, index: int, small: Tensor, pace: Pace, generator: torch.Generator) -> Tensor:
    node = part.spec
    channels, side = node.unet.channels // 2, node.unet.size
    noise = _noise(model, (len(small), channels, side, side), generator)
    if not isinstance(node, spec.FinishedUpscaler):

        def predict(sample: Tensor, time: int) -> Tensor:
            return part(sample, time, small).sample[:, :channels]

        *_, sample = ddim(Sampler(node.schedule, clip=1.0), predict, noise, pace.upscalers)
        return sample
    sampler = _sampler(model, f"upscalers[{index}].schedule", Ancestral(node.schedule, clip=1.0))

    def finished(sample: Tensor, time: int) -> Tensor:
        return part(sample, time, small, last=time == sampler.times(pace.upscalers)[-1]).sample

    *_, sample = ancestral(sampler, finished, noise, pace.upscalers, generator)
    return sample
