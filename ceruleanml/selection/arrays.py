"""One formula for numpy arrays and for torch tensors, which may lie on a GPU."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Array = Any
"""A numpy array, or a torch tensor: what formulas use is spelt alike in both."""
TINY = 1.2e-38
"""The smallest normal float32: a logarithm is taken of nothing smaller, and times a probability of 0 it is 0."""


def namespace(values: Array) -> Any:
    """The library whose functions take these values: numpy, or torch for a tensor."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(values, torch.Tensor) else np


def floats(values: Array) -> Array:
    """The values as numbers to compute with: a tensor as it is, all else as a float64 numpy array."""
    return np.asarray(values, np.float64) if namespace(values) is np else values


def on_host(values: Array) -> NDArray[Any]:
    """The values as a numpy array."""
    return np.asarray(values if namespace(values) is np else values.detach().cpu().numpy())
