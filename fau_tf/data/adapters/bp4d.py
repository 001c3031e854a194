"""BP4D-Spontaneous as distributed, and its copy in FERA 2015.

Zhang et al., BP4D-Spontaneous, Image and Vision Computing 32(10), 2014; Valstar et al., FERA 2015
- second Facial Expression Recognition and Analysis challenge, FG 2015.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.adapters.label_files import (
    find_folder,
    labeled_clip,
    matching,
    require_folder,
    with_images,
)
from fau_tf.data.adapters.landmarks import LandmarkFiles
from fau_tf.data.config import DataSettings

SUBJECTS: Final = (
    *(f"F{i:03d}" for i in range(1, 24)),
    *(f"M{i:03d}" for i in range(1, 19)),
)
_SUBJECT: Final = r"[FM]\d{3}"
_DISAGREEMENT: Final = 0.3
"""Share of the frames with an AU, by either coding, on which the codings may disagree before label
files are suspected to be swapped. Some disagreement is normal: intensity was coded later."""


def bp4d(settings: DataSettings) -> DatasetIndex:
    """Index BP4D: a folder of images per sequence; a label file per AU and sequence, 9 = unknown.

    Raises:
        FileNotFoundError: If the root lacks the images or the intensity labels.
    """
    root, index = Path(settings.root), DatasetIndex()
    images = _image_root(root)
    labels = require_folder(
        root, r"au_?int|au intensity codes.*", "AUCoding/AU_INT or AU Intensity Codes3.0", depth=2
    )
    occurrence = find_folder(root, "au_occ", depth=2) or find_folder(root, "aucoding")
    landmarks = None
    if settings.landmarks == "dataset":
        landmarks = require_folder(root, r"2dfeatures", "2DFeatures", depth=2)
    files = _label_files(labels)
    for subject, task, folder in _sequences(index, images):
        name = f"{subject}/{task}"
        default = {au: labels / f"AU{au:02d}/{subject}_{task}_AU{au:02d}.csv" for au in facs.BP4D}
        own = default | files.get(name, {})  # the default names a missing file
        clip = labeled_clip(index, name, subject, own, header=1, unknown=True)
        if clip is not None:
            clip = with_images(index, clip, folder)
            if occurrence is not None:
                fera = settings.dataset == "fera2015"
                clip = _with_occurrence(index, clip, occurrence, fera=fera)
            if landmarks is not None:
                clip = _with_landmarks(index, clip, landmarks, folder)
            index.clips.append(clip)
    named = {clip.name for clip in index.clips} | {one.where for one in index.dropped}
    index.dropped += [
        Dropped(name.partition("/")[0], name, "it has labels but no images")
        for name in sorted(files.keys() - named)
    ]
    return index


def _label_files(folder: Path) -> dict[str, dict[int, Path]]:
    """Return subject/task -> AU -> file."""
    files: dict[str, dict[int, Path]] = {}
    for au in facs.BP4D:
        for _, of_au in matching(folder, rf"AU0*{au}"):
            for match, path in matching(of_au, rf"({_SUBJECT})_(T\d+)_AU0*{au}\.csv"):
                files.setdefault(f"{match[1]}/{match[2]}".upper(), {})[au] = path
    return files


def _sequences(index: DatasetIndex, images: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield subject, task and folder of images."""
    for match, home in matching(images, _SUBJECT):
        subject = match[0].upper()
        tasks = [(m[0].upper(), path) for m, path in matching(home, r"T\d+") if path.is_dir()]
        if not tasks:
            index.dropped.append(Dropped(subject, printable(home), "it has no images"))
        for task, folder in tasks:
            yield subject, task, folder


def _image_root(root: Path) -> Path:
    """Return the folder of the subjects' folders: the root, or one below."""
    for folder in (root, *(path for _, path in matching(root, ".*"))):
        for _, subject in matching(folder, _SUBJECT):
            if find_folder(subject, r"T\d+", depth=0):
                return folder
    raise FileNotFoundError(
        f"{printable(root)}: must hold images as F001/T1/2440.jpg, there or one folder down. "
        "Received: none. Set data.root to the folder as distributed."
    )


def _with_occurrence(index: DatasetIndex, clip: Clip, folder: Path, *, fera: bool) -> Clip:
    """Return the clip after a comparison with its occurrence coding, if there is one.

    The last column of FERA's files marks occluded frames, which are dropped.
    """
    found = matching(folder, rf"{clip.name.replace('/', '_')}\.csv")
    if not found:
        return clip
    path = found[0][1]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = list(csv.reader(file))
            table = np.array(rows, int)
        row_of = {int(frame): i for i, frame in enumerate(table[:, 0])}
    except (OSError, ValueError, IndexError) as error:
        index.warnings.append(f"{printable(path)}: must be an occurrence table. Received: {error}")
        return clip
    common = np.array([i for i, frame in enumerate(clip.frames.tolist()) if frame in row_of], int)
    rows_of_clip = [row_of[frame] for frame in clip.frames[common].tolist()]
    column_of = {int(text): i for i, text in enumerate(head) if text.strip().isdecimal()}
    for au in (au for au in facs.BP4D if au in column_of):
        intensity = clip.intensity[common, facs.ALL.index(au)]
        problem = _disagreement(intensity, table[rows_of_clip, column_of[au]])
        if problem:
            index.warnings.append(
                f"{clip.name}, AU{au:02d}: intensity and occurrence disagree on {problem} frames; "
                f"label files may be swapped ({printable(path)})"
            )
    if fera:
        hidden = [int(row[0]) for row in table if row[-1] == 1]
        clip = index.drop(clip, hidden, "occluded, says the occurrence file", documented=True)
    return clip


def _disagreement(intensity: npt.NDArray[np.float32], occurrence: npt.NDArray[np.int_]) -> str:
    """Return the share of frames with contradicting codings, empty if it is small."""
    present, occurs = intensity >= 1, occurrence == 1
    either = (present | occurs) & (occurrence <= 1)  # 9 is unknown
    wrong = (present != occurs) & either
    return f"{wrong.sum()} of {either.sum()}" if wrong.sum() > _DISAGREEMENT * either.sum() else ""


def _with_landmarks(index: DatasetIndex, clip: Clip, folder: Path, images: Path) -> Clip:
    """Return the clip with the 49 landmarks of the distribution, a row per image of the folder."""
    found = matching(folder, rf"{clip.name.replace('/', '_')}\.mat")
    if not found:
        reason = f"{printable(folder)}: no landmarks of this sequence"
        return index.drop(clip, clip.frames.tolist(), reason)
    frames = sorted({int(m[1]) for m, _ in matching(images, r"(\d+)\.(?:jpe?g|png|bmp)")})
    return replace(clip, landmarks=LandmarkFiles(table=found[0][1], frames=tuple(frames)))
