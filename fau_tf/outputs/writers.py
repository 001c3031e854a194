"""Results of one source: their names, and the files that are written while it is read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fau_tf.inference.estimator import Estimate
from fau_tf.inference.events import EventRule
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.postprocessing import MEDIAN, Postprocessing
from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.io.sources import Source, SourceKind
from fau_tf.outputs import annotate, time_series_plot
from fau_tf.outputs.drawing import save_picture
from fau_tf.outputs.options import PredictOptions
from fau_tf.outputs.spool import MedianSpool
from fau_tf.outputs.tables import events
from fau_tf.outputs.tables.row_writer import RowWriter
from fau_tf.outputs.tables.rows import FORMATS
from fau_tf.outputs.time_series import TimeSeries

if TYPE_CHECKING:
    from fau_tf.io.video_writer import VideoWriter

UNREADABLE: Final = Estimate((), "could not be read")
"""The estimate of a picture that can't be decoded; the command lists why."""

EVENT_ENDINGS: Final = ("_events.csv", "_elan.txt")
"""Of the AU events: the table, and what ELAN imports."""

LONGEST_STEM: Final = 220
"""Bytes; names may have 255, and endings follow the stem."""

_MOST_CARDS: Final = 2  # beside an annotated video


class Results(AbstractContextManager["Results"]):
    """Writes rows, pictures and plots of one source; use it in a `with` block.

    Rows and videos go to partial files, which are completed when the block is left: by its end, an
    error or Ctrl-C.
    """

    def __init__(
        self,
        name: Path,
        source: Source,
        info: ModelInfo,
        options: PredictOptions,
        processing: Postprocessing | None,
        fps: float,
    ) -> None:
        """Open the files.

        Args:
            name: Of the results, without an ending; its folder exists.
            source: What is read.
            info: The model's.
            options: Of the command.
            processing: What was done to the intensities, if anything.
            fps: Frames a second of an annotated video.

        Raises:
            OSError: If a file can't be made.
        """
        self._name, self._source, self._info = name, source, info
        self._options, self._fps = options, fps
        outputs = options.outputs(source.kind)
        self._draw = "draw" in outputs
        self._pictures = picture_names(source, name) if self._draw else []
        self._series = TimeSeries(info.labels) if "plot" in outputs else None
        self._events = events.EventTracks(info.labels) if options.events else None
        self._processing = processing or Postprocessing()
        self._video: VideoWriter | None = None
        self._places: int | None = None
        with ExitStack() as opening:
            self._rows: list[RowWriter] = []
            for ending in sorted(outputs & FORMATS.keys()):
                rows = FORMATS[ending](info, processing, options.present_from)
                writer = RowWriter(with_ending(name, f".{ending}"), rows)
                self._rows.append(opening.enter_context(writer))
            median = options.neutral == MEDIAN
            self._spool = opening.enter_context(MedianSpool()) if median else None
            self._files = opening.pop_all()

    def add(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        """Write the faces of a frame.

        Raises:
            OSError: If something can't be written whole.
        """
        if self._spool:
            self._spool.add(frame, estimate)
        else:
            self._write(frame, estimate)
        if self._draw and isinstance(frame, Frame):
            self._draw_picture(frame, estimate)

    def finish(self) -> None:
        """Write what needs all frames: intensities above the median, and the plot."""
        if self._spool:
            for frame, estimate in self._spool.replay():
                self._write(frame, estimate)
        if self._series and not self._series.empty:
            picture = time_series_plot.plot(
                self._series,
                self._info,
                title=self._source.name,
                present_from=self._options.present_from,
            )
            save_picture(with_ending(self._name, "_plot.png"), picture, self._info)
        if self._events:
            self._write_events(self._events)

    def _write_events(self, tracks: events.EventTracks) -> None:
        rule = EventRule.parse(self._options.event_rule)
        table, text = (with_ending(self._name, ending) for ending in EVENT_ENDINGS)
        events.write_csv(table, tracks, rule, self._info, self._processing)
        events.write_elan(text, tracks, rule)

    def _write(self, frame: Frame | UnreadFrame, estimate: Estimate) -> None:
        for writer in self._rows:
            writer.write(frame, estimate)
        if self._series:
            self._series.add(frame.timestamp, estimate)
        if self._events:
            self._events.add(frame, estimate)

    def _draw_picture(self, frame: Frame, estimate: Estimate) -> None:
        in_video = self._source.kind.is_sequence
        drawn = annotate.annotate(
            frame.image,
            estimate,
            self._info,
            present_from=self._options.present_from,
            cards=self._cards(estimate) if in_video else None,
        )
        if not in_video:
            photos = self._source.kind is SourceKind.PHOTOS
            path = with_ending(self._pictures[frame.number - 1 if photos else 0], ".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            save_picture(path, drawn, self._info)
            return
        if self._video is None:
            size = (drawn.shape[1], drawn.shape[0])
            from fau_tf.io.video_writer import VideoWriter  # PyAV: a tenth of a second to load

            path = with_ending(self._name, ".mp4")
            writer = VideoWriter(path, size, self._fps, self._sound())
            self._video = self._files.enter_context(writer)
        self._video.write(drawn, frame.timestamp)

    def _cards(self, estimate: Estimate) -> int:
        """Return the places for cards beside a video, which its first frame decides."""
        if self._places is None:
            self._places = min(max(1, len(estimate.faces)), self._options.faces, _MOST_CARDS)
        return self._places

    def _sound(self) -> Path | None:
        """Return the file whose sound belongs to the annotated video; none beside single frames."""
        whole = self._source.kind is SourceKind.VIDEO and self._options.every == 1
        return self._source.paths[0] if whole else None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._files:
            # Also after Ctrl-C or a damaged source: the frames so far are complete in themselves.
            # Not after an error of the file system, which would only fail again.
            if kind is None or not issubclass(kind, OSError):
                self.finish()


def result_names(sources: Sequence[Source], out: Path) -> list[Path]:
    """Return the path of each source's results without an ending: its stem and `_au`.

    Sources with the same stem get numbers.

    Raises:
        ValueError: If a result would replace one of the sources, or be among them the next time.
    """
    taken: set[str] = set()
    names = [out / _unique(_stem(source), taken) for source in sources]
    # Unlike Path.resolve, realpath accepts a link to itself.
    inputs = {os.path.realpath(path) for source in sources for path in source.paths}
    if os.path.realpath(out) in {os.path.realpath(s.folder) for s in sources if s.folder}:
        raise ValueError(
            f"--out: {out} is a source, so its results would be read the next time. "
            "Choose another folder; it may be inside this one."
        )
    for source, name in zip(sources, names, strict=True):
        for result in _result_paths(source, name, inputs):
            if os.path.realpath(result) in inputs:
                raise ValueError(
                    f"--out: {result} is a source and must not be replaced by a result. Choose "
                    "another folder."
                )
    return names


def _result_paths(source: Source, name: Path, inputs: set[str]) -> Iterator[Path]:
    """Yield the files that may be written of a source, of the annotated pictures if one may exist.

    Args:
        source: Of `result_names`.
        name: Of its results.
        inputs: Real paths of the files of all sources.
    """
    for ending in (".png", ".csv", ".jsonl", ".mp4", "_plot.png", *EVENT_ENDINGS):
        yield with_ending(name, ending)
    if source.kind is not SourceKind.PHOTOS:
        return
    # Naming those of a million photos takes most of a minute.
    inside = os.path.realpath(name) + os.sep
    if name.exists() or any(path.startswith(inside) for path in inputs):
        for picture in picture_names(source, name):
            yield with_ending(picture, ".png")


def picture_names(source: Source, name: Path) -> list[Path]:
    """Return the path of each photo's annotated picture, without an ending.

    Args:
        source: Photos keep their folders below the one that all are in.
        name: Of the source's results.
    """
    if source.kind is not SourceKind.PHOTOS:
        return [name]
    # Absolute, because a list may mix both kinds, and `..` would leave the folder of the results.
    folders = {one: os.path.realpath(one) for one in {path.parent for path in source.paths}}
    base = os.path.commonpath(folders.values()) if folders else ""
    places = {one: name / os.path.relpath(real, base) for one, real in folders.items()}
    taken: dict[Path, set[str]] = {}
    names = []
    for path in source.paths:
        place = places[path.parent]
        names.append(place / _unique(path.stem, taken.setdefault(place, set())))
    return names


def with_ending(name: Path, ending: str) -> Path:
    """Return a path with an ending after its whole name, dots included."""
    return name.with_name(name.name + ending)


def _unique(stem: str, taken: set[str]) -> str:
    """Return a stem with `_au` that is not taken yet, and take it."""
    short = stem[:LONGEST_STEM]
    while len(os.fsencode(short)) > LONGEST_STEM:  # whole characters
        short = short[:-1]
    name, count = f"{short}_au", 1
    while name in taken:
        count += 1
        name = f"{short}_{count}_au"
    taken.add(name)
    return name


def _stem(source: Source) -> str:
    if source.kind is SourceKind.PHOTOS:
        return Path(os.path.realpath(source.folder or source.name)).name or "photos"
    return source.paths[0].stem if source.paths else source.name
