"""Ids for the faces of successive frames, by overlap."""

from collections.abc import Sequence
from typing import Final

Box = tuple[float, float, float, float]

MIN_OVERLAP: Final = 0.3
"""Intersection over union from which two boxes of successive frames are one face.

At 25 frames a second a box that moves sideways by half its width within one frame (0.33) keeps its
id; two faces side by side overlap by less.
"""


class OverlapTracker:
    """Gives each face the id of the face of the frame before that it overlaps most.

    Pairs are taken in the order of their overlap, largest first; each face and each id is taken
    once. A face that overlaps none by `MIN_OVERLAP` gets a new id. An id that is missing from one
    frame is never given again: after a gap nobody knows who came back. The faces themselves are not
    compared: when a face is hidden behind another one, the one in front keeps its id, and the
    hidden one has a new id when it comes out.
    """

    def __init__(self) -> None:
        self._boxes: dict[int, Box] = {}
        self._next = 0

    def update(self, boxes: Sequence[Box]) -> list[int]:
        """Return an id for each box (x0, y0, x1, y1) of the next frame; new ids count up from 0."""
        pairs = sorted(
            (
                (overlap(box, known), -i, -identity)
                for i, box in enumerate(boxes)
                for identity, known in self._boxes.items()
            ),
            reverse=True,
        )
        given: dict[int, int] = {}
        for share, i, identity in pairs:
            if share >= MIN_OVERLAP and -i not in given and -identity not in given.values():
                given[-i] = -identity
        for i in range(len(boxes)):
            if i not in given:
                given[i] = self._next
                self._next += 1
        self._boxes = {given[i]: box for i, box in enumerate(boxes)}
        return [given[i] for i in range(len(boxes))]


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes; 0 where neither has an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = _area(one) + _area(other) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
