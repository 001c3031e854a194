"""The annotated picture's layout: a large photo, with cards beside or below it."""

import math
from dataclasses import dataclass
from typing import Final

from fau_tf.outputs.face_card import CARD_WIDTH, GAP

PHOTO_SIDE: Final = 760
"""The longer side of a photo at least, px; small photos are enlarged to it."""

WIDEST: Final = 1600
"""Of a photo beside cards, px."""

NARROWEST: Final = 380
"""Room for the photo, px: enough to read a reason beside a photo one pixel wide."""

STRIP: Final = 34
"""Height of the line above and of the line below the photo, px."""

_BESIDE: Final = 2  # cards at most beside a photo that is wider than high
_ROW_BESIDE: Final = 3  # cards at most in one row beside a photo
_ROW_BELOW: Final = 4
_MOST_COLUMNS: Final = 5


@dataclass(frozen=True)
class Layout:
    """Sizes of the parts of a picture, px.

    Attributes:
        photo: Width and height of the photo.
        above: Height of the line above the photo; 0 for none.
        beside: Whether the cards are beside the photo, else below it.
        columns: Of cards.
        rows: Of cards.
        tall: Height of a card.
    """

    photo: tuple[int, int]
    above: int
    beside: bool
    columns: int
    rows: int
    tall: int

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height of the photo with its lines."""
        width, height = self.photo
        return max(width, NARROWEST), max(height, STRIP) + self.above + STRIP

    @property
    def sheet(self) -> tuple[int, int]:
        """Width and height of the whole picture."""
        width, height = self.frame
        grid_width, grid_height = self._grid
        if self.beside:
            return width + grid_width + 2 * GAP, max(height, grid_height - GAP) + 2 * GAP
        return max(width, grid_width - GAP) + 2 * GAP, height + grid_height + 2 * GAP

    @property
    def frame_corner(self) -> tuple[int, int]:
        """Where the photo with its lines begins."""
        return (GAP if self.beside else (self.sheet[0] - self.frame[0]) // 2), GAP

    def card_corner(self, index: int) -> tuple[int, int]:
        """Return where a card begins."""
        row, column = divmod(index, self.columns)
        if self.beside:
            left, top = self.frame[0] + 2 * GAP, GAP
        else:
            left, top = (self.sheet[0] - self._grid[0] + GAP) // 2, self.frame[1] + 2 * GAP
        return left + column * (CARD_WIDTH + GAP), top + row * (self.tall + GAP)

    @property
    def _grid(self) -> tuple[int, int]:
        return self.columns * (CARD_WIDTH + GAP), self.rows * (self.tall + GAP)


def arrange(size: tuple[int, int], cards: int, tall: int, *, reason: bool) -> Layout:
    """Return the layout for a photo.

    Up to two cards stand beside the photo, more below it; beside a photo that is higher than wide
    all do. The photo fills the height of the cards beside it, or the width of those below.

    Args:
        size: Width and height of the photo, px.
        cards: Number of places for cards.
        tall: Height of a card.
        reason: Whether there is a line above the photo.
    """
    aspect, above = size[0] / size[1], STRIP if reason else 0
    beside = cards <= _BESIDE or aspect < 1
    columns = cards if cards <= (_ROW_BESIDE if beside else _ROW_BELOW) else -(-cards // 2)
    columns = min(columns, _MOST_COLUMNS)
    rows = math.ceil(cards / max(columns, 1))
    height = PHOTO_SIDE / max(aspect, 1.0)
    if beside:
        height = max(height, rows * (tall + GAP) - GAP - above - STRIP)
        height = min(height, max(WIDEST, PHOTO_SIDE) / aspect)
    else:
        height = (columns * (CARD_WIDTH + GAP) - GAP) / aspect
    photo = (max(1, round(height * aspect)), max(1, round(height)))
    return Layout(photo, above, beside, columns, rows, tall)
