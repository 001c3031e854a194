"""Values that JSON can hold."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """Return a value whose dicts, lists and tuples hold None in place of NaN and infinity.

    JSON has no word for those, and readers other than Python's refuse the one that Python writes.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
