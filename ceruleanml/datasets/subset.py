"""Some tiles of a data set as a data set folder of its own, with their labels or with others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ceruleanml.datasets.folder import INSTANCES_NAME, MANIFEST_NAME, read_instances, read_manifest
from ceruleanml.errors import DatasetError
from ceruleanml.storage import make_folder, sha256_of, storage_error, write_json

Record = dict[str, Any]
Labels = Mapping[str, Sequence[Record]]
"""By tile_id the pieces on the tile: COCO annotations with `slick_id`, without the numbers of images and their own."""


def write_subset(
    source: Path, tile_ids: Iterable[str], out: Path, labels: Labels | None = None, snapshot: str | None = None
) -> Path:
    """The folder `out`, a data set of the named tiles of the data set `source`, in that one's order.

    The tiles themselves stay where they are, behind a relative link. `labels` take the place of the source's,
    and the sha256 `snapshot` that of its label files; `dataset.json`, written last, says which data set they are from.
    Raises DatasetError for a tile that is not there.
    """
    manifest, instances = read_manifest(source), read_instances(source)
    wanted = set(tile_ids)
    images = [image for image in instances["images"] if image["tile_id"] in wanted]
    missing = wanted - {image["tile_id"] for image in images}
    if missing:
        raise DatasetError(f"{source}: holds no tile {min(missing)}; name tiles of its {INSTANCES_NAME}")
    numbers = {image["id"]: image["tile_id"] for image in images}
    if labels is None:
        annotations = [one for one in instances["annotations"] if one["image_id"] in numbers]
    else:
        pieces = [(number, piece) for number, tile_id in numbers.items() for piece in labels.get(tile_id, ())]
        annotations = [{**piece, "image_id": number} for number, piece in pieces]
    annotations = [{**one, "id": place} for place, one in enumerate(annotations, start=1)]
    scene_ids = {image["scene_id"] for image in images}
    scenes = {name: about for name, about in manifest["scenes"].items() if name in scene_ids}
    make_folder(out)
    _link(out / "tiles", source / "tiles")
    write_json(out / INSTANCES_NAME, {**instances, "images": images, "annotations": annotations})
    origin = {"subset_of": sha256_of(source / MANIFEST_NAME), "instances": sha256_of(out / INSTANCES_NAME)}
    if labels is not None:
        origin["label_snapshot"] = snapshot or origin["instances"]
    write_json(out / MANIFEST_NAME, {**manifest, "scenes": scenes, **origin})
    return out


def _link(link: Path, target: Path) -> None:
    """A relative link to a folder, in place of one that was there."""
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target.resolve(), link.parent.resolve()), target_is_directory=True)
    except OSError as error:
        raise storage_error(link, error) from error
