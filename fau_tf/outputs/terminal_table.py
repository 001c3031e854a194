"""A face as a table for the terminal."""

import math
from typing import Final, TextIO

from fau_tf import facs
from fau_tf.inference.estimator import PRESENT_FROM, FaceResult

BAR: Final = 20
"""Characters of a bar at intensity 5."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def face_table(
    face: FaceResult, present_from: float = PRESENT_FROM, *, blocks: bool = False
) -> str:
    """Return a heading and a line for each AU: label, name, intensity, interval, bar, presence.

    With a neutral baseline the intensity above it takes the place of the interval; bar and presence
    are those of the raw intensity. A last line names the AUs of low reliability. A face that was
    not read has a heading only.

    Args:
        face: Of an estimate.
        present_from: Intensity from which an AU counts as present.
        blocks: Draw bars of block characters, to an eighth of one; see `has_blocks`.
    """
    lines = _heading(face)
    if face.reason:
        return "\n".join(lines)
    if face.above_neutral is not None:
        lines.append(f"    {'':<29}{'raw':>5}  above neutral")
    for label, intensity in face.intensity.items():
        name = facs.AUS[int(label[2:])].name
        line = f"    {label}  {name:<22}{_figure(intensity, 5)}"
        if face.above_neutral is not None:
            line += _figure(face.above_neutral[label], 7)
        elif face.interval is not None:
            line += "  {:.2f}-{:.2f}".format(*face.interval[label])
        mark = "present" if intensity >= present_from else ""
        lines.append(f"{line}  {_bar(intensity, blocks=blocks)}  {mark}".rstrip())
    if face.low_reliability:
        lines.append(f"    low reliability: {', '.join(face.low_reliability)}")
    return "\n".join(lines)


def has_blocks(stream: TextIO) -> bool:
    """Return whether a stream can show block characters."""
    try:
        _EIGHTHS.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _heading(face: FaceResult) -> list[str]:
    x0, y0, x1, y1 = (round(side) for side in face.box)
    place = f"{x1 - x0} x {y1 - y0} px at ({x0}, {y0})"
    lines = [f"  Face {face.face_id}, {place}, quality {face.quality.score:.2f}"]
    if face.reason:
        lines.append(f"    not read: {face.reason}")
    return lines + [f"    note: {flag}" for flag in face.quality.flags]


def _figure(intensity: float, width: int) -> str:
    return f"{'-':>{width}}" if math.isnan(intensity) else f"{intensity:{width}.2f}"


def _bar(intensity: float, *, blocks: bool) -> str:
    if math.isnan(intensity):
        return " " * BAR
    reach = min(max(intensity / facs.MAX_INTENSITY, 0.0), 1.0) * BAR
    if not blocks:
        return f"{'#' * round(reach):<{BAR}}"
    whole, part = divmod(round(reach * 8), 8)
    return f"{'█' * whole + _EIGHTHS[part]:<{BAR}}"[:BAR]
