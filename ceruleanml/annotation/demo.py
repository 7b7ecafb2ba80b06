"""A page to try: simulated scenes, a queue with reasons, and pre-labels of no model but the truth, moved and bent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceruleanml.annotation.options import OverlaySpec, PageOptions
from ceruleanml.annotation.prepare import PrepareReport, prepare_page
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import Dataset, TileRecord, open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.inference.ground import Ground
from ceruleanml.inference.polygons import measures_of
from ceruleanml.labels.geojson import read_geojson
from ceruleanml.labels.geometry import precise
from ceruleanml.labels.instances import GroundShape
from ceruleanml.labels.simulated import simulate_scenes
from ceruleanml.progress import Progress, Silent
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Pick, Selection
from ceruleanml.selection.selection_files import write_selection
from ceruleanml.storage import make_folder, write_json

MODEL = "truth-moved-and-bent"
SCENES, HEIGHT_WIDTH, RESOLUTION_M = 3, (1024, 1536), 40.0
MOST_TILES = 10
BLIND_SHARE = 0.2
OFFERED = 0.8
"""Of the true outlines so many become pre-labels."""
MOVED_PX, BENT_PX = 1.5, 2.0
"""By how much: the standard deviation of the shift, and the most that an edge goes in or out."""


def demo_page(out: Path, seed: int = 0, progress: Progress | None = None) -> PrepareReport:
    """Make `out/page`, a page on three simulated scenes, and beside it all that it is made from.

    Run again it continues, or finds that all is there. Raises CeruleanError subclasses.
    """
    progress = progress or Silent()
    raw = make_folder(out) / "raw"
    scene_ids = simulate_scenes(
        raw, SCENES, seed, HEIGHT_WIDTH, RESOLUTION_M, "geotiff", "geojson", 1 / SCENES, progress, load_classes()
    )
    scenes = [str(raw / "scenes")]
    make_dataset(scenes, out / "pool", BuildOptions(labels=str(raw / "labels"), min_valid=0.3), progress=progress)
    pool = open_dataset(out / "pool")
    make_folder(out / "predictions")
    for scene_id in scene_ids:
        _write_prelabels(out / "predictions" / f"{scene_id}.geojson", raw, scene_id, pool, seed)
    write_selection(out / "selection", _selection(pool, seed))
    options = PageOptions(
        predictions=(str(out / "predictions"),),
        selection=out / "selection",
        dataset=out / "pool",
        overlays=(OverlaySpec("platforms", str(raw / "context" / "infrastructure.geojson")),),
        blind_share=BLIND_SHARE,
        title="Demo: simulated scenes",
        seed=seed,
    )
    return prepare_page(scenes, out / "page", options, progress=progress)


def _selection(pool: Dataset, seed: int) -> Selection:
    """Tiles with the most slick pixels first, and some without any, as a model that knows a little would order them."""
    shares = {tile.tile_id: sum(piece.area for piece in pool.annotations[tile.tile_id]) for tile in pool.tiles}
    tiles = sorted(pool.tiles, key=lambda tile: (-shares[tile.tile_id], tile.tile_id))
    full = [tile for tile in tiles if shares[tile.tile_id]][: MOST_TILES - 2]
    empty = [tile for tile in tiles if not shares[tile.tile_id]]
    draws = generator(seed, "demo tiles").permutation(len(empty))
    chosen = [*full, *(empty[place] for place in draws[: MOST_TILES - len(full)])]
    return Selection(tuple(_pick(tile, rank, shares[tile.tile_id]) for rank, tile in enumerate(chosen, start=1)))


def _pick(tile: TileRecord, rank: int, slick_px: int) -> Pick:
    share = slick_px / (tile.height_width[0] * tile.height_width[1])
    reason = f"demo: {share:.2%} of the tile is slick in the simulation" if slick_px else "demo: a tile without slicks"
    return Pick(tile.tile_id, tile.scene_id, rank, share, reason)


def _write_prelabels(path: Path, raw: Path, scene_id: str, pool: Dataset, seed: int) -> None:
    """Write outlines in the form of `ceruleanml predict`, made from the scene's labels."""
    classes = load_classes()
    pixel = pool.scene(scene_id)["grid"]["transform"][0]
    shapes = read_geojson(raw / "labels" / f"{scene_id}.geojson", classes, scene_id)
    features = [_bent(shape, place, pixel, scene_id, seed) for place, shape in enumerate(shapes)]
    write_json(path, {
        "type": "FeatureCollection", "scene_id": scene_id, "prediction": {"model": {"name": MODEL}},
        "features": [feature for feature in features if feature is not None],
    })  # fmt: skip


def _bent(shape: GroundShape, place: int, pixel: float, scene_id: str, seed: int) -> dict[str, Any] | None:
    """An outline near the true one, None for those that this model overlooks. `pixel` is its size in degrees."""
    from shapely import MultiPolygon, affinity

    random = generator(seed, "demo outlines", scene_id, place)
    if random.random() > OFFERED:
        return None
    shift = random.normal(0, MOVED_PX * pixel, 2)
    moved = affinity.translate(shape.geometry, *shift).buffer(random.uniform(0, BENT_PX) * pixel).simplify(pixel / 2)
    geometry = precise(moved if moved.geom_type == "MultiPolygon" else MultiPolygon([moved]))
    classes = load_classes()
    properties = {
        "class": classes[shape.class_id].name, "inf_idx": shape.class_id,
        "machine_confidence": round(float(random.uniform(0.5, 0.95)), 3), **measures_of(geometry, Ground()),
    }  # fmt: skip
    return {"type": "Feature", "properties": properties, "geometry": geometry.__geo_interface__}
