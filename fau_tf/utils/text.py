"""Values -> what stands in a cell of a CSV file or in JSON."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Final

# What spreadsheets take for the start of a formula.
_FORMULA: Final = tuple("=+-@\t\r\n")


def readable(text: str) -> str:
    r"""Return text that can be encoded: bytes of a file name that are no text as `\xe9`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def harmless(text: str, prefix: str = "'") -> str:
    """Return `readable` text that no spreadsheet runs as a formula: with a prefix where needed."""
    text = readable(text)
    return prefix + text if text.startswith(_FORMULA) else text


def harmless_path(text: str) -> str:
    """Return `harmless` text that names the same file: `./=x.png` for `=x.png`."""
    return harmless(text, "./")


def decimal(value: float) -> str:
    """Return three decimals; NaN for what is not finite."""
    # Adding 0 makes a minus zero plain.
    return f"{round(value, 3) + 0.0:.3f}" if math.isfinite(value) else "NaN"


def number(value: float) -> float | None:
    """Return a number that JSON has, of three decimals; None for what is not finite."""
    return round(float(value), 3) + 0.0 if math.isfinite(value) else None


def csv_line(row: Sequence[str]) -> str:
    """Return a line of CSV, its line end included."""
    # With \r\n as the line end, every version of Python quotes a cell that holds either.
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(row)
    return line.getvalue()[:-2] + "\n"
