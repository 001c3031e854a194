"""A face as a table for the terminal."""

import math
from collections.abc import Collection
from typing import Final, TextIO

from fau_tf import facs
from fau_tf.inference.estimator import FaceResult
from fau_tf.outputs.csv_jsonl import PRESENT_FROM
from fau_tf.utils.text import readable

BAR: Final = 20
"""Characters of a bar at intensity 5."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def face_table(
    i: int,
    face: FaceResult,
    present_from: float = PRESENT_FROM,
    *,
    blocks: bool = False,
    low_reliability: Collection[str] = (),
) -> str:
    """Return a heading and a line for each AU: label, name, intensity, interval, bar, presence.

    Where the face was calibrated, its calibrated intensity stands after the raw one, instead of an
    interval; bar and presence are those of the raw one. Of a face that was not read there is the
    heading only.

    Args:
        i: The face's number, as the picture and the files have it.
        face: What the estimator read.
        present_from: Intensity from which an AU counts as present.
        blocks: Draw bars of block characters, an eighth of one exact; `has_blocks` says where.
        low_reliability: Labels of AUs that the model reads poorly, which a last line says.
    """
    lines = _heading(i, face)
    if face.reason:
        return "\n".join(lines)
    if face.calibrated is not None:
        lines.append(f"    {'':<29}{'raw':>5}{'cal.':>7}")
    for label, intensity in face.intensity.items():
        name = facs.AUS[int(label[2:])].name
        line = f"    {label}  {name:<22}{_figure(intensity, 5)}"
        if face.calibrated is not None:
            line += _figure(face.calibrated[label], 7)
        elif face.interval is not None:
            line += "  {:.1f}-{:.1f}".format(*face.interval[label])
        mark = "present" if intensity >= present_from else ""
        lines.append(f"{line}  {_bar(intensity, blocks=blocks)}  {mark}".rstrip())
    if low_reliability:
        lines.append(f"    read poorly by this model: {', '.join(sorted(low_reliability))}")
    return "\n".join(lines)


def has_blocks(stream: TextIO) -> bool:
    """Return whether a stream can show block characters."""
    try:
        _EIGHTHS.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _heading(i: int, face: FaceResult) -> list[str]:
    x0, y0, x1, y1 = (round(side) for side in face.box)
    quality = face.quality
    place = f"  Face {i}, {x1 - x0} x {y1 - y0} px at ({x0}, {y0})"
    lines = [f"{place}, confidence {quality.confidence:.2f}"]
    if face.reason:
        lines.append(f"    not read: {readable(face.reason)}")
    lines += [f"    note: {readable(flag)}" for flag in quality.flags]
    return lines


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
