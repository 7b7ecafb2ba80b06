"""icevision 0.12.0, of 2022, on today's libraries: what must be put right before and after its import.

- It downloads a font at import where its folder has none; matplotlib's is placed there.
- It asks a closed file for its EXIF orientation; the three modules that do so get a function that asks an open one.
- Two drawing modules name `np.int` and `np.float`, which numpy has given up.

`ice_trainer.py` calls it, and so may a notebook: `from ice_bridge import load_icevision`.
"""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path
from typing import Any

from ceruleanml.errors import UsageError

ORIENTATION = 274
"""EXIF's number for it."""
ON_ITS_SIDE = (5, 6, 7, 8)
"""Orientations that swap width and height."""
MISSING = "icevision is not installed, or not whole; add it with make setup-icevision"


class _Numpy:
    """numpy with the two names that it had."""

    int, float = int, float

    def __getattr__(self, name: str) -> Any:
        import numpy

        return getattr(numpy, name)


def load_icevision() -> Any:
    """The module icevision, imported and mended; calling again is free. Raises UsageError where it is missing."""
    if importlib.util.find_spec("icevision") is None:
        raise UsageError(MISSING)
    _place_font(Path.home() / ".icevision" / "fonts" / "SpaceGrotesk-Medium.ttf")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import icevision.all
            from icevision.parsers import coco_parser, via_parser
            from icevision.utils import imageio
            from icevision.visualize import draw_data, utils
    except ModuleNotFoundError as error:
        raise UsageError(f"{MISSING} ({error})") from error
    for module in (imageio, coco_parser, via_parser):
        module.get_img_size = image_size
    for module in (draw_data, utils):
        module.np = _Numpy()
    return icevision


def image_size(filepath: str | Path) -> Any:
    """Width and height, as icevision's ImgSize, of an image file as it is meant to be seen."""
    from icevision.utils.imageio import ImgSize
    from PIL import Image

    with Image.open(filepath) as image:
        width, height = image.size
        turned = image.getexif().get(ORIENTATION) in ON_ITS_SIDE
    return ImgSize(height, width) if turned else ImgSize(width, height)


def _place_font(font: Path) -> None:
    if font.is_file():
        return
    import matplotlib

    font.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", font)
