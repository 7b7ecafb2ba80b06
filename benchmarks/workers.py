"""Two workers against one: wall time and bytes of the same data set."""

from __future__ import annotations

import filecmp
import tempfile
import time
from pathlib import Path

from make_dataset import build
from scene import make_scene


def measure(folder: Path, different: int = 4, times: int = 10) -> tuple[float, bool]:
    """How many times as fast two workers are on 40 scenes (four, each under ten names), and whether bytes agree."""
    for number in range(different):
        scene = make_scene(folder, scene_id=f"scene{number}", seed=number)
        for copy in range(1, times):
            for path, twin in (
                (scene, scene.with_name(f"{scene.name}_{copy}")),
                (folder / "georeference" / f"{scene.name}.json", folder / "georeference" / f"{scene.name}_{copy}.json"),
            ):
                if not twin.exists():
                    twin.symlink_to(path)
    seconds = []
    with tempfile.TemporaryDirectory() as temporary:
        for workers in (1, 2):
            before = time.perf_counter()
            build(folder, Path(temporary) / str(workers), workers=workers)
            seconds.append(time.perf_counter() - before)
        one, two = (Path(temporary) / name for name in "12")
        names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
        _, other, missing = filecmp.cmpfiles(one, two, names, shallow=False)
    return seconds[0] / seconds[1], not other and not missing
