"""One seed for everything: independent random streams named by what they are for."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *keys: str | int) -> np.random.Generator:
    """A random generator that depends on the seed and the keys alone.

    A unit of work names itself (`generator(seed, "empty tiles", scene_id)`), so its draws do not depend on the
    order in which workers reach it.
    """
    digest = hashlib.sha256("\x1f".join(str(key) for key in keys).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *(int(word) for word in words)])))
