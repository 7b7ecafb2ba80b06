"""The page's mask engine, asked from Python through node."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

BRIDGE = Path(__file__).parent / "page_engine" / "bridge.mjs"
TRANSFORM = [0.0022, 0.0, -76.2, 0.0, -0.0018, 36.8]


def ask(*tasks: tuple[str, dict[str, Any]]) -> list[Any]:
    """The engine's answers to (task, arguments) pairs; see bridge.mjs for the tasks."""
    done = subprocess.run(["node", str(BRIDGE)], input=json.dumps(tasks), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def random_ids(seed: int, height: int, width: int, count: int = 5) -> np.ndarray:
    """A map of ids 0..count in ragged patches with holes, islands and corners that touch."""
    random = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(random.standard_normal((height, width)), 2.5) for _ in range(count)])
    fields += random.normal(0, 0.02, fields.shape)
    best = fields.argmax(axis=0) + 1
    return np.where(fields.max(axis=0) > 0.12, best, 0).astype(np.uint16)


def given(ids: np.ndarray, **more: Any) -> dict[str, Any]:
    """A map of ids as the bridge takes it."""
    height, width = ids.shape
    return {"height": height, "width": width, "ids": ids.ravel().tolist(), **more}
