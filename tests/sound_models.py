"""Small models that hear, and what each is called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.architectures import make, with_task
from bestiary.sizing import Flops, flops
from bestiary.spec import EncoderDecoder, Model, Spectrogram, samples_for

HEARD: dict[str, Any] = {
    "dim": 16, "depth": 2, "heads": 4, "hidden": 24, "channels": (6, 10), "kernels": (5, 3), "strides": (3, 2),
    "position_kernel": 4, "position_groups": 2,
}  # fmt: skip
WRITES = {"encoder_depth": 2, "decoder_depth": 1, "heads": 4, "hidden": 24, "vocab": 50, "mels": 5, "source": 9}

BUILT: dict[str, Model] = {
    "whisper": make("whisper", dim=16, **WRITES),
    **{
        f"wav2vec2 for {task}": with_task(make("wav2vec2", **HEARD), "wav2vec2", task, 5)
        for task in ("pretraining", "speech-recognition", "audio-classification")
    },
    "wav2vec2, all filters normed": make(
        "wav2vec2", **HEARD, normed="every", pre_norm=True, conv_bias=True, masked=False
    ),
    "whisper's encoder, labeling": with_task(
        make("whisper_encoder", dim=16, encoder_depth=2, heads=4, hidden=24, mels=5, source=9),
        "whisper_encoder",
        "audio-classification",
        5,
    ),
    "hubert": make("hubert", **HEARD, units=9, width=6),
}


def given(model: Any) -> tuple[dict[str, Tensor], Flops]:
    """Return what a model is called with, and what it is said to cost."""
    if isinstance(model, EncoderDecoder):
        written = torch.arange(5)[None] + 2
        return {"input_features": torch.zeros(1, 5, 18), "decoder_input_ids": written}, flops(model, 5)
    if isinstance(model.embed, Spectrogram):
        return {"input_features": torch.zeros(1, 5, 18)}, flops(model)
    return {"input_values": torch.zeros(1, samples_for(model.embed.filters, 9))}, flops(model, 9)
