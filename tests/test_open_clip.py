"""CLIP as open_clip computes and saves it: residual networks, whose files are in no other spelling, and ViTs."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from command_line import bestiary
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import load_file, save_file
from test_pipelines import LENGTH, tokenizer
from torch import Tensor

from bestiary.data.images import Preprocessor
from bestiary.data.images.open_clip import read_open_clip
from bestiary.data.tokenizers.folder import load_tokenizer
from bestiary.errors import BestiaryError
from bestiary.nn import Model, build
from bestiary.sizing import count
from bestiary.weights.load import load_weights
from bestiary.weights.save import save_weights

WEIGHTS = "open_clip_model.safetensors"
TEXT = {"context_length": 9, "vocab_size": 53, "width": 24, "heads": 3, "layers": 2}
SIDES: dict[str, dict[str, Any]] = {
    "network": {"layers": [2, 1, 1, 1], "width": 8, "patch_size": None, "image_size": 64, "head_width": 64},
    "wide heads": {"layers": [1, 1, 1, 1], "width": 8, "patch_size": None, "image_size": 96, "head_width": 32},
    "patches": {"layers": 2, "width": 30, "patch_size": 5, "image_size": 15, "head_width": 10, "mlp_ratio": 2.0},
}


class Case:
    """A reference with every tensor of its files perturbed, saved, and what was loaded from there."""

    def __init__(self, name: str, folder: Path) -> None:
        torch.manual_seed(0)
        quick = {"quick_gelu": True} if name == "patches" else {}
        self.config = {"embed_dim": 10, "vision_cfg": SIDES[name], "text_cfg": TEXT, **quick}
        self.reference: Any = open_clip.CLIP(10, SIDES[name], TEXT, output_dict=True, **quick).double().eval()
        for key, tensor in self.reference.state_dict().items():
            if tensor.is_floating_point():
                tensor += 0.05 * (torch.rand_like(tensor) if key.endswith("var") else torch.randn_like(tensor))
        self.folder = folder
        self.tensors = {key: tensor.contiguous() for key, tensor in self.reference.state_dict().items()}
        self.write(folder, self.tensors)
        self.model: Model = load_weights(folder)[0]
        side = SIDES[name]["image_size"]
        ids = torch.randint(1, 50, (3, 9))
        ids[:, 6] = 52  # the highest token ends a text
        self.given = {"input_ids": ids, "pixel_values": torch.randn(2, 3, side, side, dtype=torch.float64)}

    def write(self, folder: Path, tensors: dict[str, Tensor]) -> None:
        folder.mkdir(exist_ok=True)
        save_file(tensors, folder / "open_clip_model.safetensors")
        settings = {"model_cfg": self.config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
        (folder / "open_clip_config.json").write_text(json.dumps(settings))

    def expected(self) -> dict[str, Tensor]:
        out = self.reference(self.given["pixel_values"], self.given["input_ids"])
        logits = out["logit_scale"] * out["image_features"] @ out["text_features"].T
        embeds = {"image_embeds": out["image_features"], "text_embeds": out["text_features"]}
        return embeds | {"logits_per_image": logits, "logits_per_text": logits.T}

    def distance(self, model: Model, expected: dict[str, Tensor]) -> float:
        found = model(**self.given)
        return max((getattr(found, name) - value).abs().max().item() for name, value in expected.items())


@pytest.fixture(scope="module", params=SIDES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(request.param, tmp_path_factory.mktemp("open_clip"))


@torch.no_grad()
def test_outputs_agree(case: Case) -> None:
    assert case.distance(case.model, case.expected()) < 1e-10


def test_gradients_agree_and_reach_every_parameter(case: Case) -> None:
    torch.manual_seed(1)
    weights = torch.randn(2, 3, dtype=torch.float64)
    (case.expected()["logits_per_image"] * weights).sum().backward()
    (case.model(**case.given).logits_per_image * weights).sum().backward()
    theirs = sum(p.grad.square().sum() for p in case.reference.parameters())
    ours = sum(p.grad.square().sum() for p in case.model.parameters() if p.grad is not None)
    assert all(p.grad is not None and p.grad.any() for name, p in case.model.named_parameters() if "k.bias" not in name)
    assert abs(theirs - ours) < 1e-10 * theirs  # of all parameters together: layouts differ, sums of squares do not


def test_three_counts_agree(case: Case) -> None:
    reference = sum(parameter.numel() for parameter in case.reference.parameters())
    assert sum(parameter.numel() for parameter in build(case.model.spec, device="meta").parameters()) == reference
    assert count(case.model.spec).total == reference


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_saved_back_bit_equal_and_opened_by_the_reference(case: Case, dtype: torch.dtype, tmp_path: Path) -> None:
    given = {key: t.to(dtype) if t.is_floating_point() else t for key, t in case.tensors.items()}
    case.write(tmp_path / "given", given)
    model, checkpoint = load_weights(tmp_path / "given")
    save_weights(model, tmp_path / "back", checkpoint.meaning.carried, checkpoint.meaning.dialect.name)
    back = load_file(tmp_path / "back" / "open_clip_model.safetensors")
    kept = {key: tensor for key, tensor in given.items() if not key.endswith("num_batches_tracked")}  # trains nothing
    assert back.keys() == kept.keys()
    assert all(torch.equal(back[key], tensor) and back[key].dtype == dtype for key, tensor in kept.items())
    settings = json.loads((tmp_path / "back" / "open_clip_config.json").read_text())
    opened = open_clip.CLIP(**settings["model_cfg"]).to(dtype)
    missing, unexpected = opened.load_state_dict(back, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)


@pytest.mark.parametrize("case", ["network", "patches"], indirect=True)  # both networks name their tensors alike
@torch.no_grad()
def test_every_swap_of_two_tensors_is_noticed(case: Case, tmp_path: Path) -> None:
    shapes: dict[Any, list[str]] = {}
    for name in sorted(case.tensors, key=lambda name: (len(name), name[::-1])):
        shapes.setdefault(case.tensors[name].shape, []).append(name)
    pairs = [pair for shape, names in shapes.items() if shape for pair in pairwise(names)]
    assert pairs
    expected = case.expected()
    survivors: list[tuple[str, str]] = []
    for one, other in pairs:
        case.write(tmp_path, {**case.tensors, one: case.tensors[other], other: case.tensors[one]})
        if case.distance(load_weights(tmp_path)[0], expected) < 1e-10:
            survivors.append((one, other))
    assert survivors == []


def test_published_sizes() -> None:
    from bestiary.architectures import make

    text = {"architecture": "clip_text", "dim": 512, "depth": 12, "heads": 8, "hidden": 2048}
    image = {"architecture": "clip_resnet", "stem": 64, "blocks": (3, 4, 6, 3)}
    assert count(make("clip", dim=1024, text=text, image=image)).total == 102_007_137
    image = {"architecture": "clip_vision", "dim": 768, "depth": 12, "heads": 12, "hidden": 3072}
    assert count(make("clip", dim=512, text=text, image=image)).total == 151_277_313


TEXTS = (
    "a photo of a cat",
    "Hello, World! it's 42 degrees",
    "naïve café — 北京 🎉",
    "  two   spaces\nand lines",
    "I'll",
)


def test_byte_pairs_are_those_of_the_published_vocabulary(tmp_path: Path) -> None:
    theirs = open_clip.tokenizer.SimpleTokenizer(clean="lower")
    signs = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    words = {signs.get(word, word): number for word, number in theirs.encoder.items()}
    merges = sorted(theirs.bpe_ranks, key=theirs.bpe_ranks.get)
    (tmp_path / "vocab.json").write_text(json.dumps(words))
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges), ""]))
    ours = load_tokenizer(tmp_path)
    assert len(words) == 49408
    for text in TEXTS:
        assert list(ours.encode(text)) == [theirs.sot_token_id, *theirs.encode(text), theirs.eot_token_id]
    assert ours.decode(ours.encode("A photo of a cat"), skip_special_tokens=True) == "a photo of a cat"


READINGS: list[dict[str, Any]] = [
    {},
    {"mean": [0.1, 0.2, 0.3], "std": [0.5] * 3, "interpolation": "bilinear"},
    {"resize_mode": "squash"},
]


@pytest.mark.parametrize("config", READINGS, ids=lambda config: "-".join(config) or "usual")
def test_every_way_to_read_pictures_is_open_clip_s(config: dict[str, Any]) -> None:
    transform = image_transform_v2(PreprocessCfg(size=64, **config), is_train=False)
    reader, random = Preprocessor(read_open_clip(config, 64, "here")), np.random.default_rng(0)
    for shape in ((71, 98), (98, 71), (64, 64), (20, 300), (67, 64)):
        picture = Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8), "RGB")
        assert torch.equal(reader([picture])["pixel_values"][0], transform(picture)), shape


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"resize_mode": "longest"}, "only 'shortest' and 'squash'"),
        ({"mean": {"red": 1}}, "'mean' is"),
        ({"std": [0]}, "'std' is"),
        ({"interpolation": 3}, "give bilinear or bicubic"),
    ],
)
def test_ways_to_read_pictures_that_are_unknown_are_one_sentence(config: dict[str, Any], words: str) -> None:
    with pytest.raises(BestiaryError, match=r"^here: ") as caught:
        read_open_clip(config, 64, "here")
    assert words in str(caught.value)


def test_captions_are_ranked_by_a_residual_network(tmp_path: Path) -> None:
    words = tokenizer()
    sides = {"vision_cfg": SIDES["network"], "text_cfg": TEXT | {"vocab_size": len(words), "context_length": LENGTH}}
    reference = open_clip.CLIP(10, *sides.values())
    save_file({key: tensor.contiguous() for key, tensor in reference.state_dict().items()}, tmp_path / WEIGHTS)
    said = {"mean": [0.5] * 3, "std": [0.5] * 3}
    settings = {"model_cfg": {"embed_dim": 10, **sides}, "preprocess_cfg": said}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(settings))
    words.save_pretrained(tmp_path)
    Image.new("RGB", (90, 71), "red").save(tmp_path / "red.png")
    done = bestiary(f"run {tmp_path} {tmp_path / 'red.png'} red dear --json")
    found = json.loads(done.out)["results"]
    assert [row["image"] for row in found] == [str(tmp_path / "red.png")] * 2
    pixels = image_transform_v2(PreprocessCfg(size=64, **said), is_train=False)(Image.open(tmp_path / "red.png"))
    with torch.no_grad():
        image = reference.eval().encode_image(pixels[None], normalize=True)
        rows = [words(text).input_ids for text in ("red", "dear")]
        ids = torch.tensor([[*row, *[0] * (LENGTH - len(row))] for row in rows])
        expected = reference.logit_scale.exp() * image @ reference.encode_text(ids, normalize=True).T
    logits = {row["text"]: row["logit"] for row in found}
    assert [logits["red"], logits["dear"]] == pytest.approx(expected[0].tolist(), abs=1e-4)
