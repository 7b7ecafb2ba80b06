"""What post-processing gives and takes: a slick's outline, its class and how sure the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely import MultiPolygon


@dataclass(frozen=True)
class Slick:
    """One predicted slick. `geometry` is in the grid's coordinates: degrees, or pixels of an image without place.

    `class_id` is the model's own id (`inf_idx` in the service's words). For a U-Net the confidences are over the
    pixels inside, for Mask R-CNN over the detections that were joined; `machine_confidence` is the median.
    """

    geometry: MultiPolygon
    class_id: int
    machine_confidence: float
    mean_conf: float
    median_conf: float
    max_conf: float
