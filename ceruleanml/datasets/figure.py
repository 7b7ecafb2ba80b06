"""A data set on one page: slicks by class, their areas, the channels, and tiles with their outlines."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.datasets.statistics import DatasetStatistics
from ceruleanml.errors import StorageError
from ceruleanml.seeds import generator
from ceruleanml.storage import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 8
EXAMPLE_PX = 1024
CHANNEL_COLOURS = ("#33576e", "#c1702e", "#5b8c5a", "#8a5a83", "#777777")
INK, PALE = "#26323a", "#dfe5e8"


def draw(dataset: Dataset, statistics: DatasetStatistics, path: Path, seed: int = 0) -> None:
    """Write the figure of a data set; the file's ending chooses PNG, PDF or SVG.

    `seed` chooses the tiles that are shown, as many classes among them as there are. Raises StorageError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "pdf", "svg"):
        raise StorageError(f"{path}: a figure ends in .png, .pdf or .svg")
    figure = Figure(figsize=(13, 9.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(dataset, statistics), x=0.01, ha="left", fontsize=14, color=INK)
    halves = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.75))
    above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    left, middle, right = above.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _draw_classes(left, dataset, statistics)
    _draw_areas(middle, dataset, statistics)
    _draw_channels(right, statistics)
    chosen = _examples(dataset, seed)
    for axes, tile in zip(below.subplots(2, EXAMPLES // 2).flat, [*chosen, *[None] * EXAMPLES], strict=False):
        _draw_tile(axes, dataset, tile)
    with writing(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=110)


def _title(dataset: Dataset, statistics: DatasetStatistics) -> str:
    return (
        f"{dataset.root.resolve().name}: {statistics.tiles:,} tiles from {len(statistics.scenes):,} scenes, "
        f"{len(statistics.slicks):,} slicks; {statistics.empty_tiles:,} tiles show none"
    )


def _draw_classes(axes: Axes, dataset: Dataset, statistics: DatasetStatistics) -> None:
    from matplotlib.ticker import MaxNLocator

    rows = list(dataset.classes)[1:]
    counts = [row.slicks for row in statistics.classes]
    bars = axes.barh(
        [row.title for row in rows], counts, color=[row.display for row in rows], edgecolor=INK, linewidth=0.5
    )
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, max([*counts, 1]) * 1.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes, "Slicks by class", "slicks")


def _draw_areas(axes: Axes, dataset: Dataset, statistics: DatasetStatistics) -> None:
    from matplotlib.ticker import MaxNLocator

    known = [slick for slick in statistics.slicks if slick.area_km2 is not None]
    unit = "km²" if known else "pixels"
    areas = {
        number: [s.area_km2 or 0.0 if known else float(s.area_px) for s in (known or statistics.slicks)
                 if s.class_id == number]
        for number in range(1, len(dataset.classes))
    }  # fmt: skip
    every = [area for of_class in areas.values() for area in of_class]
    if every:
        low, high = np.floor(np.log10(min(every))), np.ceil(np.log10(max(every)))
        axes.hist(
            list(areas.values()),
            bins=np.logspace(low, max(high, low + 1), 25).tolist(),
            stacked=True,
            color=[dataset.classes[number].display for number in areas],
            edgecolor=INK,
            linewidth=0.3,
        )
        axes.set_xscale("log")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes, "Area of a slick", unit)


def _draw_channels(axes: Axes, statistics: DatasetStatistics) -> None:
    for number, channel in enumerate(statistics.channels):
        colour = CHANNEL_COLOURS[number % len(CHANNEL_COLOURS)]
        share = np.asarray(channel.histogram) / max(1, sum(channel.histogram))
        label = (
            channel.name if channel.mean is None else f"{channel.name}  {channel.mean:.1f} ± {channel.deviation:.1f}"
        )
        axes.stairs(share, np.arange(257) - 0.5, color=colour, label=label, linewidth=1.2)
    if any(channel.mean is not None for channel in statistics.channels):
        axes.set_yscale("log")
        axes.set_ylim(1e-5, 1)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    _plain(axes, "Share of valid pixels by value", "8-bit value")


def _draw_tile(axes: Axes, dataset: Dataset, tile: TileRecord | None) -> None:
    axes.set_axis_off()
    if tile is None:
        return
    step = max(1, max(tile.height_width) // EXAMPLE_PX)
    pixels = dataset.read(tile)[0, ::step, ::step]
    shown = pixels[pixels > 0]
    low, high = np.percentile(shown, (1, 99.5)) if shown.size else (0, 1)
    axes.imshow(pixels, cmap="gray", vmin=low, vmax=max(high, low + 1), interpolation="nearest")
    pieces = dataset.annotations[tile.tile_id]
    for piece in pieces:
        edge = np.pad(piece.mask()[::step, ::step], 1).astype(np.uint8)
        colour = dataset.classes[piece.class_id].display
        if edge.any():
            axes.contour(edge, [0.5], colors=[colour], linewidths=1.2, extent=_padded(pixels))
    titles = [dataset.classes[number].title for number in sorted({piece.class_id for piece in pieces})] or ["no slick"]
    names = titles[0] if len(titles) == 1 else f"{titles[0]} + {len(titles) - 1} more"
    short = tile.tile_id if len(tile.tile_id) <= 34 else f"…{tile.tile_id[-33:]}"
    axes.set_title(f"{names}\n{short}", fontsize=8, color=INK, loc="left")


def _padded(pixels: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Where the samples of an array padded by one pixel lie in the axes of the image itself."""
    height, width = pixels.shape
    return (-1, width, -1, height)


def _examples(dataset: Dataset, seed: int) -> list[TileRecord]:
    """Tiles to show: round the classes, the one with most of a class that is not shown yet, then some without slick."""
    order = generator(seed, "figure").permutation(len(dataset.tiles))
    shuffled = [dataset.tiles[int(number)] for number in order]
    empty = [tile for tile in shuffled if not dataset.annotations[tile.tile_id]]
    empty.sort(key=lambda tile: -(tile.valid_fraction or 0))
    chosen: dict[str, TileRecord] = {}

    def area_of(class_id: int, tile: TileRecord) -> int:
        return sum(piece.area for piece in dataset.annotations[tile.tile_id] if piece.class_id == class_id)

    showing = []
    for class_id in range(1, len(dataset.classes)):
        tiles = [tile for tile in shuffled if area_of(class_id, tile)]
        showing.append(sorted(tiles, key=lambda tile, number=class_id: -area_of(number, tile)))  # type: ignore[misc]
    for tile in (tile for turn in zip_longest(*showing) for tile in turn if tile is not None):
        if len(chosen) < EXAMPLES - len(empty[:1]):
            chosen.setdefault(tile.tile_id, tile)
    picked = sorted(chosen.values(), key=lambda tile: [p.class_id for p in dataset.annotations[tile.tile_id]])
    return [*picked, *empty][:EXAMPLES]


def _plain(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(label, fontsize=9, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
