"""Language models that are shown pictures: what they write, what reads pictures and texts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from command_line import bestiary as command
from comparison import Case, saved_and_loaded
from multimodal_models import BUILT
from references.shown import ROWS, showing
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

import bestiary
from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn import build
from bestiary.sizing import cache_bytes
from bestiary.spec import VisionLanguage
from bestiary.weights.translate import understand

SIDE = 12
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MARKS = ("<s>", "</s>", "<pad>", "<image>")
TEMPLATE = (
    "{% for m in messages %}{{ m['role'].upper() }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}ASSISTANT:"
)


def named(label: str) -> Any:
    return next(row for row in ROWS if str(row) == label)


WRITERS = ("LlavaForConditionalGeneration", "Blip2ForConditionalGeneration", "Blip2ForConditionalGeneration-t5")


@pytest.fixture(scope="module", params=WRITERS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return saved_and_loaded(named(request.param), 0, tmp_path_factory.mktemp("reference"))


@torch.no_grad()
@pytest.mark.parametrize("side", [None, "left"])
def test_writes_what_the_reference_writes(case: Case, side: str | None) -> None:
    torch.manual_seed(0)
    given = showing(case.config, side)
    # No row ends: both go on to the last token.
    theirs = case.reference.generate(**given, max_new_tokens=8, do_sample=False, eos_token_id=-1, pad_token_id=0)
    start = {"decoder_start_token_id": 0} if case.config.is_encoder_decoder else {}
    ours = generate(case.model, **given, max_new_tokens=8, eos_token_id=[], **start)
    assert ours[:, -8:].tolist() == theirs[:, -8:].tolist()


@torch.no_grad()
def test_looks_once_and_writes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = build(BUILT["llava"], seed=0)
    looked, look = [], model.image.states
    monkeypatch.setattr(model.image, "states", lambda pixels: looked.append(1) or look(pixels))
    ids = torch.full((1, 18), 4)
    ids[:, 1:17] = model.spec.token
    generate(model, ids, pixel_values=torch.randn(1, 3, 32, 32), max_new_tokens=5, eos_token_id=[])
    assert looked == [1]


def test_what_does_not_go_together_is_refused() -> None:
    model: Any = build(BUILT["llava"], seed=0)
    with pytest.raises(BestiaryError, match="1 images are 16 vectors, but token 3, in whose place they stand, comes 2"):
        model(torch.tensor([[3, 3, 4]]), pixel_values=torch.zeros(1, 3, 32, 32))
    text = build(BUILT["llava"].at("text"), seed=0)
    with pytest.raises(BestiaryError, match="pixel_values are for a model that is shown pictures"):
        generate(text, torch.tensor([[4]]), pixel_values=torch.zeros(1, 3, 32, 32))
    for path, value, said in (
        ("reads.layers", (3,), "there is no layer 3 in a reader of images of 2"),
        ("reads.skipped", 2, "2 first tokens are skipped, but an image has 1 beside its patches"),
        ("reads.layers", (), "name one layer at least"),
        ("dim", 12, "dim is that of the language model, 16, not 12"),
    ):
        with pytest.raises(BestiaryError, match=said):
            bestiary.build(BUILT["llava"].at(path, value))
    asking = BUILT["llava of what asks"]
    with pytest.raises(BestiaryError, match="it asks vectors 20 wide, but what is read of an image is 24"):
        bestiary.build(asking.at("connector.former.stack.layers[*].cross.width", 20))


PUBLISHED: dict[str, dict[str, Any]] = {
    "llava:7b-v1.5": {
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": 32000,
        "model_type": "llava",
        "pad_token_id": 32001,
        "projector_hidden_act": "gelu",
        "text_config": {
            "_name_or_path": "lmsys/vicuna-7b-v1.5",
            "architectures": ["LlamaForCausalLM"],
            "max_position_embeddings": 4096,
            "model_type": "llama",
            "rms_norm_eps": 1e-05,
            "torch_dtype": "float16",
            "vocab_size": 32064,
        },
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.36.0.dev0",
        "vision_config": {
            "hidden_size": 1024,
            "image_size": 336,
            "intermediate_size": 4096,
            "model_type": "clip_vision_model",
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "patch_size": 14,
            "projection_dim": 768,
            "vocab_size": 32000,
        },
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "vocab_size": 32064,
    },
    "blip-2:opt-2.7b": {
        "architectures": ["Blip2ForConditionalGeneration"],
        "image_text_hidden_size": 256,
        "image_token_index": 50265,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "model_type": "blip-2",
        "num_query_tokens": 32,
        "qformer_config": {"classifier_dropout": None, "model_type": "blip_2_qformer"},
        "text_config": {
            "_name_or_path": "facebook/opt-2.7b",
            "activation_dropout": 0.0,
            "architectures": ["OPTForCausalLM"],
            "eos_token_id": 50118,
            "ffn_dim": 10240,
            "hidden_size": 2560,
            "model_type": "opt",
            "num_attention_heads": 32,
            "num_hidden_layers": 32,
            "prefix": "</s>",
            "torch_dtype": "float16",
            "vocab_size": 50304,
            "word_embed_proj_dim": 2560,
        },
        "torch_dtype": "float32",
        "transformers_version": "4.47.0.dev0",
        "use_decoder_only_language_model": True,
        "vision_config": {
            "dropout": 0.0,
            "initializer_factor": 1.0,
            "model_type": "blip_2_vision_model",
            "num_channels": 3,
            "projection_dim": 512,
        },
    },
}
"""Configs of the hub, whose parts leave out what their libraries take by default."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configs_are_what_the_entries_say(name: str) -> None:
    config = PUBLISHED[name]
    rows = config["text_config"]["vocab_size"]  # files of one of them were given more rows of the table later on
    assert understand(config, "config.json").spec == bestiary.spec(name).at("text.embed.vocab", rows)
    del config["text_config"]["vocab_size"]
    usual = {"llava": 32000, "blip-2": 50272}[name.partition(":")[0]]
    assert understand(config, "config.json").spec.at("text.embed.vocab") == usual


