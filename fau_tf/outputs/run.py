"""The work of `fau-demo`: every source through the estimator into its results."""

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from fau_tf.face.align import Image
from fau_tf.inference.estimator import AUEstimator, Estimate, FaceResult
from fau_tf.inference.neutral_baseline import neutral_face
from fau_tf.inference.processing import MEDIAN, Processing
from fau_tf.io.images import Frame, UnreadableError, UnreadFrame, read_image
from fau_tf.io.sources import FrameStream, Source, SourceKind, open_frames
from fau_tf.outputs.file_names import picture_names, result_names
from fau_tf.outputs.options import PredictOptions
from fau_tf.outputs.terminal_table import face_table, has_blocks
from fau_tf.outputs.writers import Plan, Results
from fau_tf.utils.console import Console, one_line

Step = tuple[Frame | UnreadFrame, Estimate]
"""A picture and what was read from it: nothing from one that is broken."""

NOTHING: Final = Estimate(())


@dataclass
class Tally:
    """What came of one source.

    Attributes:
        pictures: How many were read.
        with_face: Those with a face whose AUs were read.
        crowded: Those with as many faces as were wanted.
        last: What was read from the last one.
        unread: What could not be read, and why.
    """

    pictures: int = 0
    with_face: int = 0
    crowded: int = 0
    last: Estimate = field(default_factory=lambda: Estimate(()))
    unread: list[str] = field(default_factory=list)

    def count(self, estimate: Estimate, most: int) -> None:
        """Count a picture; `most` is how many faces were wanted."""
        self.pictures += 1
        self.with_face += any(not face.reason for face in estimate.faces)
        self.crowded += len(estimate.faces) == most
        self.last = estimate


