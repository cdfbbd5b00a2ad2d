"""Transcripts: their tokens' rules against the reference's, how they are cut, and checkpoints of two spellings."""

from __future__ import annotations

import json
import re
from functools import partial, reduce
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from comparison import apart, inputs, saved_and_loaded
from references.row import Row
from references.speech import heard_and_written, wav2vec2, whisper
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor

import bestiary
from bestiary.data.audio import SpectrogramReader, WaveformReader, tone
from bestiary.data.tokenizers.letters import ENGLISH, load_letters
from bestiary.data.tokenizers.speech import LANGUAGES, SpeechTokens, speech_tokens
from bestiary.errors import BestiaryError
from bestiary.generate import generate, speech, spell, transcribe
from bestiary.generate.letters import cut
from bestiary.generate.speech import _Rules, _segments
from bestiary.weights.load import load_weights

EN, MANY = speech_tokens(51864), speech_tokens(51865)
assert EN and MANY


def test_special_tokens_stand_where_the_authors_put_them() -> None:
    # whisper/tokenizer.py, get_encoding(): end, start, languages, two tasks, four marks, times
    assert (EN.end, EN.start, EN.transcribe, EN.no_speech, EN.no_times, EN.first_time) == (
        50256, 50257, 50358, 50361, 50362, 50363,
    )  # fmt: skip
    assert (MANY.end, MANY.start, MANY.transcribe, MANY.no_times) == (50257, 50258, 50359, 50363)
    assert (MANY.language("en"), MANY.language("su"), MANY.language("yue")) == (50259, 50357, None)
    latest = speech_tokens(51866)
    assert latest is not None
    assert (latest.language("yue"), latest.first_time) == (50358, 50365)
    assert (EN.multilingual, MANY.multilingual, len(LANGUAGES)) == (False, True, 100)
    assert speech_tokens(50257) is speech_tokens(512) is None


def reference_rules(layout: SpeechTokens) -> Any:
    said = SimpleNamespace(
        no_timestamps_token_id=layout.no_times, eos_token_id=layout.end, bos_token_id=layout.end,
        max_initial_timestamp_index=50,
    )  # fmt: skip
    return WhisperTimeStampLogitsProcessor(said, begin_index=0)  # type: ignore[arg-type]


def test_times_are_ruled_as_in_the_reference() -> None:
    random, seen = Random(0), set[tuple[bool, ...]]()
    theirs = reference_rules(EN)
    mine = _Rules(EN, [], [])
    for case in range(200):
        torch.manual_seed(case)
        new: list[int] = []
        for _ in range(random.randrange(8)):
            time = EN.first_time + random.randrange(1500)
            new.append(time if random.random() < 0.5 else random.randrange(EN.end))
        scores = torch.randn(51864) * 3
        scores[EN.first_time :] += random.choice((-3, 0, 3))
        expected = theirs(torch.tensor([new], dtype=torch.long), scores[None])[0]
        assert torch.equal(mine.apply(scores, new), expected)
        seen.add(tuple(token >= EN.first_time for token in new[-2:]))
    assert len(seen) == 7  # nothing yet, one token of either kind, and every pair


def test_what_is_never_said_and_what_does_not_begin() -> None:
    rules = _Rules(EN, [7, 9], [3])
    scores = torch.zeros(51864)
    scores[1] = 30.0  # likelier than all times together
    assert rules.apply(scores, [EN.first_time, 5])[[7, 9, EN.no_times]].tolist() == [-torch.inf] * 3
    first = rules.apply(scores, [])
    assert first[: EN.first_time].max() == -torch.inf
    assert first[EN.first_time :].isfinite().sum() == 51  # 0.00 to 1.00


A, B = 11, 12


def at(seconds: float) -> int:
    assert EN is not None
    return EN.first_time + round(seconds / 0.02)


CUT: dict[str, tuple[list[int], float | None, list[tuple[float, float]]]] = {
    "nothing follows a single time": ([at(0), A, at(2), at(2), B, at(5)], None, [(0, 2), (2, 5)]),
    "what the piece cuts off comes again": ([at(0), A, at(2), at(2), B, at(5), at(5)], 5, [(0, 2), (2, 5)]),
    "one segment": ([at(0), A, at(3)], None, [(0, 3)]),
    "no end": ([at(0), A, B], None, [(0, 30)]),
    "no time at all": ([A, B], None, [(0, 30)]),
}


