"""References that no library has any more: what they computed, recorded under golden/, in the place of the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from references.row import Row

GOLDEN = Path(__file__).parent.parent / "golden"
SEGMENTS = {None: "first", "right": "second", "left": "second"}
"""What stands for the sides of padding, which recorded models do not know."""


class Recorded:
    """Answers what the reference answered; its weights and its gradients are files."""

    _keys_to_ignore_on_save: tuple[str, ...] = ()

    def __init__(self, words: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        self.words, self.tensors = words, tensors
        self.config = SimpleNamespace(**words, num_hidden_layers=words["n_layer"])
        self.dtype = torch.float64

    @classmethod
    def open(cls, path: Path) -> Self:
        with safe_open(path, framework="pt") as file:
            words = json.loads(file.metadata()["config"])
            return cls(words, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118

    def part(self, name: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{name}/"): t for key, t in self.tensors.items() if key.startswith(f"{name}/")}

    def inputs(self, side: str | None) -> dict[str, Any]:
        """Return the first segment, or the second with what is remembered of the first."""
        segment = SEGMENTS[side]
        given: dict[str, Any] = {"input_ids": self.part(segment)["input_ids"]}
        mems = self.mems("first")
        return given | ({"mems": mems} if segment == "second" and mems else {})

    def mems(self, segment: str) -> list[Tensor]:
        held = self.part(segment)
        return [held[name] for name in sorted(held) if name.startswith("mems.")]

    def __call__(self, input_ids: Tensor, mems: Any = None) -> Any:
        segment = next(name for name in ("first", "second") if torch.equal(self.part(name)["input_ids"], input_ids))
        return SimpleNamespace(
            **{name: t.clone().requires_grad_() for name, t in self.part(segment).items() if t.is_floating_point()}
        )

    def save_pretrained(self, folder: Path, part: str = "weights") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: t.to(self.dtype) for name, t in self.part(part).items()}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({**self.words, "dtype": str(self.dtype).split(".")[1]}))

    def gradients(self) -> Any:
        return SimpleNamespace(save_pretrained=partial(self.save_pretrained, part="gradients"))

    def named_parameters(self, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        return ((name, tensor.clone().requires_grad_()) for name, tensor in self.part("weights").items())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return iter(())

    def parameters(self) -> Iterator[Tensor]:
        return (parameter for _, parameter in self.named_parameters())

    def state_dict(self) -> dict[str, Tensor]:
        return {}  # nothing is perturbed that was recorded as it is

    def to(self, dtype: torch.dtype) -> Self:
        self.dtype = dtype
        return self

    def double(self) -> Self:
        return self

    def eval(self) -> Self:
        return self


@dataclass(frozen=True)
class RecordedRow(Row):
    """A row whose reference is a file: its name, and the class that it was."""

    def reference(self, seed: int) -> Any:
        return Recorded.open(GOLDEN / f"{self.label}.safetensors")


def _row(path: Path) -> RecordedRow:
    with safe_open(path, framework="pt") as file:
        words = json.loads(file.metadata()["config"])
    return RecordedRow(words["architectures"][0], lambda random: None, path.stem, caches=False)  # type: ignore[arg-type, return-value]


ROWS = tuple(_row(path) for path in sorted(GOLDEN.glob("transfo-xl-*.safetensors")))