def test_reads_towers_by_their_older_names(tmp_path: Path) -> None:
    llava(tmp_path, old=True)
    tensors = load_file(tmp_path / "model.safetensors")
    now = bestiary.load(tmp_path).state_dict()
    older = {name.replace("vision_tower.", "vision_tower.vision_model."): tensor for name, tensor in tensors.items()}
    save_file(older, tmp_path / "model.safetensors")
    again = bestiary.load(tmp_path).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in now.items())
    text = bestiary.load(tmp_path, task="base")
    assert list(text.spec.heads) == []


def test_ties_must_be_said_of_the_language_model() -> None:
    config = {**PUBLISHED["llava:7b-v1.5"], "tie_word_embeddings": True}
    with pytest.raises(BestiaryError, match="the language model's own is not; say it in both places"):
        understand(config, "config.json")


def test_caches_as_its_language_model_does() -> None:
    model = BUILT["llava"]
    assert cache_bytes(model, 9) == cache_bytes(model.at("text"), 9) > 0
    assert cache_bytes(BUILT["clip"], 9) == 0


# --- Pictures and texts --------------------------------------------------------------------------------------------


def tokenizer() -> Any:
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE({token: number for number, token in enumerate([*BYTES, *MARKS[:3]])}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(mark, normalized=False) for mark in MARKS])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 256)])
    kept = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **kept)


def photo(path: Path, seed: int) -> str:
    from PIL import Image

    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (17, 23, 3), dtype=np.uint8)).save(path)
    return str(path)


def llava(folder: Path, old: bool) -> Any:
    """Save a small LLaVA with what reads its pictures and texts, as libraries of today or of its year lay it out."""
    from transformers import LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    config = named("LlavaForConditionalGeneration").config(Random(0))
    config.text_config.vocab_size, config.image_token_index = 270, 259
    vision = config.vision_config
    vision.image_size, vision.patch_size, vision.num_channels = SIDE, 6, 3
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    settings = {"patch_size": 6, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    processor = LlavaProcessor(pictures, tokenizer(), chat_template=TEMPLATE, **settings)
    processor.save_pretrained(folder)
    if old:
        said = json.loads((folder / "processor_config.json").read_text())
        (folder / "preprocessor_config.json").write_text(json.dumps(said.pop("image_processor")))
        (folder / "processor_config.json").write_text(json.dumps(said))
        (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))
        (folder / "chat_template.jinja").unlink()
    return processor


