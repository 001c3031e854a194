"""Frames of a source, read or unread, and the error of a source that can't be read."""

from dataclasses import dataclass

from fau_tf.face.align import Image


class UnreadableError(ValueError):
    """A source cannot be read, or not to its end."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        number: Counts from 1 within the source.
        timestamp: Seconds from the start of the source.
        name: File or camera that the image comes from.
        flags: Assumptions that the image was read with, as in `Picture`.
    """

    image: Image
    number: int = 1
    timestamp: float = 0.0
    name: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnreadFrame:
    """The place in a source of an image that cannot be read.

    Attributes:
        reason: Error message.
        number: Counts from 1 within the source, along with the frames.
        timestamp: Seconds from the start of the source.
        name: File that should hold the image.
    """

    reason: str
    number: int = 1
    timestamp: float = 0.0
    name: str = ""
