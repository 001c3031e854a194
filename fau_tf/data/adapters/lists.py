"""Lists of pictures with labels: the reference code's JSON, and a CSV for anybody's data."""

import csv
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, LeftOut, Listing, printable
from fau_tf.data.config import DataSettings

_AUS_OF: Final = {
    len(facs.centers(aus, "fau")): aus for aus in (facs.BP4D, facs.DISFA)
}  # 10 centers are BP4D's, 24 are DISFA's
_PICTURES_A_CLIP: Final = 500
_ENDINGS: Final = ("", ".jpg", ".png")


@dataclass(frozen=True)
class _Row:
    """One frame of a list."""

    subject: str
    path: Path
    number: int  # in the video; 0 is a picture
    intensity: Mapping[int, float]
    where: str


def json_list(settings: DataSettings) -> Listing:
    """Return the list of Fan's code: `[{"imgpath": "M017/T8/336.jpg", "AUs": [x, y, I, ...]}]`.

    The K triples are AU centers in the order of `facs.centers`, all centers of an AU of one
    intensity. Where the centers lie follows from landmarks here, as for any other data set; paths
    are relative to the list.

    Raises:
        ValueError: If it is no such list.
    """
    path = Path(settings.root)
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: must be a readable JSON list. Received: {error}") from error
    if not isinstance(items, list):
        raise ValueError(f"{path}: must be a JSON list. Received: {type(items).__name__}")
    entries = ((f"{path.name}, item {i}", item) for i, item in enumerate(items, 1))
    return _listing(entries, lambda where, item: _json_row(path.parent, where, item))


def csv_list(settings: DataSettings) -> Listing:
    """Return a table of columns `image`, or `video` and `frame` (from 1), `subject`, `AU06`, ...

    An AU's cell is 0 to 5, also in between, or empty where it is not coded. Paths are relative to
    the table.

    Raises:
        ValueError: If it can't be read or lacks a column.
    """
    path = Path(settings.root)
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = list(csv.reader(file))
    except (OSError, csv.Error) as error:
        raise ValueError(f"{path}: must be a readable CSV file. Received: {error}") from error
    head = [name.strip() for name in lines[0]] if lines else []
    aus = {name: int(name[2:]) for name in head if re.fullmatch(r"AU\d+", name)}
    unknown = [name for name, au in aus.items() if au not in facs.AUS]
    pictured = "image" in head or {"video", "frame"} <= set(head)
    if not (aus and pictured and "subject" in head) or unknown or len(set(head)) < len(head):
        raise ValueError(
            f"{path}: needs the columns `image`, or `video` and `frame`, `subject` and AUs of "
            f"{', '.join(au.label for au in facs.AUS.values())}, each once. Received: "
            f"{', '.join(head) or 'no line'}. Rename or add columns."
        )

    def row(where: str, cells: list[str]) -> _Row:
        if len(cells) != len(head):
            raise ValueError(f"a line must have {len(head)} columns. Received: {len(cells)}")
        return _csv_row(path.parent, where, dict(zip(head, cells, strict=True)), aus)

    numbered = enumerate(lines[1:], 2)
    return _listing(((f"{path.name}, line {i}", cells) for i, cells in numbered if cells), row)


def _listing(entries: Iterable[tuple[str, Any]], read: Callable[[str, Any], _Row]) -> Listing:
    """Return clips of a video, or of at most 500 pictures, from entries that `read` can take."""
    listing = Listing()
    groups: dict[tuple[str, str], dict[tuple[str, int], _Row]] = {}
    for where, entry in entries:
        try:
            row = read(where, entry)
        except ValueError as error:
            listing.left_out.append(LeftOut("", where, str(error)))
            continue
        media = printable(row.path if row.number else row.path.parent)
        group = groups.setdefault((row.subject, media), {})
        key = printable(row.path), row.number
        if key in group:
            reason = f"the frame is there already, from {group[key].where}"
            listing.left_out.append(LeftOut(row.subject, where, reason))
        group.setdefault(key, row)
    for (subject, media), group in sorted(groups.items()):
        rows = [group[key] for key in sorted(group)]
        size = len(rows) if rows[0].number else _PICTURES_A_CLIP
        for start in range(0, len(rows), size):
            name = f"{subject}/{media}" + (f"/{start}" if start else "")
            listing.clips.append(_clip(name, subject, rows[start : start + size]))
    return listing


def _clip(name: str, subject: str, rows: list[_Row]) -> Clip:
    film = rows[0].number > 0
    numbers = [row.number if film else i for i, row in enumerate(rows, 1)]
    table = [[row.intensity.get(au, math.nan) for au in facs.ALL] for row in rows]
    return Clip(
        name,
        subject,
        np.array(numbers, np.int64),
        np.array(table, np.float32),
        video=rows[0].path if film else None,
        pictures=() if film else tuple(row.path for row in rows),
    )


def _json_row(folder: Path, where: str, item: Any) -> _Row:
    item = item if isinstance(item, dict) else {}
    values = item.get("AUs")
    values = values if isinstance(values, list) else []
    numeric = all(type(value) in (int, float) for value in values)
    named = isinstance(item.get("imgpath"), str)
    if not (named and numeric) or len(values) // 3 not in _AUS_OF or len(values) % 3:
        sizes = " or ".join(str(3 * k) for k in _AUS_OF)
        raise ValueError(
            f"an item needs `imgpath` and `AUs` of {sizes} numbers. Received: {str(item)[:80]}"
        )
    levels = [float(value) for value in values[2::3]]
    centers = facs.centers(_AUS_OF[len(levels)], "fau")
    intensity: dict[int, float] = {}
    for center, level in zip(centers, levels, strict=True):
        if intensity.setdefault(center.au, _level(level)) != level:
            raise ValueError(
                f"centers of AU{center.au:02d} must have one intensity. "
                f"Received: {intensity[center.au]} and {level}"
            )
    name = item["imgpath"]
    path = next(
        (folder / (name + e) for e in _ENDINGS if (folder / (name + e)).is_file()), folder / name
    )
    person = re.search(r"(?:^|[/\\_])([FM]\d{3}|SN\d{3})(?=[/\\_.])", name)
    first = re.split(r"[/\\]", name)[0]
    return _Row(person[1] if person else first, path, 0, intensity, where)


def _csv_row(folder: Path, where: str, cells: dict[str, str], aus: dict[str, int]) -> _Row:
    subject = cells["subject"].strip()
    film = not cells.get("image", "").strip()
    name = cells.get("video" if film else "image", "").strip()
    if not subject or not name:
        raise ValueError("a line needs a subject and an image or a video. Received: an empty cell")
    number = cells["frame"].strip() if film else "0"
    if not number.isdecimal() or (film and int(number) < 1):
        raise ValueError(f"`frame` counts from 1. Received: {number!r}")
    intensity = {}
    for column, au in aus.items():
        text = cells[column].strip()
        if text and text.lower() != "nan":
            try:
                intensity[au] = _level(float(text))
            except ValueError as error:
                raise ValueError(f"{column}: {error}") from error
    if not intensity:
        raise ValueError("a line needs at least one coded AU. Received: none")
    # The text may hold bytes that are no UTF-8, as names may.
    return _Row(
        printable(subject), folder / os.fsdecode(os.fsencode(name)), int(number), intensity, where
    )


def _level(value: float) -> float:
    if not 0 <= value <= facs.MAX_INTENSITY:
        raise ValueError(f"intensity must be 0 to 5. Received: {value:g}")
    return value
