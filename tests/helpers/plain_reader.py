"""Crop and alignment from the rules in fau_metadata.json alone, in plain loops.

Written as in another language, without `fau_tf.face`.
"""

import math


def matrix(crop, landmarks):
    """Return the (2, 3) rows of the similarity from picture px to crop px."""
    source = [landmarks[i] for i in crop["anchors_ibug68"]]
    target = [(x * crop["size"] - 0.5, y * crop["size"] - 0.5) for x, y in crop["template"]]
    n = len(source)
    sx, sy = (sum(point[i] for point in source) / n for i in (0, 1))
    tx, ty = (sum(point[i] for point in target) / n for i in (0, 1))
    spread = a = b = 0.0
    for (x, y), (u, v) in zip(source, target, strict=True):
        x, y, u, v = x - sx, y - sy, u - tx, v - ty
        spread += x * x + y * y
        a += x * u + y * v
        b += x * v - y * u
    a, b = a / spread, b / spread
    return [[a, -b, tx - (a * sx - b * sy)], [b, a, ty - (b * sx + a * sy)]]


def crop_pixels(crop, rows, picture):
    """Return [row][column][color] whole numbers; `picture` likewise."""
    limit = crop["shrink"]["while_px_per_crop_px_above"]
    (a, b, c), (d, e, f) = rows
    span = 1 / math.sqrt(abs(a * e - b * d))
    halvings = 0
    while span / 2**halvings > limit:
        halvings += 1
        picture = _halved(picture)
        # Crop = M p, and p = 2 q + 0.5 for a pixel q of the half.
        c, f = a * 0.5 + b * 0.5 + c, d * 0.5 + e * 0.5 + f
        a, b, d, e = 2 * a, 2 * b, 2 * d, 2 * e
    det = a * e - b * d
    size = crop["size"]
    return [
        [_sampled(picture, (e * (u - c) - b * (v - f)) / det, (a * (v - f) - d * (u - c)) / det)
         for u in range(size)]
        for v in range(size)
    ]  # fmt: skip


def _halved(picture):
    height, width = len(picture), len(picture[0])
    return [
        [[(picture[y][x][i] + picture[min(y + 1, height - 1)][x][i]
           + picture[y][min(x + 1, width - 1)][i]
           + picture[min(y + 1, height - 1)][min(x + 1, width - 1)][i]) / 4 for i in range(3)]
         for x in range(0, width, 2)]
        for y in range(0, height, 2)
    ]  # fmt: skip


def _sampled(picture, x, y):
    height, width = len(picture), len(picture[0])
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = math.floor(x), math.floor(y)
    right, below = min(left + 1, width - 1), min(top + 1, height - 1)
    dx, dy = x - left, y - top
    found = []
    for i in range(3):
        upper = picture[top][left][i] * (1 - dx) + picture[top][right][i] * dx
        lower = picture[below][left][i] * (1 - dx) + picture[below][right][i] * dx
        found.append(min(max(math.floor(upper * (1 - dy) + lower * dy + 0.5), 0), 255))
    return found
