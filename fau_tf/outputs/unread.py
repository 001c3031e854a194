"""What could not be read, a line for each run of frames."""

from dataclasses import dataclass, field

from fau_tf.io.frames import UnreadFrame
from fau_tf.utils.text import one_line


@dataclass
class UnreadLines:
    """Collects unread pictures; frames of a video that follow each other share a line.

    Attributes:
        in_video: Whether they are frames of a video, whose places are named.
        every: Step from one frame that is read to the next.
    """

    in_video: bool = False
    every: int = 1
    _runs: list[tuple[UnreadFrame, UnreadFrame]] = field(default_factory=list)  # first, last

    def add(self, frame: UnreadFrame) -> None:
        """Add the next picture."""
        if self._runs:
            first, last = self._runs[-1]
            goes_on = self.in_video and last.number + self.every == frame.number
            if goes_on and last.reason == frame.reason:
                self._runs[-1] = (first, frame)
                return
        self._runs.append((frame, frame))

    def lines(self) -> list[str]:
        """Return the reasons, those of videos with their places."""
        return [one_line(self._line(first, last)) for first, last in self._runs]

    def _line(self, first: UnreadFrame, last: UnreadFrame) -> str:
        if not self.in_video:
            return first.reason
        if last is first:
            return f"{first.reason} Frame {first.number}, {first.timestamp:.2f} s."
        times = f"{first.timestamp:.2f} to {last.timestamp:.2f} s"
        return f"{first.reason} Frames {first.number} to {last.number}, {times}."