class Run:
    """One call of the command."""

    def __init__(self, options: PredictOptions, estimator: AUEstimator, console: Console) -> None:
        """Read the neutral photo, if one is named.

        Raises:
            CalibrationError: If it doesn't show one face.
            UnreadableError: If it can't be read.
        """
        self._options, self._estimator, self._console = options, estimator, console
        self._processing = processing(options, estimator)
        self._wrote = False

    def all(self, sources: list[Source]) -> list[str]:
        """Read all sources; return what could not be read, and why.

        Raises:
            OSError: If a result can't be written.
            ValueError: If a result would replace a source.
        """
        unread: list[str] = []
        names = result_names(sources, self._options.out)
        for source, name in zip(sources, names, strict=True):
            tally, start = Tally(), time.perf_counter()
            try:
                self._source(source, name, tally)
            except UnreadableError as error:
                tally.unread.append(one_line(str(error)))
            self._report(source, tally, time.perf_counter() - start, alone=len(sources) == 1)
            unread += tally.unread
        if self._wrote:
            self._console.say("", f"Results: {self._options.out}")
        return unread

    def _source(self, source: Source, name: Path, tally: Tally) -> None:
        if source.kind is SourceKind.PHOTOS and not source.paths:
            raise UnreadableError(
                f"{source.name}: must hold photos or videos. Received: none. Check the path."
            )
        options = self._options
        with open_frames(source, options.every, options.fps) as stream:
            steps = (
                self._moving(stream)
                if source.kind.is_sequence
                else still(stream.frames, self._estimator)
            )
            first = next(steps, None)
            # Nothing is written of a photo or a video that can't be opened.
            if first and not (
                source.kind is SourceKind.PHOTO and isinstance(first[0], UnreadFrame)
            ):
                self._read(source, name, chain((first,), steps), tally, stream)
            elif first:
                raise UnreadableError(first[0].reason if isinstance(first[0], UnreadFrame) else "")
            else:
                raise UnreadableError(
                    f"{source.name}: must hold pictures. Received: none. Check what sends them."
                )

    def _read(
        self, source: Source, name: Path, steps: Iterator[Step], tally: Tally, stream: FrameStream
    ) -> None:
        self._wrote = True
        pictures = picture_names(source, name) if source.kind is SourceKind.PHOTOS else [name]
        process = self._processing.begin()
        progress = self._console.progress(source.name, stream.count)
        info, plan = self._estimator.interpreter.info, self._plan(source, stream)
        try:
            with Results(name, source.name, info, plan) as results:
                for item, estimate in steps:
                    progress.step()
                    if isinstance(item, UnreadFrame):
                        tally.unread.append(one_line(item.reason))
                        results.add_unread(item)
                        continue
                    estimate = process(estimate, item.timestamp)
                    place = 0 if source.kind is not SourceKind.PHOTOS else item.number - 1
                    results.add(item, estimate, pictures[place])
                    tally.count(estimate, self._options.faces)
        except KeyboardInterrupt:
            # The usual way to end a camera, and the only one.
            if source.kind is not SourceKind.CAMERA:
                raise
        finally:
            progress.end()

    def _plan(self, source: Source, stream: FrameStream) -> Plan:
        options = self._options
        return Plan(
            outputs=options.outputs(source.kind),
            moves=source.kind.is_sequence,
            fps=stream.fps,
            smooth=bool(options.smooth),
            neutral=MEDIAN if options.neutral == MEDIAN else "file" if options.neutral else "",
            processing=self._processing.name,
            present_from=options.present_from,
            cards=min(options.faces, 2),
        )

    def _moving(self, stream: FrameStream) -> Iterator[Step]:
        waiting: deque[Frame | UnreadFrame] = deque()

        def images() -> Iterator[Image]:
            for item in stream.frames:
                waiting.append(item)
                if isinstance(item, Frame):
                    yield item.image

        try:
            for estimate in self._estimator.video(images()):
                while isinstance(waiting[0], UnreadFrame):
                    yield waiting.popleft(), NOTHING
                yield waiting.popleft(), estimate
        except UnreadableError:
            yield from ((item, NOTHING) for item in waiting)
            raise
        yield from ((item, NOTHING) for item in waiting)

    def _report(self, source: Source, tally: Tally, seconds: float, *, alone: bool) -> None:
        say, name = self._console.say, one_line(source.name)
        if not tally.pictures:
            say(f"{name}: not read")
        elif source.kind is SourceKind.PHOTO:
            say(f"{name}: {_found(tally.last)} ({seconds * 1000:.0f} ms)")
            say(*(self._table(face) for face in tally.last.faces if alone))
        else:
            what = "frames" if source.kind.is_sequence else "photos"
            rate = tally.pictures / max(seconds, 1e-9)
            found = f"{tally.pictures} {what}, {tally.with_face} with a face that was read"
            say(f"{name}: {found}, {rate:.1f} a second")
        if tally.crowded:
            most = self._options.faces
            say(f"  At most {most} faces were wanted, the largest; --faces for more")

    def _table(self, face: FaceResult) -> str:
        blocks = has_blocks(sys.stdout)
        low_reliability = self._estimator.interpreter.info.low_reliability
        return face_table(
            face.face_id,
            face,
            self._options.present_from,
            blocks=blocks,
            low_reliability=low_reliability,
        )


def processing(options: PredictOptions, estimator: AUEstimator) -> Processing:
    """Return what the command line asks to be done to the values; reads the neutral photo.

    Raises:
        CalibrationError: If it doesn't show one face.
        UnreadableError: If it can't be read.
    """
    rest = None
    if options.neutral not in (None, MEDIAN):
        rest = neutral_face(estimator, read_image(Path(options.neutral)), options.neutral)
    return Processing(options.smooth, options.neutral or "", rest)


def still(pictures: Iterable[Frame | UnreadFrame], estimator: AUEstimator) -> Iterator[Step]:
    """Yield photos and what is read from each by itself."""
    for item in pictures:
        yield item, estimator.estimate(item.image) if isinstance(item, Frame) else NOTHING


def _found(estimate: Estimate) -> str:
    count = len(estimate.faces)
    return estimate.reason or f"{count} face{'s' if count > 1 else ''}"