@pytest.mark.parametrize("name", CUT)
def test_tokens_are_cut_where_two_times_meet(name: str) -> None:
    tokens, heard, spans = CUT[name]
    until, segments = _segments(tokens, EN, 30.0)
    assert until == (None if heard is None else pytest.approx(heard))
    assert [segment[:2] for segment in segments] == [pytest.approx(span) for span in spans]


# --- Checkpoints as they were first published ----------------------------------------------------------------------

SPELLINGS = (
    (r"\.blocks\.", ".layers."), (r"\.attn\.", ".self_attn."), (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.cross_attn\.", ".encoder_attn."), (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."),
    (r"\.query\.", ".q_proj."), (r"\.key\.", ".k_proj."), (r"\.value\.", ".v_proj."), (r"\.out\.", ".out_proj."),
    (r"\.mlp\.0\.", ".fc1."), (r"\.mlp\.2\.", ".fc2."), (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"^encoder\.ln_post\.", "encoder.layer_norm."), (r"^decoder\.ln\.", "decoder.layer_norm."),
    (r"token_embedding", "embed_tokens"), (r"positional_embedding$", "embed_positions.weight"),
)  # fmt: skip
"""Names in the authors' own code, whisper/model.py, and those in transformers: written down apart from our tables."""


def original_names(names: list[str], depths: dict[str, int]) -> dict[str, str]:
    """Return the first spelling of each tensor by its second."""
    kinds = ["query.weight", "query.bias", "key.weight", "value.weight", "value.bias", "out.weight", "out.bias"]
    found = ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "ln_post.weight", "ln_post.bias"]
    first = [f"encoder.{name}" for name in [*found, "positional_embedding"]]
    first += [f"decoder.{n}" for n in ("token_embedding.weight", "positional_embedding", "ln.weight", "ln.bias")]
    for side, depth in depths.items():
        for i in range(depth):
            for block in ("attn", "cross_attn")[: 2 if side == "decoder" else 1]:
                first += [f"{side}.blocks.{i}.{block}.{kind}" for kind in kinds]
                first += [f"{side}.blocks.{i}.{block}_ln.{kind}" for kind in ("weight", "bias")]
            first += [f"{side}.blocks.{i}.mlp{n}.{k}" for n in (".0", ".2", "_ln") for k in ("weight", "bias")]
    spelled: dict[str, str] = {}
    for name in first:
        other = name
        for pattern, replacement in SPELLINGS:
            other = re.sub(pattern, replacement, other)
        spelled[f"model.{other}"] = name
    assert sorted(spelled) == sorted(names)
    return spelled


def first_published(folder: Path, path: Path) -> dict[str, Any]:
    """Write a checkpoint of transformers as the authors' code would; return its sizes."""
    tensors, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())
    depths = {side: config[f"{side}_layers"] for side in ("encoder", "decoder")}
    spelled = original_names(list(tensors), depths)
    dims = {
        "n_mels": config["num_mel_bins"], "n_vocab": config["vocab_size"],
        "n_audio_ctx": config["max_source_positions"], "n_audio_state": config["d_model"],
        "n_audio_head": config["encoder_attention_heads"],
        "n_audio_layer": depths["encoder"], "n_text_ctx": config["max_target_positions"],
        "n_text_state": config["d_model"], "n_text_head": config["decoder_attention_heads"],
        "n_text_layer": depths["decoder"],
    }  # fmt: skip
    state = {spelled[name]: tensor for name, tensor in tensors.items()}
    torch.save({"dims": dims, "model_state_dict": state}, path)
    return dims


def alike(random: Random) -> Any:
    config = whisper(random, activation_function="gelu")
    config.encoder_ffn_dim = config.decoder_ffn_dim = 4 * config.d_model
    return config


