"""Files as people have them: pickled, named as in 2019, with buffers, repetitions, another prefix, or as GGUF."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path

import gguf
import pytest
import torch
import transformers
from comparison import FIELDS, Case, apart, distance, inputs, lifted, saved_and_loaded
from references import ROWS, Row
from references.llamas import llama
from references.recorded import RecordedRow
from safetensors.torch import load_file, save_file
from torch import Tensor

from bestiary.weights.keys import parse, spellings, transfers
from bestiary.weights.load import load_weights

State = dict[str, Tensor]
CALLED_OTHERWISE = {f"{family}ForQuestionAnswering": "transformer" for family in ("Llama", "Qwen2", "Qwen3")}
CALLED_OTHERWISE |= {"DetrForSegmentation": "detr.model"}
FORMER = {".LayerNorm.weight": ".LayerNorm.gamma", ".LayerNorm.bias": ".LayerNorm.beta"}


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return saved_and_loaded(request.param, 0, tmp_path_factory.mktemp("reference"))


def cases(*rows: Row) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", rows, ids=str, indirect=True)


def kin(*families: str) -> list[Row]:
    return [row for row in ROWS if row.name.startswith(families)]


def repeating(*families: str) -> list[Row]:
    """Return rows whose files may hold more than is learned: OPT's only do where they are tied."""
    return [row for row in kin(*families) if not (row.name.startswith("OPT") and "untied" in row.label)]


def table(case: Case) -> str:
    return case.checkpoint.meaning.dialect.keys(case.model.spec)


def prefix(case: Case) -> str:
    """Return the prefix that some files of the family have, or an empty string."""
    with_one = next((line.theirs for line in parse(table(case)) if line.theirs.startswith("[")), "[]")
    return with_one[1 : with_one.index("]")].split("/")[0]


def pickled(state: State, case: Case) -> State:
    return state


def with_former_names(state: State, case: Case) -> State:
    renamed = {}
    for name, tensor in state.items():
        end = next((new for new in FORMER if name.endswith(new)), "")
        renamed[name.removesuffix(end) + FORMER.get(end, "")] = tensor
    assert renamed.keys() != state.keys()
    return renamed


def with_repetitions(state: State, case: Case) -> State:
    """Add all that the dialect says a file may hold beside what is mapped: buffers, and tensors that repeat others."""
    own = case.model.state_dict()
    held = {ours: t.theirs for t in transfers(table(case), own) for ours in t.ours if not t.ops}
    more = {}
    for name, ours in case.checkpoint.meaning.dialect.repeated.items():
        if not ours or ours in held:
            more[spellings(name)[0].replace("{i}", "0")] = own[ours].clone() if ours else torch.ones(1, 4)
    assert more.keys() - state.keys()
    return more | state


def with_the_other_prefix(state: State, case: Case) -> State:
    """Take the prefix off every name that has one, or put it before every name."""
    start = prefix(case)
    assert start
    if any(name.startswith(start) for name in state):
        return {name.removeprefix(start): tensor for name, tensor in state.items()}
    return {start + name: tensor for name, tensor in state.items()}


def same_answers(case: Case, folder: Path) -> bool:
    model, _ = load_weights(folder)
    given = inputs(case, "right")
    with torch.no_grad():
        return distance(case.reference(**given), model(**given), given) < case.row.tolerance


def rewritten(case: Case, form: Callable[[State, Case], State], folder: Path) -> State:
    (folder / "config.json").write_text((case.folder / "config.json").read_text())
    return form(load_file(case.folder / "model.safetensors"), case)


@cases(*ROWS)
def test_pickled_files_load(case: Case, tmp_path: Path) -> None:
    torch.save(rewritten(case, pickled, tmp_path), tmp_path / "pytorch_model.bin")
    assert same_answers(case, tmp_path)


@cases(*kin("Bert", "Albert", "DistilBert"))
def test_former_names_load(case: Case, tmp_path: Path) -> None:
    torch.save(rewritten(case, with_former_names, tmp_path), tmp_path / "pytorch_model.bin")
    assert same_answers(case, tmp_path)


