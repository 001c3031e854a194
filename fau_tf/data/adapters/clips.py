"""A data set before any image is read: clips of labeled frames, and dropped frames."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fau_tf.data.adapters.landmarks import LandmarkFiles


@dataclass(frozen=True, eq=False)
class Clip:
    """Labeled frames of one video, or of one sequence of images.

    Attributes:
        name: Unique in the data set, e.g. `SN001` or `F001/T1`.
        subject: The person shown.
        frames: (N,) frame numbers of the data set, ascending; those of a video count from 1.
        intensity: (N, 17) in the order of `facs.ALL`, NaN where not coded.
        video: The file that holds the frames, or None.
        images: N files where there is no video.
        landmarks: Landmarks that come with the data set, if they are wanted.
    """

    name: str
    subject: str
    frames: npt.NDArray[np.int64]
    intensity: npt.NDArray[np.float32]
    video: Path | None = None
    images: tuple[Path, ...] = ()
    landmarks: LandmarkFiles | None = None

    def only(self, keep: npt.NDArray[np.bool_]) -> "Clip":
        """Return the clip with the frames where `keep` (N,) is true."""
        images = tuple(self.images[i] for i in np.flatnonzero(keep)) if self.images else ()
        return replace(
            self, frames=self.frames[keep], intensity=self.intensity[keep], images=images
        )


@dataclass(frozen=True)
class Dropped:
    """Frames of a data set that do not become records.

    Attributes:
        subject: The person shown; empty if unknown.
        where: The clip or file.
        reason: Why they are dropped.
        frames: Their numbers; empty for all frames.
        documented: Whether the documentation of the data set excludes them.
    """

    subject: str
    where: str
    reason: str
    frames: tuple[int, ...] = ()
    documented: bool = False

    def __post_init__(self) -> None:
        # File names may hold bytes that are not UTF-8; reports are UTF-8.
        for name in ("subject", "where", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    @property
    def count(self) -> int:
        """Number of frames, at least 1 where it is unknown."""
        return max(1, len(self.frames))

    @property
    def ranges(self) -> str:
        """The frames as ranges, e.g. `398-420, 3190`, or `all`."""
        runs: list[list[int]] = []
        for frame in sorted(self.frames):
            if runs and frame == runs[-1][1] + 1:
                runs[-1][1] = frame
            else:
                runs.append([frame, frame])
        text = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
        return text or "all"


@dataclass
class DatasetIndex:
    """What the labels and folders of a data set list.

    Attributes:
        clips: In order of name.
        dropped: Frames, clips and lines that can't be used.
        warnings: What looks wrong although it can be read.
    """

    clips: list[Clip] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        """All subjects with a frame, sorted."""
        return sorted({clip.subject for clip in self.clips if len(clip.frames)})

    @property
    def frame_count(self) -> int:
        """Number of labeled frames."""
        return sum(len(clip.frames) for clip in self.clips)

    def drop(
        self, clip: Clip, frames: Mapping[int, str] | Iterable[int], reason: str = "", *,
        documented: bool = False,
    ) -> Clip:  # fmt: skip
        """Return the clip without some of its frames, which are added to `dropped`.

        Args:
            clip: The clip.
            frames: Frame numbers, or frame -> reason; the clip need not have all of them.
            reason: Reason for plain frame numbers.
            documented: As in `Dropped`.
        """
        reasons = frames if isinstance(frames, Mapping) else dict.fromkeys(frames, reason)
        by_reason: dict[str, list[int]] = {}
        for frame in clip.frames.tolist():
            if frame in reasons:
                by_reason.setdefault(reasons[frame], []).append(frame)
        for text, gone in by_reason.items():
            self.dropped.append(Dropped(clip.subject, clip.name, text, tuple(gone), documented))
        return clip.only(~np.isin(clip.frames, list(reasons))) if by_reason else clip


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that can be printed and stored; bytes that are not UTF-8 as `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
