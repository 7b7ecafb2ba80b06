"""Photopea layers: one PNG beside the background for each slick, its class told by its colour.

A pixel belongs to the slick where it is at least half opaque (alpha >= 128). Files without alpha are taken as drawn
on black, and a pixel belongs to the slick where its brightest channel is 128 or more.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.instances import ImageMask
from ceruleanml.labels.pixels import Rgb, find_labelled
from ceruleanml.scenes.photopea import is_background
from ceruleanml.storage import storage_error

OPAQUE = 128
"""Alpha, or without alpha the brightest channel, from which on a pixel is labelled."""
COLOUR_TOLERANCE = 8
"""How far each channel may be from the class's colour: half-transparent edges are stored with rounded colours."""


def find_layers(folder: Path) -> list[Path]:
    """The folder's label layers (every PNG but the background), by name, numbers by value: `x_2` before `x_10`."""
    try:
        found = [path for path in folder.iterdir() if _is_layer(path)]
    except OSError as error:
        raise storage_error(folder, error, "read") from error
    return sorted(found, key=_natural)


def read_layer(path: Path, height_width: tuple[int, int], classes: ClassTable, scene_id: str) -> ImageMask | None:
    """The instance that a layer shows, in the pixels of its scene's image; None for a layer without any.

    A layer is one instance however many parts it has. Raises LabelError for a layer that is truncated, of another
    size, of an unknown colour, of two classes' colours, or named after another class than its colour says.
    """
    labelled = find_labelled(path, height_width, OPAQUE, is_layer=True)
    if isinstance(labelled, int):
        return None
    class_id = _class_by_colour(labelled.colours, labelled.has_alpha, classes, path)
    named = class_by_name(path.stem, classes)
    if named is not None and named != class_id:
        raise LabelError(
            f"{path}: is named {classes[named].name} but its colour is that of {classes[class_id].name}; "
            "rename or recolour it"
        )
    return ImageMask(f"{scene_id}/{path.stem}", class_id, labelled.row, labelled.col, labelled.mask, str(path))


def class_by_name(stem: str, classes: ClassTable) -> int | None:
    """The id of the slick class a layer is named after (`old_vessel`, `old_vessel_2`, `<scene>_old_vessel_2`)."""
    name = re.sub(r"_\d+$", "", stem.lower())
    fitting = [known for known in classes.slick_names if name == known or name.endswith(f"_{known}")]
    return classes.id_of(max(fitting, key=len)) if fitting else None


def _is_layer(path: Path) -> bool:
    return path.suffix.lower() == ".png" and not path.name.startswith(".") and not is_background(path)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A key in which runs of digits count by value."""
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def _class_by_colour(colours: Counter[Rgb], has_alpha: bool, classes: ClassTable, path: Path) -> int:
    """The class whose colour at least half of the labelled pixels have, and no other class shares visibly."""
    total = colours.total()
    is_gray = all(max(colour) - min(colour) <= COLOUR_TOLERANCE for colour in colours)
    shares = _class_counts(colours, classes)
    if shares.total() * 2 < total and (is_gray or not has_alpha):
        shares = _class_counts(_full_brightness(colours), classes)
    if shares.total() * 2 < total:
        common = colours.most_common(1)[0][0]
        known = ", ".join(f"{row.name} {row.photopea}" for row in list(classes)[1:])
        raise LabelError(f"{path}: colour {common} is no class's; use one of {known}")
    (class_id, _), *others = shares.most_common()
    if others and others[0][1] * 100 > total:
        raise LabelError(
            f"{path}: shows the colours of {classes[class_id].name} and {classes[others[0][0]].name}; "
            "draw each slick on a layer of its own"
        )
    if class_id == 0:
        raise LabelError(f"{path}: has the colour of {classes[0].name}, which is no slick; recolour or remove it")
    return class_id


def _class_counts(colours: Counter[Rgb], classes: ClassTable) -> Counter[int]:
    """How many pixels are of each class's colour."""
    counts: Counter[int] = Counter()
    for colour, count in colours.items():
        distances = [max(abs(a - b) for a, b in zip(colour, row.photopea, strict=True)) for row in classes]
        if min(distances) <= COLOUR_TOLERANCE:
            counts[distances.index(min(distances))] += count
    return counts


def _full_brightness(colours: Counter[Rgb]) -> Counter[Rgb]:
    """The colours scaled so that the brightest channel is 255: edges blended with black become what they were."""
    scaled: Counter[Rgb] = Counter()
    for (red, green, blue), count in colours.items():
        peak = max(red, green, blue, 1)
        scaled[round(red * 255 / peak), round(green * 255 / peak), round(blue * 255 / peak)] += count
    return scaled
