"""Record what Transformer-XL's last reference implementation computes: transformers dropped the family in version 5.

    python3 -m venv /tmp/transfo-xl
    /tmp/transfo-xl/bin/pip install torch==2.13.0 transformers==4.35.2 'numpy<2' sacremoses safetensors
    /tmp/transfo-xl/bin/python tests/golden/record_transfo_xl.py

Each row is one safetensors file beside this one: a tiny model of odd sizes in float64, every parameter perturbed, with
its outputs on two segments of text, the second reading what the first remembered, and its gradients on the first. Two
roundings of the reference are set aside. It casts scores to float32 before it masks them, whatever the dtype: here they
stay as they are. It takes the sines of distances in the dtype of the embedding: here in float32, as in XLNet's code. In
float32, in which the model was published, neither makes a difference.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers import TransfoXLConfig
from transformers.models.transfo_xl.modeling_transfo_xl import PositionalEmbedding

HERE = Path(__file__).parent
SIZES: dict[str, Any] = {
    "vocab_size": 43, "d_model": 12, "d_embed": 12, "n_head": 3, "d_head": 5, "d_inner": 17, "n_layer": 2,
    "cutoffs": [9, 20], "div_val": 2, "mem_len": 6, "clamp_len": 4, "same_length": True, "pad_token_id": 0,
    "layer_norm_epsilon": 1e-3, "trainer_compatible": True,
}  # fmt: skip
LM = "TransfoXLLMHeadModel"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "base": ("TransfoXLModel", {"n_layer": 3}),
    "lm": (LM, {}),
    "classifier": ("TransfoXLForSequenceClassification", {"num_labels": 5}),
    "one-table": (LM, {"div_val": 1}),
    "one-table-untied": (LM, {"div_val": 1, "tie_word_embeddings": False, "cutoffs": [7, 19, 30]}),
    "narrow-bands": (LM, {"div_val": 4, "d_embed": 16, "clamp_len": -1, "layer_norm_epsilon": 1e-5}),
    "own-projections": (LM, {"proj_share_all_but_first": False}),
    "untied": (LM, {"tie_word_embeddings": False, "d_model": 14}),
    "shared-biases": (LM, {"untie_r": False}),
    "characters": (LM, {"untie_r": False, "div_val": 1, "cutoffs": []}),
    "norm-first": (LM, {"pre_lnorm": True}),
    "any-length": (LM, {"same_length": False, "mem_len": 4}),
    "no-memory": (LM, {"same_length": False, "mem_len": 0, "cutoffs": []}),
}
BATCH, TOKENS = 3, 11


def exact(reference: Any) -> Any:
    """Set the two roundings aside."""
    torch.Tensor.float = torch.Tensor.double
    sines = PositionalEmbedding.forward

    def rounded(self: Any, distances: torch.Tensor, batch: int | None = None) -> torch.Tensor:
        self.inv_freq = 1 / (10000 ** (torch.arange(0.0, self.demb, 2.0) / self.demb))
        return sines(self, distances.to(torch.float32), batch).double()

    PositionalEmbedding.forward = rounded if sines.__name__ != "rounded" else sines
    return reference.double().eval()


def record(label: str, name: str, changes: dict[str, Any]) -> None:
    torch.manual_seed(len(label))
    config = TransfoXLConfig(**SIZES | changes)
    reference = exact(getattr(transformers, name)(config))
    for parameter in reference.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    tensors = {f"weights/{name}": p.detach().clone() for name, p in reference.named_parameters()}
    mems = None
    for segment in ("first", "second"):
        ids = torch.randint(1, config.vocab_size, (BATCH, TOKENS))
        tensors[f"{segment}/input_ids"] = ids
        output = reference(ids, mems=mems)
        scores = [key for key in ("last_hidden_state", "logits", "prediction_scores") if key in output]
        (field,) = scores
        tensors[f"{segment}/{field.replace('prediction_scores', 'logits')}"] = output[field].detach()
        mems = output.mems
        tensors |= {f"{segment}/mems.{i}": memory.detach() for i, memory in enumerate(mems or [])}
        if segment == "first":
            torch.manual_seed(1)  # as the harness weighs what it sums
            (output[field] * torch.randn(output[field].shape, dtype=torch.float64)).sum().backward()
            tensors |= {f"gradients/{name}": p.grad.clone() for name, p in reference.named_parameters()}
    said = config.to_dict() | {"architectures": [name], "dtype": "float64"}
    kept = {key: tensor.contiguous().clone() for key, tensor in tensors.items()}
    save_file(kept, HERE / f"transfo-xl-{label}.safetensors", metadata={"config": json.dumps(said)})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for label, (name, changes) in ROWS.items():
        record(label, name, changes)
