"""DETR: objects of an image as a set, asked for by queries (Carion et al. 2020); the networks that it looks with."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.errors import BestiaryError
from bestiary.spec import (
    MLP,
    Activation,
    ConvNet,
    Detector,
    DilatedStage,
    FrozenBatchNorm,
    LayerNorm,
    ObjectBoxes,
    ObjectClasses,
    ObjectMasks,
    PlacedAttention,
    PlacedCrossAttention,
    PoolStem,
    Residual,
    Stack,
    Stage,
    Strided,
)


def resnet(
    blocks: tuple[int, ...],
    stem: int = 64,
    widths: tuple[int, ...] = (64, 128, 256, 512),
    *,
    channels: int = 3,
    dilated: bool = False,
) -> ConvNet:
    """ResNet of bottlenecks (He et al. 2015) with its norms frozen, as detectors look with it.

    ``widths`` are those inside the blocks; the last stage may be ``dilated`` instead of halved (DC5).
    """
    if len(blocks) != len(widths):
        raise BestiaryError(f"there are blocks for {len(blocks)} stages, but widths for {len(widths)}")
    stages = [
        Stage(width, count, Strided() if i else None)
        for i, (width, count) in enumerate(zip(widths, blocks, strict=True))
    ]
    if dilated:
        stages[-1] = DilatedStage(widths[-1], blocks[-1])
    return ConvNet(4 * widths[-1], PoolStem(stem), tuple(stages), FrozenBatchNorm(), channels=channels)


def detr(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    net: Any,
    queries: int = 100,
    labels: int = 91,
    *,
    decoder_depth: int | None = None,
    decoder_heads: int | None = None,
    decoder_hidden: int | None = None,
    activation: Activation = "relu",
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    activation_dropout: float = 0.1,
    image: tuple[int, int] = (800, 1333),
) -> Detector:
    """DETR (Carion et al. 2020): norms behind the branches, and one more behind the decoder.

    The decoder is like the encoder unless said. ``labels`` are the numbers of COCO's categories, of which some name
    nothing; ``image`` is the height and width that operations are counted for.
    """
    norm = LayerNorm(1e-5)

    def layer(heads: int, hidden: int, decoder: bool) -> tuple[Residual, ...]:
        look = Residual(PlacedAttention(heads, dropout=attention_dropout), norm, "post", dropout=dropout)
        read = look.replace(op=PlacedCrossAttention(heads, dropout=attention_dropout))
        feed = look.replace(op=MLP(hidden, activation, dropout=activation_dropout))
        return (look, read, feed) if decoder else (look, feed)

    encoder = Stack((layer(heads, hidden, False),) * depth)
    asked = layer(decoder_heads or heads, decoder_hidden or hidden, True)
    decoder = Stack((asked,) * (decoder_depth or depth), norm)
    model = Detector(dim, net, encoder, decoder, queries, image=image)
    return model.with_heads(find_objects(model, labels))


@varies(detr)
def detr_masks(model: Detector) -> Detector:
    """DETR that tells which places each object covers, too (Carion et al. 2020, section 4.4)."""
    classes: Any = model.heads["classes"]
    return model.with_heads(cover_objects(model, classes.labels))


def find_objects(spec: Detector, labels: int) -> Heads:
    """What each object is, and its box."""
    return {"classes": ObjectClasses(labels), "boxes": ObjectBoxes()}


def cover_objects(spec: Detector, labels: int) -> Heads:
    """The same, and which places each object covers: as many heads ask for them as the encoder has."""
    first: Any = spec.encoder.layers[0]
    masks = ObjectMasks(first[0].op.heads, first[1].op.activation)
    return {**find_objects(spec, labels), "masks": masks}
