"""The ``napari-unet`` program: the verbs of the API, with the options of the settings models."""

from napari_unet.cli.app import main

__all__ = ["main"]
