"""Record what Trajectory Transformer's last reference implementation computes: transformers dropped it in version 5.

    python3 -m venv /tmp/trajectory
    /tmp/trajectory/bin/pip install torch==2.13.0 transformers==4.57.6 numpy safetensors
    /tmp/trajectory/bin/python tests/golden/record_trajectory_transformer.py

Each row is one safetensors file beside this one: a tiny model of odd sizes in float64, every parameter perturbed, with
its outputs on two pieces of trajectories, its gradients on the first and its weighted loss there. The first piece ends
within a transition, and holds the end of an episode. The reference pads transitions with float32 zeros and cuts them
off again; those are made float64 here, which changes nothing.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.deprecated.trajectory_transformer.configuration_trajectory_transformer import (
    TrajectoryTransformerConfig,
)
from transformers.models.deprecated.trajectory_transformer.modeling_trajectory_transformer import (
    TrajectoryTransformerModel,
)

HERE = Path(__file__).parent
SIZES: dict[str, Any] = {
    "vocab_size": 11, "observation_dim": 3, "action_dim": 2, "transition_dim": 7, "block_size": 27, "n_layer": 2,
    "n_head": 3, "n_embd": 12, "action_weight": 5, "reward_weight": 2, "value_weight": 3,
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "usual": {},
    "deep": {"n_layer": 3, "vocab_size": 8, "observation_dim": 4, "action_dim": 1, "n_embd": 15, "block_size": 20},
    "one-head": {"n_head": 1, "n_embd": 10, "observation_dim": 1, "action_dim": 3, "transition_dim": 6},
}
BATCH, PIECES = 3, {"first": 17, "second": 14}


def recorded(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return a row's config, and its weights, inputs, outputs and gradients by name."""
    torch.manual_seed(0)
    words = {**SIZES, **changes}
    config = TrajectoryTransformerConfig(**words)
    model = TrajectoryTransformerModel(config).double().eval()
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    torch.set_default_dtype(torch.float64)  # the padding that is cut off again
    held = {f"weights/{name}": tensor for name, tensor in model.state_dict().items()}
    for piece, tokens in PIECES.items():
        bins = torch.randint(0, config.vocab_size, (BATCH, tokens))
        bins[0, -4:] = config.vocab_size  # the episode has ended
        output = model(trajectories=bins, return_dict=True)
        held |= {f"{piece}/trajectories": bins, f"{piece}/logits": output.logits.detach()}
        if piece == "first":
            torch.manual_seed(1)
            (output.logits * torch.randn(output.logits.shape, dtype=torch.float64)).sum().backward()
            held |= {f"gradients/{name}": its.grad for name, its in model.named_parameters()}
            held |= loss(model, bins)
    torch.set_default_dtype(torch.float32)
    kept = {"model_type": "trajectory_transformer", "architectures": ["TrajectoryTransformerModel"]}
    return {**words, **kept}, held


def loss(model: Any, bins: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return targets of whole transitions less the last token, which of them count, and their weighted loss."""
    width = model.config.transition_dim
    tokens = bins.shape[1] // width * width - 1
    read, targets = bins[:, :tokens], bins[:, 1 : tokens + 1].contiguous()
    counts = (torch.rand(read.shape) < 0.8).double()
    answer = model(trajectories=read, targets=targets, attention_mask=counts, return_dict=True)
    return {"loss/targets": targets, "loss/counts": counts, "loss/loss": answer.loss.detach()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    assert transformers.__version__ == "4.57.6"
    for label, changes in ROWS.items():
        words, tensors = recorded(changes)
        metadata = {"format": "pt", "config": json.dumps(words)}
        path = HERE / f"trajectory-transformer-{label}.safetensors"
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)