@torch.no_grad()
def test_the_first_spelling_is_the_same_model(tmp_path: Path) -> None:
    row = Row("WhisperForConditionalGeneration", alike, given=heard_and_written)
    case = saved_and_loaded(row, 0, tmp_path / "theirs")
    dims = first_published(case.folder, tmp_path / "model.pt")
    model, checkpoint = load_weights(tmp_path / "model.pt")
    assert checkpoint.metadata == {"dims": dims}
    assert model.spec == case.model.spec
    given = inputs(case, "right")
    assert apart(case.reference(**given).logits, model(**given).logits) < 1e-10
    model.checkpoint = checkpoint
    bestiary.save(model, tmp_path / "back")  # as transformers writes it
    back, given_back = load_file(tmp_path / "back" / "model.safetensors"), load_file(case.folder / "model.safetensors")
    assert back.keys() == given_back.keys()
    assert all(torch.equal(back[name], given_back[name]) for name in back)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n_text_state": 7}, "'n_audio_state' and 'n_text_state' differ"),
        ({"n_audio_layer": 9}, "is missing"),
        ({"n_vocab": "many"}, "'n_vocab' is 'many'; give a positive whole number"),
        ({"n_beams": 3}, "'n_beams' is a key that we do not know"),
    ],
)
def test_sizes_that_the_tensors_do_not_have_are_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    case = saved_and_loaded(Row("WhisperForConditionalGeneration", alike), 0, tmp_path / "theirs")
    dims = first_published(case.folder, tmp_path / "model.pt")
    held = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(held | {"dims": dims | change}, tmp_path / "model.pt")
    with pytest.raises(BestiaryError, match=sentence):
        load_weights(tmp_path / "model.pt")


# --- What cannot be transcribed ------------------------------------------------------------------------------------


def small(vocab: int) -> Any:
    model = bestiary.build(bestiary.spec("whisper:tiny").at("decoder.embed.vocab", vocab), seed=0)
    model.processor = SpectrogramReader(80, 40960)
    return model


def test_what_cannot_transcribe_says_why() -> None:
    sound: Tensor = tone(1.0, 16000)
    with pytest.raises(BestiaryError, match="a vocabulary of 512 tokens has none that tell languages and times"):
        next(transcribe(small(512), sound))
    with pytest.raises(BestiaryError, match=r"loaded without a tokenizer: put GPT-2's vocab.json"):
        next(transcribe(small(51864), sound))
    with pytest.raises(BestiaryError, match="hears sound and reads no tokens; call transcribe"):
        generate(small(512), torch.tensor([[1]]), decoder_start_token_id=1)


