"""Intensities over time as a picture: a row for each AU, a line for each face."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.face.align import Image
from fau_tf.inference.estimator import PRESENT_FROM
from fau_tf.inference.model_info import ModelInfo
from fau_tf.outputs.drawing import CARD, DIM, FACES, HATCH, INK, PAPER, TRACK, Pen, face_color
from fau_tf.outputs.time_series import (
    ABOVE_NEUTRAL,
    INTERVAL_HIGH,
    INTERVAL_LOW,
    SHOWN,
    TimeSeries,
)

WIDTH: Final = 1200
MOST_LINES: Final = 6
"""Faces drawn, those with the most values; as many as there are colors."""

_LEFT, _RIGHT, _HEAD, _ROW, _FOOT = 232, 24, 56, 60, 84
_ROOM: Final = WIDTH - _LEFT - _RIGHT
_SCALE: Final = 2  # curves are drawn this much larger, so that their edges come out smooth
_GAP: Final = 3.0  # a line ends where two points are this many times the usual distance apart
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
# Row of the series -> width of its line (px) and share of the face's color in it.
_LINES: Final = {SHOWN: (1.6, 1.0), ABOVE_NEUTRAL: (0.8, 0.55)}
_RANGE, _INTERVAL = 90, 40  # opacity of the bands, of 255


def plot(
    series: TimeSeries, info: ModelInfo, *, title: str = "", present_from: float = PRESENT_FROM
) -> Image:
    """Return the picture of a time series, (h, `WIDTH`, 3) RGB uint8.

    Thick lines are intensities, smoothed if that was asked for, with their range in each bin; thin
    lines are intensities above neutral; pale bands are prediction intervals. The time line is gray
    and lines are broken if no face could be read. AUs of low reliability are hatched.

    Args:
        series: Of one source.
        info: The model's.
        title: Such as the name of the video.
        present_from: Intensity of the dashed line, from which an AU counts as present.
    """
    height = _HEAD + len(series.labels) * _ROW + _FOOT
    sheet = PillowImage.new("RGB", (WIDTH, height), PAPER)
    span = max(series.end, series.step)
    inks = _inks(series.longest(MOST_LINES))
    pen = Pen.on(sheet)
    for row, label in enumerate(series.labels):
        top = _HEAD + row * _ROW
        doubtful = label in info.low_reliability
        area = _area(series, row, inks, span, present_from, hatched=doubtful)
        sheet.paste(area, (_LEFT, top))
        pen.text(
            (16, top + _ROW / 2), f"{label}*" if doubtful else label, 15, DIM if doubtful else INK
        )
        pen.text((66, top + _ROW / 2), facs.AUS[int(label[2:])].name, 13, DIM)
        pen.text((_LEFT - 6, top + 9), f"{facs.MAX_INTENSITY:.0f}", 11, DIM, "rm")
        pen.text((_LEFT - 6, top + _ROW - 9), "0", 11, DIM, "rm")
    _head(pen, series, inks, title)
    _time_axis(pen, span, height - _FOOT)
    pen.text((WIDTH - _RIGHT, height - 38), _key(series, info, present_from), 13, DIM, "rm")
    pen.text((WIDTH - _RIGHT, height - 14), info.caption, 13, DIM, "rm")
    return np.array(sheet)


def _inks(numbers: list[int]) -> dict[int, str]:
    """Return a color for each face, the one of its box where no other has it already."""
    inks: dict[int, str] = {}
    for number in numbers:
        free = [color for color in FACES if color not in inks.values()]
        inks[number] = face_color(number) if face_color(number) in free else free[0]
    return inks


def _key(series: TimeSeries, info: ModelInfo, present_from: float) -> str:
    tracks = series.tracks.values()
    net = any(track.count[ABOVE_NEUTRAL].any() for track in tracks)
    parts = []
    if net or series.smoothed:
        parts.append("thick: smoothed" if series.smoothed else "thick: raw")
    if net:
        parts.append("thin: above neutral")
    if info.intervals and any(track.count[INTERVAL_LOW].any() for track in tracks):
        parts.append(f"pale band: {100 * info.intervals.level:.0f} % prediction interval")
    if info.low_reliability:
        parts.append("hatched *: low reliability")
    return ", ".join([*parts, f"dashed: present from {present_from:g}", "gray: no face was read"])


def _head(pen: Pen, series: TimeSeries, inks: dict[int, str], title: str) -> None:
    x = float(WIDTH - _RIGHT)
    hidden = series.dropped + len(series.tracks) - len(inks)
    words = [(f"Face {number}", ink) for number, ink in inks.items()]
    words += [(f"and {hidden} shorter", DIM)] if hidden else []
    if not inks:
        words = [("no face was read", INK)]
    for text, ink in reversed(words):
        pen.text((x, 30), text, 15, ink, "rm")
        x -= pen.draw.textlength(text) * 1.5 + 28
    pen.fitted((16, 30), title, 18, INK, max(x - 32, 60))


def _time_axis(pen: Pen, span: float, y: int) -> None:
    tick = next((step for step in _TICKS if span / step <= 10), span / 5)
    for count in range(int(span / tick + 1e-9) + 1):
        x = _LEFT + count * tick / span * _ROOM
        pen.draw.line((x, y, x, y + 5), DIM)
        pen.text((x, y + 15), _clock(count * tick, span), 12, DIM, "mm")


def _clock(seconds: float, span: float) -> str:
    if span < 120:
        return f"{seconds:g} s"
    whole = round(seconds)
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if span >= 3600 else minutes


def _area(
    series: TimeSeries,
    row: int,
    inks: dict[int, str],
    span: float,
    present_from: float,
    *,
    hatched: bool,
) -> PillowImage.Image:
    """Return the curves of one AU, `_ROOM` x `_ROW` px."""
    size = (_ROOM * _SCALE, _ROW * _SCALE)
    area = PillowImage.new("RGB", size, PAPER)
    pen = Pen.on(area)
    inside = (0, 4 * _SCALE, size[0], size[1] - 4 * _SCALE)
    pen.draw.rectangle(inside, CARD)
    if hatched:
        pen.hatch(inside, HATCH, 9 * _SCALE)
    x = series.times() / span * size[0]
    _shade(pen, series, span, size)
    for level in range(int(facs.MAX_INTENSITY) + 1):
        grid = float(_height(np.array(float(level))))
        pen.draw.line((0, grid, size[0], grid), TRACK)
    at = float(_height(np.array(present_from)))
    for left in range(0, size[0], 20):
        pen.draw.line((left, at, left + 8, at), DIM, _SCALE)
    for face_id, ink in inks.items():
        track = series.tracks[face_id]
        ends = track.mean(INTERVAL_LOW)[row], track.mean(INTERVAL_HIGH)[row]
        _band(area, ink, x, ends, track.count[INTERVAL_LOW], _INTERVAL)
        _band(area, ink, x, (track.low[row], track.high[row]), track.count[SHOWN], _RANGE)
    for kind, (width, share) in _LINES.items():
        for face_id, ink in inks.items():
            track = series.tracks[face_id]
            y = _height(track.mean(kind)[row])
            for run in _runs(x, track.count[kind]):
                _line(pen, x[run], y[run], _mixed(ink, share), width * _SCALE)
    return area.resize((_ROOM, _ROW), PillowImage.Resampling.BOX)


def _shade(pen: Pen, series: TimeSeries, span: float, size: tuple[int, int]) -> None:
    """Gray out the bins in which no face was read."""
    read = sum(
        (track.count[SHOWN] for track in series.tracks.values()), np.zeros(len(series.unread))
    )
    missing = (series.unread > 0) & (read == 0)
    wide = series.step / span * size[0]
    # As wide as frames are apart, or the gray would come out striped.
    seen = np.flatnonzero((series.unread > 0) | (read > 0))
    wide *= float(np.median(np.diff(seen))) if len(seen) > 1 else 1.0
    for place in np.flatnonzero(missing).tolist():
        left = place * series.step / span * size[0]
        pen.draw.rectangle((left, 4 * _SCALE, left + wide + 1, size[1] - 4 * _SCALE), TRACK)


def _runs(
    x: npt.NDArray[np.float64], count: npt.NDArray[np.float64]
) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the bins of each unbroken line."""
    filled = np.flatnonzero(count > 0)
    if not len(filled):
        return
    apart = np.diff(x[filled])
    usual = float(np.median(apart)) if len(apart) else 0.0
    yield from np.split(filled, np.flatnonzero(apart > _GAP * usual) + 1)