def with_published_decoder(state: State, case: Case) -> State:
    """Name the layers of a masked autoencoder's decoder as its published files do."""
    return {name.replace("decoder_encoder.layer.", "decoder_layers."): tensor for name, tensor in state.items()}


@cases(*kin("ViTMAEForPreTraining"))
def test_a_published_decoder_loads(case: Case, tmp_path: Path) -> None:
    state = rewritten(case, with_published_decoder, tmp_path)
    assert any("decoder_layers.0" in name for name in state)
    save_file(state, tmp_path / "model.safetensors")
    torch.manual_seed(0)
    assert same_answers(case, tmp_path)


REPEATING = ("Bert", "Roberta", "Albert", "DistilBert", "OpenAIGPT", "GPT2", "T5", "Bart", "Llama")
REPEATING += ("GPTJ", "GPTNeo", "OPT", "Falcon")
REPEATING += ("XLMRoberta", "Camembert", "MegatronBert", "Ernie", "Electra")


@cases(*repeating(*REPEATING))
def test_buffers_and_repetitions_load(case: Case, tmp_path: Path) -> None:
    save_file(rewritten(case, with_repetitions, tmp_path), tmp_path / "model.safetensors")
    assert same_answers(case, tmp_path)


WITHOUT = ("Switch", "DecisionTransformer", "TrajectoryTransformer", "CLIPModel", "SiglipModel", "WhisperForAudio")
WITHOUT += ("Llava", "VipLlava", "Blip2")
"""Families whose files have no prefix before the body's names, or always the same."""


@cases(*(row for row in ROWS if "T5" not in row.name and not row.name.startswith(WITHOUT)))
def test_prefix_may_be_there_or_not(case: Case, tmp_path: Path) -> None:
    save_file(rewritten(case, with_the_other_prefix, tmp_path), tmp_path / "model.safetensors")
    assert same_answers(case, tmp_path)


LIVING = [row for row in ROWS if not isinstance(row, RecordedRow)]


# A classifier of sounds has no bare class of its own, BLIP-2's bare class scores words too, and Swin's has no vector
# for masked patches.
ALONE = ("WhisperForAudioClassification", "SwinForMaskedImageModeling", "Swinv2ForMaskedImageModeling")
ALONE += ("Blip2ForConditionalGeneration",)
HEADED = [row for row in LIVING if not row.name.endswith("Model") or "LMHead" in row.name]


@cases(*(row for row in HEADED if row.name not in ALONE))
@torch.no_grad()
def test_a_file_with_more_heads_than_asked_for_loads(case: Case) -> None:
    model, checkpoint = load_weights(case.folder, task="base")
    tasks = checkpoint.meaning.dialect.tasks
    bare = next(name for name, task in tasks.items() if task == "base")
    # Where a model that finds spans or segments calls its body otherwise, the reference's bare class does not find it.
    held = attrgetter(CALLED_OTHERWISE[case.row.name])(case.reference) if case.row.name in CALLED_OTHERWISE else None
    reference = held or lifted(case.row, getattr(transformers, bare).from_pretrained(case.folder).double().eval())
    given = inputs(case, "right")
    theirs, ours = reference(**given), model(**given)
    for field in FIELDS:  # without a pooler in the file, we have none and the reference draws one
        if getattr(ours, field, None) is None:
            setattr(theirs, field, None)
    assert distance(theirs, ours, given) < case.row.tolerance
    assert set(checkpoint.left_out) == set(load_file(case.folder / "model.safetensors")) - mapped(case, model)


def mapped(case: Case, model: torch.nn.Module) -> set[str]:
    names = [name for transfer in transfers(table(case), model.state_dict()) for name in transfer.theirs]
    return {spelling for name in names for spelling in spellings(name)}


