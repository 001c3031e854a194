"""A check as a page to look at: histograms, co-occurrence, and faces of each AU at each level."""

import html
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from fau_tf import facs
from fau_tf.data.adapters.clips import LeftOut
from fau_tf.data.adapters.prepare import Prepared
from fau_tf.data.adapters.validate import Check
from fau_tf.data.tfrecord import parse, shard_files
from fau_tf.face.au_centers import au_centers
from fau_tf.facs import LEVELS
from fau_tf.utils.files import replacing

_TILE: Final = 128  # px
_GAP: Final = 4
_COLUMNS: Final = 4  # people at each level
_BLUE: Final = "#2a6f97"
_SHOWN: Final = 200  # problems on the page; check.json has them all


def write_page(folder: Path, title: str, found: Check, prepared: Prepared | None) -> Path:
    """Write check.json, pictures and index.html; return the page.

    Args:
        folder: Made if it isn't there.
        title: Of the page.
        found: What to show.
        prepared: The prepared set, whose faces fill the contact sheets; None leaves them out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "check.json", json.dumps(found.as_json(), indent=1).encode())
    _histograms(folder / "histograms.png", found)
    _together(folder / "together.png", found)
    sheets = _contact_sheets(folder, found.aus, prepared) if prepared else []
    _write(folder / "index.html", _page(title, found, sheets, prepared).encode())
    return folder / "index.html"


def _page(title: str, found: Check, sheets: Sequence[str], prepared: Prepared | None) -> str:
    body = [f"<h1>{html.escape(title)}</h1>"]
    frames = sum(len(clip.numbers) for clip in found.listing.clips)
    people = len(found.listing.people)
    clips = len(found.listing.clips)
    body.append(f"<p>{frames:,} labeled frames of {people} subjects in {clips} clips.</p>")
    if found.comparison:
        body.append("<h2>Against what is published</h2>")
        rows = [(*row, "same" if row[1] == row[2] else "differs") for row in found.comparison]
        body.append(_table(("what", "found", "published", ""), rows))
    body += ["<h2>Intensities per AU</h2>", '<img src="histograms.png">']
    body += ["<h2>AUs that occur together</h2>", '<img src="together.png">']
    if found.listing.warnings:
        body.append("<h2>Warnings</h2>")
        body.append(_table(("",), [(line,) for line in found.listing.warnings]))
    body.append(f"<h2>Missing, double, out of range or unreadable: {len(found.problems)}</h2>")
    body.append(_problems(found.problems))
    if prepared is None:
        body.append("<p>Contact sheets need the prepared faces: prepare, then check again.</p>")
    else:
        dropped = [one for one in prepared.left_out if one not in found.problems]
        body.append(f"<h2>Dropped while preparing: {len(dropped)}</h2>")
        body.append(_problems(dropped))
        body.append("<h2>Faces at each coded intensity, with the AU's centers</h2>")
        body += [f'<h3>{name}</h3><img src="sheet_{name}.png">' for name in sheets]
    style = (
        "body{font:15px sans-serif;margin:2em;max-width:75em}img{max-width:100%}"
        "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}"
    )
    text = "\n".join(body)
    return f'<!doctype html><meta charset="utf-8"><style>{style}</style>\n{text}\n'


def _problems(problems: Sequence[LeftOut]) -> str:
    rows = [
        (one.subject, one.where, one.frames[:200], "yes" if one.documented else "no", one.reason)
        for one in problems[:_SHOWN]
    ]
    more = len(problems) - len(rows)
    table = _table(("subject", "where", "frames", "documented", "reason"), rows) if rows else ""
    return table + (f"<p>... and {more} more, in check.json or dropped.csv</p>" if more else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    first = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    return f"<table><tr>{first}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _histograms(path: Path, found: Check) -> None:
    columns = min(7, len(found.aus))
    rows = -(-len(found.aus) // columns)
    figure = Figure(figsize=(2.1 * columns + 0.6, 2.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(found.aus):
            axes.set_axis_off()
            continue
        counts = found.counts[found.aus[i]]
        bars = axes.bar(range(LEVELS), np.maximum(counts, 0.5), color=_BLUE)
        axes.bar_label(bars, [f"{100 * n / max(1, counts.sum()):.1f}" for n in counts], fontsize=6)
        axes.set_yscale("log")
        axes.set_ylim(0.5, 4 * max(1, counts.max()))
        axes.set_title(facs.AUS[found.aus[i]].label, fontsize=10)
        axes.set_xticks(range(LEVELS))
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("coded intensity (percent of the frames above the bars)", fontsize=9)
    figure.supylabel("frames", fontsize=9)
    _save(figure, path)


def _together(path: Path, found: Check) -> None:
    """Draw the share of the frames with the row's AU on which the column's is there too."""
    labels = [facs.AUS[au].label for au in found.aus]
    occurs = np.maximum(np.diag(found.together), 1)[:, None]
    share = found.together / occurs
    figure = Figure(figsize=(0.6 * len(labels) + 2, 0.5 * len(labels) + 1.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        ink = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=ink)
    axes.set_xticks(range(len(labels)), labels, fontsize=8, rotation=45)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_title("share of the row's frames (1 or more) with the column's AU too", fontsize=9)
    _save(figure, path)


def _contact_sheets(folder: Path, aus: Sequence[int], prepared: Prepared) -> list[str]:
    chosen = _chosen(prepared, aus)
    names = []
    for au in aus:
        sheet = Image.new(
            "RGB", (_COLUMNS * LEVELS * (_TILE + _GAP) // 2, 2 * (_TILE + _GAP + 14)), "white"
        )
        for level in range(LEVELS):
            for place, row in enumerate(chosen.get((au, level), [])[:_COLUMNS]):
                x = (level * 2 + place % 2) * (_TILE + _GAP)
                y = place // 2 * (_TILE + _GAP + 14)
                sheet.paste(_tile(row, au), (x, y + 14))
                ImageDraw.Draw(sheet).text((x, y), f"{level}  {row['subject']}", fill="black")
        buffer = BytesIO()
        sheet.save(buffer, "PNG")
        _write(folder / f"sheet_{facs.AUS[au].label}.png", buffer.getvalue())
        names.append(facs.AUS[au].label)
    return names


def _chosen(prepared: Prepared, aus: Sequence[int]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Return (AU, level) -> a few faces, of different people as far as there are any."""
    found: dict[tuple[int, int], dict[str, dict[str, Any]]] = {}
    files = [str(file) for file in shard_files(prepared.folder)]
    for row in tf.data.TFRecordDataset(files).map(parse).as_numpy_iterator():
        subject = row["subject"].decode()
        levels = np.round(row["intensity"])
        for au in aus:
            level = levels[facs.ALL.index(au)]
            if np.isfinite(level):
                people = found.setdefault((au, int(level)), {})
                if subject not in people and len(people) < _COLUMNS:
                    kept = {name: row[name] for name in ("image", "landmarks")}
                    people[subject] = kept | {"subject": subject}
    return {key: list(people.values()) for key, people in found.items()}


def _tile(row: dict[str, Any], au: int) -> Image.Image:
    picture = Image.open(BytesIO(row["image"])).convert("RGB")
    scale = _TILE / picture.width
    centers: npt.NDArray[Any] = (au_centers(row["landmarks"], (au,)) + 0.5) * scale
    tile = picture.resize((_TILE, _TILE))
    pen = ImageDraw.Draw(tile)
    for x, y in centers.tolist():
        pen.ellipse((x - 3, y - 3, x + 3, y + 3), outline="#e07a2f", width=2)
    return tile


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as unfinished:
        FigureCanvasAgg(figure).print_figure(unfinished, format="png", dpi=110)


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
