"""What a scene costs here, and what 100, 10,000 and 1,000,000 scenes need in hours, bytes and money.

Usage: python benchmarks/scale.py [--windows-a-second N]

N is how many windows of 512 pixels a GPU predicts a second. It is not measured here: without it the table has 100, an
assumption for a U-Net on ResNet-34 in half precision on one L4. Prices are those of gcpvm/laptop/prices.toml.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from full_product import build_full_product
from inference import predict, scene_path
from make_dataset import build
from scene import make_scene

PRICES = Path(__file__).parents[1] / "gcpvm" / "laptop" / "prices.toml"
SCENES = 100, 10_000, 1_000_000
PRODUCT_GB = 1.0
"""A zipped IW GRDH product of two polarisations, roughly."""
CORES = 32
"""Of the `cpu` preset."""


@dataclass(frozen=True)
class Unit:
    """What one scene takes: CPU seconds, windows of 512 pixels, and the bytes of its tiles."""

    build_s: float
    predict_s: float
    windows: int
    tile_bytes: int


def measure(folder: Path) -> dict[str, Unit]:
    """The unit of a scene of 40 m pixels with hand labels, and of a full product at 10 m."""
    make_scene(folder)
    work: dict[str, Callable[[Path], None]] = {
        "scene": lambda out: build(folder, out),
        "full": lambda out: build_full_product(folder, out),
    }
    units = {}
    for kind, done in work.items():
        out = folder / f"tiles_{kind}"
        before = time.process_time()
        done(out)
        build_s = time.process_time() - before
        size = sum(path.stat().st_size for path in (out / "tiles").iterdir())
        path, resolution_m = scene_path(folder, kind)
        predict_s, windows, *_ = predict(path, 0.25, resolution_m)
        units[kind] = Unit(build_s, predict_s, windows, size)
    return units


def rows(unit: Unit, windows_a_second: float) -> Iterator[str]:
    """A row for each number of scenes, in Markdown."""
    prices = tomllib.loads(PRICES.read_text())
    core_hour, gpu_hour = prices["machine"]["cpu"]["spot"] / CORES, prices["machine"]["l4"]["spot"]
    for count in SCENES:
        core_hours = count * (unit.build_s + unit.predict_s) / 3600
        gpu_hours = count * unit.windows / windows_a_second / 3600
        stored_gb = count * unit.tile_bytes / 1e9
        money = core_hours * core_hour + gpu_hours * gpu_hour
        hours = (count * unit.build_s / 3600, count * unit.predict_s / 3600, gpu_hours)
        yield (
            f"| {count:,} | {' | '.join(f'{number:,.1f}' for number in hours)} "
            f"| {_bytes(count * PRODUCT_GB)} | {_bytes(stored_gb)} | {money:,.2f} "
            f"| {stored_gb * prices['bucket']['gb_month']:,.2f} |"
        )


def _bytes(gigabytes: float) -> str:
    return f"{gigabytes:,.1f} GB" if gigabytes < 1000 else f"{gigabytes / 1000:,.1f} TB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--windows-a-second", type=float, default=100.0)
    windows_a_second = parser.parse_args().windows_a_second
    with tempfile.TemporaryDirectory() as folder:
        units = measure(Path(folder))
    for kind, unit in units.items():
        print(
            f"\n{kind}: make-dataset {unit.build_s:.1f} s CPU, predict beside the network {unit.predict_s:.1f} s CPU, "
            f"{unit.windows} windows, tiles {unit.tile_bytes / 1e6:.0f} MB"
        )
        print(
            "| scenes | make-dataset, core-hours | predict, core-hours | GPU-hours | products | tiles | spot | kept |"
        )
        print("|---|---|---|---|---|---|---|---|")
        print(*rows(unit, windows_a_second), sep="\n")


if __name__ == "__main__":
    main()
