"""A slow function that tests call with the same arguments again and again."""

from pathlib import Path

import numpy as np


def once():
    """Return a decorator whose functions compute each result once."""
    kept = {}

    def decorate(function):
        def call(*given):
            key = function.__name__, *map(_key, given)
            if key not in kept:
                kept[key] = function(*given), given  # which keeps the ids from being reused
            return kept[key][0]

        return call

    return decorate


def _key(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return value if isinstance(value, bytes | str | Path) else id(value)
