"""A page of simulated sea for volunteers, and exports of what they drew there."""

from __future__ import annotations

import csv
import json

import numpy as np

from ceruleanml.annotation.png import gray_png
from ceruleanml.annotation.pyramid import TILE_PX, level_sizes, write_pyramid
from ceruleanml.annotation.zooniverse_subjects import subjects_of

SCENE = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"
DEGREES = 0.0004
WINDOWS = [[0, 0, 64, 96], [64, 96, 64, 96], [200, 500, 100, 100]]
HEAD = (
    "classification_id", "user_name", "user_id", "user_ip", "workflow_id", "workflow_name", "workflow_version",
    "created_at", "gold_standard", "expert", "metadata", "annotations", "subject_data", "subject_ids",
)  # fmt: skip


def samples(height=300, width=600, seed=0):
    """Speckled sea of 8 bits around 90, never nodata."""
    return np.random.default_rng(seed).gamma(13.4, 90 / 13.4, (height, width)).clip(1, 255).astype(np.uint8)


def write_crowd_page(folder, scene=None, windows=WINDOWS, **about):
    """The data of a page of one scene; its items are tiles, or the scene as a whole where a window is None."""
    scene = samples() if scene is None else scene
    place = folder / "data" / "scenes" / "s000"

    def put(level, row, col, pixels):
        (place / str(level)).mkdir(parents=True, exist_ok=True)
        (place / str(level) / f"{row}_{col}.png").write_bytes(gray_png(pixels))

    write_pyramid(lambda first, stop: scene[first:stop], scene.shape, 0, put)
    told = {
        "scene_id": SCENE, "height_width": list(scene.shape), "tile_px": TILE_PX, "bits": 8 * scene.itemsize,
        "levels": [{"height_width": list(size)} for size in level_sizes(scene.shape)], "nodata": 0,
        "stretch": np.percentile(scene[scene > 0], [0.5, 99.5]).tolist(), "crs": "EPSG:4326",
        "transform": [DEGREES, 0.0, -76.0, 0.0, -DEGREES, 36.0],
    }  # fmt: skip
    items = [_item(order, window) for order, window in enumerate(windows, start=1)]
    (place / "scene.json").write_text(json.dumps({**told, **about}))
    (folder / "data" / "queue.json").write_text(json.dumps({"format_version": 1, "title": "t", "items": items}))
    return folder


def _item(order, window):
    tile_id = f"{SCENE}_{window[0]}_{window[1]}" if window else None
    return {
        "id": tile_id or SCENE, "tile_id": tile_id, "scene_id": SCENE, "scene": "s000", "window": window,
        "order": order, "score": 1 / order, "reason": "the votes differ", "blind": False,
    }  # fmt: skip


def box_points(row, col, height, width):
    """Corners of a rectangle of pixels, as x and y."""
    return [
        {"x": x, "y": y} for x, y in ((col, row), (col + width, row), (col + width, row + height), (col, row + height))
    ]


def polygon(row, col, height, width, label="Natural seep", **about):
    """A polygon mark as the newer classifier writes it."""
    points = box_points(row, col, height, width)
    return {
        "frame": 0,
        "toolIndex": 0,
        "toolType": "polygon",
        "points": points,
        "details": [],
        "tool_label": label,
        **about,
    }


def freehand(xy, label="Natural seep", **about):
    """A freehand line as the newer classifier writes it."""
    path = {"pathX": [float(x) for x, _ in xy], "pathY": [float(y) for _, y in xy]}
    return {"frame": 0, "toolIndex": 1, "toolType": "freehandLine", "details": [], "tool_label": label, **path, **about}


def old_polygon(row, col, height, width, label="Natural seep", **about):
    """A polygon mark as the older classifier writes it."""
    points = box_points(row, col, height, width)
    return {"tool": 0, "frame": 0, "closed": True, "points": points, "details": [], "tool_label": label, **about}


def classification(subject, who, marks, number=1, created="2026-11-01 10:00:00 UTC", seconds=20, **about):
    """A row of an export: one volunteer's marks on a subject."""
    minutes, rest = divmod(seconds, 60)
    metadata = {"started_at": "2026-11-01T09:00:00.000Z", "finished_at": f"2026-11-01T09:{minutes:02d}:{rest:02d}.000Z"}
    annotations = [{"task": "T0", "task_label": "Outline the slicks", "value": marks}]
    row = {
        "classification_id": str(number), "user_name": who, "user_id": "1", "user_ip": "abc", "workflow_id": "55",
        "workflow_name": "Slicks", "workflow_version": "3.4", "created_at": created, "gold_standard": "", "expert": "",
        "metadata": json.dumps(metadata), "annotations": json.dumps(annotations),
        "subject_data": json.dumps({"9001": {"retired": None, **subject.metadata}}), "subject_ids": "9001",
    }  # fmt: skip
    return {**row, **about}


def write_export(path, rows):
    """The CSV of an export."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HEAD)
        table.writeheader()
        table.writerows(rows)
    return path


def subject_of(page, order=1):
    return subjects_of(page)[order - 1]


def mask_of(shape, row, col, height, width):
    mask = np.zeros(shape, bool)
    mask[row : row + height, col : col + width] = True
    return mask
