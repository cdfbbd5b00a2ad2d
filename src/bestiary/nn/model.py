"""From a whole spec to its module: which kind of model reads what the spec embeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.agents import AgentTransformer
from bestiary.nn.autoencoders import Autoencoder
from bestiary.nn.base import Model
from bestiary.nn.codes import CodeWriter, DiscreteAutoencoder
from bestiary.nn.convolutional import ConvNet
from bestiary.nn.detection import Detector
from bestiary.nn.efficient_unet import EfficientUNet
from bestiary.nn.entities import EntityTransformer
from bestiary.nn.episodes import StepTransformer, TransitionTransformer
from bestiary.nn.folding import FoldingModel
from bestiary.nn.interleaved import Interleaved, LookingTransformer, Resampler
from bestiary.nn.multimodal import DualEncoder
from bestiary.nn.normfree import NormFreeNet
from bestiary.nn.patch_diffusion import PatchDenoiser, PatchDiffusion
from bestiary.nn.patches import PATCHES
from bestiary.nn.pipelines import LatentDiffusion, PixelDiffusion
from bestiary.nn.pyramids import Pyramid
from bestiary.nn.queries import QueryTransformer
from bestiary.nn.robots import RobotTransformer
from bestiary.nn.segments import SegmentTransformer, reads_segments
from bestiary.nn.shared_text import SharedTextCascade, ToldDiffusion, ToldUpscaler
from bestiary.nn.sound import SoundEncoderDecoder, SpectrogramTransformer
from bestiary.nn.text_diffusion import (
    Cascade,
    EmbeddingDenoiser,
    ImageTextDiffusion,
    TextDiffusion,
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
)
from bestiary.nn.towers import EncoderDecoder, NarrowTransformer, PatchTransformer, TokenTransformer
from bestiary.nn.unet import UNet
from bestiary.nn.vector_diffusion import (
    CodedVector,
    DiffusedVector,
    FinishedUpscaler,
    PictureUpscaler,
    PriorCascade,
    VectorDiffusion,
    VectorTeller,
)
from bestiary.nn.vision_language import VisionEncoderDecoder, VisionLanguage
from bestiary.nn.waveform import WaveformTransformer

EMBEDDED: dict[type[spec.Embedding], Callable[[Any], Model]] = {
    spec.Tokens: TokenTransformer,
    spec.TaskTokens: TokenTransformer,
    spec.ScaledTokens: TokenTransformer,
    spec.BlankedTokens: TokenTransformer,
    spec.AddedTokens: TokenTransformer,
    spec.DroppedTokens: TokenTransformer,
    spec.PaddedTokens: TokenTransformer,
    spec.CaptionTokens: TokenTransformer,
    spec.NarrowTokens: NarrowTransformer,
    spec.Spectrogram: SpectrogramTransformer,
    spec.Waveform: WaveformTransformer,
    **dict.fromkeys(PATCHES, PatchTransformer),
    spec.AgentTokens: AgentTransformer,
    spec.Steps: StepTransformer,
    spec.Looks: RobotTransformer,
    spec.Transitions: TransitionTransformer,
    spec.Queries: QueryTransformer,
}


def model(node: spec.Model) -> Model:
    """Build the module of a whole spec."""
    if type(node) not in WHOLE:
        raise BestiaryError(f"{type(node).__name__} is a part of a model; build the whole")
    return WHOLE[type(node)](node)


def _one_tower(node: spec.Transformer) -> Model:
    if spec.side_width(node) is not None:
        return EntityTransformer(node)
    return SegmentTransformer(node) if reads_segments(node) else EMBEDDED[type(node.embed)](node)


def _two_towers(node: spec.EncoderDecoder) -> Model:
    return SoundEncoderDecoder(node) if isinstance(node.encoder.embed, spec.Spectrogram) else EncoderDecoder(node)


def _shown(node: spec.VisionLanguage) -> Model:
    pair = isinstance(node.text, spec.EncoderDecoder)
    return (VisionEncoderDecoder if pair else VisionLanguage)(node, model)


WHOLE: dict[type[spec.Model], Callable[[Any], Model]] = {
    spec.Transformer: _one_tower,
    spec.EncoderDecoder: _two_towers,
    spec.ConvNet: ConvNet,
    spec.Detector: Detector,
    spec.NormFreeNet: NormFreeNet,
    spec.Pyramid: Pyramid,
    spec.LookingTransformer: LookingTransformer,
    spec.Resampler: Resampler,
    spec.Interleaved: lambda node: Interleaved(node, model),
    spec.DualEncoder: lambda node: DualEncoder(node, model),
    spec.VisionLanguage: _shown,
    spec.PatchDenoiser: PatchDenoiser,
    spec.PatchDiffusion: PatchDiffusion,
    spec.TextDiffusion: lambda node: TextDiffusion(node, model),
    spec.TextUpscaler: lambda node: TextUpscaler(node, model),
    spec.TextInpainter: lambda node: TextInpainter(node, model),
    spec.TextInpaintUpscaler: lambda node: TextInpaintUpscaler(node, model),
    spec.ImageTextDiffusion: lambda node: ImageTextDiffusion(node, model),
    spec.EmbeddingDenoiser: EmbeddingDenoiser,
    spec.Cascade: lambda node: Cascade(node, model),
    spec.VectorTeller: VectorTeller,
    spec.VectorDiffusion: VectorDiffusion,
    spec.PictureUpscaler: PictureUpscaler,
    spec.FinishedUpscaler: FinishedUpscaler,
    spec.DiffusedVector: DiffusedVector,
    spec.CodedVector: lambda node: CodedVector(node, model),
    spec.PriorCascade: lambda node: PriorCascade(node, model),
    spec.ToldDiffusion: lambda node: ToldDiffusion(node, model),
    spec.ToldUpscaler: lambda node: ToldUpscaler(node, model),
    spec.SharedTextCascade: lambda node: SharedTextCascade(node, model),
    spec.UNet: UNet,
    spec.EfficientUNet: EfficientUNet,
    spec.Autoencoder: Autoencoder,
    spec.DiscreteAutoencoder: DiscreteAutoencoder,
    spec.CodeWriter: lambda node: CodeWriter(node, model),
    spec.PixelDiffusion: PixelDiffusion,
    spec.LatentDiffusion: lambda node: LatentDiffusion(node, model),
    spec.FoldingModel: FoldingModel,
}
