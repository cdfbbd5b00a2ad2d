"""Images: files opened safely, and made into what a model reads as its ``preprocessor_config.json`` says."""

from bestiary.data.images.files import open_image
from bestiary.data.images.preprocess import Preprocessor
from bestiary.data.images.settings import read_settings
from bestiary.data.images.showing import Marking, Showing

__all__ = ["Marking", "Preprocessor", "Showing", "open_image", "read_settings"]
