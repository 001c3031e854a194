"""What is written of one source while it is read."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fau_tf.face.align import Image
from fau_tf.inference.estimator import Estimate, FaceResult
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.provenance import caption, save_picture
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.io.video_writer import VideoWriter
from fau_tf.outputs import annotate, time_series_plot
from fau_tf.outputs.csv_jsonl import CsvWriter, JsonlWriter, Reading
from fau_tf.outputs.file_names import with_ending
from fau_tf.outputs.median_spool import MedianSpool
from fau_tf.outputs.time_series import TimeSeries

UNREADABLE = "could not be read"
"""The reason of a row for a picture that is no intact image; the command lists why."""

WRITERS: Final[dict[str, type[CsvWriter | JsonlWriter]]] = {"csv": CsvWriter, "jsonl": JsonlWriter}


@dataclass(frozen=True)
class Plan:
    """What to write.

    Attributes:
        outputs: Among `csv`, `jsonl`, `draw`, `plot`.
        moves: Whether the pictures are frames of one video.
        fps: Frames a second of an annotated video.
        smooth: Whether there are smoothed intensities.
        neutral: Whether there are calibrated ones: `file`, `median` or empty.
        processing: Names what was done to the values.
        present_from: Intensity from which an AU counts as present.
        cards: Places for cards in an annotated video, at most.
    """

    outputs: frozenset[str]
    moves: bool
    fps: float
    smooth: bool
    neutral: str
    processing: str
    present_from: float
    cards: int


class Results:
    """Writes rows, pictures and plots of one source; use it in a `with` block.

    Rows and videos go to partial files that take their places when the block is left, by its end,
    an error or Ctrl-C.
    """

    def __init__(self, name: Path, title: str, info: ModelInfo, plan: Plan) -> None:
        """Open the files.

        Args:
            name: Of the results, without an ending; its folder exists.
            title: Written over the plot.
            info: The model's.
            plan: What to write.

        Raises:
            OSError: If a file can't be made.
        """
        self._name, self._title, self._info, self._plan = name, title, info, plan
        self._series = TimeSeries(info.labels) if "plot" in plan.outputs else None
        self._video: VideoWriter | None = None
        with ExitStack() as opening:
            self._writers = []
            for ending in sorted(plan.outputs & WRITERS.keys()):
                writer = WRITERS[ending](
                    with_ending(name, f".{ending}"),
                    info,
                    smoothed=plan.smooth,
                    calibrated=bool(plan.neutral),
                    present_from=plan.present_from,
                    processing=plan.processing,
                )
                self._writers.append(opening.enter_context(writer))
            self._spool = opening.enter_context(MedianSpool()) if plan.neutral == "median" else None
            self._files = opening.pop_all()

    def add(self, frame: Frame, estimate: Estimate, picture: Path | None = None) -> None:
        """Write what was read from a frame.

        Args:
            frame: The picture.
            estimate: What was read.
            picture: Path of its annotated picture, without an ending; None for frames of a video.

        Raises:
            OSError: If it can't be written whole.
        """
        for reading in readings(frame, estimate):
            self._row(reading)
        if "draw" not in self._plan.outputs:
            return
        if self._plan.moves:
            self._draw_frame(frame, estimate)
        elif picture is not None:
            self._draw_photo(frame, estimate, picture)

    def add_unread(self, unread: UnreadFrame) -> None:
        """Write the row of a picture that could not be read."""
        self._row(unread_row(unread))

    def finish(self) -> None:
        """Write what needs all rows: calibration by medians, the plot."""
        if self._spool:
            for reading in self._spool.readings():
                self._write(reading)
        if self._series and (self._series.tracks or self._series.unread.any()):
            time_series_plot.time_series(
                with_ending(self._name, "_plot.png"),
                self._series,
                self._info,
                title=self._title,
                present_from=self._plan.present_from,
            )

    def _row(self, reading: Reading) -> None:
        if self._spool:
            self._spool.add(reading)
        else:
            self._write(reading)

    def _write(self, reading: Reading) -> None:
        for writer in self._writers:
            writer.write(reading)
        if self._series:
            self._series.add(reading)

    def _drawn(self, frame: Frame, estimate: Estimate, **places: int) -> Image:
        return annotate.overlay(
            frame.image,
            estimate.faces,
            estimate.reason,
            self._plan.present_from,
            caption=caption(self._info),
            **places,
        )

    def _draw_photo(self, frame: Frame, estimate: Estimate, picture: Path) -> None:
        drawn = self._drawn(frame, estimate)
        picture.parent.mkdir(parents=True, exist_ok=True)
        save_picture(with_ending(picture, ".png"), drawn, self._info)

    def _draw_frame(self, frame: Frame, estimate: Estimate) -> None:
        drawn = self._drawn(frame, estimate, cards=self._plan.cards, aus=len(self._info.aus))
        if self._video is None:
            path = with_ending(self._name, ".mp4")
            size = (drawn.shape[1], drawn.shape[0])
            self._video = self._files.enter_context(VideoWriter(path, size, self._plan.fps))
        self._video.write(drawn)

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._files:
            # After Ctrl-C or a broken source too: what was read so far is complete in itself. A
            # full disk would only fail again.
            if kind is None or not issubclass(kind, OSError):
                self.finish()


def readings(frame: Frame, estimate: Estimate) -> Sequence[Reading]:
    """Return a row for each face of a frame, or the one row of a frame without a face."""
    if estimate.faces:
        return [_reading(frame, face) for face in estimate.faces]
    return [Reading(frame.number, 0, frame.timestamp, frame.name, False, 0.0, estimate.reason)]


def unread_row(unread: UnreadFrame) -> Reading:
    """Return the row of a picture that could not be read."""
    return Reading(unread.number, 0, unread.timestamp, unread.name, False, 0.0, UNREADABLE)


def _reading(frame: Frame, face: FaceResult) -> Reading:
    read = not face.reason
    return Reading(
        frame=frame.number,
        face_id=face.face_id,
        timestamp=frame.timestamp,
        source=frame.name,
        success=read,
        confidence=face.quality.confidence,
        reason=face.reason,
        flags=face.quality.flags,
        intensity=face.intensity if read else None,
        smoothed=face.smoothed if read else None,
        calibrated=face.calibrated if read else None,
        interval=face.interval if read else None,
        box=face.box,
        landmarks=face.landmarks,
        quality=face.quality,
    )
