"""Validation report as an HTML page: counts, problems, AU statistics and sample faces."""

import html
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from fau_tf import facs
from fau_tf.data.adapters.prepare import PreparedDataset, summary
from fau_tf.data.adapters.validate import Validation, report_lines
from fau_tf.data.tfrecord import read_records, shard_files
from fau_tf.face.au_centers import au_centers
from fau_tf.facs import LEVELS
from fau_tf.utils.files import replacing

_TILE: Final = 128  # px
_LABEL: Final = 14  # px above a tile
_GAP: Final = 4  # px
_PER_LEVEL: Final = 4  # subjects shown at each level, in two rows
_SHOWN: Final = 200  # problems on the page; check.json has all
_STYLE: Final = "body{font:15px sans-serif;margin:2em}img{max-width:100%}pre{white-space:pre-wrap}"


def write_page(
    folder: Path, title: str, validation: Validation, prepared: PreparedDataset | None
) -> Path:
    """Write check.json, figures and index.html; return the page.

    Args:
        folder: Made if it does not exist.
        title: Of the page.
        validation: What to show.
        prepared: Its faces fill the contact sheets; None leaves them out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "check.json", json.dumps(validation.as_json(), indent=1).encode())
    _save(_histograms(validation), folder / "histograms.png")
    _save(_cooccurrence(validation), folder / "cooccurrence.png")
    sheets = _contact_sheets(folder, validation.aus, prepared) if prepared else []
    _write(folder / "index.html", _page(title, validation, sheets, prepared).encode())
    return folder / "index.html"


def _page(
    title: str, validation: Validation, sheets: Sequence[str], prepared: PreparedDataset | None
) -> str:
    index = validation.index
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{index.frame_count:,} labeled frames of {len(index.subjects)} subjects in "
        f"{len(index.clips)} clips. Missing, duplicate or unreadable: {len(validation.problems)}; "
        "an exclamation mark stands before what the data set does not document.</p>",
        _text(report_lines(validation, _SHOWN)),
        '<h2>Intensities per AU</h2><img src="histograms.png">',
        '<h2>Co-occurrence of AUs</h2><img src="cooccurrence.png">',
    ]
    if prepared is None:
        body.append("<p>Prepare the data set and check again to see its faces.</p>")
    else:
        body += ["<h2>Prepared records</h2>", _text(summary(prepared))]
        body.append("<h2>Faces at each coded intensity, with the centers of the AU</h2>")
        body += [f'<h3>{name}</h3><img src="sheet_{name}.png">' for name in sheets]
    text = "\n".join(body)
    return f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>\n{text}\n'


def _text(lines: Sequence[str]) -> str:
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _histograms(validation: Validation) -> Figure:
    """Return a bar chart of the intensities of each AU, log scale."""
    aus = validation.aus
    columns = min(7, len(aus))
    rows = -(-len(aus) // columns)
    figure = Figure(figsize=(2.1 * columns + 0.6, 2.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(aus) :]:
        axes.set_axis_off()
    for au, axes in zip(aus, grid.flat, strict=False):
        counts = validation.counts[au]
        total = max(1, counts.sum())
        bars = axes.bar(range(LEVELS), np.maximum(counts, 0.5), color="#2a6f97")
        axes.bar_label(bars, [f"{100 * n / total:.1f}" for n in counts], fontsize=6)
        axes.set(yscale="log", ylim=(0.5, 4 * max(1, counts.max())), xticks=range(LEVELS))
        axes.set_title(facs.AUS[au].label, fontsize=10)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("coded intensity (percent of the frames above the bars)", fontsize=9)
    figure.supylabel("frames", fontsize=9)
    return figure


def _cooccurrence(validation: Validation) -> Figure:
    """Return a matrix: the share of the frames with the row's AU that have the column's too."""
    labels = [facs.AUS[au].label for au in validation.aus]
    frames = np.maximum(np.diag(validation.cooccurrence), 1)[:, None]
    share = validation.cooccurrence / frames
    figure = Figure(figsize=(0.6 * len(labels) + 2, 0.5 * len(labels) + 1.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        ink = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=ink)
    axes.set_xticks(range(len(labels)), labels, fontsize=8, rotation=45)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_title("share of the row's frames (1 or more) with the column's AU too", fontsize=9)
    return figure


def _contact_sheets(folder: Path, aus: Sequence[int], prepared: PreparedDataset) -> list[str]:
    """Write sheet_<AU>.png for each AU: some faces at each level. Return the labels."""
    faces = _sample_faces(prepared, aus)
    step_x, step_y = _TILE + _GAP, _TILE + _GAP + _LABEL
    names = []
    for au in aus:
        sheet = Image.new("RGB", (_PER_LEVEL * LEVELS * step_x // 2, 2 * step_y), "white")
        for level in range(LEVELS):
            for place, record in enumerate(faces.get((au, level), [])):
                x, y = (level * 2 + place % 2) * step_x, place // 2 * step_y
                sheet.paste(_tile(record, au), (x, y + _LABEL))
                ImageDraw.Draw(sheet).text((x, y), f"{level}  {record['subject']}", fill="black")
        buffer = BytesIO()
        sheet.save(buffer, "PNG")
        names.append(facs.AUS[au].label)
        _write(folder / f"sheet_{names[-1]}.png", buffer.getvalue())
    return names


def _sample_faces(
    prepared: PreparedDataset, aus: Sequence[int]
) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Return (AU, level) -> the first face of each of some subjects."""
    found: dict[tuple[int, int], dict[str, dict[str, Any]]] = {}
    for record in read_records(shard_files(prepared.folder)):
        subject = record["subject"].decode()
        levels = np.round(record["intensity"])
        for au in aus:
            level = levels[facs.ALL.index(au)]
            if np.isfinite(level):
                faces = found.setdefault((au, int(level)), {})
                if subject not in faces and len(faces) < _PER_LEVEL:
                    kept = {name: record[name] for name in ("image", "landmarks")}
                    faces[subject] = kept | {"subject": subject}
    return {key: list(faces.values()) for key, faces in found.items()}


def _tile(record: dict[str, Any], au: int) -> Image.Image:
    """Return a face with circles at the centers of the AU."""
    image = Image.open(BytesIO(record["image"])).convert("RGB")
    centers = (au_centers(record["landmarks"], (au,)) + 0.5) * (_TILE / image.width)
    tile = image.resize((_TILE, _TILE))
    draw = ImageDraw.Draw(tile)
    for x, y in centers.tolist():
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline="#e07a2f", width=2)
    return tile


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as unfinished:
        FigureCanvasAgg(figure).print_figure(unfinished, format="png", dpi=110)


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
