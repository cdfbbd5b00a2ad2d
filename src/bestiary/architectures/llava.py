"""LLaVA: a reader of images, a small connector and a language model (Liu et al. 2023)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.vary import varies
from bestiary.spec import (
    Activation,
    Embedded,
    HiddenVectors,
    LayerNorm,
    LinearConnector,
    MLPConnector,
    NormedMLPConnector,
    Transformer,
    VisionLanguage,
)


def llava(
    image: Any,
    text: Any,
    token: int = 32000,
    *,
    layers: tuple[int, ...] = (-2,),
    skipped: int = 1,
    activation: Activation = "gelu",
    bias: bool = True,
) -> VisionLanguage:
    """LLaVA 1.5 (Liu et al. 2023): what a layer of CLIP leaves of each patch, through two linear maps, among words.

    An image's vectors stand in place of as many of ``token``; the ``skipped`` first of each layer are left out.
    """
    return VisionLanguage(
        text.dim, without_embedding(image), MLPConnector(activation, bias), text, token, HiddenVectors(layers, skipped)
    )


@varies(llava, fixed={"activation": "gelu", "bias": True})
def llava_linear(model: VisionLanguage) -> VisionLanguage:
    """LLaVA 1 (Liu et al. 2023): the same through one linear map."""
    return model.replace(connector=LinearConnector())


@varies(llava, layers=(-2, -5, -8, -11, 6), fixed={"skipped": 1, "bias": True})
def vip_llava(model: VisionLanguage, *, eps: float = 1e-5) -> VisionLanguage:
    """ViP-LLaVA (Cai et al. 2023): what five layers of CLIP leave, normed, so that marks on a picture are seen too."""
    return model.replace(connector=NormedMLPConnector(model.at("connector.activation"), norm=LayerNorm(eps)))


def without_embedding(image: Transformer) -> Transformer:
    """Return a reader of images that is not compared with texts: without the map to where it would be."""
    return image.with_heads({name: head for name, head in image.heads.items() if not isinstance(head, Embedded)})
