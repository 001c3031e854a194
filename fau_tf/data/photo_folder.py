"""Folders of photos that name subject and expression, and their training, validation, test parts.

A folder either has `photos.csv` with the columns `file`, `subject` and `expression`, or is a copy
of the Face Research Lab London Set: DeBruine and Jones, 2017, doi 10.6084/m9.figshare.5047666,
CC BY 4.0.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

LIST: Final = "photos.csv"
"""Name of the list in a folder."""
COLUMNS: Final = ("file", "subject", "expression")
NEUTRAL: Final = "neutral"
SMILE: Final = "smile"
PARTS: Final = ("train", "validation", "test")
LONDON_SUBJECTS: Final = 102
LONDON_CREDIT: Final = (
    "Photos: Face Research Lab London Set, by Lisa DeBruine and Benedict Jones, 2017, "
    "https://doi.org/10.6084/m9.figshare.5047666, CC BY 4.0. The sitters consented to the use of "
    "their photos in studies, in original or altered form."
)
_LONDON: Final = {NEUTRAL: ("neutral", "neutral_front"), SMILE: ("smiling", "smiling_front")}
"""Expression -> names that its folder has in copies of the London Set."""


@dataclass(frozen=True)
class Photo:
    """A photo of one face.

    Attributes:
        path: Of the file.
        subject: Whose face it is.
        expression: `neutral`, `smile`, another word, or empty if it is not known.
    """

    path: Path
    subject: str
    expression: str


def read_photo_folder(folder: Path) -> tuple[Photo, ...]:
    """Return the photos of a folder, in the order of its list, or of the file names.

    Raises:
        FileNotFoundError: If it is no folder, has neither `photos.csv` nor the London Set's
            folders, or lacks a file that its list names.
        ValueError: If the list is malformed, or a copy of the London Set is not complete.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Give a folder of photos.")
    if (folder / LIST).is_file():
        return _listed(folder)
    found = {
        expression: next((folder / name for name in names if (folder / name).is_dir()), None)
        for expression, names in _LONDON.items()
    }
    folders = {expression: path for expression, path in found.items() if path}
    if len(folders) < len(_LONDON):
        raise FileNotFoundError(
            f"{folder}: neither {LIST} nor the London Set's folders neutral and smiling found. "
            f"Write {LIST} with the columns {', '.join(COLUMNS)}."
        )
    return _london(folder, folders)


def credit(folder: Path) -> str:
    """Return whom a folder's photos are to be credited to; empty if that is not known here."""
    return "" if (folder / LIST).is_file() else LONDON_CREDIT


def subjects_in_order(photos: Sequence[Photo]) -> tuple[str, ...]:
    """Return the subjects of photos, in the order of each one's first photo."""
    return tuple(dict.fromkeys(photo.subject for photo in photos))


def subject_parts(subjects: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the subjects of each part, by their places in the list.

    Subjects 0, 3, 6, ... are the test part, which is read once for a release, and is never trained
    on nor used to choose. Of the others, the first, the fourth, ... are the validation part.

    Args:
        subjects: All of a folder, in order; distinct.
    """
    others = [name for i, name in enumerate(subjects) if i % 3]
    return {
        "train": tuple(name for i, name in enumerate(others) if i % 3),
        "validation": tuple(others[::3]),
        "test": tuple(subjects[::3]),
    }


def photos_of_part(photos: Sequence[Photo], part: str) -> tuple[Photo, ...]:
    """Return the photos of one part's subjects, in order.

    Args:
        photos: All of a folder: the parts depend on it.
        part: One of `PARTS`.

    Raises:
        ValueError: If there is no such part, or it is empty.
    """
    if part not in PARTS:
        raise ValueError(f"The part must be one of {', '.join(PARTS)}: got {part!r}.")
    subjects = subjects_in_order(photos)
    chosen = set(subject_parts(subjects)[part])
    if not chosen:
        raise ValueError(
            f"The part {part!r} of {len(subjects)} subjects is empty. Give a folder of 3 or more."
        )
    return tuple(photo for photo in photos if photo.subject in chosen)


def _listed(folder: Path) -> tuple[Photo, ...]:
    file = folder / LIST
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(f"{file}: column {missing[0]!r} is missing. Add it to the first line.")
        photos = tuple(_row(file, rows.line_num, row) for row in rows)
    if not photos:
        raise ValueError(f"{file}: no photo listed. Add a line for each photo.")
    path, times = Counter(photo.path for photo in photos).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{file}: {path.name} is listed {times} times. Keep one of its lines.")
    return photos


def _row(file: Path, line: int, row: dict[str, str | None]) -> Photo:
    name, subject, expression = ((row[column] or "").strip() for column in COLUMNS)
    where = f"{file}, line {line}"
    relative = PurePosixPath(name)
    if not name or relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"{where}: `file` must be a path inside the folder: got {name!r}.")
    if not subject:
        raise ValueError(f"{where}: `subject` is empty. Name whose face {name} shows.")
    path = file.parent / relative
    if not path.is_file():
        raise FileNotFoundError(f"{where}: {name} not found. Correct the name or remove the line.")
    return Photo(path, subject, expression)


def _london(folder: Path, folders: dict[str, Path]) -> tuple[Photo, ...]:
    photos = [
        Photo(path, path.stem.partition("_")[0], expression)
        for expression, where in folders.items()
        for path in where.glob("*.jpg")
    ]
    photos.sort(key=lambda photo: (photo.subject, photo.path.parent.name))
    pairs = {(photo.subject, photo.expression) for photo in photos}
    subjects = {photo.subject for photo in photos}
    if not len(subjects) == LONDON_SUBJECTS == len(pairs) / 2 == len(photos) / 2:
        raise ValueError(
            f"{folder}: a copy of the London Set must have a neutral and a smiling photo of each "
            f"of {LONDON_SUBJECTS} subjects: got {len(photos)} photos of {len(subjects)}. The "
            f"parts depend on all of them; list other photos in {LIST}."
        )
    return tuple(photos)
