"""Record what GLIDE's published code computes: run by hand, with a clone of openai/glide-text2im at the commit below.

    python tests/golden/record_glide.py CLONE

Commit 69b530740eb6cef69442d6180579ef5ba9ef063e, with torch alone. Casts to float32 are lifted, so that float64 runs
through; weights are drawn by name, and only their shapes and the answers are kept.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from glide_weights import SIZES, drawn, inputs  # noqa: E402


def recorded(model: Any, given: dict[str, Any]) -> tuple[dict[str, list[int]], torch.Tensor]:
    """Return the shapes of a model's weights, and its answer with those that are drawn by name."""
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    model.double().load_state_dict(drawn(shapes))
    model.dtype = torch.float64
    with torch.no_grad():
        return shapes, model.eval()(**given)


def main(clone: str) -> None:
    sys.path.insert(0, clone)
    code = importlib.import_module("glide_text2im.text2im_model")
    torch.Tensor.float = lambda tensor: tensor.double() if tensor.is_floating_point() else tensor.to(torch.float32)  # type: ignore[method-assign]
    waves = code.timestep_embedding
    code.timestep_embedding = lambda times, dim: waves(times, dim).double()
    words = types.SimpleNamespace(n_vocab=SIZES["vocab"])
    common = {"num_head_channels": SIZES["head_dim"], "use_scale_shift_norm": True, "resblock_updown": True}

    def made(kind: str, upper: str) -> Any:
        at = {name: SIZES[upper + name] for name in ("dim", "depth", "heads", "width", "levels", "cells", "attends")}
        return getattr(code, kind)(
            SIZES["length"], at["dim"], at["depth"], at["heads"], True, words, xf_padding=True, in_channels=3,
            model_channels=at["width"], out_channels=6, num_res_blocks=at["cells"], channel_mult=at["levels"],
            attention_resolutions=[2**level for level, here in enumerate(at["attends"]) if here], **common,
        )  # fmt: skip

    given = inputs()
    told = {"tokens": given["input_ids"], "mask": given["attention_mask"].bool(), "timesteps": given["timestep"]}
    base, small = recorded(made("Text2ImUNet", ""), {"x": given["small"], **told})
    seen = {"x": given["large"], "low_res": given["small"], **told}
    upper, large = recorded(made("SuperResText2ImUNet", "upper_"), seen)
    shapes = {"base": json.dumps(base), "upscaler": json.dumps(upper)}
    save_file({"small": small, "large": large}, HERE / "glide.safetensors", metadata=shapes)


if __name__ == "__main__":
    main(sys.argv[1])