def _height(level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    share = np.clip(level, 0.0, facs.MAX_INTENSITY) / facs.MAX_INTENSITY
    y: npt.NDArray[np.float64] = (_ROW - 8 - share * (_ROW - 16)) * _SCALE
    return y


def _band(
    area: PillowImage.Image,
    ink: str,
    x: npt.NDArray[np.float64],
    ends: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    count: npt.NDArray[np.float64],
    opacity: int,
) -> None:
    """Lay a translucent band between low and high ends, (BINS,) each, over the area."""
    low, high = map(_height, ends)
    for run in _runs(x, count):
        if len(run) > 1:
            mask = PillowImage.new("L", area.size)
            edge = [
                *zip(x[run].tolist(), high[run].tolist(), strict=True),
                *zip(x[run][::-1].tolist(), low[run][::-1].tolist(), strict=True),
            ]
            Pen.on(mask).draw.polygon(edge, fill=opacity)
            area.paste(ink, (0, 0), mask)


def _line(
    pen: Pen, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], color: str, width: float
) -> None:
    points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    if len(points) == 1:
        (a, b), reach = points[0], width
        pen.draw.ellipse((a - reach, b - reach, a + reach, b + reach), fill=color)
    else:
        pen.draw.line(points, color, max(round(width), 1), joint="curve")


def _mixed(color: str, share: float) -> str:
    """Return a color mixed with white."""
    parts = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part * share + 255 * (1 - share)):02x}" for part in parts)
