"""Cells and lines of text tables: numbers, and text that no spreadsheet runs."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Final

from fau_tf.utils.text import readable

# What spreadsheets take for the start of a formula.
_FORMULA: Final = tuple("=+-@\t\r\n")


def decimal(value: float) -> str:
    """Return three decimals; NaN for what is not finite."""
    # Adding 0 turns -0 into 0.
    return f"{round(value, 3) + 0.0:.3f}" if math.isfinite(value) else "NaN"


def number(value: float) -> float | None:
    """Return a number that JSON has, of three decimals; None for what is not finite."""
    return round(float(value), 3) + 0.0 if math.isfinite(value) else None


def harmless(text: str, prefix: str = "'") -> str:
    """Return `readable` text that no spreadsheet runs as a formula: with a prefix if needed."""
    text = readable(text)
    return prefix + text if text.startswith(_FORMULA) else text


def csv_line(row: Sequence[str]) -> str:
    """Return a line of CSV, its line end included."""
    # With \r\n as the line end, every version of Python quotes a cell that holds either.
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(row)
    return line.getvalue()[:-2] + "\n"
