"""Conversion of Python values to valid JSON values."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """Return a value with None in place of NaN and infinity, in nested containers too.

    JSON has neither, and most parsers refuse the `NaN` that Python writes.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
