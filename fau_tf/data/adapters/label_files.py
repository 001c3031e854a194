"""Folders and label files of data sets, whose copies differ in spelling, padding and headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf.data.adapters.clips import Clip, LeftOut, Listing, columns, printable
from fau_tf.facs import LEVELS

UNKNOWN: Final = 9
"""What BP4D and FERA write where a coder could not tell."""


class LabelFileError(ValueError):
    """A label file that can't be read as a whole."""


@dataclass
class Labels:
    """What a label file says of one AU.

    Attributes:
        values: Frame -> intensity 0 to 5, or `UNKNOWN`.
        faults: Frame -> why its line can't be taken.
    """

    values: dict[int, int] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)


def children(folder: Path, pattern: str) -> list[tuple[re.Match[str], Path]]:
    """Return what in a folder has a name that the pattern matches, whatever its case, sorted."""
    found = ((re.fullmatch(pattern, path.name, re.IGNORECASE), path) for path in _in(folder))
    return [(match, path) for match, path in found if match]


def find(root: Path, pattern: str, *, deep: int = 1) -> Path | None:
    """Return the first folder with such a name in `root`, or up to `deep` folders further down."""
    here = [path for _, path in children(root, pattern) if path.is_dir()]
    if here or deep == 0:
        return here[0] if here else None
    below = (find(path, pattern, deep=deep - 1) for path in _in(root) if path.is_dir())
    return next((path for path in below if path), None)


def require(root: Path, pattern: str, what: str, *, deep: int = 1) -> Path:
    """Return `find`'s folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    place = find(root, pattern, deep=deep) if root.is_dir() else None
    if place is None:
        held = ", ".join(printable(path.name) for path in _in(root)[:8]) if root.is_dir() else ""
        raise FileNotFoundError(
            f"{printable(root)}: must hold {what}. Received: {held or 'no such folder'}. "
            "Set data.root to the folder as distributed."
        )
    return place


def read_labels(path: Path, *, header: int = 0, unknown: bool = False) -> Labels:
    """Return a label file's frames and intensities, one line each: number or file name, intensity.

    Args:
        path: Text; comma or blanks between the two columns.
        header: At most so many first lines are passed over where they are no data.
        unknown: Whether `UNKNOWN` is a value.

    Raises:
        LabelFileError: If it is missing, empty, no text, or a line hasn't two columns.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "bytes that are no text"
        raise LabelFileError(
            f"{printable(path)}: must be a label file. Received: {cause}"
        ) from error
    labels = Labels()
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = re.split(r"[,;\s]+", line.strip())
        row = re.fullmatch(r"(\d+)(?:\.\w+)?", fields[0])
        if len(fields) != 2 or not row:
            if place <= header:
                continue
            raise LabelFileError(
                f"{printable(path)}, line {place}: must have two columns, frame and intensity. "
                f"Received: {line.strip()[:60]!r}"
            )
        _take(labels, int(row[1]), fields[1], unknown, f"{printable(path)}, line {place}")
    if not labels.values and not labels.faults:
        raise LabelFileError(f"{printable(path)}: must hold labels. Received: none")
    return labels


def _take(labels: Labels, number: int, text: str, unknown: bool, where: str) -> None:
    value = int(text) if text.isdecimal() else -1
    if value not in range(LEVELS) and not (unknown and value == UNKNOWN):
        kinds = "0 to 5, or 9 for unknown" if unknown else "0 to 5"
        labels.faults[number] = f"{where}: intensity must be {kinds}. Received: {text!r}"
    elif number in labels.values:
        labels.faults[number] = f"{where}: a frame has one line. Received: frame {number} again"
    else:
        labels.values[number] = value


def labeled(
    listing: Listing,
    name: str,
    subject: str,
    files: Mapping[int, Path],
    *,
    header: int = 0,
    unknown: bool = False,
) -> Clip | None:
    """Return a clip, still without pictures, from one label file an AU; None if one can't be read.

    Args:
        listing: Takes what is left out.
        name: Of the clip.
        subject: Who it is.
        files: AU -> label file.
        header: See `read_labels`.
        unknown: See `read_labels`.
    """
    try:
        read = {au: read_labels(path, header=header, unknown=unknown) for au, path in files.items()}
    except LabelFileError as error:
        listing.left_out.append(LeftOut(subject, name, str(error)))
        return None
    numbers = sorted({n for one in read.values() for n in (*one.values, *one.faults)})
    faults: dict[int, str] = {}
    unsure: dict[int, str] = {}
    for au, one in read.items():
        for number in numbers:
            if number in one.faults:
                faults[number] = one.faults[number]
            elif number not in one.values:
                faults[number] = f"{printable(files[au])}: no line for this frame"
            elif one.values[number] == UNKNOWN:
                unsure[number] = f"AU{au:02d} is {UNKNOWN}: unknown"
    for one in read.values():
        one.values |= dict.fromkeys(set(numbers) - one.values.keys(), 0)  # dropped below
    table = columns(numbers, {au: one.values for au, one in read.items()})
    clip = Clip(name, subject, np.array(numbers, np.int64), table)
    clip = listing.drop(clip, faults)
    return listing.drop(clip, unsure, documented=True)


def with_pictures(listing: Listing, clip: Clip, folder: Path) -> Clip:
    """Return the clip with its pictures, found by number, however many zeros they are named with.

    A labeled frame without a picture is left out; so is a second picture of one number.
    """
    found: dict[int, Path] = {}
    for match, path in children(folder, r"(\d+)\.(?:jpe?g|png|bmp)"):
        number = int(match[1])
        if number in found:
            reason = f"frame {number} is there already as {printable(found[number].name)}"
            listing.left_out.append(LeftOut(clip.subject, printable(path), reason, (number,)))
        found.setdefault(number, path)
    lacking = [number for number in clip.numbers.tolist() if number not in found]
    clip = listing.drop(clip, lacking, f"{printable(folder)}: no picture of this frame")
    return replace(clip, pictures=tuple(found[number] for number in clip.numbers.tolist()))


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
