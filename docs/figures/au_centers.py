"""Draw the AU centers of every rule set on a face: docs/images/au_centers.png.

python docs/figures/au_centers.py
"""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fau_tf import facs
from fau_tf.face.align import crop, crop_matrix, transform
from fau_tf.face.au_centers import au_centers
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.io.images import read_image
from fau_tf.utils.files import replacing

DOCS = Path(__file__).parents[1]
FACE, SIDE, TOP, LABEL = 440, 160, 48, 24
FINE = 2  # supersampling factor, for smooth lines


def main() -> None:
    """Write the figure, one panel per rule set."""
    photo = read_image(DOCS / "sample" / "astronaut.png")
    with FaceLandmarker(num_faces=1, divisions=(1,)) as landmarker:
        landmarks = ibug68(landmarker.find(photo)[0])
    size = FACE * FINE
    matrix = crop_matrix(landmarks, size, margin=0.85)
    face = Image.fromarray(crop(photo, matrix, size)).convert("L").convert("RGB")
    face = Image.blend(face, Image.new("RGB", face.size, "white"), 0.45)
    points = transform(matrix, landmarks)
    panels = [_panel(face, points, rule) for rule in facs.RULES]
    width, height = panels[0].size
    sheet = Image.new("RGB", (2 * width, 2 * height), "white")
    for i, panel in enumerate(panels):
        sheet.paste(panel, (i % 2 * width, i // 2 * height))
    path = DOCS / "images" / "au_centers.png"
    with replacing(path) as unfinished:
        sheet.save(unfinished, optimize=True)
    print(f"{path.name}: {sheet.size}, {path.stat().st_size / 1000:.0f} kB")


def _panel(face: Image.Image, landmarks: np.ndarray, rule: str) -> Image.Image:
    panel = Image.new("RGB", (face.width + 2 * SIDE * FINE, face.height + TOP * FINE), "white")
    panel.paste(face, (SIDE * FINE, TOP * FINE))
    draw = ImageDraw.Draw(panel)
    aus = [au for au in facs.AUS if au in facs.RULES[rule].points]
    centers = facs.centers(aus, rule)
    places = au_centers(landmarks, aus, rule) + np.array((SIDE, TOP)) * FINE
    title = f"rule {rule!r}: {len(aus)} AUs, {len(centers)} centers"
    draw.text((panel.width / 2, 20 * FINE), title, "black", _font(20), "mm")
    # AUs that share a center share a label.
    shared: dict[tuple[int, int], list[int]] = {}
    for center, (x, y) in zip(centers, places, strict=True):
        shared.setdefault((round(x), round(y)), []).append(center.au)
    for column in _columns(list(shared), panel.width / 2):
        _labels(draw, column, shared, panel)
    return panel.reduce(FINE)


def _columns(places: list[tuple[int, int]], middle: float) -> list[list[tuple[int, int]]]:
    """Return the points to label on the left and on the right; those of the midline alternate."""
    near = 12 * FINE
    left = [place for place in places if place[0] < middle - near]
    right = [place for place in places if place[0] > middle + near]
    for i, place in enumerate(sorted(set(places) - set(left) - set(right), key=lambda at: at[1])):
        (left, right)[i % 2].append(place)
    return [left, right]


def _labels(
    draw: ImageDraw.ImageDraw,
    column: list[tuple[int, int]],
    shared: dict[tuple[int, int], list[int]],
    panel: Image.Image,
) -> None:
    column = sorted(column, key=lambda at: at[1])
    on_left = sum(x for x, _ in column) / len(column) < panel.width / 2
    heights = _spread([y for _, y in column], LABEL * FINE, TOP * FINE, panel.height)
    for (x, y), height in zip(column, heights, strict=True):
        aus = shared[x, y]
        color = _color(aus[0])
        edge = (SIDE - 8) * FINE if on_left else panel.width - (SIDE - 8) * FINE
        draw.line((edge, height, x, y), color, 3)
        reach = 5 * FINE
        box = (x - reach, y - reach, x + reach, y + reach)
        draw.ellipse(box, color, "white", FINE)
        words = "AU" + ", ".join(str(au) for au in aus)
        at = edge + (-4 if on_left else 4) * FINE
        draw.text((at, height), words, color, _font(16), "rm" if on_left else "lm")


def _spread(wanted: list[int], gap: int, low: int, high: int) -> list[float]:
    """Return increasing heights near the wanted ones, at least `gap` apart."""
    heights = np.array(wanted, float)
    for _ in range(400):
        short = np.maximum(gap - np.diff(heights), 0) / 2
        heights[:-1] -= short
        heights[1:] += short
        heights = heights.clip(low + gap / 2, high - gap / 2)
    return heights.tolist()


def _color(au: int) -> tuple[int, int, int]:
    # Hues of neighbors in the table differ strongly.
    hue = (facs.ALL.index(au) * 5 % len(facs.ALL)) / len(facs.ALL)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.95, 0.62)
    return round(255 * red), round(255 * green), round(255 * blue)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * FINE)


if __name__ == "__main__":
    main()
