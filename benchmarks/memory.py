"""Training memory: what plans predict beside the peak that torch's allocator reports of a real step.

A step is a forward and a backward pass and AdamW's step on a CPU in float32, gradients of the batch before still
allocated. Every allocation and release of the step is counted, those inside of kernels too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

from bestiary import nn as modules
from bestiary import spec
from bestiary.architectures import make, with_task
from bestiary.sizing import plan

BATCH, TOKENS, RANK = 8, 128, 8


class Adapted(nn.Module):
    """A frozen linear map, and beside it two small matrices that are trained."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base, self.in_features = base, base.in_features
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Sum what both make of ``x``."""
        return self.base(x) + 2.0 * self.up(self.down(x))


def adapt(module: nn.Module, names: tuple[str, ...], rank: int) -> None:
    """Freeze a model, and put adapters beside the linear maps of these names in its layers."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for layers in _layers(module):
        for parent in list(layers.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear) and name in names:
                    setattr(parent, name, Adapted(child, rank))


def checkpointed(module: nn.Module) -> None:
    """Let each layer keep its input only."""

    def again(run: Callable[..., Tensor]) -> Callable[..., Any]:
        return lambda x, context: checkpoint(run, x, context, use_reentrant=False)

    for layers in _layers(module):
        for layer in layers.children():
            layer.forward = again(layer.forward)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    yield from (part for name, part in module.named_modules() if name.endswith("stack.layers"))


def kept(module: nn.Module, run: Callable[[], Any]) -> int:
    """Return the bytes of all that autograd holds after a forward pass, beside weights and buffers."""
    weights = {one.untyped_storage().data_ptr() for one in (*module.parameters(), *module.buffers())}
    held: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        where = tensor.untyped_storage().data_ptr()
        if where not in weights:
            held[where] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def peak(step: Callable[[], Any]) -> int:
    """Return the most bytes that a step has allocated at once."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        step()
    assert run.profiler is not None and run.profiler.kineto_results is not None
    events = [event for event in run.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue]  # its stubs lack it
        most = max(most, held)
    return most


def run(module: Any, tokens: Tensor) -> Any:
    """Return a model's output for tokens, which an encoder-decoder reads on both sides."""
    both = {"decoder_input_ids": tokens} if isinstance(module.spec, spec.EncoderDecoder) else {}
    return module(input_ids=tokens, **both)


def loss(module: Any, tokens: Tensor) -> Tensor:
    """Return the cross-entropy of as many random labels; without a language-model head, some function of the output."""
    out = run(module, tokens)
    if out.logits is None:
        return out.last_hidden_state.square().mean()
    return F.cross_entropy(out.logits.flatten(0, 1).float(), torch.zeros(tokens.numel(), dtype=torch.long))


def measured(model: spec.Model, tokens: Tensor, change: Callable[[Any], None], clear: bool = False) -> int:
    """Return the peak of a training step, what is there before and after it included; ``clear`` frees gradients."""
    module = modules.build(model, seed=0).eval()
    change(module)
    trained = [one for one in module.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, foreach=True)

    def step() -> None:
        loss(module, tokens).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=clear)

    step()
    moments = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    gradients = [one.grad for one in trained if one.grad is not None]
    return sum(one.nbytes for one in (*module.parameters(), *moments, *gradients)) + peak(step)


MODELS: dict[str, spec.Model] = {
    "BERT": with_task(make("bert", dim=192, depth=6, heads=6, hidden=768, vocab=4000), "bert", "masked-lm"),
    "GPT-2": make("gpt2", dim=192, depth=6, heads=6, hidden=768, vocab=4000),
    "LLaMA": make("llama", dim=192, depth=6, heads=6, kv_heads=2, hidden=512, vocab=4000),
    "T5": make("t5", dim=192, depth=4, heads=6, head_dim=32, hidden=768, vocab=4000),
}


class Way(NamedTuple):
    """A way to train: the task and the values that plan it, and what is done to the module."""

    task: str
    values: dict[str, int]
    change: Callable[[Any], None]


WAYS: dict[str, Way] = {
    "all weights": Way("train", {}, lambda module: None),
    "all weights, checkpointing": Way("train", {"checkpointing": 1}, checkpointed),
    "LoRA": Way("lora", {"rank": RANK}, lambda module: adapt(module, ("q", "v"), RANK)),
}


def compared(name: str, way: str, clear: bool = False) -> tuple[int, int]:
    """Return the bytes that a plan predicts, and those that are measured."""
    task, values, change = WAYS[way]
    model = MODELS[name]
    predicted = plan(model, task).total("float32", batch=BATCH, context=TOKENS, source=TOKENS, **values)
    tokens = torch.randint(4000, (BATCH, TOKENS), generator=torch.Generator().manual_seed(0))
    return predicted, measured(model, tokens, change, clear)


def runs() -> Iterator[tuple[str, str]]:
    """Yield each model with each way; the layers of T5 share scores, which checkpointing cannot compute twice."""
    yield from ((name, way) for name in MODELS for way in WAYS if (name, way) != ("T5", "all weights, checkpointing"))


def main() -> None:
    """Print the table."""
    print(f"Training memory in MB, {BATCH} x {TOKENS} tokens, float32, torch {torch.__version__}")
    print(f"{'model':8}{'trained':28}{'predicted':>10}{'measured':>10}{'error':>9}{'gradients freed':>17}")
    for name, way in runs():
        predicted, peak_bytes = compared(name, way)
        freed = compared(name, way, clear=True)[1]
        error = predicted / peak_bytes - 1
        print(f"{name:8}{way:28}{predicted / 1e6:10.2f}{peak_bytes / 1e6:10.2f}{error:9.2%}{freed / 1e6:17.2f}")


if __name__ == "__main__":
    main()
