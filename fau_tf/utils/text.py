"""Text of any origin -> text that can be encoded and printed."""

from typing import Final

# A name may hold the sequences that move a terminal's cursor.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\n")
}


def readable(text: str) -> str:
    r"""Return text that can be encoded: a byte of a file name that is no text becomes `\xe9`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    r"""Return text without control characters other than line ends: `\x1b` is written out."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """Return text with each run of white space as one space: names may hold line ends."""
    return " ".join(text.split())
