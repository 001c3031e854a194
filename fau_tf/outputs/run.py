"""The work of `fau-demo`: every source through the estimator into its results."""

import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from fau_tf.face.align import Image
from fau_tf.inference.estimator import AUEstimator, Estimate
from fau_tf.inference.postprocessing import MEDIAN, Postprocessing, neutral_face
from fau_tf.io.images import Frame, UnreadableError, UnreadFrame
from fau_tf.io.sources import FrameStream, Source, SourceKind, open_frames
from fau_tf.outputs.options import PredictOptions
from fau_tf.outputs.terminal_table import face_table, has_blocks
from fau_tf.outputs.unread import UnreadLines
from fau_tf.outputs.writers import UNREADABLE, Results, result_names
from fau_tf.utils.console import Console
from fau_tf.utils.text import one_line

Estimated = tuple[Frame | UnreadFrame, Estimate]


@dataclass
class Summary:
    """What came of one source.

    Attributes:
        pictures: How many were read.
        with_face: Those with a face whose AUs were read.
        crowded: Those with as many faces as were wanted.
        last: Estimate of the last one.
        unread: What could not be read, and why.
        flags: Assumptions that pictures were read with -> how many.
    """

    pictures: int = 0
    with_face: int = 0
    crowded: int = 0
    last: Estimate = field(default_factory=Estimate)
    unread: list[str] = field(default_factory=list)
    flags: Counter[str] = field(default_factory=Counter)

    def count(self, estimate: Estimate, most: int) -> None:
        """Count a picture; `most` is how many faces were wanted."""
        self.pictures += 1
        self.with_face += any(not face.reason for face in estimate.faces)
        self.crowded += len(estimate.faces) == most
        self.last = estimate


def run(
    options: PredictOptions, estimator: AUEstimator, sources: Sequence[Source], console: Console
) -> list[str]:
    """Read all sources and write their results; return what could not be read, and why.

    Raises:
        NeutralFaceError: If the neutral photo doesn't show one face.
        OSError: If a result can't be written.
        ValueError: If a result would replace a source, or the neutral photo can't be read.
    """
    work = _Run(options, estimator, console)
    make_folder(options.out)
    unread: list[str] = []
    names = result_names(sources, options.out)
    wrote = False
    for source, name in zip(sources, names, strict=True):
        start = time.perf_counter()
        summary = work.read(source, name)
        wrote |= work.wrote
        seconds = time.perf_counter() - start
        work.report(source, summary, seconds, table=len(sources) == 1)
        unread += summary.unread
    if wrote:
        console.print("", f"Results: {options.out}")
    return unread


