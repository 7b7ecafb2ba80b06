"""How much of simulated slicks one press of the annotation page's wand takes, beside the best that darkness can tell.

Usage: python benchmarks/wand.py

Each slick of 100 pixels or more is pressed once at its broadest place, with the default tolerance. Beside the wand's
IoU stands that of the best blur and threshold, both chosen for each slick with the truth in hand.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the bridge to the page's engine

Mask = NDArray[np.bool_]

RESOLUTIONS_M = 40.0, 20.0, 10.0
SCENES, SEED, HEIGHT_WIDTH, LEAST_PIXELS, LARGE = 8, 11, (640, 800), 100, 500
SIGMAS, THRESHOLDS, MARGIN = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0), 60, 40


def slicks(folder: Path, resolution_m: float) -> Iterator[tuple[NDArray[np.uint8], list[Mask]]]:
    """The pixels of each simulated scene and the masks of its slicks."""
    from PIL import Image

    from ceruleanml.classes import load_classes
    from ceruleanml.labels.simulated import simulate_scenes
    from ceruleanml.progress import Silent

    simulate_scenes(
        folder, SCENES, SEED, HEIGHT_WIDTH, resolution_m, "photopea", "photopea", 0.0, Silent(), load_classes()
    )
    for scene in sorted((folder / "scenes").iterdir()):
        masks = [np.asarray(Image.open(path))[..., 3] >= 128 for path in sorted(scene.glob("*_[0-9]*.png"))]
        yield np.asarray(Image.open(scene / "Background.png")), [mask for mask in masks if mask.sum() >= LEAST_PIXELS]


def best_by_darkness(pixels: NDArray[np.uint8], truth: Mask) -> float:
    """The best IoU of a Gaussian blur and a threshold near a slick, both chosen with the truth in hand."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    rows, cols = np.nonzero(truth)
    window = np.s_[max(0, rows.min() - MARGIN) : rows.max() + MARGIN, max(0, cols.min() - MARGIN) : cols.max() + MARGIN]
    logs, truth = np.log(pixels[window] + 1.0), truth[window]
    near = binary_dilation(truth, iterations=12)
    ring = near & ~binary_dilation(truth, iterations=4)
    best = 0.0
    for sigma in SIGMAS:
        smooth = gaussian_filter(logs, sigma)
        for threshold in np.linspace(smooth[truth].min(), np.median(smooth[ring]), THRESHOLDS):
            best = max(best, iou((smooth < threshold) & near, truth))
    return best


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def measure() -> NDArray[np.float64]:
    """A row a slick: pixels, IoU of the wand, precision and recall within one pixel, best IoU by darkness."""
    from scipy.ndimage import binary_dilation
    from test_page_engine_wand import deepest, masks_of

    near = np.ones((3, 3), bool)
    rows = []
    for resolution_m in RESOLUTIONS_M:
        with tempfile.TemporaryDirectory() as folder:
            for pixels, truths in slicks(Path(folder), resolution_m):
                taken = masks_of(pixels, [deepest(truth) for truth in truths])
                for truth, mask in zip(truths, taken, strict=True):
                    precision = (mask & binary_dilation(truth, near)).sum() / max(1, mask.sum())
                    recall = (truth & binary_dilation(mask, near)).sum() / truth.sum()
                    best = best_by_darkness(pixels, truth)
                    rows.append((truth.sum(), iou(truth, mask), precision, recall, best))
    return np.array(rows, float)


def main() -> None:
    """Measure and print."""
    found = measure()
    for name, some in (("all", found), (f"of {LARGE} pixels or more", found[found[:, 0] >= LARGE])):
        _, wand, precision, recall, best = np.median(some, axis=0)
        print(f"{len(some)} slicks ({name}), medians: IoU {wand:.3f}, precision {precision:.3f}, recall {recall:.3f}")
        print(f"  best blur and threshold with the truth in hand: IoU {best:.3f}")
    print(f"IoU of 0.95: the wand {(found[:, 1] >= 0.95).sum()}, the best by darkness {(found[:, 4] >= 0.95).sum()}")


if __name__ == "__main__":
    main()
