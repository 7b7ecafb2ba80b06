"""Greedy k-center against the loop of one matrix-vector product a pick, and a million memory-mapped items.

Which of two items is farther may lie within the rounding of a cosine in float32, so the picks are compared with those
of the loop in float64. The loop that is timed is in float32, and how many of its picks are right is told too.

Usage: python benchmarks/selection.py [FOLDER]      each measure in a process of one thread; FOLDER holds 256 MB
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = tuple[str, str, str, bool]
Embeddings = NDArray[np.float32]

ITEMS, WIDTH, PICKS = 100_000, 128, 1000
CLUSTERS, SPREAD = 200, 0.3
MANY, MANY_WIDTH = 1_000_000, 64


def make(kind: str, items: int = ITEMS, width: int = WIDTH, seed: int = 0) -> Embeddings:
    """Unit vectors spread evenly (`uniform`), or around 200 centres (`clustered`), float32 (items, width)."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((items, width), dtype=np.float32)
    if kind == "clustered":
        centres = rng.standard_normal((CLUSTERS, width), dtype=np.float32)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        rows *= SPREAD / width**0.5
        rows += centres[rng.integers(0, CLUSTERS, items)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def loop(rows: NDArray[np.floating], n: int) -> list[int]:
    """The picks of the plain loop in place, the first farthest from the mean."""
    picks = [int(np.argmin(rows @ rows.mean(axis=0)))]
    best = np.dot(rows, rows[picks[0]])
    cosines = np.empty_like(best)
    while len(picks) < n:
        picks.append(int(best.argmin()))
        np.dot(rows, rows[picks[-1]], out=cosines)
        np.maximum(best, cosines, out=best)
    return picks


def against_loop(kind: str) -> None:
    """Print CPU seconds of k_center and of the loop, and how many picks are those of the loop in float64."""
    from ceruleanml.selection.diversity import k_center

    rows = make(kind)
    k_center(rows[:2000], 10)
    begin = time.process_time()
    picks = k_center(rows, PICKS)
    middle = time.process_time()
    others = loop(rows, PICKS)
    end = time.process_time()
    exact = rows.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    truth = np.array(loop(exact, PICKS))
    print(middle - begin, end - middle, (picks == truth).sum(), (others == truth).sum())


def of_a_file(path: str) -> None:
    """Print seconds and peak memory in MB of picking from a memory-mapped file."""
    from ceruleanml.selection.diversity import k_center

    begin = time.perf_counter()
    picks = k_center(np.load(path, mmap_mode="r"), PICKS)
    seconds = time.perf_counter() - begin
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, len(set(picks.tolist())))


def of_a_map(kind: str) -> None:
    """Print CPU seconds of fitting a self-organising map and telling the cell of each item."""
    from ceruleanml.selection.som import fit_map

    rows = make(kind, width=MANY_WIDTH)
    begin = time.process_time()
    fit_map(rows).cells(rows)
    print(time.process_time() - begin)


def rows(folder: Path) -> Iterator[Row]:
    """One row a bar, as it is measured: what, measured, bar, whether it is met."""
    for kind in ("uniform", "clustered"):
        ours, plain, same, plainly = _alone("against_loop", kind)
        yield (
            f"k-center, {PICKS:,} of {ITEMS:,} x {WIDTH} {kind}, CPU",
            f"{ours:.2f} s / {plain:.2f} s = {ours / plain:.2f} x, {same:.0f} right (loop {plainly:.0f})",
            "<= 0.5 x, all",
            ours <= 0.5 * plain and same == PICKS,
        )
    path = folder / "million.npy"
    if not path.exists():
        np.save(path, make("clustered", MANY, MANY_WIDTH))
    seconds, peak, found = _alone("of_a_file", str(path))
    yield (
        f"k-center, {PICKS:,} of {MANY:,} x {MANY_WIDTH} memory-mapped",
        f"{seconds:.1f} s, peak {peak:,.0f} MB",
        "< 2,048 MiB",
        peak * 1e3 < 2048 * 1024 and found == PICKS,
    )
    (seconds,) = _alone("of_a_map", "clustered")
    yield f"self-organising map of {ITEMS:,} x {MANY_WIDTH}, CPU", f"{seconds:.1f} s", "< 120 s", seconds < 120


def _alone(*arguments: str) -> list[float]:
    """What one measure prints, in a process of its own with one thread."""
    threads: dict[str, Any] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    run = subprocess.run(
        [sys.executable, __file__, "--alone", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
    )
    return [float(figure) for figure in run.stdout.split()]


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--alone"]:
        {"against_loop": against_loop, "of_a_file": of_a_file, "of_a_map": of_a_map}[sys.argv[2]](sys.argv[3])
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for what, measured, bar, met in rows(folder):
            print(f"{what:56} {measured:44} {bar:16} {'met' if met else 'SHORT'}", flush=True)


if __name__ == "__main__":
    main()
