"""Lists of labeled images: the JSON of the reference code, and a CSV for your own data."""

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
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.config import DataSettings

_AUS_OF: Final = {len(facs.centers(aus, "fau")): aus for aus in (facs.BP4D, facs.DISFA)}
"""Number of AU centers in an item -> AUs: 10 centers are BP4D's, 24 are DISFA's."""
_IMAGES_PER_CLIP: Final = 500
_ENDINGS: Final = ("", ".jpg", ".png")


@dataclass(frozen=True)
class _Entry:
    """One labeled frame of a list; frame 0 is an image, others are of a video."""

    subject: str
    path: Path
    frame: int
    intensity: Mapping[int, float]
    where: str


def json_list(settings: DataSettings) -> DatasetIndex:
    """Index the list of Fan's code: `[{"imgpath": "M017/T8/336.jpg", "AUs": [x, y, I, ...]}]`.

    The triples are AU centers in the order of `facs.centers`; the centers of one AU must have the
    same intensity. Their positions are not used: centers follow from landmarks, as for every data
    set. Paths are relative to the list.

    Raises:
        ValueError: If the file is no JSON list.
    """
    path = Path(settings.root)
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: must be a readable JSON list. Received: {error}") from error
    if not isinstance(items, list):
        raise ValueError(f"{path}: must be a JSON list. Received: {type(items).__name__}")
    entries = ((f"{path.name}, item {i}", item) for i, item in enumerate(items, 1))
    return _index(entries, lambda where, item: _json_entry(path.parent, where, item))


def csv_list(settings: DataSettings) -> DatasetIndex:
    """Index a table of `image`, or `video` and `frame` (from 1); `subject`; `AU06`, ...

    The cell of an AU is 0 to 5, fractions allowed, or empty where not coded. Paths are relative to
    the table.

    Raises:
        ValueError: If the file can't be read or lacks a column.
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
    located = "image" in head or {"video", "frame"} <= set(head)
    if not (aus and located and "subject" in head) or unknown or len(set(head)) < len(head):
        raise ValueError(
            f"{path}: needs the columns `image`, or `video` and `frame`, `subject` and AUs of "
            f"{', '.join(au.label for au in facs.AUS.values())}, each once. Received: "
            f"{', '.join(head) or 'no line'}. Rename or add columns."
        )

    def read(where: str, cells: list[str]) -> _Entry:
        if len(cells) != len(head):
            raise ValueError(f"a line must have {len(head)} columns. Received: {len(cells)}")
        return _csv_entry(path.parent, where, dict(zip(head, cells, strict=True)), aus)

    numbered = enumerate(lines[1:], 2)
    return _index(((f"{path.name}, line {i}", cells) for i, cells in numbered if cells), read)


def _index(entries: Iterable[tuple[str, Any]], read: Callable[[str, Any], _Entry]) -> DatasetIndex:
    """Return clips of one video, or of up to 500 images of one folder, from the valid entries."""
    index = DatasetIndex()
    groups: dict[tuple[str, str], dict[tuple[str, int], _Entry]] = {}
    for where, raw in entries:
        try:
            entry = read(where, raw)
        except ValueError as error:
            index.dropped.append(Dropped("", where, str(error)))
            continue
        media = printable(entry.path if entry.frame else entry.path.parent)
        group = groups.setdefault((entry.subject, media), {})
        key = printable(entry.path), entry.frame
        if key in group:
            reason = f"the frame is there already, from {group[key].where}"
            index.dropped.append(Dropped(entry.subject, where, reason))
        group.setdefault(key, entry)
    for (subject, media), group in sorted(groups.items()):
        ordered = [group[key] for key in sorted(group)]
        size = len(ordered) if ordered[0].frame else _IMAGES_PER_CLIP
        for start in range(0, len(ordered), size):
            name = f"{subject}/{media}" + (f"/{start}" if start else "")
            index.clips.append(_clip(name, subject, ordered[start : start + size]))
    return index


def _clip(name: str, subject: str, entries: list[_Entry]) -> Clip:
    video = entries[0].path if entries[0].frame else None
    frames = [entry.frame if video else i for i, entry in enumerate(entries, 1)]
    intensity = [[entry.intensity.get(au, math.nan) for au in facs.ALL] for entry in entries]
    return Clip(
        name,
        subject,
        np.array(frames, np.int64),
        np.array(intensity, np.float32),
        video=video,
        images=() if video else tuple(entry.path for entry in entries),
    )


def _json_entry(folder: Path, where: str, item: Any) -> _Entry:
    item = item if isinstance(item, dict) else {}
    name, values = item.get("imgpath"), item.get("AUs")
    values = values if isinstance(values, list) else []
    numeric = all(type(value) in (int, float) for value in values)
    if not isinstance(name, str) or not numeric or len(values) not in {3 * k for k in _AUS_OF}:
        sizes = " or ".join(str(3 * k) for k in _AUS_OF)
        raise ValueError(
            f"an item needs `imgpath` and `AUs` of {sizes} numbers. Received: {str(item)[:80]}"
        )
    by_center = [float(value) for value in values[2::3]]
    intensity: dict[int, float] = {}
    for center, value in zip(facs.centers(_AUS_OF[len(by_center)], "fau"), by_center, strict=True):
        if intensity.setdefault(center.au, _valid_intensity(value)) != value:
            raise ValueError(
                f"centers of AU{center.au:02d} must have one intensity. "
                f"Received: {intensity[center.au]} and {value}"
            )
    candidates = [folder / (name + ending) for ending in _ENDINGS]
    path = next((path for path in candidates if path.is_file()), candidates[0])
    subject = re.search(r"(?:^|[/\\_])([FM]\d{3}|SN\d{3})(?=[/\\_.])", name)
    return _Entry(subject[1] if subject else re.split(r"[/\\]", name)[0], path, 0, intensity, where)


def _csv_entry(folder: Path, where: str, cells: dict[str, str], aus: dict[str, int]) -> _Entry:
    subject, image = cells["subject"].strip(), cells.get("image", "").strip()
    name = image or cells.get("video", "").strip()
    if not subject or not name:
        raise ValueError("a line needs a subject and an image or a video. Received: an empty cell")
    frame = "0" if image else cells.get("frame", "").strip()
    if not frame.isdecimal() or (not image and int(frame) < 1):
        raise ValueError(f"`frame` counts from 1. Received: {frame!r}")
    intensity = {}
    for column, au in aus.items():
        text = cells[column].strip()
        if text and text.lower() != "nan":
            try:
                intensity[au] = _valid_intensity(float(text))
            except ValueError as error:
                raise ValueError(f"{column}: {error}") from error
    if not intensity:
        raise ValueError("a line needs at least one coded AU. Received: none")
    path = folder / os.fsdecode(os.fsencode(name))  # names may hold bytes that are not UTF-8
    return _Entry(printable(subject), path, int(frame), intensity, where)


def _valid_intensity(value: float) -> float:
    if not 0 <= value <= facs.MAX_INTENSITY:
        raise ValueError(f"intensity must be 0 to 5. Received: {value:g}")
    return value
