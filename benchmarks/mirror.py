"""`ceruleanml mirror` against `gcloud storage rsync`: the same jobs, one after the other, with one stand-in server.

Usage: python benchmarks/mirror.py [--files N] [--large-mb N]

Wall time from the command's start to its end. The server is `fake-gcs-server`, its objects as files; it shares
the machine with both and sets most of the pace, so only the ratio tells something.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from bucket_made import Bucket, served_bucket  # noqa: E402

CERULEANML = Path(sys.executable).parent / "ceruleanml"
FILES, LARGE_MB = 10_000, 1_024
PATIENCE_S = 3_000
BAR = 0.8
Row = tuple[str, str, str, bool]


@dataclass(frozen=True)
class Job:
    """Files to move, and what they are."""

    name: str
    folder: Path
    size: int
    fetches: int
    """How often they are fetched, in turns; the least time of each counts."""


def rows(folder: Path, files: int = FILES, large_mb: int = LARGE_MB) -> Iterator[Row]:
    """One row a job and direction, as it is measured."""
    jobs = [_small(folder / "small", files), _large(folder / "large", large_mb)]
    with served_bucket(folder / "server", in_memory=False) as bucket:
        for job in jobs:
            yield from _measured(job, bucket, folder)


def _measured(job: Job, bucket: Bucket, folder: Path) -> Iterator[Row]:
    gcloud, ours = _gcloud_environment(bucket, folder), _our_environment(bucket, folder)
    sent = [f"gs://b/{job.name}/{name}" for name in ("theirs", "ours")]
    fetched = [folder / "fetched" / job.name / name for name in ("theirs", "ours")]

    def pair(theirs: tuple[str | Path, ...], mine: tuple[str | Path, ...]) -> tuple[float, float]:
        return (
            _seconds(["gcloud", "storage", "rsync", "-r", *theirs], gcloud),
            _seconds([CERULEANML, "mirror", *mine], ours),
        )

    def fetch() -> tuple[float, float]:
        for place in fetched:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)  # gcloud makes none
        return pair((sent[1], fetched[0]), (sent[1], fetched[1]))

    up = pair((job.folder, sent[0]), (job.folder, sent[1]))
    yield _row(f"{job.name}, sent", up, job, bucket.sums(f"{job.name}/theirs/") == bucket.sums(f"{job.name}/ours/"))
    times = [fetch() for _ in range(job.fetches)]
    least = min(theirs for theirs, _ in times), min(ours for _, ours in times)
    yield _row(f"{job.name}, fetched", least, job, _sums(fetched[0]) == _sums(fetched[1]) == _sums(job.folder))
    again = pair((job.folder, sent[0]), (job.folder, sent[1]))
    yield _row(f"{job.name}, nothing to do", again, job, True)


def _row(name: str, seconds: tuple[float, float], job: Job, same: bool) -> Row:
    theirs, ours = seconds
    rate = f"{job.size / ours / 1e6:.1f} MB/s" if "nothing" not in name else ""
    told = f"{ours:.1f} s of {theirs:.1f} s = {theirs / ours:.2f} x {rate}, {'same' if same else 'OTHER'} objects"
    return f"mirror against gcloud storage rsync: {name}", told, f">= {BAR} x, same", same and theirs / ours >= BAR


def _seconds(arguments: list[str | Path], environment: Mapping[str, str]) -> float:
    before = time.perf_counter()
    run = subprocess.run(
        list(map(str, arguments)), env=environment, check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if run.returncode:
        sys.exit(f"{arguments}: {run.stderr}")
    return time.perf_counter() - before


def _small(folder: Path, count: int) -> Job:
    """So many files of up to 8 kB, in a hundred folders."""
    generator = np.random.default_rng(0)
    size = 0
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = generator.bytes(int(generator.integers(1, 8_192)))
        path.write_bytes(content)
        size += len(content)
    return Job("small", folder, size, 1)


def _large(folder: Path, size_mb: int) -> Job:
    """One file of noise."""
    folder.mkdir(parents=True)
    block = np.random.default_rng(1).bytes(1 << 20)
    with (folder / "large.bin").open("wb") as file:
        for number in range(size_mb):
            file.write(block[:-8] + number.to_bytes(8, "big"))
    return Job("large", folder, size_mb << 20, 3)


def _sums(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): crc32(path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _our_environment(bucket: Bucket, folder: Path) -> dict[str, str]:
    return {**os.environ, "STORAGE_EMULATOR_HOST": bucket.endpoint, "CERULEANML_CACHE": str(folder / "cache")}


def _gcloud_environment(bucket: Bucket, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{bucket.endpoint}/storage/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CORE_PROJECT": "p",
        "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_ENABLED": "false",  # it ends in an error on the stand-in
    }


def main() -> None:
    """Print every row; status 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--large-mb", type=int, default=LARGE_MB)
    arguments = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, measured, bar, met in rows(Path(folder), arguments.files, arguments.large_mb):
            print(f"{name}: {measured} (bar {bar}) {'met' if met else 'MISSED'}", flush=True)
            missed |= not met
    sys.exit(missed)


if __name__ == "__main__":
    main()
