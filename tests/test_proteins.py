"""Protein language models beside the harness: contacts, files as they are published, letters as tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from safetensors.torch import load_file, save_file
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

import bestiary
from bestiary.data.proteins import VOCABULARY, residue_tokenizer
from bestiary.data.tokenizers import load_tokenizer
from bestiary.errors import BestiaryError
from bestiary.nn.proteins import contacts

PROTEINS = ["MKTAYIAKQR", "GG<mask>LZ", "MA <mask> JJL.u"]


@pytest.fixture
def published(tmp_path: Path) -> tuple[EsmForMaskedLM, Path]:
    """A small ESM-2 with its vocabulary, its contact head and its frequencies perturbed."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
    special = {"mask_token_id": 32, "pad_token_id": 1, "token_dropout": True, "position_embedding_type": "rotary"}
    model = EsmForMaskedLM(EsmConfig(vocab_size=33, layer_norm_eps=1e-5, **sizes, **special)).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor += 0.05 * torch.randn_like(tensor)
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    model.save_pretrained(tmp_path)
    return model, tmp_path


@torch.no_grad()
def test_contacts_are_those_of_the_reference(published: tuple[EsmForMaskedLM, Path]) -> None:
    reference, folder = published
    reference.set_attn_implementation("eager")
    model = bestiary.load(folder, task="masked-lm")
    batch = model.tokenizer(["MKTAYIAKQR", "GGLA"]).tensors()
    ids, keep = batch["input_ids"], batch["attention_mask"]
    expected = reference.predict_contacts(ids, keep)
    assert expected.shape == (2, 10, 10)
    torch.testing.assert_close(contacts(model, ids, keep), expected, atol=1e-6, rtol=0)
    with pytest.raises(BestiaryError, match="no head for contacts"):
        contacts(bestiary.build("bert:tiny"), ids)


@torch.no_grad()
def test_both_published_spellings_of_one_model_open(published: tuple[EsmForMaskedLM, Path], tmp_path: Path) -> None:
    """The hub's files name norms plainly and hold the frequencies in each layer; transformers 5 writes neither."""
    reference, folder = published
    held = load_file(folder / "model.safetensors")
    assert any(".layer.*." in name for name in held)
    assert any(name.endswith("LayerNorm.gamma") for name in held)
    ids = torch.tensor([[0, 5, 32, 7, 2]])
    expected = reference(ids).logits
    torch.testing.assert_close(bestiary.load(folder)(ids).logits, expected)
    renamed = {name.replace("gamma", "weight").replace("beta", "bias"): held[name] for name in held}
    wild = next(name for name in renamed if ".*." in name)
    frequencies = renamed.pop(wild)
    renamed |= {wild.replace("*", str(layer)): frequencies.clone() for layer in range(2)}
    save_file(renamed, folder / "model.safetensors")
    torch.testing.assert_close(bestiary.load(folder)(ids).logits, expected)
    renamed[wild.replace("*", "1")] += 1
    save_file(renamed, folder / "model.safetensors")
    with pytest.raises(BestiaryError, match=r"layer\.1\..*inv_freq differs"):
        bestiary.load(folder)


def test_letters_are_tokens_as_the_reference_has_them(published: tuple[EsmForMaskedLM, Path]) -> None:
    reference = EsmTokenizer(str(published[1] / "vocab.txt"))
    for ours in (load_tokenizer(published[1]), residue_tokenizer()):
        assert ours.vocab_size == 33
        batch = ours(PROTEINS)
        theirs = reference(PROTEINS, padding=True)
        assert batch.input_ids == theirs["input_ids"]
        assert batch.attention_mask == theirs["attention_mask"]
        assert (ours.mask_token_id, ours.pad_token_id, ours.cls_token_id, ours.eos_token_id) == (32, 1, 0, 2)