@cases(*kin("T5ForConditionalGeneration", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration"))
@torch.no_grad()
def test_t5_has_an_output_of_its_own_where_the_config_says_so(case: Case, tmp_path: Path) -> None:
    # The reference ties it whatever the config says, so the product is written out.
    config = json.loads((case.folder / "config.json").read_text())
    config |= {"tie_word_embeddings": False}
    config |= {"scale_decoder_outputs": False} if "scale_decoder_outputs" in config else {}
    (tmp_path / "config.json").write_text(json.dumps(config))
    output = torch.randn(case.config.vocab_size, case.config.d_model).double()
    save_file(load_file(case.folder / "model.safetensors") | {"lm_head.weight": output}, tmp_path / "model.safetensors")
    model, _ = load_weights(tmp_path)
    answer = model(**inputs(case, "right"))
    assert apart(answer.last_hidden_state @ output.T, answer.logits) < 1e-10
    given = inputs(case, "right")
    hidden = case.reference(**given, output_hidden_states=True).decoder_hidden_states[-1]
    assert apart(hidden, answer.last_hidden_state, given["decoder_attention_mask"].bool()) < case.row.tolerance


@cases(*(row for row in kin("DebertaForMaskedLM", "DebertaV2ForMaskedLM") if "first spelling" not in row.label))
def test_a_head_under_its_first_name_loads_whatever_the_config_says(case: Case, tmp_path: Path) -> None:
    """Published files say ``lm_predictions``, and hold another task's head; their configs say nothing of either."""
    state = load_file(case.folder / "model.safetensors")
    first = {
        name.replace("cls.predictions.transform.", "lm_predictions.lm_head.").replace("cls.", "lm_predictions."): tensor
        for name, tensor in state.items()
    }
    first["lm_predictions.lm_head.bias"] = first.pop("lm_predictions.predictions.bias")
    first["mask_predictions.classifier.weight"] = torch.zeros(1, case.config.hidden_size)
    save_file(first, tmp_path / "model.safetensors")
    config = json.loads((case.folder / "config.json").read_text())
    del config["legacy"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert same_answers(case, tmp_path)
    bare, _ = load_weights(tmp_path, task="base")
    assert not bare.spec.heads


@cases(*kin("BertForMaskedLM", "GPT2LMHeadModel", "BartForConditionalGeneration"))
def test_half_precision_is_read_as_it_is_or_as_asked(case: Case, tmp_path: Path) -> None:
    halved = {name: tensor.half() for name, tensor in rewritten(case, pickled, tmp_path).items()}
    save_file(halved, tmp_path / "model.safetensors")
    assert load_weights(tmp_path)[0].dtype == torch.float16
    assert {tensor.dtype for tensor in load_weights(tmp_path, dtype=torch.float32)[0].parameters()} == {torch.float32}


GGUF = Row("LlamaForCausalLM", partial(llama, hidden_act="silu", num_key_value_heads=2), "gguf", tolerance=1e-6)
GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def interleaved(tensor: Tensor, heads: int) -> Tensor:
    """Put the two coordinates that a rotation turns together, which stand half a head apart, beside each other."""
    width = len(tensor) // heads
    rows = [head * width + half * width // 2 + i for head in range(heads) for i in range(width // 2) for half in (0, 1)]
    return tensor[rows]


@cases(GGUF)
@torch.no_grad()
def test_gguf_answers_as_the_model_that_it_was_made_from(case: Case, tmp_path: Path) -> None:
    config = case.config
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    for name, tensor in case.reference.float().state_dict().items():
        for theirs, short in GGUF_NAMES.items():
            name = name.replace(theirs, short)
        if "attn_q" in name or "attn_k" in name:
            heads = config.num_attention_heads if "attn_q" in name else config.num_key_value_heads
            tensor = interleaved(tensor, heads)
        writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model, _ = load_weights(tmp_path, dtype=torch.float64)
    given = inputs(case, "right")
    # The file keeps the norm's epsilon as a float32.
    assert distance(case.reference.double()(**given), model(**given), given) < case.row.tolerance
