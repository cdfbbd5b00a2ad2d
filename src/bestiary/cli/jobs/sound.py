"""Jobs on sound: writing down what is said, and labeling it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import torch
from torch import Tensor

from bestiary import generate, spec
from bestiary.cli.jobs.job import TOP, Answers, Job, Settings
from bestiary.cli.jobs.label import label
from bestiary.cli.output import print_table, remark
from bestiary.data.tokenizers.letters import ENGLISH
from bestiary.errors import BestiaryError

TONE = "a tone of 440 Hz"


def job_of(model: Any) -> str | None:
    """Return the name of the job of a spec that hears, or ``None`` for one that does not."""
    heads = list(getattr(model, "heads", {}).values())
    if _embed(model) is None:
        return None
    if any(isinstance(head, spec.LMHead | spec.CTCHead) for head in heads):
        return "transcribe"
    return "classify-sound" if any(isinstance(head, spec.MeanClassifier) for head in heads) else None


def _embed(model: Any) -> spec.Embedding | None:
    tower = model.encoder if isinstance(model, spec.EncoderDecoder) else model
    embed = getattr(tower, "embed", None)
    return embed if isinstance(embed, spec.Spectrogram | spec.Waveform) else None


def _sounds(model: Any, files: list[str], settings: Settings) -> Iterator[tuple[str, Tensor]]:
    """Yield the names of sounds and the sounds at the model's rate; an untrained twin that is given none hears a tone.

    A twin, which hears a few seconds at once, hears the beginning of a file.
    """
    from bestiary.data.audio import tone

    reader = model.processor
    if not files and not settings.twin:
        raise BestiaryError("this model hears; write the names of WAV files after its own")
    if not files:
        yield TONE, tone(_span(reader) / reader.rate, reader.rate)
    for file in files:
        sound = _heard(file, reader.rate)
        yield file, sound[: _span(reader)] if settings.twin else sound


def _heard(file: str, rate: int) -> Tensor:
    """Return the sound of a file at the model's rate, and say where it had another one."""
    from bestiary.data.audio import read_wav, resample

    sound, own = read_wav(file)
    if own != rate:
        remark(f"{file} has {own:,} samples a second; it is resampled to the model's {rate:,}")
    return resample(sound.mean(0), own, rate)


def _span(reader: Any) -> int:
    return getattr(reader, "samples", reader.rate)


def _prepared(model: Any) -> Any:
    """Give a twin what makes its input of sound, and half-precision weights a precision that processors convolve in."""
    from bestiary.data.audio import usual_hearing

    embed = _embed(model.spec)
    assert embed is not None
    if model.processor is None:
        model.processor = usual_hearing(embed)
    return model.float() if model.device.type == "cpu" and model.dtype == torch.float16 else model


def _segments(model: Any, sound: Tensor, settings: Settings) -> Iterator[generate.Segment]:
    if isinstance(model.spec, spec.Transformer):
        model.tokenizer = model.tokenizer or (ENGLISH if settings.twin else None)
        yield from generate.spell(model, sound)
    elif not settings.twin:
        asked = settings.sampling if settings.sampling.temperature else None
        yield from generate.transcribe(model, sound, language=settings.language, sampling=asked, seed=settings.seed)
    else:
        yield _unruled(model, sound, settings)


@torch.inference_mode()
def _unruled(model: Any, sound: Tensor, settings: Settings) -> generate.Segment:
    """Return what an untrained twin writes, whose few tokens tell neither language nor time."""
    tokenizer, rate = model.tokenizer, model.processor.rate
    memory = model.encode(model.processor([sound])["input_features"])
    ids = generate.written(
        model, memory, [tokenizer.pad_token_id], settings.max_new_tokens, sampling=settings.sampling, seed=settings.seed
    )
    return generate.Segment(0.0, len(sound) / rate, tokenizer.decode(list(ids), skip_special_tokens=False))


def _transcripts(model: Any, files: list[str], settings: Settings) -> Iterator[tuple[str, generate.Segment]]:
    model = _prepared(model)
    for name, sound in _sounds(model, files, settings):
        yield from ((name, segment) for segment in _segments(model, sound, settings))


def _answer(model: Any, files: list[str], settings: Settings) -> Answers:
    return [
        {"input": name, "start": round(segment.start, 2), "end": round(segment.end, 2), "text": segment.text}
        for name, segment in _transcripts(model, files, settings)
    ]


def _show(model: Any, files: list[str], settings: Settings) -> None:
    heard = False
    for name, segment in _transcripts(model, files, settings):
        heard = True
        where = f"{name}  " if len(files) > 1 or name == TONE else ""
        click.echo(f"{where}{_clock(segment.start)} - {_clock(segment.end)}  {segment.text.strip()}")
    if not heard:
        remark("no words were made out")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02d}:{rest:05.2f}"


@torch.inference_mode()
def _classify(model: Any, files: list[str], settings: Settings) -> Answers:
    """Return the likeliest labels of each sound."""
    model = _prepared(model)
    answers: Answers = []
    for name, sound in _sounds(model, files, settings):
        given = {key: value.to(model.device) for key, value in model.processor([sound]).items()}
        likeliest = model(**given).logits[0].float().softmax(-1).sort(descending=True)
        for index, probability in list(zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True))[:TOP]:
            answers.append({"input": name, "label": label(model, index), "probability": probability})
    return answers


def _show_labels(model: Any, files: list[str], settings: Settings) -> None:
    rows = [(a["label"], f"{a['probability']:.4f}", a["input"]) for a in _classify(model, files, settings)]
    print_table(("label", "probability", "input"), rows)


JOBS: dict[str, Job] = {"transcribe": Job(_answer, _show), "classify-sound": Job(_classify, _show_labels)}
