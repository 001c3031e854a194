"""Validation of a data set before training: counts against those of its sources, and faults.

Only the headers of images and videos are read. Frames that a full reading drops are in the report
of `prepare`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped, printable
from fau_tf.data.adapters.registry import DATASETS, DatasetSpec, index_dataset
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import make_folds
from fau_tf.facs import LEVELS
from fau_tf.io.images import FORMATS, UnreadableError
from fau_tf.io.videos import VideoFile

_FRAME_COUNT_TOLERANCE = 0.02  # of the frame count in a video's header, which may be an estimate


@dataclass(frozen=True)
class Comparison:
    """A count of the data set beside that of the complete one, with its source."""

    name: str
    found: int
    expected: int
    source: str


@dataclass(frozen=True)
class Validation:
    """Result of a validation.

    Attributes:
        index: What the labels list.
        aus: The A coded AUs.
        counts: AU -> (6,) frames at intensity 0, 1, ... 5, rounded.
        cooccurrence: (A, A) frames on which both AUs are coded 1 or more, in the order of `aus`.
        comparisons: Counts with a known source.
        problems: Missing, duplicate, out-of-range and unreadable frames.
    """

    index: DatasetIndex
    aus: tuple[int, ...]
    counts: dict[int, npt.NDArray[np.int64]]
    cooccurrence: npt.NDArray[np.int64]
    comparisons: list[Comparison]
    problems: list[Dropped]

    @property
    def undocumented(self) -> list[Dropped]:
        """Problems that the documentation of the data set does not name."""
        return [one for one in self.problems if not one.documented]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "frames": self.index.frame_count,
            "subjects": self.index.subjects,
            "clips": len(self.index.clips),
            "counts": {facs.AUS[au].label: row.tolist() for au, row in self.counts.items()},
            "cooccurrence": self.cooccurrence.tolist(),
            "comparisons": [asdict(one) for one in self.comparisons],
            "warnings": self.index.warnings,
            "problems": [asdict(one) | {"frames": one.ranges} for one in self.problems],
        }


def validate(settings: DataSettings, seed: int) -> Validation:
    """Return counts and problems of the labels, folders, file headers and folds of a data set.

    Args:
        settings: Which data set.
        seed: Of the split.

    Raises:
        ValueError: If the settings do not fit the data set, or the root does not.
        OSError: If a folder is missing.
    """
    index = index_dataset(settings)
    spec = DATASETS[settings.dataset]
    intensity = np.concatenate([clip.intensity for clip in index.clips])  # (N, 14)
    rounded = np.round(intensity)
    counts = {
        au: np.array([(rounded[:, i] == level).sum() for level in range(LEVELS)])
        for i, au in enumerate(facs.ALL)
        if np.isfinite(intensity[:, i]).any()
    }
    aus = tuple(counts)
    columns = [facs.ALL.index(au) for au in aus]
    active = (np.nan_to_num(intensity)[:, columns] >= 1).astype(np.int64)
    problems = [
        *index.dropped,
        *(one for clip in index.clips for one in _unreadable(clip)),
        *_duplicates(index),
        *_unexpected_subjects(index, spec),
        *_split_problems(settings, index, seed),
    ]
    return Validation(
        index, aus, counts, active.T @ active, _comparisons(settings, index, spec), problems
    )


def _comparisons(
    settings: DataSettings, index: DatasetIndex, spec: DatasetSpec
) -> list[Comparison]:
    rows = []
    if spec.subjects:
        found, total = len(index.subjects), len(spec.subjects)
        rows.append(Comparison("subjects", found, total, "the codes of the distribution"))
    if spec.frames and settings.frame_stride == 1:
        rows.append(Comparison("frames", index.frame_count, spec.frames, spec.frames_source))
    return rows


def _split_problems(settings: DataSettings, index: DatasetIndex, seed: int) -> Iterator[Dropped]:
    try:
        make_folds(
            settings.protocol,
            index.subjects,
            seed=seed,
            validation_fraction=settings.validation_fraction,
            custom=settings.folds,
        )
    except ValueError as error:
        yield Dropped("", "folds", str(error))


def _unexpected_subjects(index: DatasetIndex, spec: DatasetSpec) -> Iterator[Dropped]:
    if spec.subjects:
        reported = {one.subject for one in index.dropped}
        for subject in sorted(set(spec.subjects) - set(index.subjects) - reported):
            yield Dropped(subject, "the data set", "this subject is missing")
        for subject in sorted(set(index.subjects) - set(spec.subjects)):
            yield Dropped(subject, "the data set", "the data set has no such subject")


def _unreadable(clip: Clip) -> Iterator[Dropped]:
    if clip.video is not None:
        yield from _video_faults(clip, clip.video)
    for frame, path in zip(clip.frames.tolist(), clip.images, strict=False):
        try:
            with Image.open(path, formats=FORMATS) as image:
                image.verify()
        except Exception as error:  # Pillow raises many kinds of errors on a broken file
            reason = f"{printable(path)}: must be an image. Received: {type(error).__name__}"
            yield Dropped(clip.subject, clip.name, reason, (frame,))


def _video_faults(clip: Clip, path: Path) -> Iterator[Dropped]:
    try:
        with VideoFile(path) as video:
            count = video.count
    except UnreadableError as error:
        yield Dropped(clip.subject, clip.name, str(error), tuple(clip.frames.tolist()))
        return
    limit = count * (1 + _FRAME_COUNT_TOLERANCE) + 1
    late = [frame for frame in clip.frames.tolist() if count and frame > limit]
    if late:
        reason = f"{printable(path)}: the header of the video states {count} frames only"
        yield Dropped(clip.subject, clip.name, reason, tuple(late))


def _duplicates(index: DatasetIndex) -> Iterator[Dropped]:
    for name, count in Counter(clip.name for clip in index.clips).items():
        if count > 1:
            yield Dropped("", name, f"clip names must be unique. Received: {count} of this one")
    for clip in index.clips:
        for a, b in _equal_columns(clip.intensity):
            reason = f"AU{a:02d} and AU{b:02d} have identical labels; a label file may be a copy"
            yield Dropped(clip.subject, clip.name, reason)


def _equal_columns(intensity: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield pairs of AUs with equal labels on every frame and at least 3 levels among them."""
    busy = [i for i in range(len(facs.ALL)) if len(np.unique(intensity[:, i])) >= 3]
    for place, i in enumerate(busy):
        for j in busy[place + 1 :]:
            if np.array_equal(intensity[:, i], intensity[:, j]):
                yield facs.ALL[i], facs.ALL[j]
