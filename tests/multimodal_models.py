"""Small models that read texts and images, and what each is called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import detection_models
import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.spec import (
    MLP,
    Attention,
    ConvNet,
    CrossAttention,
    CrossWidthAttention,
    Detector,
    DualEncoder,
    FrozenBatchNorm,
    HeadNorm,
    ImageAttention,
    Interleaved,
    LastImage,
    LastSummary,
    LayerNorm,
    Model,
    NormFreeNet,
    PoolStem,
    ProbeSummary,
    Queries,
    QueryConnector,
    RescaleNorm,
    Residual,
    SigmoidContrast,
    Stack,
    Stage,
    Strided,
    TanhGate,
    TanhGates,
    Transformer,
    VisionLanguage,
    shown_vectors,
    swap,
)

TEXT: dict[str, Any] = {"dim": 16, "depth": 2, "heads": 4, "hidden": 24, "vocab": 50, "length": 9, "width": 6}
VISION: dict[str, Any] = {"dim": 24, "depth": 2, "heads": 4, "hidden": 40, "image": 32, "patch": 8, "width": 6}
NETWORK: dict[str, Any] = {"stem": 4, "blocks": (2, 1, 1, 1), "image": 64, "width": 6, "heads": 4}
TOWERS: dict[str, Any] = {
    name: {"architecture": name, **sizes}
    for name, sizes in {"clip_text": TEXT, "clip_vision": VISION, "clip_resnet": NETWORK}.items()
}
NET_SIZES: dict[str, Any] = {
    "architecture": "nfnet", "stages": (1, 2, 1, 1), "widths": (16, 16, 32, 32), "stem": 16, "dim": 20, "group": 8,
    "image": 40,
}  # fmt: skip
NET: Any = make(**{"name" if key == "architecture" else key: value for key, value in NET_SIZES.items()})
LOOKS: dict[str, Any] = {
    "dim": 16, "depth": 3, "heads": 4, "head_dim": 6, "every": 2, "vocab": 50, "resampler_dim": 14,
    "resampler_depth": 2, "resampler_heads": 2, "latents": 3, "token": 5,
}  # fmt: skip
NORMED = HeadNorm(RescaleNorm())
WHOLE: Any = make("flamingo", **LOOKS, image=NET_SIZES)
SEEN_WHOLE = Interleaved(
    16,
    NET,
    None,
    swap(
        swap(WHOLE.text, ImageAttention, ImageAttention(4, width=20, qk_norm=NORMED, mask=(LastImage(5),))),
        TanhGate,
        TanhGates(),
    ),
)
PROBE = ProbeSummary(CrossAttention(4), MLP(20), LayerNorm())
PLAIN = ConvNet(64, PoolStem(8), (Stage(8, 2), Stage(16, 2, Strided())), FrozenBatchNorm(), image=32)

DECODER: dict[str, Any] = {key: size for key, size in TEXT.items() if key != "width"} | {"length": 32}
WORDS: dict[str, Any] = {"architecture": "llama", **DECODER}
ASKING = Transformer(
    12,
    Queries(5, LayerNorm()),
    Stack(((Residual(Attention(3), LayerNorm()), Residual(CrossWidthAttention(3, width=24), LayerNorm())),) * 2),
)

BUILT: dict[str, Model] = {
    **detection_models.BUILT,
    "clip_text": make("clip_text", **TEXT, end=8),
    "clip_text, ended by the highest": make("clip_text", **TEXT, end=None),
    "clip": make("clip", dim=5, text=TOWERS["clip_text"], image=TOWERS["clip_vision"]),
    "clip of a network": make("clip", dim=5, text=TOWERS["clip_text"], image=TOWERS["clip_resnet"]),
    "a network with frozen norms": PLAIN,
    "cm3": make("cm3", dim=16, depth=2, heads=4, hidden=24, vocab=50, length=9),
    "nfnet": NET,
    "flamingo": WHOLE,
    "pictures without a resampler": SEEN_WHOLE,
    "siglip": make(
        "siglip",
        text={"architecture": "siglip_text"} | TEXT | {"width": 24},
        image={"architecture": "siglip_vision"} | {key: size for key, size in VISION.items() if key != "width"},
    ),
    "llava": make("llava", image=TOWERS["clip_vision"], text=WORDS, token=3),
    "llava of three layers": make("llava_linear", image=TOWERS["clip_vision"], text=WORDS, token=3, layers=(-1, 0, 1)),
    "vip_llava": make("vip_llava", image=TOWERS["clip_vision"], text=WORDS, token=3, layers=(-1, 1)),
    "llava of what asks": VisionLanguage(
        16,
        make("clip_vision", **VISION).with_heads({}),
        QueryConnector(ASKING),
        make("llama", **DECODER),
        3,  # type: ignore[attr-defined, arg-type]
    ),
    "a sigmoid": DualEncoder(
        24,
        make("clip_text", **TEXT).with_heads({"pool": LastSummary(24)}),  # type: ignore[attr-defined]
        make("clip_vision", **VISION).with_heads({"pool": PROBE}),  # type: ignore[attr-defined]
        {"match": SigmoidContrast()},
    ),
}


def given(model: Any) -> dict[str, Tensor]:
    """Return one text or image, or one of each, as a model reads them."""
    if isinstance(model, VisionLanguage):
        ids = torch.arange(32)[None] % 7 + 4
        ids[:, 1 : 1 + shown_vectors(model)] = model.token
        return {"input_ids": ids, "pixel_values": torch.zeros(1, 3, 32, 32)}
    if isinstance(model, Detector):
        return detection_models.given(model)
    texts = {"input_ids": torch.arange(9)[None] % 7 + 2}
    if isinstance(model, Interleaved):
        return texts | {"pixel_values": torch.zeros(1, 1, 3, 40, 40)}
    if isinstance(model, NormFreeNet):
        return {"pixel_values": torch.zeros(1, 3, 40, 40)}
    if isinstance(model, DualEncoder):
        return texts | {"pixel_values": torch.zeros(1, 3, *[model.at("image").at(_side(model.at("image")))] * 2)}
    return {"pixel_values": torch.zeros(1, 3, 32, 32)} if isinstance(model, ConvNet) else texts


def _side(image: Any) -> str:
    return "image" if isinstance(image, ConvNet) else "embed.image"
