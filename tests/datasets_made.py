"""Small data set folders, written by hand: whatever the tiles and masks, the folder is valid."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ceruleanml.classes import load_classes
from ceruleanml.datasets.tile_io import encode_tile
from ceruleanml.storage import read_json, write_json

Masks = Sequence[tuple[int, str, NDArray[np.bool_]]]
"""Class id, slick id and mask (rows, columns) of each piece."""
PIXEL_DEGREES = 0.001
METRES_PER_PIXEL = (100.0, 80.0)


def speckle(
    seed: int, height_width: tuple[int, int] = (32, 32), bands: int = 2, level: float = 60
) -> NDArray[np.uint8]:
    """A tile of sea, uint8 (bands, rows, columns): gamma speckle of 4.2 looks in the first band, ramps in the rest."""
    rng = np.random.Generator(np.random.PCG64(seed))
    vv = level * np.sqrt(rng.gamma(4.2, 1 / 4.2, height_width))
    ramp = np.broadcast_to(np.linspace(1, 255, height_width[1]), height_width)
    return np.stack([vv.clip(1, 255), *[ramp] * (bands - 1)]).astype(np.uint8)


def box_mask(rows: slice, cols: slice, height_width: tuple[int, int] = (32, 32)) -> NDArray[np.bool_]:
    """A mask that is set in a rectangle."""
    mask = np.zeros(height_width, dtype=bool)
    mask[rows, cols] = True
    return mask


def make_dataset_folder(
    root: Path,
    tiles: Mapping[str, Sequence[tuple[tuple[int, int], NDArray[np.uint8], Masks]]],
    lon_lat: Mapping[str, tuple[float, float]] | None = None,
    channels: Sequence[str] = ("vv", "infra_distance"),
    georeferenced: bool = True,
) -> Path:
    """Write a data set: for each scene id its tiles as (row_col on the scene's grid, pixels, masks).

    The scene's upper left corner lies at `lon_lat`, or 10 degrees east of the scene before.
    """
    (root / "tiles").mkdir(parents=True)
    classes = load_classes()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    scenes = {}
    for number, scene_id in enumerate(sorted(tiles), start=1):
        corner = (lon_lat or {}).get(scene_id, (10.0 * number, 20.0))
        first = len(annotations)
        for row_col, pixels, masks in tiles[scene_id]:
            image = _image(scene_id, row_col, pixels, corner if georeferenced else None)
            images.append({"id": len(images) + 1, **image, "big_image_id": number})
            for class_id, slick_id, mask in masks:
                about = {"image_id": len(images), "category_id": class_id, "slick_id": slick_id}
                annotations.append({"id": len(annotations) + 1, **about, **coco_piece(mask)})
            transform = Affine(*image["transform"]) if georeferenced else None
            nodata = 0 if georeferenced else None
            (root / image["file_name"]).write_bytes(encode_tile(pixels, transform, image["crs"], channels, nodata))
        scenes[scene_id] = _scene(corner if georeferenced else None, tiles[scene_id], len(annotations) - first)
    categories = [{"id": i, "name": name, "supercategory": "slick"} for i, name in enumerate(classes.names) if i]
    instances = {"info": {}, "licenses": [], "categories": categories, "images": images, "annotations": annotations}
    write_json(root / "instances.json", instances)
    write_json(root / "dataset.json", _manifest(classes.as_rows(), channels, scenes))
    return root


def coco_piece(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Segmentation, area and box of a mask, all by pycocotools."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    box = [int(value) for value in coco_mask.toBbox(rle)]
    segmentation = {"size": list(mask.shape), "counts": rle["counts"].decode()}
    return {"segmentation": segmentation, "area": int(coco_mask.area(rle)), "bbox": box, "iscrowd": 0}


def change(path: Path, *keys: str | int, to: Any) -> None:
    """Set one value deep inside a JSON file."""
    content = read_json(path)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    write_json(path, content)


def _image(
    scene_id: str, row_col: tuple[int, int], pixels: NDArray[np.uint8], corner: tuple[float, float] | None
) -> dict[str, Any]:
    row, col = row_col
    height, width = pixels.shape[1:]
    tile_id = f"{scene_id}_{row:05d}_{col:05d}"
    placed = Affine.translation(*corner) @ Affine.scale(PIXEL_DEGREES, -PIXEL_DEGREES) if corner else Affine.identity()
    return {
        "file_name": f"tiles/{tile_id}.tif",
        "tile_id": tile_id,
        "width": width,
        "height": height,
        "scene_id": scene_id,
        "window": [row, col, height, width],
        "transform": list(placed @ Affine.translation(col, row))[:6],
        "crs": "EPSG:4326" if corner else None,
        "valid_fraction": round(float(np.mean(pixels[0] != 0)), 6) if corner else 1.0,
        "big_image_original_fname": scene_id,
    }


def _scene(corner: tuple[float, float] | None, tiles: Sequence[Any], annotations: int) -> dict[str, Any]:
    height = max(row + pixels.shape[1] for (row, _), pixels, _ in tiles)
    width = max(col + pixels.shape[2] for (_, col), pixels, _ in tiles)
    return {
        "state": "built",
        "source": "made by hand",
        "sensing_time": None,
        "inputs": {},
        "grid": {"name": "native", "transform": None, "height_width": [height, width], "crs": None},
        "footprint": _footprint(corner, height, width) if corner else None,
        "metres_per_pixel": list(METRES_PER_PIXEL) if corner else None,
        "tiles": len(tiles),
        "annotations": annotations,
        "notes": [],
    }


def _footprint(corner: tuple[float, float], height: int, width: int) -> list[list[float]]:
    west, north = corner
    east, south = west + width * PIXEL_DEGREES, north - height * PIXEL_DEGREES
    return [[west, north], [east, north], [east, south], [west, south]]


def _manifest(classes: list[dict[str, Any]], channels: Sequence[str], scenes: dict[str, Any]) -> dict[str, Any]:
    return {
        "format_version": 1, "ceruleanml_version": "0", "versions": {}, "arguments": {}, "seed": 0,
        "classes": classes, "channels": list(channels), "tile_size": [32, 32], "stride": [32, 32],
        "grid": "native", "resolution_m": 90.0, "radiometry": "dn", "label_snapshot": "0" * 64, "scenes": scenes,
    }  # fmt: skip
