"""Facts about a data set before anybody trains on it: counts against what is published, and faults.

Nothing is decoded here but the heads of pictures and videos; what a full reading drops is in the
report of `prepare`, which is shown too where it has been made.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf import facs
from fau_tf.data.adapters import registry
from fau_tf.data.adapters.clips import Clip, LeftOut, Listing, printable
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import make_folds
from fau_tf.facs import LEVELS
from fau_tf.io.images import FORMATS, UnreadableError
from fau_tf.io.videos import VideoFile

_MISSING_FRAMES: Final = 0.02  # a container's count may be off by so much


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        listing: What the labels say.
        counts: AU -> (6,) frames at intensity 0, 1, ... 5, rounded.
        together: (A, A) frames on which both AUs are coded 1 or more; `aus` gives the order.
        aus: AUs that are coded at all.
        comparison: Lines (what, found, published), only where something is published.
        problems: What is missing, double, out of range or unreadable, and why.
    """

    listing: Listing
    counts: dict[int, npt.NDArray[np.int64]]
    together: npt.NDArray[np.int64]
    aus: tuple[int, ...]
    comparison: list[tuple[str, str, str]]
    problems: list[LeftOut]

    @property
    def undocumented(self) -> list[LeftOut]:
        """Problems that the data set's documentation doesn't name."""
        return [one for one in self.problems if not one.documented]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "frames": sum(len(clip.numbers) for clip in self.listing.clips),
            "subjects": self.listing.people,
            "clips": len(self.listing.clips),
            "counts": {facs.AUS[au].label: row.tolist() for au, row in self.counts.items()},
            "together": self.together.tolist(),
            "comparison": self.comparison,
            "warnings": self.listing.warnings,
            "problems": [vars(one) | {"frames": one.frames} for one in self.problems],
        }


def check(settings: DataSettings, seed: int) -> Check:
    """Return what the labels, folders, heads of files and folds of a data set show.

    Args:
        settings: Which set.
        seed: Of the split.

    Raises:
        ValueError: If the settings or the root don't fit.
        OSError: If a folder is missing.
    """
    listing = registry.listing(settings)
    kind = registry.DATASETS[settings.dataset]
    levels = np.concatenate([clip.intensity for clip in listing.clips])  # (N, 14)
    rounded = np.round(levels)
    counts = {
        au: np.array([(rounded[:, i] == level).sum() for level in range(LEVELS)])
        for i, au in enumerate(facs.ALL)
        if np.isfinite(levels[:, i]).any()
    }
    aus = tuple(counts)
    active = (np.nan_to_num(levels)[:, [facs.ALL.index(au) for au in aus]] >= 1).astype(np.int64)
    problems = [*listing.left_out, *_unreadable(listing.clips), *_doubled(listing)]
    problems += _strangers(listing, kind)
    try:
        make_folds(
            settings.protocol,
            listing.people,
            seed=seed,
            validation_fraction=settings.validation_fraction,
            custom=settings.folds,
        )
    except ValueError as error:
        problems.append(LeftOut("", "folds", str(error)))
    comparison = _compared(listing, kind, counts, settings.frame_stride)
    return Check(listing, counts, active.T @ active, aus, comparison, problems)


def _compared(
    listing: Listing,
    kind: registry.DatasetSpec,
    counts: dict[int, npt.NDArray[np.int64]],
    every: int,
) -> list[tuple[str, str, str]]:
    """Return (what, found, published), of the whole set."""
    rows = []
    if kind.subjects:
        rows.append(("subjects", str(len(listing.people)), str(len(kind.subjects))))
    frames = sum(len(clip.numbers) for clip in listing.clips)
    if kind.frames and every == 1:
        rows.append(("frames", f"{frames:,}", f"{kind.frames:,}"))
        for au, published in kind.levels.items():
            mine = counts.get(au, np.zeros(LEVELS, int))
            shown = [" ".join(f"{value:,}" for value in row) for row in (mine, published)]
            rows.append((f"{facs.AUS[au].label} at 0, 1, ... 5", shown[0], shown[1]))
    return rows


def _strangers(listing: Listing, kind: registry.DatasetSpec) -> Iterator[LeftOut]:
    told = {one.subject for one in listing.left_out}
    for subject in sorted(set(kind.subjects) - set(listing.people) - told):
        yield LeftOut(subject, "the whole set", "this subject is not there")
    for subject in sorted(set(listing.people) - set(kind.subjects)) if kind.subjects else ():
        yield LeftOut(subject, "the whole set", "the data set has no such subject")


def _unreadable(clips: Sequence[Clip]) -> Iterator[LeftOut]:
    for clip in clips:
        if clip.video is not None:
            yield from _video_faults(clip, clip.video)
        for number, path in zip(clip.numbers.tolist(), clip.pictures, strict=False):
            reason = _picture_fault(path)
            if reason:
                yield LeftOut(clip.subject, clip.name, reason, (number,))


def _video_faults(clip: Clip, path: Path) -> Iterator[LeftOut]:
    try:
        with VideoFile(path) as video:
            count = video.count
    except UnreadableError as error:
        yield LeftOut(clip.subject, clip.name, str(error), tuple(clip.numbers.tolist()))
        return
    late = [n for n in clip.numbers.tolist() if count and n > count * (1 + _MISSING_FRAMES) + 1]
    if late:
        reason = f"{printable(path)}: the video promises {count} frames only"
        yield LeftOut(clip.subject, clip.name, reason, tuple(late))


def _picture_fault(path: Path) -> str:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            picture.verify()
    # Pillow's readers raise whatever a broken file leads them to.
    except Exception as error:
        return f"{printable(path)}: must be a picture. Received: {type(error).__name__}"
    return ""


def _doubled(listing: Listing) -> Iterator[LeftOut]:
    names = Counter(clip.name for clip in listing.clips)
    for name, count in names.items():
        if count > 1:
            yield LeftOut("", name, f"a clip has a name of its own. Received: {count} of that name")
    for clip in listing.clips:
        for a, b in _equal_columns(clip.intensity):
            yield LeftOut(
                clip.subject,
                clip.name,
                f"AU{a:02d} and AU{b:02d} have the very same labels; a label file may be a copy",
            )


def _equal_columns(levels: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield pairs of AUs whose labels are equal on every frame, 3 levels or more among them."""
    busy = [i for i in range(len(facs.ALL)) if len(np.unique(levels[:, i])) >= 3]
    for place, i in enumerate(busy):
        for j in busy[place + 1 :]:
            if np.array_equal(levels[:, i], levels[:, j]):
                yield facs.ALL[i], facs.ALL[j]
