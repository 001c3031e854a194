"""One picture of a source, with its place in time."""

from dataclasses import dataclass

from fau_tf.face.align import Image


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        number: Counts from 1 within the source.
        timestamp: Seconds from the start of the source.
        name: The file or camera that it is from.
    """

    image: Image
    number: int = 1
    timestamp: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Unread:
    """A place in a source where a picture should be that can't be read.

    Attributes:
        reason: Names the file, the rule, what was received and the next step.
        number: Counts from 1 within the source, along with the frames.
        timestamp: Seconds from the start of the source.
        name: The file that it is.
    """

    reason: str
    number: int = 1
    timestamp: float = 0.0
    name: str = ""
