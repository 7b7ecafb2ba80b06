"""Plain mask images: everything above a threshold is one instance of one class."""

from __future__ import annotations

from pathlib import Path

from ceruleanml.errors import LabelError
from ceruleanml.labels.instances import ImageMask
from ceruleanml.labels.pixels import find_labelled

DEFAULT_THRESHOLD = 127
"""Pixels above this are labelled; masks are drawn in black and white, with antialiased edges at most."""


def read_mask(
    path: Path, height_width: tuple[int, int], class_id: int, threshold: int = DEFAULT_THRESHOLD, scene_id: str = ""
) -> ImageMask | None:
    """The instance where the mask's brightest channel is above the threshold (0 to 254); None where it nowhere is.

    Raises LabelError for a mask that is truncated, of another size than its image, or of zeros and ones only while
    the threshold is above them.
    """
    labelled = find_labelled(path, height_width, threshold + 1, is_layer=False)
    if isinstance(labelled, int):
        if labelled == 1:
            raise LabelError(f"{path}: holds zeros and ones, all below the threshold; give --mask-threshold 0")
        return None
    return ImageMask(f"{scene_id or path.stem}/mask", class_id, labelled.row, labelled.col, labelled.mask, str(path))
