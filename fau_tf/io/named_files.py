"""Text files that people and spreadsheets write, and the files that they name."""

import codecs
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

# The longer mark first: UTF-32's begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def read_text(path: Path) -> str:
    """Return the text of a file: UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    Bytes that are not UTF-8 survive as surrogates, since file names may hold any.

    Raises:
        OSError: If it can't be read.
        ValueError: If it is no such text; the message has no path.
    """
    content = path.read_bytes()
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(f"{encoding.upper()} is damaged: {error.reason}") from error
    if b"\0" in content:
        raise ValueError("null bytes, as in UTF-16 without a byte order mark. Save it as UTF-8")
    return os.fsdecode(content)


def find_file(name: str, folders: Sequence[Path]) -> Path:
    r"""Return the file that a name in a text file means.

    A relative name is looked for in each folder. What isn't there as written is tried without
    quotes and blanks around it, then with `/` for `\`.

    Args:
        name: An absolute or a relative path.
        folders: In order of preference.

    Returns:
        The name in the first folder if it is in none.

    Raises:
        ValueError: If different files are meant; the message has no place.
    """
    for spelled in _spellings(name):
        found = {
            os.path.realpath(folder / spelled): folder / spelled
            for folder in reversed(folders)
            if _exists(folder / spelled)
        }
        if len(found) > 1:
            both = " and ".join(sorted(map(str, found.values())))
            raise ValueError(f"{spelled} may be {both}. Write the absolute path")
        if found:
            return next(iter(found.values()))
    return folders[0] / name.strip()


def _spellings(name: str) -> Iterator[str]:
    plain = name.strip().strip('"')
    yield from dict.fromkeys((name, plain, plain.replace("\\", "/")))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    # Too long, or a null byte: reading it gives the error.
    except (OSError, ValueError):
        return False
