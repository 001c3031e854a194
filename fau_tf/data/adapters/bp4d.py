"""BP4D-Spontaneous as distributed, and its copy in FERA 2015.

Zhang et al., BP4D-Spontaneous, Image and Vision Computing 32(10), 2014; Valstar et al., FERA 2015
- second Facial Expression Recognition and Analysis challenge, FG 2015.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, LeftOut, Listing, printable
from fau_tf.data.adapters.label_files import children, find, labeled, require, with_pictures
from fau_tf.data.adapters.landmarks import PointFiles
from fau_tf.data.config import DataSettings

SUBJECTS: Final = (
    *(f"F{i:03d}" for i in range(1, 24)),
    *(f"M{i:03d}" for i in range(1, 19)),
)
_SUBJECT: Final = r"[FM]\d{3}"
_DISAGREE: Final = 0.3
"""Where a larger share of the frames with an AU has it in only one of the two codings, the label
files may have been swapped. A few frames differ in any case: intensity was coded later."""


def bp4d(settings: DataSettings) -> Listing:
    """Return BP4D: a folder of pictures a sequence, a label file an AU and sequence, 9 = unknown.

    Raises:
        FileNotFoundError: If the root lacks the pictures or the intensity labels.
    """
    root, listing = Path(settings.root), Listing()
    faces = _home(root)
    levels = require(
        root, r"au_?int|au intensity codes.*", "AUCoding/AU_INT or AU Intensity Codes3.0", deep=2
    )
    files = {
        (match[1].upper(), match[2].upper(), au): path
        for au in facs.BP4D
        for _, folder in children(levels, rf"AU0*{au}")
        for match, path in children(folder, rf"({_SUBJECT})_(T\d+)_AU0*{au}\.csv")
    }
    occurrence = find(root, "au_occ", deep=2) or find(root, "aucoding", deep=1)
    points = None
    if settings.landmarks == "dataset":
        points = require(root, r"2dfeatures", "2DFeatures", deep=2)
    for match, folder in children(faces, _SUBJECT):
        subject = match[0].upper()
        tasks = [(m[0].upper(), p) for m, p in children(folder, r"T\d+") if p.is_dir()]
        if not tasks:
            listing.left_out.append(LeftOut(subject, printable(folder), "it has no pictures"))
        for task, pictures in tasks:
            name = f"{subject}_{task}_AU{{:02d}}.csv"
            mine = {
                au: files.get((subject, task, au), levels / f"AU{au:02d}" / name.format(au))
                for au in facs.BP4D
            }
            clip = labeled(listing, f"{subject}/{task}", subject, mine, header=1, unknown=True)
            if clip is not None:
                clip = with_pictures(listing, clip, pictures)
                if occurrence is not None:
                    fera = settings.dataset == "fera2015"
                    clip = _compared(listing, clip, occurrence, fera=fera)
                if points is not None:
                    clip = _with_points(listing, clip, points, pictures)
                listing.clips.append(clip)
    _without_pictures(listing, files, {clip.name for clip in listing.clips})
    return listing


def _home(root: Path) -> Path:
    """Return the folder that holds the subjects' folders: the root, or one below."""
    options = [root, *(path for _, path in children(root, ".*") if path.is_dir())]
    homes = [
        path
        for path in options
        if any(find(folder, r"T\d+", deep=0) for _, folder in children(path, _SUBJECT))
    ]
    if not homes:
        raise FileNotFoundError(
            f"{printable(root)}: must hold pictures as F001/T1/2440.jpg, there or one folder down. "
            "Received: none. Set data.root to the folder as distributed."
        )
    return homes[0]


def _without_pictures(
    listing: Listing, files: dict[tuple[str, str, int], Path], have: set[str]
) -> None:
    gone = {one.where for one in listing.left_out}
    names = {(subject, f"{subject}/{task}") for subject, task, _ in files}
    for subject, name in sorted(names):
        if name not in have and name not in gone:
            listing.left_out.append(LeftOut(subject, name, "it has labels but no pictures"))


def _compared(listing: Listing, clip: Clip, folder: Path, *, fera: bool) -> Clip:
    """Return the clip after a comparison with the occurrence coding, where there is one of it.

    FERA's files end with a column that says which frames are occluded: those are left out.
    """
    name = clip.name.replace("/", "_")
    found = children(folder, rf"{name}\.csv")
    if not found:
        return clip
    path = found[0][1]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = list(csv.reader(file))
            table = np.array(rows, int)
        frames = {int(number): i for i, number in enumerate(table[:, 0])}
    except (OSError, ValueError, IndexError) as error:
        listing.warnings.append(
            f"{printable(path)}: must be an occurrence table. Received: {error}"
        )
        return clip
    _warn_if_swapped(listing, clip, head, table, frames, path)
    if fera:
        hidden = [int(row[0]) for row in table if row[-1] == 1]
        clip = listing.drop(clip, hidden, "occluded, says the occurrence file", documented=True)
    return clip


def _warn_if_swapped(
    listing: Listing,
    clip: Clip,
    head: list[str],
    table: "np.typing.NDArray[np.int_]",
    frames: dict[int, int],
    path: Path,
) -> None:
    common = [i for i, number in enumerate(clip.numbers.tolist()) if number in frames]
    rows = [frames[number] for number in clip.numbers[common].tolist()]
    places = {int(text): i for i, text in enumerate(head) if text.strip().isdecimal()}
    for au in facs.BP4D:
        if au in places:
            occurs = table[rows, places[au]]
            present = clip.intensity[common, facs.ALL.index(au)] >= 1
            either = (present | (occurs == 1)) & (occurs <= 1)
            wrong = (present != (occurs == 1)) & either
            if either.sum() and wrong.sum() > _DISAGREE * either.sum():
                listing.warnings.append(
                    f"{clip.name}, AU{au:02d}: intensity and occurrence disagree on {wrong.sum()} "
                    f"of {either.sum()} frames; label files may be swapped ({printable(path)})"
                )


def _with_points(listing: Listing, clip: Clip, folder: Path, pictures: Path) -> Clip:
    """Return the clip with the 49 points that BP4D ships, one row a picture of the folder."""
    name = clip.name.replace("/", "_")
    found = children(folder, rf"{name}\.mat")
    if not found:
        reason = f"{printable(folder)}: no landmarks of this sequence"
        return listing.drop(clip, clip.numbers.tolist(), reason)
    shown = sorted({int(m[1]) for m, _ in children(pictures, r"(\d+)\.(?:jpe?g|png|bmp)")})
    return replace(clip, points=PointFiles(table=found[0][1], order=tuple(shown)))
