"""Lists of labeled images, and the JSON list of the reference code."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.config import DataSettings
from fau_tf.io.named_files import find_file, read_text

Raw = TypeVar("Raw")

_AUS_OF: Final = {len(facs.centers(aus, "fau")): aus for aus in (facs.BP4D, facs.DISFA)}
"""Number of AU centers in an item -> AUs: 10 centers are BP4D's, 24 are DISFA's."""
_IMAGES_PER_CLIP: Final = 500
_ENDINGS: Final = ("", ".jpg", ".png")


@dataclass(frozen=True)
class Entry:
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
        items = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: must be a readable JSON list. Received: {error}") from error
    if not isinstance(items, list):
        raise ValueError(f"{path}: must be a JSON list. Received: {type(items).__name__}")
    entries = ((f"{path.name}, item {i}", item) for i, item in enumerate(items, 1))
    return index_entries(entries, lambda where, item: _json_entry(path.parent, where, item))


def index_entries(
    entries: Iterable[tuple[str, Raw]],
    read: Callable[[str, Raw], Entry],
    index: DatasetIndex | None = None,
) -> DatasetIndex:
    """Return clips of one video, or of up to 500 images of one folder, from the valid entries.

    Args:
        entries: Place and content of each entry.
        read: Returns what an entry says; its `ValueError` is why the entry is dropped.
        index: Receives clips and dropped entries; a new one by default.
    """
    index = DatasetIndex() if index is None else index
    groups: dict[tuple[str, str], dict[tuple[str, int], Entry]] = {}
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


def _clip(name: str, subject: str, entries: list[Entry]) -> Clip:
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


def _json_entry(folder: Path, where: str, item: Any) -> Entry:
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
        if intensity.setdefault(center.au, valid_intensity(value)) != value:
            raise ValueError(
                f"centers of AU{center.au:02d} must have one intensity. "
                f"Received: {intensity[center.au]} and {value}"
            )
    candidates = [find_file(name + ending, (folder,)) for ending in _ENDINGS]
    path = next((path for path in candidates if path.is_file()), candidates[0])
    subject = re.search(r"(?:^|[/\\_])([FM]\d{3}|SN\d{3})(?=[/\\_.])", name)
    return Entry(subject[1] if subject else re.split(r"[/\\]", name)[0], path, 0, intensity, where)


def valid_intensity(value: float) -> float:
    """Return an intensity; raise `ValueError` if it is not within 0 to 5."""
    if not 0 <= value <= facs.MAX_INTENSITY:
        raise ValueError(f"intensity must be 0 to 5. Received: {value:g}")
    return value
