"""Programs of torch.export, loaded only where nothing in the file is code: no pickle, no library, no expression."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ceruleanml.errors import ModelError

MODEL, SAMPLE = "models/model.json", "data/sample_inputs/model.pt"
TENSORS = re.compile(r"data/(weights/weight_\d+|constants/tensor_\d+)")
TENSOR = re.compile(r"(weight|tensor)_\d+")
LISTS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
ABOUT = {"archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id"}
DROPPED: dict[str, Any] = {"metadata": {}, "guards_code": []}
"""Entries that are not needed to run a program: where it came from, and checks in Python that torch would run."""
WORD = re.compile(r"[\w.+-]*")
OPERATOR = re.compile(r"torch\.ops\.aten\.(?!__)\w+\.(?!__)\w+|_operator\.(add|sub|mul|floordiv|mod|getitem)")
EXPRESSION = re.compile(
    r"(\b(Add|Mul|Pow|Mod|Max|Min|FloorDiv|CleanDiv|Integer|Symbol|integer|positive|nonnegative|True|False)\b"
    r"|\b[su]\d+\b|'[su]\d+'|\b\d+\b|[ (),=+*/-])*"
)
SPEC = re.compile(r'("(null|\[\]|builtins\.(tuple|list|dict)|type|context|children_spec)"|null|\d+|[][{}:, ])*')
RULES = {"target": OPERATOR, "expr_str": EXPRESSION, "in_spec": SPEC, "out_spec": SPEC}


def load_program(file: Path) -> Any:
    """The module in a .pt2 file. Raises ModelError for a truncated one, or one that could run code of its maker.

    torch.export.load unpickles what the archive marks so, loads libraries that lie in it and evaluates expressions. So
    only what `ceruleanml export` writes is handed on to it, copied into an archive that has nothing else.
    """
    import torch

    content = _plain_archive(file)
    try:
        return torch.export.load(content).module()
    except Exception as error:  # a broken archive raises whatever its first broken part does
        raise _broken(file) from error


def _plain_archive(file: Path) -> io.BytesIO:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        plain = {name: _plain(name.partition("/")[2], content) for name, content in members.items()}
    except (
        OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError
    ) as error:  # fmt: skip
        raise _broken(file) from error
    if len({name.partition("/")[0] for name in plain}) != 1 or any(content is None for content in plain.values()):
        raise ModelError(
            f"{file}: holds more than tensors and plain values; it is not loaded, since that could run code of its "
            "maker; take a file of ceruleanml export"
        )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, content in plain.items():
            archive.writestr(name, content or b"")
    written.seek(0)
    return written


def _plain(name: str, content: bytes) -> bytes | None:
    """A member as it is handed on, None where it is or names anything but tensors, numbers and known operators."""
    if name == MODEL:
        described = _without(json.loads(content))
        return json.dumps(described).encode() if all(_is_plain(*one) for one in _words(described)) else None
    if name == SAMPLE:
        return content if _holds_tensors(content) else None
    if name in LISTS:
        payloads = json.loads(content)["config"].values()
        return (
            content if all(not one["use_pickle"] and TENSOR.fullmatch(one["path_name"]) for one in payloads) else None
        )
    return content if name in ABOUT or TENSORS.fullmatch(name) else None


def _without(value: Any) -> Any:
    """A description of a program without the entries DROPPED."""
    if isinstance(value, dict):
        return {key: DROPPED[key] if key in DROPPED else _without(one) for key, one in value.items()}
    return [_without(one) for one in value] if isinstance(value, list) else value


def _words(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every word of a description, with the key under which it stands; keys are words too."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield "expr_str" if key == "range_constraints" else "", name
            yield from _words(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one, key)
    elif isinstance(value, str):
        yield key, value


def _is_plain(key: str, word: str) -> bool:
    return RULES.get(key, WORD).fullmatch(word) is not None


def _holds_tensors(content: bytes) -> bool:
    import torch

    try:
        torch.load(io.BytesIO(content), weights_only=True) if content else None
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return False
    return True


def _broken(file: Path) -> ModelError:
    return ModelError(f"{file}: is truncated, corrupt or of another PyTorch; export the model again")
