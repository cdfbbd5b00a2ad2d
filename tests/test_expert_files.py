"""Files of mixtures of experts: a tensor for each expert, stacked as it is read and cut as it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn import Model, build
from bestiary.weights.keys import transfers
from bestiary.weights.load import fetch, foreign, load_weights
from bestiary.weights.save import save_weights
from bestiary.weights.translate import understand

SIZES: dict[str, Any] = {"dim": 16, "depth": 2, "heads": 4, "hidden": 12, "vocab": 40, "experts": 3}
MIXTRAL = make("mixtral", **SIZES, kv_heads=2)
SWITCH = make("switch", **SIZES, head_dim=4)


def test_a_line_stands_for_a_tensor_of_each_row() -> None:
    held = torch.arange(24.0).reshape(3, 4, 2)
    table = "layers.{i}.{a,b} = theirs.{i}.{x,y}.{e}.weight | stack"
    found = transfers(table, {"layers.7.a": held, "layers.7.b": held[:2]})
    assert [transfer.theirs for transfer in found] == [
        ("theirs.7.x.0.weight", "theirs.7.x.1.weight", "theirs.7.x.2.weight"),
        ("theirs.7.y.0.weight", "theirs.7.y.1.weight"),
    ]
    apart = foreign(found[0], [held], None)
    assert [each.tolist() for each in apart] == held.tolist()

    class Files(dict[str, torch.Tensor]):
        pass

    files: Any = Files(zip(found[0].theirs, apart, strict=True))
    (name, back), *rest = fetch(found[0], files, None)
    assert (name, rest) == ("layers.7.a", [])
    assert torch.equal(back, held)


def saved(spec: Any, folder: Path) -> Model:
    model = build(spec, seed=0)
    save_weights(model, folder)
    return model


@pytest.mark.parametrize("spec", [MIXTRAL, SWITCH], ids=["mixtral", "switch"])
def test_files_come_back(spec: Any, tmp_path: Path) -> None:
    model = saved(spec, tmp_path)
    back, _ = load_weights(tmp_path)
    assert back.spec == spec
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in back.state_dict().items())


def test_an_absent_expert_is_named(tmp_path: Path) -> None:
    saved(MIXTRAL, tmp_path)
    file = tmp_path / "model.safetensors"
    absent = "model.layers.1.block_sparse_moe.experts.2.w3.weight"
    save_file({name: tensor for name, tensor in load_file(file).items() if name != absent}, file)
    with pytest.raises(BestiaryError, match=f"{absent} is missing"):
        load_weights(tmp_path)


def test_more_experts_than_tensors_are_refused_at_once(tmp_path: Path) -> None:
    saved(MIXTRAL, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_local_experts": 9999}))
    with pytest.raises(BestiaryError, match="describes 19,998 experts, but the files hold"):
        load_weights(tmp_path)


def test_sparse_layers_are_those_of_the_reference() -> None:
    base = {"model_type": "switch_transformers", "d_model": 16, "d_kv": 4, "d_ff": 12, "num_heads": 4, "vocab_size": 40}
    for said, expected in [
        ({"num_layers": 12}, [1, 5, 9]),
        ({"num_layers": 12, "num_sparse_encoder_layers": 6}, [1, 3, 5, 7, 9, 11]),
        ({"num_layers": 4, "num_sparse_encoder_layers": 4}, [0, 1, 2, 3]),
        ({"num_layers": 4, "num_sparse_encoder_layers": 0}, [1]),
        ({"num_layers": 4, "num_sparse_encoder_layers": 5}, []),
        ({"num_layers": 4, "num_sparse_encoder_layers": 1, "encoder_sparse_step": 2}, [1, 3]),
        ({"num_layers": 1, "num_sparse_encoder_layers": 0}, [0]),
    ]:
        spec: Any = understand({**base, **said}, "config.json").spec
        kinds = [type(layer[-1].op).__name__ for layer in spec.encoder.stack.layers]
        assert [index for index, kind in enumerate(kinds) if kind == "Experts"] == expected


@pytest.mark.parametrize("spec", [MIXTRAL, SWITCH], ids=["mixtral", "switch"])
def test_generation_goes_through_the_cache(spec: Any) -> None:
    model = build(spec, seed=0)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    pair = spec is SWITCH
    found = generate(model, ids, max_new_tokens=4, **({"decoder_start_token_id": 0} if pair else {}))
    read = torch.zeros(2, 1, dtype=torch.long) if pair else ids
    for _ in range(4):
        answer = model(ids, decoder_input_ids=read) if pair else model(read)
        read = torch.cat((read, answer.logits[:, -1:].argmax(-1)), 1)
    assert torch.equal(found[:, -4:], read[:, -4:])
