"""Small faults put into copies of the package, one at a time: do the tests tell? The table is mutants.toml.

`python tests/mutation/run.py` tries all, `python tests/mutation/run.py NAME…` some. The checkout is only read.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("ceruleanml", "tests", "pyproject.toml")
FOREIGN = (
    "pytest", "hypothesis.extra.numpy", "pycocotools.mask", "pyproj", "rasterio.features", "rasterio.warp",
    "scipy.ndimage", "scipy.optimize", "scipy.spatial", "scipy.special", "scipy.stats", "shapely", "sklearn.cluster",
)  # fmt: skip
"""What most tests import and no fault is in: imported once, and had by every fork."""
CAUGHT, SURVIVED, EXPLAINED, BROKEN = "caught", "survived", "explained", "broken"


@dataclass(frozen=True)
class Mutant:
    """One edit of a file of the package: `old` stands once in it and becomes `new`.

    `breaks` says what is then wrong, `tests` are the tests that should tell: modules, or MODULE::TEST. `survives` says
    why no test can, where none can.
    """

    name: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]
    survives: str = ""

    def applied(self, text: str) -> str:
        """The file's text with the fault. Raises ValueError where `old` does not stand once in it."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: its text stands {text.count(self.old)} times in {self.file}, not once")
        return text.replace(self.old, self.new)


MUTANTS = [
    Mutant(**{**row, "tests": tuple(row["tests"])})
    for row in tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
]


@dataclass(frozen=True)
class Running:
    """pytest at work on a copy, in a process of its own."""

    pid: int
    copy: Path
    begun: float

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return time.monotonic() - self.begun

    @property
    def said(self) -> str:
        """The first complaint, or else the last line."""
        lines = (self.copy / "said.txt").read_text(errors="replace").splitlines() or [""]
        return next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])


def copy_of_checkout(folder: Path) -> Path:
    """A copy of what tests need of the checkout, in a new folder; compiled, so that only what is edited is again."""
    ignored = shutil.ignore_patterns("__pycache__", "icevision", "serving", "page_engine")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy2(source, target)
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH  # times tell no edit within a second
    compileall.compile_dir(folder, quiet=2, invalidation_mode=by_content)
    return folder


def begin(copy: Path, tests: Sequence[str]) -> Running:
    """Begin pytest on tests of a copy, in a fork that has FOREIGN imported already."""
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            status = _test(copy, tests)
        finally:
            os._exit(status)
    return Running(pid, copy, time.monotonic())


def _test(copy: Path, tests: Sequence[str]) -> int:
    import pytest
    from hypothesis import Phase, settings

    os.setsid()
    said = os.open(copy / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True
    os.environ |= {
        "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # fmt: skip
    settings.register_profile(
        "first", phases=[Phase.explicit, Phase.generate]
    )  # one example tells; none is made smaller
    settings.load_profile("first")
    own = import_module("ceruleanml").__file__ or ""
    if not Path(own).is_relative_to(copy):
        print(f"ERROR tests would not test the copy but {own}", flush=True)
        return 3
    plain = ["-x", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider", "--assert=plain", "--tb=no"]
    status = int(pytest.main([*plain, f"--basetemp={copy / 'made'}", *(f"tests/{one}" for one in tests)]))
    sys.stdout.flush()
    return status


def ended(running: Running, limit_s: float) -> int | None:
    """The status of pytest, 1 where it took too long and was killed; None while it is at work."""
    pid, status = os.waitpid(running.pid, os.WNOHANG)
    if pid:
        return os.waitstatus_to_exitcode(status)
    if running.seconds < limit_s:
        return None
    os.killpg(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    return 1


def tried(mutants: Sequence[Mutant], copies: Sequence[Path], limit_s: float) -> Iterator[tuple[Mutant, Running, int]]:
    """Each mutant and the status of its tests, one at a time in each copy; a copy is as before afterwards."""
    waiting, free = list(mutants), list(copies)
    at_work: list[tuple[Mutant, str, Running]] = []
    while waiting or at_work:
        while waiting and free:
            mutant, copy = waiting.pop(0), free.pop()
            before = (copy / mutant.file).read_text(encoding="utf-8")
            (copy / mutant.file).write_text(mutant.applied(before), encoding="utf-8")
            at_work.append((mutant, before, begin(copy, mutant.tests)))
        for one in list(at_work):
            mutant, before, running = one
            status = ended(running, limit_s)
            if status is not None:
                (running.copy / mutant.file).write_text(before, encoding="utf-8")
                at_work.remove(one)
                yield mutant, running, status
                free.append(running.copy)
        time.sleep(0.05)


def judged(mutant: Mutant, running: Running, status: int) -> tuple[str, str]:
    """What became of a mutant, and why."""
    if status == 1 or running.said.startswith("FAILED"):  # what a failed test leaves may end pytest otherwise
        return CAUGHT, running.said
    if status != 0:
        return BROKEN, f"pytest ended with {status}: {running.said}"
    return (EXPLAINED, mutant.survives) if mutant.survives else (SURVIVED, mutant.breaks)


def check_unchanged(copy: Path, mutants: Sequence[Mutant], limit_s: float) -> None:
    """End the program unless all tests pass in a copy without faults."""
    running = begin(copy, sorted({test for mutant in mutants for test in mutant.tests}))
    while (status := ended(running, limit_s)) is None:
        time.sleep(0.05)
    if status != 0:
        sys.exit(f"without any fault the tests do not pass: {running.said}")


def main() -> int:
    """Try the mutants named, or all; 1 where one survives that should not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; all unless given")
    parser.add_argument("--workers", type=int, default=1, help="mutants tried at once (default 1)")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="seconds for a mutant (default 60)")
    options = parser.parse_args()
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not options.names or mutant.name in options.names]
    begun, ends = time.monotonic(), []
    for name in FOREIGN:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [copy_of_checkout(Path(folder) / str(number)) for number in range(max(1, options.workers))]
        check_unchanged(copies[0], chosen, 20 * options.limit)
        print(f"without faults the tests pass, {time.monotonic() - begun:.0f} s", flush=True)
        for mutant, running, status in tried(chosen, copies, options.limit):
            end, why = judged(mutant, running, status)
            ends.append(end)
            print(f"{end:9} {running.seconds:5.1f} s  {mutant.name}: {why}", flush=True)
    told = ", ".join(f"{ends.count(end)} {end}" for end in (CAUGHT, EXPLAINED, SURVIVED, BROKEN))
    print(f"{len(ends)} mutants in {time.monotonic() - begun:.0f} s: {told}")
    return 1 if SURVIVED in ends or BROKEN in ends else 0


if __name__ == "__main__":
    sys.exit(main())