def blip2(folder: Path, tokens: int) -> Any:
    """Save a small BLIP-2 with what reads its pictures and texts."""
    from transformers import Blip2ForConditionalGeneration, Blip2Processor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    config = named("Blip2ForConditionalGeneration").config(Random(0))
    config.text_config.vocab_size, config.image_token_index = 270, 259
    config.vision_config.image_size, config.vision_config.patch_size = SIDE, 6
    torch.manual_seed(0)
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    pictures = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    processor = Blip2Processor(pictures, tokenizer(), num_query_tokens=tokens)
    processor.save_pretrained(folder)
    return processor


def alike(theirs: Any, ours: Any) -> None:
    for name in ("input_ids", "attention_mask", "pixel_values"):
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("old", [False, True])
def test_reads_pictures_and_texts_as_the_reference(old: bool, tmp_path: Path) -> None:
    from PIL import Image

    theirs = llava(tmp_path / "given", old)
    files = [photo(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    texts = ["<image>\nWhat?", "A longer text <image> and <image>."]
    model = bestiary.load(tmp_path / "given")
    expected = theirs(
        images=[Image.open(file) for file in files], text=list(texts), padding=True, return_tensors="pt",
    )  # fmt: skip
    alike(expected, model.processor(files, texts))
    bestiary.save(model, tmp_path / "back")
    again = bestiary.load(tmp_path / "back")
    alike(expected, again.processor(files, texts))
    asked = again.tokenizer.chat([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why?"}]}])
    assert asked == "USER: <image>\nWhy? ASSISTANT:"
    with pytest.raises(BestiaryError, match="<image> marks 1 pictures in the texts, but 2 are given"):
        model.processor(files[:2], ["<image> and?"])
    with pytest.raises(BestiaryError, match="3 pictures cannot be shared by 2 texts"):
        model.processor(files, ["one", "two"])


def test_pictures_stand_in_front_as_in_the_reference(tmp_path: Path) -> None:
    from PIL import Image

    theirs = blip2(tmp_path / "given", tokens=4)
    files = [photo(tmp_path / f"{seed}.png", seed) for seed in range(2)]
    texts = ["What?", "A longer text."]
    model = bestiary.load(tmp_path / "given")
    images = [Image.open(file) for file in files]
    expected = theirs(images=images, text=list(texts), padding=True, return_tensors="pt")
    alike(expected, model.processor(files, texts))
    bestiary.save(model, tmp_path / "back")
    alike(expected, bestiary.load(tmp_path / "back").processor(files, texts))
    folder = str(tmp_path / "given")
    assert json.loads(command("run", folder, *files, "--max-new-tokens", "4", "--json").out)["job"] == "caption"


def test_a_file_that_names_no_token_has_pictures_in_front(tmp_path: Path) -> None:
    blip2(tmp_path, tokens=4)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["image_token_index"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert bestiary.load(tmp_path).spec.at("token") == 270


def test_run_answers_about_a_picture(tmp_path: Path) -> None:
    llava(tmp_path / "given", old=False)
    file, folder = photo(tmp_path / "photo.png", 0), str(tmp_path / "given")
    code, out, err = command("run", folder, file, "What is this?", "--max-new-tokens", "4", "--json")
    said = json.loads(out)
    assert (code, err, said["job"]) == (0, "", "answer")
    assert [(row["image"], row["question"]) for row in said["results"]] == [(file, "What is this?")]
    assert json.loads(command("run", folder, file, "--max-new-tokens", "4", "--json").out)["job"] == "caption"
    assert "this model is shown pictures" in command("run", folder, "What is this?").err
    (tmp_path / "given" / "processor_config.json").unlink()
    assert "came without what reads its pictures and texts" in command("run", folder, file).err


def test_heads_are_the_language_models() -> None:
    model = BUILT["llava"]
    assert isinstance(model, VisionLanguage)
    assert list(model.heads) == ["lm"]
    assert list(model.with_heads({}).at("text.heads")) == []
