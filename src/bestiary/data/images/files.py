"""Image files that nobody vouches for: a few well-known formats, a bounded number of pixels, one sentence if wrong."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bestiary.aside import aside
from bestiary.errors import BestiaryError
from bestiary.untrusted import mistaken_for, regular_file

if TYPE_CHECKING:
    from PIL.Image import Image

WRITTEN = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
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


def checked_name(path: Path) -> Path:
    """Return the name of a picture that is to be written, before any work is done for it.

    Raises ``BestiaryError`` for one that says no format, or stands in a folder that is not there.
    """
    if path.suffix.lower() not in WRITTEN:
        raise BestiaryError(f"{path} says no format of pictures; name a .png file")
    if not path.parent.is_dir():
        raise BestiaryError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
    return path


def save_image(picture: Image, path: Path, **how: Any) -> Path:
    """Write a picture aside and rename it, so that a failure leaves no half of one; ``how`` is Pillow's.

    Raises ``BestiaryError`` where that cannot be.
    """
    try:
        with aside(path) as beside:
            picture.save(beside, **how)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BestiaryError(f"{path} cannot be written ({reason}); check its folder, and name a .png file") from None
    return path
