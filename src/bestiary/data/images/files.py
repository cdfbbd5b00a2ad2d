"""Image files that nobody vouches for: a few well-known formats, a bounded number of pixels, one sentence if wrong."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from bestiary.errors import BestiaryError
from bestiary.untrusted import mistaken_for, regular_file

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
PIXELS = 100_000_000
"""More than any camera's picture; a few kilobytes of PNG can claim ten thousand times as many."""


def open_image(path: str | Path) -> Image:
    """Return the picture in a file, decoded whole: of several frames the first, turned as its camera was held.

    Raises ``BestiaryError`` for a file that is missing, no picture, cut short, or larger than ``PIXELS``.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = regular_file(path)
    with path.open("rb") as file:
        start = file.read(1024)
    if mistake := mistaken_for(start):
        raise BestiaryError(f"{path} {mistake}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound is below
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if width * height > PIXELS:
                    raise BestiaryError(
                        f"{path} claims {width:,} x {height:,} pixels, more than the {PIXELS:,} that are read;"
                        " make it smaller first"
                    )
                image.load()
                return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise BestiaryError(f"{path} is no picture that we read; save it as PNG or JPEG") from None
    except Image.DecompressionBombError:
        raise BestiaryError(
            f"{path} claims more than the {PIXELS:,} pixels that are read; make it smaller first"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        said = str(error).rstrip(".") or type(error).__name__
        raise BestiaryError(f"{path} is a damaged picture ({said}); download or save it again") from None
