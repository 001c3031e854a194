"""Validation of a data set before training: counts against those of its sources, and faults.

Only the headers of images and videos are read. Frames that a full reading drops are in the report
of `prepare`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.adapters.clips import Clip, DatasetIndex, Dropped
from fau_tf.data.adapters.registry import DATASETS, DatasetSpec, index_dataset
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import make_folds
from fau_tf.facs import LEVELS
from fau_tf.io.images import UnreadableError, check_image
from fau_tf.io.sources import open_video


@dataclass(frozen=True)
class Comparison:
    """A count of the data set beside that of the complete one.

    Attributes:
        name: What is counted.
        found: In this copy.
        expected: In the complete data set.
        source: Of `expected`.
        documented: How many of those expected the documentation of the data set excludes.
    """

    name: str
    found: int
    expected: int
    source: str
    documented: int = 0

    @property
    def explained(self) -> bool:
        """Whether no more are missing than the documentation excludes, and none are added."""
        return 0 <= self.expected - self.found <= self.documented


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

    @property
    def faulty(self) -> bool:
        """Whether there is an undocumented problem, an unexplained count or a warning."""
        unexplained = not all(one.explained for one in self.comparisons)
        return bool(self.undocumented or unexplained or self.index.warnings)

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
    intensity = np.concatenate([clip.intensity for clip in index.clips])  # (N, 17)
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
        *(one for clip in index.clips for one in _copies(clip)),
        *_unexpected_subjects(index, spec),
        *_split_problems(settings, index, seed),
    ]
    return Validation(
        index, aus, counts, active.T @ active, _comparisons(settings, index, spec), problems
    )


def counts_table(validation: Validation) -> list[str]:
    """Return lines of text: frames at each coded intensity, one row an AU.

    `subjects` are those with the AU at 1 or more; a network learns little of an AU that few show.
    """
    index = validation.index
    lines = [
        f"  {index.frame_count:,} labeled frames of {len(index.subjects)} subjects",
        "  frames at each intensity, rounded",
        "  AU    " + "".join(f"{level:>10}" for level in range(LEVELS)) + " not coded  subjects",
    ]
    for au, counts in validation.counts.items():
        column = facs.ALL.index(au)
        shown = {clip.subject for clip in index.clips if (clip.intensity[:, column] >= 1).any()}
        cells = [*counts.tolist(), index.frame_count - int(counts.sum()), len(shown)]
        lines.append(f"  {facs.AUS[au].label}  " + "".join(f"{cell:>10,}" for cell in cells))
    return lines


def report_lines(validation: Validation, most: int) -> list[str]:
    """Return the counts, at most so many problems, and the warnings as text; `!` marks faults."""
    lines = []
    for row in validation.comparisons:
        mark = " " if row.explained else "!"
        excluded = f"; {row.documented:,} are documented as unusable" if row.documented else ""
        source = f"{row.expected:,} in {row.source}{excluded}"
        lines.append(f"{mark} {row.name}: {row.found:,} ({source})")
    for one in validation.problems[:most]:
        mark = " " if one.documented else "!"
        lines.append(f"{mark} {one.subject} {one.where}, frames {one.ranges[:200]}: {one.reason}")
    if len(validation.problems) > most:
        lines.append(f"  ... and {len(validation.problems) - most} more, in check.json")
    return lines + [f"! {warning}" for warning in validation.index.warnings]


def _comparisons(
    settings: DataSettings, index: DatasetIndex, spec: DatasetSpec
) -> list[Comparison]:
    rows = []
    if spec.subjects:
        found, total = len(index.subjects), len(spec.subjects)
        rows.append(Comparison("subjects", found, total, "the codes of the distribution"))
    if spec.frames and settings.frame_stride == 1:
        documented = sum(
            one.count
            for one in index.dropped
            if one.documented and one.reason not in spec.uncounted
        )
        found, total = index.frame_count, spec.frames
        rows.append(Comparison("frames", found, total, spec.frames_source, documented))
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
        try:
            with open_video(clip.video):
                pass
        except UnreadableError as error:
            yield Dropped(clip.subject, clip.name, str(error), tuple(clip.frames.tolist()))
    for frame, path in zip(clip.frames.tolist(), clip.images, strict=False):
        try:
            check_image(path)
        except UnreadableError as error:
            yield Dropped(clip.subject, clip.name, str(error), (frame,))


def _copies(clip: Clip) -> Iterator[Dropped]:
    """Yield pairs of AUs with equal labels on every frame and at least 3 levels among them."""
    busy = [i for i in range(len(facs.ALL)) if len(np.unique(clip.intensity[:, i])) >= 3]
    for i, j in itertools.combinations(busy, 2):
        if np.array_equal(clip.intensity[:, i], clip.intensity[:, j]):
            pair = f"AU{facs.ALL[i]:02d} and AU{facs.ALL[j]:02d}"
            reason = f"{pair} have identical labels; a label file may be a copy"
            yield Dropped(clip.subject, clip.name, reason)
