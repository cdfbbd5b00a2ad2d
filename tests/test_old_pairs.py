"""Files of pairs of towers as people have them, and their answers token by token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from comparison import Case, distance, inputs, saved_and_loaded, texts
from references import ROWS, Row
from safetensors.torch import load_file, save_file

from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn import constants
from bestiary.weights.load import load_weights
from bestiary.weights.save import save_weights

KINDS = ("ForConditionalGeneration", "MTModel")
PAIRS = [row for row in ROWS if row.generates and row.given is None and row.name.endswith(KINDS)]


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return saved_and_loaded(request.param, 0, tmp_path_factory.mktemp("reference"))


def cases(*names: str) -> pytest.MarkDecorator:
    rows: list[Row] = [row for row in ROWS if row.name in names and row.label != "odd-width"]
    assert rows
    return pytest.mark.parametrize("case", rows, ids=str, indirect=True)


def rewritten(case: Case, folder: Path, tensors: dict[str, torch.Tensor], **keys: Any) -> Path:
    """Write a checkpoint with other tensors and config keys."""
    config = json.loads((case.folder / "config.json").read_text()) | keys
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("case", PAIRS, ids=str, indirect=True)
@torch.no_grad()
def test_generates_what_the_reference_generates(case: Case) -> None:
    case.reference.generation_config.forced_eos_token_id = None  # a rule of generation, not of the model
    config = case.config
    # Without a cache: the reference's has as many layers as T5's encoder, which may be fewer than its decoder's.
    ids = texts(config, torch.ones(2, 7, dtype=torch.long))
    theirs = case.reference.generate(
        ids, max_new_tokens=6, do_sample=False, num_beams=1, eos_token_id=None, use_cache=False,
        decoder_start_token_id=config.decoder_start_token_id,
    )  # fmt: skip
    ours = generate(
        case.model, ids, max_new_tokens=6, eos_token_id=[], decoder_start_token_id=config.decoder_start_token_id
    )
    assert ours.tolist() == theirs.tolist()


@cases("PegasusForConditionalGeneration", "MarianMTModel")
@torch.no_grad()
def test_fixed_tables_may_be_there_or_not(case: Case, tmp_path: Path) -> None:
    held = load_file(case.folder / "model.safetensors")
    bare = {name: tensor for name, tensor in held.items() if "embed_positions" not in name}
    fresh = load_weights(rewritten(case, tmp_path, bare))[0]
    names = ("encoder.embed.position.weight", "decoder.embed.position.weight")
    for name in names:
        assert torch.equal(fresh.get_buffer(name), constants(fresh)[name].double())
    table = torch.randn_like(fresh.get_buffer(names[0]))
    full = bare | {f"model.{side}.embed_positions.weight": table.clone() for side in ("encoder", "decoder")}
    changed, checkpoint = load_weights(rewritten(case, tmp_path, full))
    assert all(torch.equal(changed.get_buffer(name), table) for name in names)
    save_weights(changed, tmp_path / "back", checkpoint.meaning.carried, checkpoint.meaning.dialect.name)
    assert load_file(tmp_path / "back" / "model.safetensors").keys() == full.keys()
    opened = type(case.reference).from_pretrained(tmp_path / "back").double().eval()
    given = inputs(case, "right")
    assert distance(opened(**given), changed(**given), given) < case.row.tolerance


@cases("BartForConditionalGeneration", "BlenderbotSmallForConditionalGeneration")
@torch.no_grad()
def test_constant_offsets_may_be_missing(case: Case, tmp_path: Path) -> None:
    held = load_file(case.folder / "model.safetensors")
    del held["final_logits_bias"]
    model = load_weights(rewritten(case, tmp_path, held))[0]
    assert not model.get_buffer("heads.lm.offset").any()
    given = inputs(case, None)
    offset = case.reference.final_logits_bias[0]
    assert torch.allclose(model(**given).logits + offset, case.model(**given).logits, atol=1e-12)


@cases("M2M100ForConditionalGeneration", "MarianMTModel", "BlenderbotForConditionalGeneration")
def test_what_old_files_hold_besides(case: Case, tmp_path: Path) -> None:
    held = load_file(case.folder / "model.safetensors")
    table = next(held[name] for name in ("model.shared.weight", "model.decoder.embed_tokens.weight") if name in held)
    old = {"model.encoder.version": torch.ones(1), "lm_head.weight": table.clone()}
    if case.row.name.startswith("M2M"):
        old["model.encoder.embed_positions.weights"] = torch.zeros(3, 4)
    load_weights(rewritten(case, tmp_path, held | old, extra_pos_embeddings=0, normalize_embedding=False))
    old["lm_head.weight"] += 1
    with pytest.raises(BestiaryError, match=r"lm_head.weight differs from the tensor that the config ties it to"):
        load_weights(rewritten(case, tmp_path, held | old))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("normalize_before", True),
        ("normalize_embedding", True),
        ("static_position_embeddings", False),
        ("add_final_layer_norm", True),
        ("layernorm_variant", "prelayernorm"),
        ("decoder_vocab_size", 7),
        ("share_encoder_decoder_embeddings", "no"),
        ("tie_word_embeddings", False),
    ],
)
@pytest.mark.parametrize("case", [row for row in PAIRS if str(row) == "MarianMTModel"], ids=str, indirect=True)
def test_other_choices_are_refused(case: Case, key: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(BestiaryError, match=f"'{key}' is"):
        load_weights(rewritten(case, tmp_path, load_file(case.folder / "model.safetensors"), **{key: value}))


ENCODERS = ("T5ForConditionalGeneration", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration")


@cases(*ENCODERS)
@torch.no_grad()
def test_the_encoder_of_a_whole_file_can_be_had_alone(case: Case, tmp_path: Path) -> None:
    encoder, checkpoint = load_weights(case.folder, task="encoder")
    given = inputs(case, "right")
    given = {name: given[name] for name in ("input_ids", "attention_mask")}
    theirs = case.reference.get_encoder()(**given)
    assert distance(theirs, encoder(**given), given) < case.row.tolerance
    assert all(name.startswith(("decoder.", "lm_head.")) for name in checkpoint.left_out)
    save_weights(encoder, tmp_path, checkpoint.meaning.carried, checkpoint.meaning.dialect.name)
    again, _ = load_weights(tmp_path)
    assert again.spec == encoder.spec
    assert json.loads((tmp_path / "config.json").read_text())["architectures"][0].endswith("EncoderModel")


@cases("BartForConditionalGeneration")
def test_an_encoder_alone_is_refused_where_no_class_has_one(case: Case) -> None:
    with pytest.raises(BestiaryError, match="no heads for 'encoder'"):
        load_weights(case.folder, task="encoder")
