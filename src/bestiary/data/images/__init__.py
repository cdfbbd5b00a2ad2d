"""Images: files opened safely, and made into what a model reads as its ``preprocessor_config.json`` says."""

from bestiary.data.images.files import checked_name, open_image, save_image
from bestiary.data.images.preprocess import Preprocessor
from bestiary.data.images.settings import read_settings
from bestiary.data.images.showing import Marking, Showing

__all__ = ["Marking", "Preprocessor", "Showing", "checked_name", "open_image", "read_settings", "save_image"]
