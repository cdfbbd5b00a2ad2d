"""``bestiary run``: each job on an untrained twin and on a saved checkpoint, and what it says when it cannot."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest
from command_line import Done, bestiary

from bestiary import api, spec
from bestiary.architectures import ARCHITECTURES, Architecture
from bestiary.catalog.find import entry, list_models
from bestiary.catalog.resolve import function_of
from bestiary.cli.twin import byte_tokenizer
from bestiary.errors import BestiaryError


def run(*arguments: str) -> Done:
    """Run the verb: ``run("bert:tiny", "a text", "--json")``."""
    return bestiary("run", *arguments)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twins with their byte tokenizers, saved in their families' own formats, by task."""
    folders: dict[str, Path] = {}
    for name, task in (("bert:tiny", "masked-lm"), ("llama:tiny", "causal-lm"), ("roberta:tiny", "base")):
        model = api.build(name, seed=1, task=task)
        model.tokenizer = byte_tokenizer(512)
        folders[task] = api.save(model, tmp_path_factory.mktemp(task))
    return folders


TEXTS = {
    "fill-mask": ["a [MASK]"],
    "generate": ["Once"],
    "embed": ["a cat", "a dog", "the sea"],
    "tell-replaced": ["a cat"],
    "classify-image": [],
    "transcribe": [],
    "compare-images": [],
    "restore-image": [],
    "detect": [],
    "fold": ["MKTAYIAK"],
    "rank-captions": ["a cat", "a dog"],
    "answer": ["What is this?"],
    "act": ["CartPole-v1"],
    "draw": ["a red cat"],
    "reconstruct": [],
}
OWN_TEXTS = {"esm-2": ["MKT<mask>YIAK"], "ddpm": [], "adm": [], "diffusion": []}
"""What reads no prose."""

KEYS = {
    "fill-mask": {"text", "mask", "token", "probability"},
    "generate": {"prompt", "text"},
    "embed": {"text", "to", "similarity"},
    "tell-replaced": {"text", "token", "replaced"},
    "classify-image": {"input", "label", "probability"},
    "transcribe": {"input", "start", "end", "text"},
    "compare-images": {"input", "to", "similarity"},
    "restore-image": {"input", "hidden", "patches", "squared_error"},
    "detect": {"input", "label", "score", "box"},
    "fold": {"sequence", "rows", "confidence", "ptm", "plddt", "file"},
    "draw": {"input", "picture"},
    "reconstruct": {"input", "codes", "picture"},
    "act": {"environment", "steps", "return", "random"},
    "rank-captions": {"image", "text", "probability", "logit"},
    "answer": {"image", "question", "text"},
}


JOBS = {
    "base": "embed",
    "encoder": "embed",
    "masked-lm": "fill-mask",
    "causal-lm": "generate",
    "seq2seq-lm": "generate",
    "image-classification": "classify-image",
    "speech-recognition": "transcribe",
    "distilled-classification": "classify-image",
    "masked-image-modeling": "restore-image",
    "structure": "fold",
    "object-detection": "detect",
    "contrastive": "rank-captions",
    "image-text-to-text": "answer",
    "next-action": "act",
    "text-to-image": "draw",
    "class-to-image": "draw",
    "unconditional-image-generation": "draw",
    "autoencoding": "reconstruct",
}
"""What a twin does by the task of its architecture."""
TO_COME = {"denoising"}
"""What has no job yet: parts of pipelines, and makers of images that no sampler here reads."""


def architecture(slug: str) -> Architecture:
    return ARCHITECTURES[function_of(entry(slug), "tiny")]


def job_of(slug: str) -> str:
    """Return what the twin of an entry does when it is given plain texts."""
    made = architecture(slug)
    if isinstance(getattr(api.spec(f"{slug}:tiny"), "embed", None), spec.Patches) and made.task == "base":
        return "compare-images"
    if "speech-recognition" in made.others:
        return "transcribe"
    return "tell-replaced" if "replaced-token-detection" in made.others else JOBS[made.task]


MASKED = [slug for slug in list_models() if "masked-lm" in architecture(slug).others]


@pytest.mark.parametrize(
    ("slug", "job"),
    [
        *((s, job_of(s)) for s in list_models() if architecture(s).task not in TO_COME),
        *((s, "fill-mask") for s in MASKED),
    ],
)
def test_every_entry_has_a_twin_that_runs(slug: str, job: str, tmp_path: Path) -> None:
    file = ["--out", str(tmp_path / "picture.png")] if job in ("draw", "reconstruct") else []
    code, out, err = run(f"{slug}:tiny", *OWN_TEXTS.get(slug, TEXTS[job]), "--max-new-tokens", "5", *file, "--json")
    answer = json.loads(out)
    assert (code, err, answer["job"]) == (0, "", job)
    assert answer["weights"].startswith("untrained: random weights")
    assert answer["results"]
    assert all(set(result) == KEYS[job] for result in answer["results"])


def test_a_twin_is_labelled_and_repeats_itself() -> None:
    first = run("gpt-2:tiny", "Once", "--top-k", "50", "--max-new-tokens", "8", "--seed", "3")
    assert first == run("gpt-2:tiny", "Once", "--top-k", "50", "--max-new-tokens", "8", "--seed", "3")
    assert first != run("gpt-2:tiny", "Once", "--top-k", "50", "--max-new-tokens", "8", "--seed", "4")
    assert "untrained: random weights (seed 3)" in first[2]


