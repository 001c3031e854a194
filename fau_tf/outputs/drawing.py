"""Text, marks and colors on a canvas, and pictures with provenance; fonts are Pillow's own."""

import functools
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from fau_tf.face.align import Image
from fau_tf.inference.model_info import ModelInfo
from fau_tf.utils.files import replacing
from fau_tf.utils.text import readable

INK, DIM, PAPER, CARD, TRACK = "#f2f2f2", "#a4aab3", "#15171b", "#212429", "#343941"
GRAY, HATCH, AMBER, RED = "#7d8590", "#555d68", "#ffb703", "#ff6b6b"
FACES: Final = ("#4cc9f0", "#ffb703", "#b5e48c", "#f78fb3", "#c9a7ff", "#ff8c61")
"""A face's color, by its number."""

_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131  # EXIF tags
_LOSSY: Final[dict[str, Any]] = {"quality": 92}
_PNG: Final[dict[str, Any]] = {"compress_level": 4}
"""Half the time of Pillow's level 6 for 2 % more bytes (a card of 1182 x 822 px: 110 ms)."""


def face_color(number: int) -> str:
    """Return the color of a face."""
    return FACES[number % len(FACES)]


@dataclass(frozen=True)
class Pen:
    """Draws on a canvas."""

    draw: ImageDraw.ImageDraw

    @classmethod
    def on(cls, canvas: PillowImage.Image) -> "Pen":
        """Return a pen for a canvas."""
        return cls(ImageDraw.Draw(canvas))

    def text(
        self, at: tuple[float, float], words: str, size: int, fill: str, anchor: str = "lm"
    ) -> None:
        """Write a line, vertically centered at the left unless the anchor says otherwise."""
        self.draw.text(at, _plain(words), fill, _font(size), anchor)

    def fitted(
        self, at: tuple[float, float], words: str, size: int, fill: str, width: float
    ) -> None:
        """Write a line that is no wider than `width` px: in smaller type, then cut."""
        line = _plain(words)
        while size > 11 and self.draw.textlength(line, _font(size)) > width:
            size -= 1
        if self.draw.textlength(line, _font(size)) > width:
            while line and self.draw.textlength(f"{line}...", _font(size)) > width:
                line = line[:-1]
            line = f"{line.rstrip()}..."
        self.draw.text(at, line, fill, _font(size), "lm")

    def hatch(self, box: tuple[float, float, float, float], color: str, step: int = 6) -> None:
        """Fill a box (x0, y0, x1, y1) with diagonal lines."""
        x0, y0, x1, y1 = box
        x = x0 - (y1 - y0)
        while x < x1:
            left, right = max(x, x0), min(x + y1 - y0, x1)
            self.draw.line((left, y1 - left + x, right, y1 - right + x), color)
            x += step

    def whisker(self, y: float, low: float, high: float) -> None:
        """Draw an interval: a line from `low` to `high` with caps, light on a dark edge."""
        for color, wide in (("black", 3), (INK, 1)):
            self.draw.line((low, y, high, y), color, wide)
            for end in (low, high):
                self.draw.line((end, y - 4, end, y + 4), color, wide)

    def dot(self, at: npt.NDArray[np.floating[Any]], radius: float) -> None:
        """Mark a point: a white ring in a black one stands out on any skin."""
        # At whole px: rings of small dots are uneven otherwise.
        at = np.rint(at)
        for grown, color in ((2.0, "black"), (1.0, "white"), (0.0, "black")):
            reach = radius + grown
            box = (at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach)
            self.draw.ellipse([float(side) for side in box], fill=color)

    def tag(self, box: list[float], words: str, color: str) -> None:
        """Frame a box (x0, y0, x1, y1), with a label on it, or in it at the picture's edge."""
        x0, y0, x1, y1 = box
        # Black around the color: seen on any background.
        self.draw.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), None, "black", 5)
        self.draw.rectangle((x0, y0, x1, y1), None, color, 2)
        wide = max(24.0, self.draw.textlength(words, _font(16)) + 12)
        left = max(x0 - 2, 0.0)
        top = y0 - 24 if y0 >= 24 else max(y0, 0.0)
        self.draw.rectangle((left, top, left + wide, top + 24), color)
        self.text((left + wide / 2, top + 12), words, 16, "black", "mm")


def _plain(words: str) -> str:
    """Return one line of what the font has: Latin letters lose their accents, others become ?."""
    parts = unicodedata.normalize("NFKD", " ".join(readable(words).split()))
    kept = "".join(part for part in parts if not unicodedata.combining(part))
    return kept.encode("ascii", "replace").decode("ascii")


@functools.cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def save_picture(path: Path, picture: Image, info: ModelInfo) -> None:
    """Write a picture whole, with the model's provenance as JSON in its EXIF description.

    Args:
        path: Ends in .png, .jpg, .jpeg or .webp; replaced if it exists.
        picture: (H, W, 3) RGB uint8.
        info: The model's.

    Raises:
        ValueError: If Pillow doesn't know the ending.
        OSError: If the file can't be written; `path` is then as it was.
    """
    exif = PillowImage.Exif()
    exif[_DESCRIPTION] = json.dumps(info.provenance)
    exif[_SOFTWARE] = "fau_tf"
    options = _PNG if path.suffix.lower() == ".png" else _LOSSY
    with replacing(path) as unfinished:
        PillowImage.fromarray(picture).save(unfinished, exif=exif, **options)
