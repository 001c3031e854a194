"""Figures of the page as text. None is NaN that went through JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

SHARES: Final = ("neutral_alarms", "gray_alarms", "edited_rise")
"""Figures that are shares; the others are AUCs or intensities."""
UNKNOWN: Final = "-"


def known(value: float | None) -> TypeGuard[float]:
    """Return whether there is a value."""
    return value is not None and not math.isnan(value)


def share(figure: Mapping[str, Any]) -> str:
    """Return a share with its interval, if it has one."""
    if not known(figure["value"]):
        return UNKNOWN
    text, (low, high) = f"{figure['value']:.1%}", figure["interval"]
    return f"{text} ({low:.0%} to {high:.0%})" if known(low) else text


def number(figure: Mapping[str, Any]) -> str:
    """Return an AUC or an intensity with its interval, if it has one."""
    if not known(figure["value"]):
        return UNKNOWN
    text, (low, high) = f"{figure['value']:.2f}", figure["interval"]
    return f"{text} ({low:.2f} to {high:.2f})" if known(low) else text


def plain(value: float | None, key: str) -> str:
    """Return a figure of that name without an interval."""
    return formatted(value, ".1%" if key in SHARES else ".2f")


def formatted(value: float | None, form: str = ".2f") -> str:
    """Return a figure in a form of Python's format strings."""
    return format(value, form) if known(value) else UNKNOWN


def largest(other: Sequence[Any] | None) -> str:
    """Return `largest_other` of `edits.rises.edited_rises`."""
    return f"{other[0]} {other[1]:+.2f}" if other else UNKNOWN


def difference(figure: Mapping[str, Any], key: str) -> str:
    """Return a difference with its interval, bold if that leaves out 0."""
    value, (low, high) = figure["difference"], figure["interval"]
    if not known(value):
        return UNKNOWN
    digits, unit, scale = (1, " points", 100) if key in SHARES else (3, "", 1)
    text = f"{scale * value:+.{digits}f}{unit}"
    if not known(low):
        return text
    text += f" ({scale * low:+.{digits}f} to {scale * high:+.{digits}f})"
    return f"**{text}**" if low > 0 or high < 0 else text
