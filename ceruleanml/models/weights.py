"""Tensors on disk, written whole or not at all and read without ever running what a file says."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

from ceruleanml.errors import ModelError
from ceruleanml.storage import storage_error, write_bytes


def save_state(path: Path, state: Any) -> None:
    """Write tensors, numbers and words in dictionaries and lists; equal values give equal bytes."""
    import torch

    buffer = io.BytesIO()  # a named file would put its name inside
    torch.save(state, buffer)
    write_bytes(path, buffer.getbuffer())


def load_state(path: Path) -> Any:
    """What `save_state` wrote, on the CPU. Raises ModelError for a missing, truncated or hostile file."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file of another kind makes torch guess aloud before it gives up
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file of weights; name a run folder of ceruleanml train") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(path):
            raise ModelError(
                f"{path}: holds more than tensors and plain values; it is not loaded, since that could run code of "
                "its maker; take a file of ceruleanml train"
            ) from error
        raise ModelError(f"{path}: is no file of weights; take a file of ceruleanml train") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is truncated or corrupt; take an earlier one or train again") from error
