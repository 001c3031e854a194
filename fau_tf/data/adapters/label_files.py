"""Folders and label files, whose spelling, zero padding and headers differ between copies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.io.named_files import read_text

UNKNOWN: Final = 9
"""BP4D's and FERA's code for an intensity that the coder could not decide."""


class LabelFileError(ValueError):
    """A label file that can't be read as a whole."""


@dataclass
class AULabels:
    """Labels of one AU in one clip.

    Attributes:
        intensity: Frame -> 0 to 5, or `UNKNOWN`.
        faults: Frame -> why its line can't be used.
    """

    intensity: dict[int, int] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)


def matching(folder: Path, pattern: str) -> list[tuple[re.Match[str], Path]]:
    """Return the entries of a folder whose whole name matches, in any case, sorted by name."""
    found = ((re.fullmatch(pattern, path.name, re.IGNORECASE), path) for path in _entries(folder))
    return [(match, path) for match, path in found if match]


def find_folder(root: Path, pattern: str, *, depth: int = 1) -> Path | None:
    """Return the first folder whose name matches, in `root` or up to `depth` folders below."""
    here = [path for _, path in matching(root, pattern) if path.is_dir()]
    if here or depth == 0:
        return here[0] if here else None
    below = (find_folder(path, pattern, depth=depth - 1) for path in _entries(root))
    return next((path for path in below if path), None)


def require_folder(root: Path, pattern: str, name: str, *, depth: int = 1) -> Path:
    """Return `find_folder`.

    Raises:
        FileNotFoundError: If there is none; the message calls it `name`.
    """
    folder = find_folder(root, pattern, depth=depth)
    if folder is None:
        held = ", ".join(printable(path.name) for path in _entries(root)[:8])
        raise FileNotFoundError(
            f"{printable(root)}: must hold {name}. Received: {held or 'no such folder'}. "
            "Set data.root to the folder as distributed."
        )
    return folder


def read_labels(path: Path, *, header: int = 0, unknown: bool = False) -> AULabels:
    """Return the labels in a text file of two columns: frame (or image file) and intensity.

    Args:
        path: The file; columns are separated by a comma or blanks.
        header: Number of first lines that may be anything.
        unknown: Whether `UNKNOWN` is a valid intensity.

    Raises:
        LabelFileError: If the file is missing, empty or not text, or a line hasn't two columns.
    """
    try:
        text = read_text(path)
        text.encode()  # fails on bytes that are no UTF-8
        lines = text.splitlines()
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "bytes that are no text"
        raise LabelFileError(
            f"{printable(path)}: must be a label file. Received: {cause}"
        ) from error
    labels = AULabels()
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = re.split(r"[,;\s]+", line.strip())
        frame = re.fullmatch(r"(\d+)(?:\.\w+)?", fields[0])
        if len(fields) == 2 and frame:
            where = f"{printable(path)}, line {place}"
            _add(labels, int(frame[1]), fields[1], unknown, where)
        elif place > header:
            raise LabelFileError(
                f"{printable(path)}, line {place}: must have two columns, frame and intensity. "
                f"Received: {line.strip()[:60]!r}"
            )
    if not labels.intensity and not labels.faults:
        raise LabelFileError(f"{printable(path)}: must hold labels. Received: none")
    return labels


def _add(labels: AULabels, frame: int, text: str, unknown: bool, where: str) -> None:
    value = int(float(text)) if re.fullmatch(r"\d+(\.0+)?", text) else -1
    if value not in range(facs.LEVELS) and not (unknown and value == UNKNOWN):
        allowed = "0 to 5, or 9 for unknown" if unknown else "0 to 5"
        labels.faults[frame] = f"{where}: intensity must be {allowed}. Received: {text!r}"
    elif frame in labels.intensity:
        labels.faults[frame] = f"{where}: a frame must have one line. Received: frame {frame} again"
    else:
        labels.intensity[frame] = value


def labeled_clip(
    index: DatasetIndex,
    name: str,
    subject: str,
    files: Mapping[int, Path],
    *,
    header: int = 0,
    unknown: bool = False,
    of_video: bool = False,
) -> Clip | None:
    """Return a clip, still without images, from one label file per AU.

    Frames with a fault, or without a label of each AU, are dropped.

    Args:
        index: Receives what is dropped.
        name: Of the clip.
        subject: The person shown.
        files: AU -> label file.
        header: As in `read_labels`.
        unknown: As in `read_labels`.
        of_video: Whether the frames are those of a video, which count from 1. They are counted on
            by one if the files have a frame 0, also one that is dropped; what is dropped keeps the
            number of the files.

    Returns:
        None if a file can't be read.
    """
    try:
        by_au = {
            au: read_labels(file, header=header, unknown=unknown) for au, file in files.items()
        }
    except LabelFileError as error:
        index.dropped.append(Dropped(subject, name, str(error)))
        return None
    frames = sorted({n for one in by_au.values() for n in (*one.intensity, *one.faults)})
    intensity = np.full((len(frames), len(facs.ALL)), np.nan, np.float32)
    faults: dict[int, str] = {}
    unsure: dict[int, str] = {}
    for au, labels in by_au.items():
        for row, frame in enumerate(frames):
            value = labels.intensity.get(frame)
            if frame in labels.faults:
                faults[frame] = labels.faults[frame]
            elif value is None:
                faults[frame] = f"{printable(files[au])}: no line for this frame"
            elif value == UNKNOWN:
                unsure[frame] = f"AU{au:02d} is {UNKNOWN}: unknown"
            else:
                intensity[row, facs.ALL.index(au)] = value
    clip = index.drop(Clip(name, subject, np.array(frames, np.int64), intensity), faults)
    clip = index.drop(clip, unsure, documented=True)
    return replace(clip, frames=clip.frames + 1) if of_video and 0 in frames else clip


def with_images(index: DatasetIndex, clip: Clip, folder: Path) -> Clip:
    """Return the clip with its images, found by number, with or without leading zeros.

    Dropped are labeled frames without an image, and further images of the same number.
    """
    files: dict[int, Path] = {}
    for match, path in matching(folder, r"(\d+)\.(?:jpe?g|png|bmp)"):
        frame = int(match[1])
        if frame in files:
            reason = f"frame {frame} is there already as {printable(files[frame].name)}"
            index.dropped.append(Dropped(clip.subject, printable(path), reason, (frame,)))
        files.setdefault(frame, path)
    lacking = [frame for frame in clip.frames.tolist() if frame not in files]
    clip = index.drop(clip, lacking, f"{printable(folder)}: no image of this frame")
    return replace(clip, images=tuple(files[frame] for frame in clip.frames.tolist()))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # no folder, or an unreadable one
        return []
