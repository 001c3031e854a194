"""What a data set holds: clips of labeled frames, and what was left out and why."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.adapters.landmarks import PointFiles


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of one video, or of one folder of pictures, with their labels.

    Attributes:
        name: Unique in the set, e.g. `SN001` or `F001/T1`.
        subject: Who it is.
        numbers: (N,) the frames in ascending order, as the data set counts them; those of a video
            count from 1.
        intensity: (N, 14) in the order of `facs.ALL`, NaN where not coded.
        video: That the frames are from, or None.
        pictures: N files where there is no video.
        points: Landmarks that come with the data set, where they are wanted.
    """

    name: str
    subject: str
    numbers: npt.NDArray[np.int64]
    intensity: npt.NDArray[np.float32]
    video: Path | None = None
    pictures: tuple[Path, ...] = ()
    points: PointFiles | None = None

    def only(self, keep: npt.NDArray[np.bool_]) -> "Clip":
        """Return the clip with the frames where `keep` (N,) is true."""
        wanted = np.flatnonzero(keep).tolist()
        return replace(
            self,
            numbers=self.numbers[keep],
            intensity=self.intensity[keep],
            pictures=tuple(self.pictures[i] for i in wanted) if self.pictures else (),
        )


@dataclass(frozen=True)
class LeftOut:
    """Frames that a set lacks.

    Attributes:
        subject: Whose; empty where nobody knows.
        where: The clip or file.
        reason: Why.
        numbers: Which frames; empty for all of them.
        documented: Whether the data set's own documentation says so.
    """

    subject: str
    where: str
    reason: str
    numbers: tuple[int, ...] = ()
    documented: bool = False

    def __post_init__(self) -> None:
        # They name files, whose names may hold bytes that are no UTF-8; reports are UTF-8.
        for name in ("subject", "where", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    @property
    def count(self) -> int:
        """How many frames are known to be missing, at least one."""
        return max(1, len(self.numbers))

    @property
    def frames(self) -> str:
        """The frames as ranges, e.g. `398-420, 3190`."""
        return ranges(self.numbers) if self.numbers else "all"


@dataclass
class Listing:
    """A data set before a picture is read.

    Attributes:
        clips: In order of name.
        left_out: What the labels or folders leave out.
        warnings: What looks wrong though it can be read.
    """

    clips: list[Clip] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[str]:
        """Everyone who has a frame, sorted."""
        return sorted({clip.subject for clip in self.clips if len(clip.numbers)})

    def drop(
        self, clip: Clip, gone: Mapping[int, str] | Iterable[int], reason: str = "", *,
        documented: bool = False,
    ) -> Clip:  # fmt: skip
        """Return the clip without some of its frames, and note them as left out.

        Args:
            clip: Whose frames.
            gone: Numbers, or number -> reason; those that the clip lacks are passed over.
            reason: Where `gone` has none.
            documented: Whether the data set says so.
        """
        given = gone if isinstance(gone, Mapping) else dict.fromkeys(gone, reason)
        mine = [number for number in clip.numbers.tolist() if number in given]
        by_reason: dict[str, list[int]] = {}
        for number in mine:
            by_reason.setdefault(given[number], []).append(number)
        for why, numbers in by_reason.items():
            self.left_out.append(LeftOut(clip.subject, clip.name, why, tuple(numbers), documented))
        return clip.only(~np.isin(clip.numbers, mine)) if mine else clip


def columns(
    numbers: Sequence[int], labels: Mapping[int, Mapping[int, float]]
) -> npt.NDArray[np.float32]:
    """Return (N, 14) in the order of `facs.ALL` from AU -> number -> intensity."""
    table = np.full((len(numbers), len(facs.ALL)), np.nan, np.float32)
    for au, values in labels.items():
        table[:, facs.ALL.index(au)] = [values[number] for number in numbers]
    return table


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers as text, runs of them as `first-last`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that can be printed and stored; bytes that are no UTF-8 as `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