class Letters:
    """Stands for a tokenizer where none is at hand: a token for each letter."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [ord(letter) % 256 for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


def test_a_language_is_told_by_the_sound_or_given() -> None:
    model = small(51865)
    model.tokenizer = Letters()
    told = partial(transcribe, model, 0.1 * torch.randn(60000), seed=0)
    assert all(segment.start <= segment.end <= 60000 / 16000 for segment in told())
    assert list(told(language="de", task="translate")) == list(told(language="de", task="translate"))
    with pytest.raises(BestiaryError, match="'xx' is no language of this model"):
        next(told(language="xx"))
    english = small(51864)
    english.tokenizer = Letters()
    with pytest.raises(BestiaryError, match="knows English alone"):
        next(transcribe(english, tone(1.0, 16000), language="de"))


WORDS, LAUGHTER = "It was the best of times, it was the worst of times", "ha " * 100


@pytest.mark.parametrize(
    ("attempts", "taken"),
    [
        ([(WORDS, -0.5, 0.0)], 0),
        ([(LAUGHTER, -0.1, 0.0), (WORDS, -0.9, 0.0)], 1),  # the same again and again
        ([(WORDS, -1.1, 0.0), (LAUGHTER, -0.1, 0.0), (WORDS, -0.9, 0.0)], 2),  # improbable
        ([(WORDS, -1.1, 0.7)], 0),  # silence needs no second try
        ([(LAUGHTER, -3.0, 0.0)] * 6, 5),  # the last is taken whatever it is
    ],
)
def test_what_is_not_to_be_believed_is_written_with_more_chance(
    attempts: list[tuple[str, float, float]], taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def write(model: Any, memory: Any, prompt: Any, rules: Any, way: Any, generator: Any) -> speech.Written:
        text, mean, silence = attempts[len(tried)]
        tried.append(way.temperature)
        return speech.Written([ord(letter) for letter in text], mean, silence)

    monkeypatch.setattr(speech, "_write", write)
    model = SimpleNamespace(tokenizer=Letters())
    found = speech._believed(model, torch.zeros(0), [], _Rules(EN, [], []), speech.WAYS, None)
    assert tried == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0][: taken + 1])
    assert "".join(map(chr, found.tokens)) == attempts[taken][0]


def test_repetition_shows_in_what_compression_saves() -> None:
    assert speech.compression(WORDS) < 1.3
    assert speech.compression(LAUGHTER) > 10


# --- Letters -------------------------------------------------------------------------------------------------------


def test_letters_are_written_as_they_change() -> None:
    ids = [0, 0, 12, 12, 0, 9, 0, 16, 16, 0, 16, 19, 0, 4, 4, 1, 27, 0]
    assert ENGLISH.decode(ids) == "HELLO W"
    assert ENGLISH.decode([3, 5, 5, 3], blank=5) == ""
    assert ENGLISH.decode([99, 4, 4]) == ""


def test_letters_are_those_of_the_reference(tmp_path: Path) -> None:
    ENGLISH.save(tmp_path)
    theirs = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    random = Random(0)
    for _ in range(50):
        ids = [random.choice((0, 0, 4, 5, 6, 12, 30)) for _ in range(40)]
        assert ENGLISH.decode(ids) == theirs.decode(ids).strip()
    again = load_letters(tmp_path, 32)
    assert (again.letters, again.between, again.marks) == (ENGLISH.letters, "|", ENGLISH.marks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"a": 0, "b": 0}, "the same id 0"),
        ({"a": 0, "b": 40}, "has a letter 40, but the model scores 32"),
        ({"a": -1}, "ids are whole numbers"),
        ({}, "an empty vocabulary"),
    ],
)
def test_letters_that_do_not_fit_are_refused(words: dict[str, int], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps(words))
    with pytest.raises(BestiaryError, match=sentence):
        load_letters(tmp_path, 32)


def test_a_long_sound_is_cut_where_it_is_quiet() -> None:
    sound = torch.randn(60 * 1000)
    sound[23_400:23_600] = 0.0
    assert 23_400 <= cut(sound, 1000) <= 23_600
    assert cut(sound[:30_000], 1000) == 30_000


def test_a_checkpoint_spells_a_sound_and_is_saved_with_its_letters(tmp_path: Path) -> None:
    model = bestiary.build("wav2vec-2.0:tiny", seed=0, task="speech-recognition")
    model.tokenizer, model.processor = ENGLISH, WaveformReader()
    bestiary.save(model, tmp_path)
    loaded = bestiary.load(tmp_path)
    assert loaded.processor == model.processor
    sound = 0.1 * torch.randn(50_000)
    spelled = list(spell(loaded, sound))
    assert spelled == list(spell(model, sound)) != []
    assert (spelled[0].start, spelled[-1].end) == (0.0, 50_000 / 16_000)
    wrapped = Wav2Vec2ForCTC.from_pretrained(tmp_path)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    heard = torch.tensor(extractor(sound.numpy(), sampling_rate=16_000)["input_values"][0])[None]
    with torch.no_grad():
        ids = wrapped(heard).logits[0].argmax(-1).tolist()
    assert ENGLISH.decode(ids) == spelled[0].text
    loaded.tokenizer = None
    with pytest.raises(BestiaryError, match=r"no letters: put its vocab.json beside"):
        next(spell(loaded, sound))
    with pytest.raises(BestiaryError, match="no head that writes letters"):
        next(spell(bestiary.build("wav2vec-2.0:tiny", seed=0), sound))


def test_older_spellings_of_the_positions_are_read(tmp_path: Path) -> None:
    case = saved_and_loaded(Row("Wav2Vec2Model", wav2vec2), 0, tmp_path)
    held = load_file(tmp_path / "model.safetensors")
    older = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
    renamed = {reduce(lambda n, pair: n.replace(*pair), older.items(), name): t for name, t in held.items()}
    assert renamed.keys() != held.keys()
    save_file(renamed, tmp_path / "model.safetensors")
    again, _ = load_weights(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), case.model.parameters(), strict=True))
