"""DISFA and DISFA+ as distributed.

Mavadati et al., DISFA: A Spontaneous Facial Action Intensity Database, IEEE Transactions on
Affective Computing 4(2), 2013; Extended DISFA Dataset, CVPR Workshops 2016.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, LeftOut, Listing, printable
from fau_tf.data.adapters.label_files import children, labeled, require, with_pictures
from fau_tf.data.adapters.landmarks import PointFiles
from fau_tf.data.config import DataSettings

SUBJECTS: Final = tuple(
    f"SN{i:03d}" for i in (*range(1, 14), 16, 17, 18, 21, *range(23, 33))
)  # fmt: skip
PLUS_SUBJECTS: Final = tuple(f"SN{i:03d}" for i in (1, 3, 4, 7, 9, 10, 13, 25, 27))

MISSING: Final = {"SN010": ((4845, 4845),)}
"""Frames that have labels but no usable picture."""

BAD_LANDMARKS: Final = {
    "SN001": ((398, 420), (3190, 3243)),
    "SN002": ((800, 826),),
    "SN004": ((4541, 4555),),
    "SN006": ((1349, 1405),),
    "SN009": ((1736, 1808), (1851, 1885)),
    "SN011": ((4529, 4533), (4830, 4845)),
    "SN021": (
        (574, 616), (985, 1164), (1190, 1205), (1305, 1338), (1665, 1710), (1862, 2477),
        (2554, 4657), (4710, 4722),
    ),
    "SN023": (
        (1021, 1049), (3378, 3557), (3584, 3668), (4547, 4621), (4741, 4772), (4825, 4845),
    ),
    "SN025": ((4596, 4662), (4816, 4835)),
    "SN027": ((3461, 3494), (4738, 4785)),
    "SN028": ((1875, 1885), (4571, 4690)),
    "SN029": ((4090, 4543),),
    "SN030": ((939, 962), (1406, 1422), (2100, 2132), (2893, 2955)),
}  # fmt: skip
"""Frames, first to last, whose landmarks the distribution's error log calls unusable. Their labels
are valid."""


def disfa(settings: DataSettings) -> Listing:
    """Return DISFA: one video a subject, label files `frame,intensity` whose frames count from 1.

    Raises:
        FileNotFoundError: If the root lacks the folder of the camera's videos or of the labels.
    """
    root, listing = Path(settings.root), Listing()
    side = settings.camera
    place = require(root, rf"videos?_?{side}_?camera", f"Videos_{side.title()}Camera")
    films = {
        match[1].upper(): path
        for match, path in children(place, rf"{side}video(SN\d+)_comp\.(?:avi|mp4)")
    }
    place = require(root, r"actionunit_?labels", "ActionUnit_Labels")
    folders = {match[0].upper(): path for match, path in children(place, r"SN\d+")}
    points = None
    if settings.landmarks == "dataset":
        points = require(root, r"landmark_?points", "Landmark_Points")
    for subject in sorted(films.keys() | folders.keys()):
        if subject not in films or subject not in folders:
            lacks = "labels" if subject in films else "video"
            listing.left_out.append(LeftOut(subject, subject, f"it has no {lacks}"))
            continue
        files = _label_files(folders[subject], rf"{subject}_au{{}}\.txt")
        clip = labeled(listing, subject, subject, files)
        if clip is not None:
            clip = listing.drop(
                clip, _frames(MISSING, subject), "the video lacks this frame", documented=True
            )
            clip = replace(clip, video=films[subject])
            listing.clips.append(_with_points(listing, clip, points) if points else clip)
    return listing


def disfa_plus(settings: DataSettings) -> Listing:
    """Return DISFA+: a folder of pictures a trial, label files `000.jpg  0` after two lines.

    Raises:
        FileNotFoundError: If the root lacks the folder of pictures or of labels.
    """
    root, listing = Path(settings.root), Listing()
    pictures = dict(_trials(require(root, "images", "Images")))
    labels = dict(_trials(require(root, "labels", "Labels")))
    for name in sorted(pictures.keys() | labels.keys()):
        subject = name.partition("/")[0]
        if name not in pictures or name not in labels:
            lacks = "labels" if name in pictures else "pictures"
            listing.left_out.append(LeftOut(subject, name, f"it has no {lacks}"))
            continue
        files = _label_files(labels[name], r"au{}\.txt")
        clip = labeled(listing, name, subject, files, header=2)
        if clip is not None:
            listing.clips.append(with_pictures(listing, clip, pictures[name]))
    return listing


def _trials(place: Path) -> Iterator[tuple[str, Path]]:
    for match, folder in children(place, r"SN\d+"):
        subject = match[0].upper()
        # Some copies have the subject's folder twice.
        for _, inner in children(folder, subject) or [(match, folder)]:
            for trial, path in children(inner, r".+"):
                if path.is_dir():
                    yield f"{subject}/{printable(trial[0])}", path


def _label_files(folder: Path, pattern: str) -> dict[int, Path]:
    """Return AU -> file for all of DISFA's AUs, found by the AU's number and never by order."""
    files = {}
    for au in facs.DISFA:
        found = children(folder, pattern.format(f"0*{au}"))
        name = re.sub(r"\\", "", pattern.format(au))
        files[au] = found[0][1] if found else folder / name
    return files


def _with_points(listing: Listing, clip: Clip, root: Path) -> Clip:
    """Return the clip with the landmarks that DISFA ships."""
    subject = clip.subject
    files: dict[int, Path] = {}
    for _, folder in [one for _, home in children(root, subject) for one in children(
        home, r"(?:tmp_)?frame_lm")]:  # fmt: skip
        # Numbers that follow the subject's name count from 0, those after a letter from 1.
        files |= {int(m[1]) + 1: path for m, path in children(folder, rf"{subject}_(\d+)_lm\.mat")}
        files |= {int(m[1]): path for m, path in children(folder, r"[A-Z](\d{4})(?:_lm)?\.mat")}
    clip = listing.drop(
        clip, _frames(BAD_LANDMARKS, subject), "the landmarks are unusable", documented=True
    )
    lacking = [number for number in clip.numbers.tolist() if number not in files]
    clip = listing.drop(clip, lacking, f"{printable(root)}: no landmarks of this frame")
    return replace(clip, points=PointFiles(files={n: files[n] for n in clip.numbers.tolist()}))


def _frames(table: Mapping[str, tuple[tuple[int, int], ...]], subject: str) -> list[int]:
    return [n for low, high in table.get(subject, ()) for n in range(low, high + 1)]
