"""Pictures as codes: autoencoders whose maps are words of a visual vocabulary, and transformers that write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import GainBlock, Level, MaxDown, NearestUp, ResBlock
from bestiary.spec.masks import Causal, Picture, PictureColumn, PictureRow, PictureWindow
from bestiary.spec.models import Model, Transformer
from bestiary.spec.node import Node
from bestiary.spec.positions import CaptionedGrid
from bestiary.spec.text_diffusion import PaddedTokens


@dataclass(frozen=True)
class CodeEncoder(Model):
    """A convolution of side ``kernel`` from ``channels`` to ``dim``, then levels, then ReLU (Ramesh et al. 2021, A.1).

    It makes of a picture the map from which its words are told.
    """

    channels: int
    kernel: int
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class CodeDecoder(Model):
    """Levels from a map ``dim`` wide, ReLU, and a linear map to ``out`` channels (Ramesh et al. 2021, A.1)."""

    levels: tuple[Level, ...]
    out: int


@dataclass(frozen=True)
class LogitLaplace(Node):
    """How pixels are told: as a Laplace distribution behind a sigmoid (Ramesh et al. 2021, appendix A.3).

    Values from 0 to 1 are first brought ``margin`` away from either end, where the density has no bound.
    """

    margin: float = 0.1


@dataclass(frozen=True)
class DiscreteAutoencoder(Model):
    """A picture to a map of words, of which there are ``dim``, and back (Ramesh et al. 2021, appendix A: the dVAE).

    Each place of the map has a score for each word. ``size`` is the side of the pictures that it was trained on. The
    decoder tells two numbers for each channel of a pixel, its place and the logarithm of its spread.
    """

    size: int
    encoder: CodeEncoder
    decoder: CodeDecoder
    pixels: LogitLaplace = field(default=LogitLaplace())


@dataclass(frozen=True)
class CaptionTokens(PaddedTokens):
    """A text of ``length`` places, and behind it the codes of a picture (Ramesh et al. 2021, B.1 and figure 10).

    The last ``codes`` of ``vocab`` are the picture's, the others the text's. A learned vector begins the text and
    another one the picture: they are looked up as the two tokens after the vocabulary. Where the text is shorter, the
    learned vector of that place is read in place of padding, as words are.
    """

    codes: int = field(kw_only=True)

    @property
    def words(self) -> int:
        """How many tokens are the text's."""
        return self.vocab - self.codes


@dataclass(frozen=True)
class CodeWriter(Model):
    """A causal transformer that reads a text and writes a picture's codes behind it, and what makes it of them.

    ``dim`` is the transformer's (Ramesh et al. 2021, section 2).
    """

    text: Transformer
    image: DiscreteAutoencoder


def code_side(node: DiscreteAutoencoder) -> int:
    """Return how many codes high and wide the map of a picture is."""
    return node.size >> max(0, halvings(node.encoder.levels))


def halvings(levels: tuple[Level, ...]) -> int:
    """Count how often levels halve a map, doublings taken off."""
    sides = [1 if isinstance(level.resample, MaxDown) else -1 for level in levels if level.resample is not None]
    return sum(sides)


def _tower(node: CodeEncoder | CodeDecoder, spec: Model) -> Iterator[str]:
    if any(isinstance(part, ResBlock) for _, part in walk_once(node.levels)):
        yield "its blocks are GainBlocks, which no norm stands in"
    if any(cell.attend is not None for level in node.levels for cell in level.cells):
        yield "its cells have no attention"
    if any(not isinstance(level.resample, MaxDown | NearestUp | None) for level in node.levels):
        yield "its levels leave by MaxDown, by NearestUp or as they are"
    if isinstance(node, CodeEncoder) and not node.kernel % 2:
        yield f"kernel is {node.kernel}, which must be odd, so that a pixel is its middle"


def _gain_block(node: GainBlock, spec: Model) -> Iterator[str]:
    if len(node.kernels) < 2 or any(kernel < 1 or not kernel % 2 for kernel in node.kernels):
        yield f"kernels are {list(node.kernels)}; give two or more odd sides"
    if spec.dim % 4:
        yield f"its convolutions are a quarter of the level's width, which 4 does not divide: {spec.dim}"


def _autoencoder(node: DiscreteAutoencoder, spec: Model) -> Iterator[str]:
    halves = halvings(node.encoder.levels)
    if halves + halvings(node.decoder.levels):
        yield f"the encoder halves a picture {halves} times, the decoder doubles it {-halvings(node.decoder.levels)}"
    elif halves < 0 or node.size % 2**halves:
        yield f"a picture {node.size} high and wide cannot be halved {halves} times"
    if node.decoder.out != 2 * node.encoder.channels:
        yield f"two numbers are told for each of {node.encoder.channels} channels, but out is {node.decoder.out}"
    if not 0 < node.pixels.margin < 0.5:
        yield f"pixels.margin is {node.pixels.margin:g}; give a number between 0 and 0.5"


def caption_tokens(node: CaptionTokens, spec: Model) -> Iterator[str]:
    """Yield what is wrong with what embeds a text and the picture behind it."""
    if not isinstance(node.position, CaptionedGrid) or node.position.text != node.length:
        yield f"position is a CaptionedGrid whose text is {node.length} places long, as length says"
    if node.width or node.norm or node.types or node.scaled:
        yield "a caption's tokens are as wide as the model: leave width, norm, types and scaled out"
    if node.codes >= node.vocab:
        yield f"{node.codes} codes leave no word of a vocabulary of {node.vocab} to the text"


def _picture(node: Picture, spec: Model) -> Iterator[str]:
    embed = spec.embed if isinstance(spec, Transformer) else None
    if not isinstance(embed, CaptionTokens) or not isinstance(embed.position, CaptionedGrid):
        yield "a picture's mask is for a model of one tower that embeds CaptionTokens"
    elif (node.start, node.side) != (embed.position.text, embed.position.side):
        place = f"{embed.position.text}, {embed.position.side}"
        yield f"start and side are {node.start}, {node.side}, but the picture's in the embedding are {place}"
    if isinstance(node, PictureWindow) and (not node.kernel % 2 or node.kernel > node.side):
        yield f"kernel is {node.kernel}; give an odd side of at most {node.side}"


def _code_writer(node: CodeWriter, spec: Model) -> Iterator[str]:
    embed = node.text.embed
    if node.dim != node.text.dim:
        yield f"dim is that of the transformer, {node.text.dim}, not {node.dim}"
    if not isinstance(embed, CaptionTokens):
        yield "text.embed: what writes codes behind a text embeds CaptionTokens"
    elif embed.codes != node.image.dim:
        yield f"the picture is told in {node.image.dim} words, but the transformer writes {embed.codes} codes"
    elif isinstance(embed.position, CaptionedGrid) and embed.position.side != code_side(node.image):
        side = embed.position.side
        yield f"the transformer writes {side} rows of codes, but a picture's map has {code_side(node.image)}"
    attentions = [part for _, part in walk_once(node.text.stack) if hasattr(part, "mask")]
    if any(not any(isinstance(mask, Causal) for mask in getattr(part, "mask", ())) for part in attentions):
        yield "text.stack: what is written a code at a time looks back only; give every attention Causal()"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    CodeEncoder: _tower,
    CodeDecoder: _tower,
    GainBlock: _gain_block,
    DiscreteAutoencoder: _autoencoder,
    CaptionTokens: caption_tokens,
    PictureRow: _picture,
    PictureColumn: _picture,
    PictureWindow: _picture,
    CodeWriter: _code_writer,
}
