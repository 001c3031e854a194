"""DISFA and DISFA+ as distributed.

Mavadati et al., DISFA: A Spontaneous Facial Action Intensity Database, IEEE Transactions on
Affective Computing 4(2), 2013; Extended DISFA Dataset, CVPR Workshops 2016.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.adapters.label_files import (
    labeled_clip,
    matching,
    require_folder,
    with_images,
)
from fau_tf.data.adapters.landmarks import LandmarkFiles
from fau_tf.data.config import DataSettings

SUBJECTS: Final = tuple(
    f"SN{i:03d}" for i in (*range(1, 14), 16, 17, 18, 21, *range(23, 33))
)  # fmt: skip
PLUS_SUBJECTS: Final = tuple(f"SN{i:03d}" for i in (1, 3, 4, 7, 9, 10, 13, 25, 27))

MISSING_FRAMES: Final = {"SN010": ((4845, 4845),)}
"""Labeled frames that the video lacks, first to last."""
NO_FRAME: Final = "the video lacks this frame"

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
"""Frames, first to last, whose landmarks the error log of the distribution calls unusable. Their
labels are valid."""


def disfa(settings: DataSettings) -> DatasetIndex:
    """Index DISFA: one video per subject; label files `frame,intensity` with frames from 1.

    Raises:
        FileNotFoundError: If the root lacks the folder of the camera's videos or of the labels.
    """
    root, index = Path(settings.root), DatasetIndex()
    side = settings.camera
    folder = require_folder(root, rf"videos?_?{side}_?camera", f"Videos_{side.title()}Camera")
    videos = {
        match[1].upper(): path
        for match, path in matching(folder, rf"{side}video(SN\d+)_comp\.(?:avi|mp4)")
    }
    folder = require_folder(root, r"actionunit_?labels", "ActionUnit_Labels")
    labels = {match[0].upper(): path for match, path in matching(folder, r"SN\d+")}
    landmarks = None
    if settings.landmarks == "dataset":
        landmarks = require_folder(root, r"landmark_?points", "Landmark_Points")
    for subject in sorted(videos.keys() | labels.keys()):
        if subject not in videos or subject not in labels:
            lacks = "labels" if subject in videos else "video"
            index.dropped.append(Dropped(subject, subject, f"it has no {lacks}"))
            continue
        files = _label_files(labels[subject], rf"{subject}_au{{}}\.txt")
        clip = labeled_clip(index, subject, subject, files)
        if clip is not None:
            missing = _frames(MISSING_FRAMES, subject)
            clip = index.drop(clip, missing, NO_FRAME, documented=True)
            clip = replace(clip, video=videos[subject])
            index.clips.append(_with_landmarks(index, clip, landmarks) if landmarks else clip)
    return index


def disfa_plus(settings: DataSettings) -> DatasetIndex:
    """Index DISFA+: a folder of images per trial; label files `000.jpg  0` after two lines.

    Raises:
        FileNotFoundError: If the root lacks the folder of images or of labels.
    """
    root, index = Path(settings.root), DatasetIndex()
    images = dict(_trials(require_folder(root, "images", "Images")))
    labels = dict(_trials(require_folder(root, "labels", "Labels")))
    for name in sorted(images.keys() | labels.keys()):
        subject = name.partition("/")[0]
        if name not in images or name not in labels:
            lacks = "labels" if name in images else "images"
            index.dropped.append(Dropped(subject, name, f"it has no {lacks}"))
            continue
        files = _label_files(labels[name], r"au{}\.txt")
        clip = labeled_clip(index, name, subject, files, header=2)
        if clip is not None:
            index.clips.append(with_images(index, clip, images[name]))
    return index


def _trials(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (subject/trial, folder)."""
    for match, folder in matching(root, r"SN\d+"):
        subject = match[0].upper()
        # In some copies the folder of a subject holds another one of the same name.
        for _, inner in matching(folder, subject) or [(match, folder)]:
            for trial, path in matching(inner, r".+"):
                if path.is_dir():
                    yield f"{subject}/{printable(trial[0])}", path


def _label_files(folder: Path, pattern: str) -> dict[int, Path]:
    """Return AU -> file, found by the number in its name and never by the order in the folder."""
    files = {}
    for au in facs.DISFA:
        found = matching(folder, pattern.format(f"0*{au}"))
        files[au] = found[0][1] if found else folder / pattern.format(au).replace("\\", "")
    return files


def _with_landmarks(index: DatasetIndex, clip: Clip, root: Path) -> Clip:
    """Return the clip with the landmarks of the distribution."""
    subject = clip.subject
    files: dict[int, Path] = {}
    for _, home in matching(root, subject):
        for _, folder in matching(home, r"(?:tmp_)?frame_lm"):
            # Numbers after the subject's name count from 0, those after a letter from 1.
            named = matching(folder, rf"{subject}_(\d+)_lm\.mat")
            files |= {int(match[1]) + 1: path for match, path in named}
            lettered = matching(folder, r"[A-Z](\d{4})(?:_lm)?\.mat")
            files |= {int(match[1]): path for match, path in lettered}
    unusable = _frames(BAD_LANDMARKS, subject)
    clip = index.drop(clip, unusable, "the landmarks are unusable", documented=True)
    lacking = [frame for frame in clip.frames.tolist() if frame not in files]
    clip = index.drop(clip, lacking, f"{printable(root)}: no landmarks of this frame")
    used = {frame: files[frame] for frame in clip.frames.tolist()}
    return replace(clip, landmarks=LandmarkFiles(by_frame=used))


def _frames(ranges: Mapping[str, tuple[tuple[int, int], ...]], subject: str) -> list[int]:
    return [n for low, high in ranges.get(subject, ()) for n in range(low, high + 1)]
