"""An installed package brings the page along."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from processes import finished

from ceruleanml.annotation.page_files import page_parts, page_source

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_page(tmp_path):
    tree = tmp_path / "tree"
    for name in ("ceruleanml", "data-processing"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tree]
    done = finished(build, patience_s=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        names = set(archive.namelist())
    page = {f"ceruleanml/annotation/page/{part}" for part in page_parts(page_source())}
    assert page | {"ceruleanml/annotation/page/classes.js"} <= names
    code = "from ceruleanml.annotation.page_files import page_source; print(page_source())"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "installed", capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == str(tmp_path / "installed" / "ceruleanml" / "annotation" / "page")
