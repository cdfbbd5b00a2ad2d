"""DiT's folder against diffusers: whole, picture by picture, written back; pictures by the names of classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
from command_line import bestiary as command
from test_pipelines import perturbed

import bestiary
from bestiary import diffuse
from bestiary.errors import BestiaryError

CLASSES = 1000
"""The reference asks for no class by the number 1000, whatever its table."""


def pipeline() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=12, num_layers=2, in_channels=4, out_channels=8, sample_size=6,
        patch_size=2, num_embeds_ada_norm=CLASSES, norm_eps=1e-6,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        sample_size=12, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    transformer = perturbed(transformer)
    with torch.no_grad():  # the layers hold copies of what is one tensor, which training keeps alike
        first = transformer.transformer_blocks[0].norm1.emb.state_dict()
        for block in transformer.transformer_blocks[1:]:
            block.norm1.emb.load_state_dict(first)
    made = diffusers.DiTPipeline(
        transformer=transformer, vae=perturbed(vae), scheduler=diffusers.DDIMScheduler(clip_sample=False),
        id2label={3: "tench, Tinca tinca", 7: "cock"},
    )  # fmt: skip
    made.register_to_config(id2label={"3": "tench, Tinca tinca", "7": "cock"})
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module")
def theirs() -> Any:
    return pipeline()


@pytest.fixture(scope="module")
def folder(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dit")
    theirs.save_pretrained(path)
    return path


@torch.no_grad()
def test_the_same_picture_is_drawn(theirs: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(shape: Any, generator: Any = None, dtype: Any = None, **_: Any) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(dtype)  # in float32, whatever the weights

    monkeypatch.setattr(diffusers.pipelines.dit.pipeline_dit, "randn_tensor", drawn)
    model: Any = bestiary.load(folder)
    asked = {"guidance_scale": 4.0, "num_inference_steps": 5, "generator": torch.Generator().manual_seed(9)}
    expected = theirs([7], **asked, output_type="pt").images
    ours = diffuse.draw_class(model, 7, steps=5, seed=9)
    assert ours.std() > 0.05
    assert (ours - expected).abs().max() < 1e-9  # five passes, one after another
    assert (diffuse.draw_class(model, 7, steps=5, seed=9, guidance=1.0) - ours).abs().max() > 1e-4
    assert (diffuse.draw_class(model, 3, steps=5, seed=9) - ours).abs().max() > 1e-4


@torch.no_grad()
def test_what_we_save_opens_with_nothing_missing_or_unexpected(theirs: Any, folder: Path, tmp_path: Path) -> None:
    bestiary.save(bestiary.load(folder), tmp_path)
    for name in ("transformer", "vae"):
        kind = type(getattr(theirs, name))
        _, info = kind.from_pretrained(tmp_path / name, output_loading_info=True)
        assert [(what, found) for what, found in info.items() if found] == []
    opened = diffusers.DiTPipeline.from_pretrained(tmp_path, torch_dtype=torch.float64)
    opened.set_progress_bar_config(disable=True)
    assert opened.get_label_ids(["tench", "cock"]) == [3, 7]
    pictures = [
        each([3], num_inference_steps=2, generator=torch.Generator().manual_seed(1), output_type="pt").images
        for each in (theirs, opened)
    ]
    assert (pictures[0] - pictures[1]).abs().max() < 1e-12
    indices = [json.loads((path / "model_index.json").read_text()) for path in (folder, tmp_path)]
    assert {key for key in indices[0] if indices[0][key] != indices[1].get(key)} == {"_diffusers_version"}


def test_the_first_class_name_of_the_library_is_read_and_kept(folder: Path, tmp_path: Path) -> None:
    """As facebook/DiT-XL-2-256 has it."""
    for path in folder.rglob("*"):
        if path.is_file():
            (tmp_path / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    for file, place in (("model_index.json", "transformer"), ("transformer/config.json", "_class_name")):
        said = json.loads((tmp_path / file).read_text())
        said[place] = "Transformer2DModel" if place == "_class_name" else ["diffusers", "Transformer2DModel"]
        (tmp_path / file).write_text(json.dumps(said))
    model = bestiary.load(tmp_path)
    bestiary.save(model, tmp_path / "back")
    assert json.loads((tmp_path / "back" / "model_index.json").read_text())["transformer"][1] == "Transformer2DModel"
    config = json.loads((tmp_path / "back" / "transformer" / "config.json").read_text())
    assert config["_class_name"] == "Transformer2DModel"


def test_classes_by_their_names(folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("name.png", "number.png")]
    for file, asked in zip(files, ("Tinca tinca", "3"), strict=True):
        assert command(f"run {folder} --out {file}", asked).code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    done = command(f"run {folder} coc --out {tmp_path / 'it.png'}")
    assert done.code == 2
    assert "give the number of one or its name" in done.err and "did you mean 'cock'" in done.err


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("transformer", {"in_channels": 3}, "has shape"),
        ("vae", {"latent_channels": 3}, "has shape"),
        ("scheduler", {"beta_schedule": "sigmoid"}, "'beta_schedule' is 'sigmoid'"),
    ],
)
def test_a_part_that_cannot_be_obeyed(
    folder: Path, tmp_path: Path, part: str, change: dict[str, Any], message: str
) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            (tmp_path / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    file = tmp_path / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BestiaryError, match=message):
        bestiary.load(tmp_path)
