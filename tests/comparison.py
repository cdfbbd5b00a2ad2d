"""What both sides of a comparison are given and how their answers are compared, for every row of references/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from references import Row
from references.drawn import TOKENS, kept, texts
from references.recorded import Recorded
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bestiary.nn import Model
from bestiary.weights.load import Checkpoint, load_weights

FIELDS = (
    "last_hidden_state", "logits", "pooler_output", "seq_relationship_logits", "prediction_logits", "sop_logits",
    "start_logits", "end_logits", "encoder_last_hidden_state", "text_embeds", "image_embeds", "logits_per_image",
    "logits_per_text", "pred_boxes", "pred_masks", "state_preds", "action_preds", "return_preds", "reconstruction",
    "projected_states", "projected_quantized_states", "codevector_perplexity",
)  # fmt: skip


class Lifted(TorchFunctionMode):
    """Inside, what is float64 stays so: a cast to float32 and a softmax in float32 do nothing and what they would."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (Tensor.to, Tensor.float) and args[0].dtype == torch.float64 and args[1:] in ((), (torch.float32,)):
            return args[0]
        if func is F.softmax:
            kwargs.pop("dtype", None)
        return func(*args, **kwargs)


@dataclass
class Case:
    """A reference, the folder that it was saved to, and what was loaded from there."""

    row: Row
    reference: Any
    folder: Path
    model: Model
    checkpoint: Checkpoint

    @property
    def config(self) -> Any:
        return self.reference.config


def perturbed(row: Row, seed: int) -> Any:
    """Return the reference in float64 with noise on all that its files hold, buffers included."""
    torch.manual_seed(seed)
    reference = lifted(row, row.reference(seed).double().eval())
    unsaid = reference._keys_to_ignore_on_save or ()
    state = {name: tensor for name, tensor in reference.state_dict().items() if name not in unsaid}
    held = {tensor.data_ptr(): tensor for tensor in state.values() if tensor.is_floating_point()}
    for tensor in held.values():
        tensor += 0.05 * torch.randn_like(tensor)
        if row.single:
            tensor.copy_(tensor.float())
    return reference


def lifted(row: Row, reference: Any) -> Any:
    """Return the reference so that it keeps its dtype while it runs, where it would narrow scores."""
    if row.narrows:
        mode = Lifted()
        reference.register_forward_pre_hook(lambda *_: mode.__enter__() and None)
        reference.register_forward_hook(lambda *_: mode.__exit__(None, None, None), always_call=True)
    return reference


def saved_and_loaded(row: Row, seed: int, folder: Path) -> Case:
    """Save a perturbed reference into a folder, and load it from there."""
    torch.set_num_threads(1)
    reference = perturbed(row, seed)
    reference.save_pretrained(folder)
    return Case(row, reference, folder, *load_weights(folder))


def chosen(keep: Tensor, side: str | None) -> Tensor:
    """Return which tokens are global; beside padding, none in one text, and in others padding too, named by mistake.

    Without padding they are equally many in each text: gradients of the reference are not a number elsewhere.
    """
    drawn = torch.rand(keep.shape)
    drawn[:, 0] = torch.tensor([0.0, 1.0, 0.0])  # a classifier reads the first token: global or not, both are seen
    picked = drawn.argsort(-1).argsort(-1) < 3
    return picked.long() if side is None else picked * torch.tensor([[1], [0], [1]])


def counted(keep: Tensor) -> Tensor:
    """Return positions that count real tokens."""
    return (keep.cumsum(-1) - 1).clamp(min=0)


def inputs(case: Case, side: str | None, seed: int = 0, tokens: int = TOKENS) -> dict[str, Tensor]:
    """Return what both models are called with; without padding, no mask is given at all."""
    torch.manual_seed(seed)
    config, reads = case.config, case.row.reads
    if isinstance(case.reference, Recorded):
        return case.reference.inputs(side)
    if case.row.given is not None:
        return case.row.given(config, side)
    keep = kept(tokens, side)
    given = {"input_ids": texts(config, keep)}
    given |= {} if side is None else {"attention_mask": keep}
    if "source_twice" in reads:
        last = (torch.arange(TOKENS) * keep).argmax(-1, keepdim=True)
        given["input_ids"] = given["input_ids"].scatter(1, last, config.eos_token_id)
    if config.is_encoder_decoder:
        past = keep if "source_twice" in reads else kept(TOKENS - 2, side)
        given |= {"decoder_input_ids": texts(config, past)}
        given |= {} if side is None else {"decoder_attention_mask": past}
    if "position_ids" in reads and side == "left":
        given |= {"position_ids": counted(keep)}
    if "global_attention_mask" in reads:
        given |= {"global_attention_mask": chosen(keep, side)}
    if "token_type_ids" in reads:
        given |= {"token_type_ids": torch.randint(0, getattr(config, "type_vocab_size", 2), keep.shape)}
    if "task_type_ids" in reads:
        given |= {"task_type_ids": torch.randint(0, config.task_type_vocab_size, keep.shape)}
    if "target_mapping" in reads:
        given |= targets(keep)
    return given


def targets(keep: Tensor) -> dict[str, Tensor]:
    """Return random orders of reading, and two targets in each row, one of them at the last real token."""
    order = torch.rand(keep.shape)
    last = (torch.arange(keep.shape[1]) * keep).argmax(-1)
    places = torch.stack((last, last - 2), dim=1)
    unseen = (order[:, :, None] <= order[:, None, :]).double()
    return {"perm_mask": unseen, "target_mapping": torch.nn.functional.one_hot(places, keep.shape[1]).double()}


def real(given: Mapping[str, Tensor], name: str) -> Tensor | None:
    """Return which places of an output field are real tokens, where the field has a place for each token."""
    if "input_values" in given:
        return None  # places of a sound are fewer than its samples, and padding is computed alike on both sides
    if "target_mapping" in given:
        return None  # outputs are the targets', which are real
    encoder = name.startswith("encoder") or "decoder_input_ids" not in given
    keep = given.get("attention_mask" if encoder else "decoder_attention_mask")
    return None if keep is None else keep.bool()


def filled(output: Any) -> list[str]:
    """Return the fields that an output has; there is one at least."""
    found = [name for name in FIELDS if getattr(output, name, None) is not None]
    assert found
    return found


def apart(theirs: Tensor, ours: Tensor, keep: Tensor | None = None) -> float:
    """Return the largest difference at kept places; infinity where ours alone is no number."""
    difference = (theirs - ours).abs().masked_fill(ours.isnan() & ~theirs.isnan(), torch.inf)
    if keep is not None:  # a step of an episode is several places
        difference = difference[keep.repeat_interleave(difference.shape[1] // keep.shape[1], dim=1)]
    return difference.max().item()


def distance(theirs: Any, ours: Any, given: Mapping[str, Tensor]) -> float:
    """Return how far two outputs are apart at real tokens, over every field that the reference fills."""
    worst = 0.0
    for name in filled(theirs):
        value = getattr(theirs, name)
        each_token = value.dim() == 3 or name in ("start_logits", "end_logits")
        worst = max(worst, apart(value, getattr(ours, name), real(given, name) if each_token else None))
    return worst