class _Run:
    """One call of the command.

    Attributes:
        wrote: Whether there are results.
    """

    def __init__(self, options: PredictOptions, estimator: AUEstimator, console: Console) -> None:
        self._options, self._estimator, self._console = options, estimator, console
        self._processing = postprocessing(options, estimator)
        self.wrote = False

    def read(self, source: Source, name: Path) -> Summary:
        """Read a source and write its results."""
        summary = Summary()
        in_video = source.kind.is_sequence and bool(source.paths)
        unread = UnreadLines(in_video, self._options.every)
        end: list[str] = []
        try:
            with open_frames(source, self._options.every, self._options.fps) as stream:
                estimated = self._estimated(source, stream)
                self._write(source, name, noted(estimated, unread), stream, summary)
        except UnreadableError as error:
            end = [one_line(str(error))]
        summary.unread = unread.lines() + end
        return summary

    def _estimated(self, source: Source, stream: FrameStream) -> Iterator[Estimated]:
        """Return the frames and their estimates.

        Raises:
            UnreadableError: If there is nothing to write results of.
        """
        if source.kind.is_sequence:
            estimated = estimate_video(stream.frames, self._estimator)
        else:
            estimated = estimate_photos(stream.frames, self._estimator)
        first = next(estimated, None)
        if first is None:
            what = "photos or videos" if source.kind is SourceKind.PHOTOS else "images"
            raise UnreadableError(f"{source.name}: no {what} found. Check the source.")
        if source.kind is SourceKind.PHOTO and isinstance(first[0], UnreadFrame):
            raise UnreadableError(first[0].reason)
        return chain((first,), estimated)

    def _write(
        self,
        source: Source,
        name: Path,
        estimated: Iterable[Estimated],
        stream: FrameStream,
        summary: Summary,
    ) -> None:
        self.wrote = True
        info = self._estimator.info
        process = self._processing.begin() if self._processing else None
        total = 1 if source.kind is SourceKind.PHOTO else stream.count
        try:
            with (
                self._console.progress(source.name, total) as progress,
                Results(name, source, info, self._options, self._processing, stream.fps) as results,
            ):
                for frame, estimate in estimated:
                    progress.update()
                    if isinstance(frame, Frame):
                        estimate = process(estimate, frame.timestamp) if process else estimate
                        summary.count(estimate, self._options.faces)
                        summary.flags.update(frame.flags)
                    elif process:
                        process.skip(frame.timestamp)
                    results.add(frame, estimate)
        except KeyboardInterrupt:
            # The usual way to end a camera, and the only one.
            if source.kind is not SourceKind.CAMERA:
                raise

    def report(self, source: Source, summary: Summary, seconds: float, *, table: bool) -> None:
        """Print what came of a source."""
        log, name = self._console.print, one_line(source.name)
        if not summary.pictures:
            log(f"{name}: not read")
        elif source.kind is SourceKind.PHOTO:
            estimate = summary.last
            count = len(estimate.faces)
            found = estimate.reason or f"{count} face{'s' if count > 1 else ''}"
            log(f"{name}: {found} ({seconds * 1000:.0f} ms)")
            blocks = has_blocks(sys.stdout)
            for face in estimate.faces if table else ():
                log(face_table(face, self._options.present_from, blocks=blocks))
        else:
            what = "frames" if source.kind.is_sequence else "photos"
            rate = summary.pictures / max(seconds, 1e-9)
            found = f"{summary.pictures} {what}, {summary.with_face} with a face that was read"
            log(f"{name}: {found}, {rate:.1f} a second")
        for flag, count in summary.flags.items():
            log(f"  note: {flag}" + (f" ({count} of them)" if summary.pictures > 1 else ""))
        if summary.crowded:
            most = self._options.faces
            log(f"  --faces {most} was reached: there may be more faces than were read")


def noted(estimated: Iterable[Estimated], unread: UnreadLines) -> Iterator[Estimated]:
    """Yield frames and their estimates; add the unread frames to `unread`."""
    for frame, estimate in estimated:
        if isinstance(frame, UnreadFrame):
            unread.add(frame)
        yield frame, estimate


def postprocessing(options: PredictOptions, estimator: AUEstimator) -> Postprocessing | None:
    """Return what the options ask to be done to the intensities, if anything.

    Reads the neutral photo.

    Raises:
        NeutralFaceError: If it doesn't show one face.
        UnreadableError: If it can't be read.
    """
    neutral = None
    if options.neutral not in (None, MEDIAN):
        neutral = neutral_face(estimator, options.neutral, options.neutral)
    steps = Postprocessing(
        options.one_euro,
        options.neutral or "",
        neutral,
        options.sides,
        options.pspi,
        options.eye_closure,
    )
    return None if steps == Postprocessing() else steps


def estimate_photos(
    frames: Iterable[Frame | UnreadFrame], estimator: AUEstimator
) -> Iterator[Estimated]:
    """Yield photos and their estimates, each independent of the others."""
    for frame in frames:
        yield frame, estimator.estimate(frame.image) if isinstance(frame, Frame) else UNREADABLE


def estimate_video(
    frames: Iterable[Frame | UnreadFrame], estimator: AUEstimator
) -> Iterator[Estimated]:
    """Yield the frames of a video and their estimates, as `AUEstimator.video` does."""
    waiting: deque[Frame | UnreadFrame] = deque()

    def images() -> Iterator[Image]:
        for frame in frames:
            waiting.append(frame)
            if isinstance(frame, Frame):
                yield frame.image

    try:
        for estimate in estimator.video(images()):
            while isinstance(waiting[0], UnreadFrame):
                yield waiting.popleft(), UNREADABLE
            yield waiting.popleft(), estimate
    except UnreadableError:
        yield from ((frame, UNREADABLE) for frame in waiting)
        raise
    yield from ((frame, UNREADABLE) for frame in waiting)


def make_folder(out: Path) -> None:
    """Make the folder of the results.

    Raises:
        ValueError: If there can't be one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--out: {out} can't be made a folder: {error.strerror}. Choose another one."
        ) from error