@pytest.mark.parametrize(
    ("arguments", "header"),
    [
        (("bert:tiny", "a [MASK]"), "token\tprobability\tmask\ttext"),
        (("bert:tiny", "a", "b"), "similarity\ttext"),
        (("vit:tiny",), "label\tprobability\tinput"),
        (("hubert:tiny", "--task", "audio-classification"), "label\tprobability\tinput"),
        (("bert:tiny", "a", "--task", "sequence-classification"), "label\tprobability\tinput"),
    ],
)
def test_answers_in_a_pipe_are_tables(arguments: tuple[str, ...], header: str) -> None:
    code, out, _ = run(*arguments)
    assert code == 0
    assert out.splitlines()[0] == header
    assert len(out.splitlines()) >= 2


def test_two_masks_are_filled_apart() -> None:
    results = json.loads(run("bert:tiny", "[MASK] or [MASK]", "--json")[1])["results"]
    assert [result["mask"] for result in results] == [1] * 5 + [2] * 5
    assert all(0 < result["probability"] < 1 for result in results)


def test_a_sentence_is_likest_to_itself() -> None:
    ranking = json.loads(run("roberta:tiny", "a cat", "the open sea", "a cat", "--json")[1])["results"]
    assert ranking[0]["text"] == "a cat"
    assert ranking[0]["similarity"] == pytest.approx(1, abs=1e-6)  # float32
    assert ranking[1]["similarity"] < 1 - 1e-6


def test_a_saved_checkpoint_answers_as_the_model_did(checkpoints: dict[str, Path]) -> None:
    folder = checkpoints["masked-lm"]
    answer = json.loads(run(str(folder), "a [MASK]", "--json")[1])
    assert answer["weights"] == f"weights of {folder}"
    assert answer["results"] == json.loads(run("bert:tiny", "a [MASK]", "--seed", "1", "--json")[1])["results"]


def test_a_decoder_streams_what_it_answers(checkpoints: dict[str, Path]) -> None:
    arguments = (str(checkpoints["causal-lm"]), "Once", "--max-new-tokens", "6")
    code, out, err = run(*arguments)
    assert (code, err) == (0, f"weights of {arguments[0]}\n")
    assert json.loads(run(*arguments, "--json")[1])["results"][0]["text"] + "\n" == out


def test_a_checkpoint_opens_with_another_task(checkpoints: dict[str, Path]) -> None:
    code, out, _ = run(str(checkpoints["masked-lm"]), "a cat", "a dog", "--task", "base", "--json")
    assert (code, json.loads(out)["job"]) == (0, "embed")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("bert:tiny",), ("write some",)),
        (("bert:tiny", "one"), ("write some",)),
        (("gpt-2:tiny",), ("write some",)),
        (("vit:tiny", "cat.png"), ("cat.png", "No such file")),
        (("whisper:tiny", "talk.wav"), ("talk.wav", "No such file")),
        (("bert:tiny", "a", "--task", "question-answering"), ("no job", "spans")),
        (("gpt-2:tiny", "a", "--task", "base"), ("no job", "no head")),
        (("bert:tiny", "a", "--task", "dance"), ("dance", "masked-lm")),
        (("bert:tiny", "a [MASK]", "--chat"), ("chat template",)),
        (("vit:tiny", "--chat", "a"), ("tokenizer",)),
        (("gpt-2:tiny", "a", "--top-p", "2"), ("--top-p",)),
        (("gpt-2:tiny", "a", "--max-new-tokens", "1000"), ("positions",)),
        (("gpt-2:tiny", "a", "--temperature", "nan"), ("temperature",)),
        (("llama:tiny", "a", "--max-new-tokens", "1000000000000"), ("--max-new-tokens",)),
        (("llama:tiny", "a", "--seed", "-1"), ("--seed",)),
        (("brt:tiny", "a"), ("brt", "'bert'")),
        (("bert", "a"), ("google-bert/bert-base-uncased", "hub")),
        (("nobody/nothing", "a"), ("nobody/nothing", "hub")),
        (("gpt-3", "a"), ("no weights of gpt-3:175b",)),
        (("./no-such-folder", "a"), ("no-such-folder",)),
    ],
)
def test_what_cannot_run_says_why(arguments: tuple[str, ...], fragments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    complaint = err.splitlines()[-1]
    assert complaint.startswith("error: ")
    assert [fragment for fragment in fragments if fragment not in complaint] == []


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    code, out, err = run(str(tmp_path), "a")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(tmp_path) in err


def test_bytes_come_back() -> None:
    tokenizer = byte_tokenizer(512)
    text = "naïve 北京 \N{SNOWMAN}\n\t\0"
    assert tokenizer.vocab_size == 512
    assert tokenizer.encode(text) != []
    assert len(tokenizer.encode(text)) == len(text.encode())
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("a[MASK]")[-1] == tokenizer.mask_token_id


def test_bytes_need_room() -> None:
    with pytest.raises(BestiaryError, match=r"need 259 tokens, but the embedding holds 100"):
        byte_tokenizer(100)


def test_a_sound_of_another_rate_is_heard_and_said(tmp_path: Path) -> None:
    said = {}
    for rate in (16_000, 44_100):
        file = tmp_path / f"{rate}.wav"
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes(bytes(2 * rate))
        code, out, said[rate] = run("whisper:tiny", str(file), "--max-new-tokens", "4")
        assert (code, out.startswith("00:00.00 - 00:01.00")) == (0, True)
    assert "samples a second" not in said[16_000]
    assert (
        f"{tmp_path / '44100.wav'} has 44,100 samples a second; it is resampled to the model's 16,000" in said[44_100]
    )
