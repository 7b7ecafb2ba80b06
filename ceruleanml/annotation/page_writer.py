"""Writing a page's data files, each with the script twin that `file://` needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ceruleanml.annotation.page_files import bytes_twin, json_bytes, json_twin
from ceruleanml.annotation.png import gray_png
from ceruleanml.storage import make_folder, storage_error


class PageWriter:
    """Writes below the `data` folder of a page that nobody reads yet; `twins` says whether scripts go beside."""

    def __init__(self, data: Path, twins: bool) -> None:
        self._data, self._twins = data, twins

    def json(self, name: str, value: Any) -> None:
        """Write a JSON or GeoJSON file, `name` relative to `data`. Raises WriteError."""
        self._write(name, json_bytes(value))
        if self._twins:
            self._write(_twin_name(name), json_twin(name, value))

    def file(self, name: str, content: bytes) -> None:
        """Write any other file. Raises WriteError."""
        self._write(name, content)
        if self._twins:
            self._write(_twin_name(name), bytes_twin(name, content))

    def tiles(self, folder: str) -> Callable[[int, int, int, Any], None]:
        """What takes the tiles of a pyramid (see `pyramid.Put`) and writes them below `folder`."""

        def put(level: int, row: int, col: int, pixels: Any) -> None:
            self.file(f"{folder}/{level}/{row}_{col}.png", gray_png(pixels))

        return put

    def _write(self, name: str, content: bytes) -> None:
        path = self._data / name
        try:
            path.write_bytes(content)
        except FileNotFoundError:
            make_folder(path.parent)
            self._write_there(path, content)
        except OSError as error:
            raise storage_error(path, error) from error

    def _write_there(self, path: Path, content: bytes) -> None:
        try:
            path.write_bytes(content)
        except OSError as error:
            raise storage_error(path, error) from error


def _twin_name(name: str) -> str:
    return str(Path(name).with_suffix(".js"))
