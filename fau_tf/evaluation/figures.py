"""Pictures of a run: curves, agreement per AU, coded against predicted, a gallery of heatmaps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fau_tf.facs import MAX_INTENSITY
from fau_tf.utils.files import replacing

Floats = npt.NDArray[np.floating[Any]]
_BLUE: Final = "#2a6f97"
_ORANGE: Final = "#e07a2f"
_GRAY: Final = "#b8c0c8"
_DPI: Final = 110


def draw_curves(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Draw loss, error and agreement over the epochs; rows as in history.csv."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    panels = (
        ("training loss", (("loss", "training", _BLUE),), None),
        (
            "mean absolute error, grades",
            (("mae", "training", _BLUE), ("val_mae", "validation people", _ORANGE)),
            None,
        ),
        ("mean ICC(3,1)", (("val_icc", "validation people", _ORANGE),), (0, 1)),
    )
    for axes, (title, lines, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        for key, label, color in lines:
            axes.plot(epochs, [row[key] for row in history], "o-", color=color, label=label)
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(*(limits or (0, None)))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
        _plain(axes)
    save_figure(figure, path)


def draw_agreement(path: Path, summary: dict[str, Any], title: str) -> None:
    """Draw bars of ICC(3,1) and MAE per AU, from `agreement.summary`."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    figure.suptitle(title)
    labels = list(summary["per_au"])
    for axes, metric, name, color in zip(
        figure.subplots(2, 1),
        ("icc", "mae"),
        ("ICC(3,1)", "MAE, grades"),
        (_BLUE, _ORANGE),
        strict=True,
    ):
        values = [summary["per_au"][label][metric] for label in labels]
        bars = axes.bar(labels, values, color=color, width=0.65)
        axes.bar_label(bars, fmt="%.2f", fontsize=9, padding=2)
        mean = summary["mean"][metric]
        axes.axhline(mean, color="black", linewidth=1, linestyle="--")
        axes.set_ylabel(f"{name}   (mean {mean:.2f})")
        axes.margins(y=0.15)
        _plain(axes)
    save_figure(figure, path)


def draw_scatter(
    path: Path, coded: Floats, predicted: Floats, labels: Sequence[str], title: str
) -> None:
    """Draw coded against predicted intensity, one panel an AU; (N, A) each, NaN left out."""
    columns = min(7, len(labels))
    rows = -(-len(labels) // columns)
    figure = Figure(figsize=(2.3 * columns, 2.5 * rows), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(labels):
            axes.set_axis_off()
            continue
        known = np.isfinite(coded[:, i]) & np.isfinite(predicted[:, i])
        axes.plot([0, MAX_INTENSITY], [0, MAX_INTENSITY], color=_GRAY, linewidth=1)
        axes.scatter(coded[known, i], predicted[known, i], s=6, alpha=0.4, color=_BLUE, linewidth=0)
        axes.set_title(labels[i], fontsize=10)
        axes.set(xlim=(-0.2, 5.2), ylim=(-0.2, 5.2), aspect="equal")
        _plain(axes)
    figure.supxlabel("coded intensity")
    figure.supylabel("predicted intensity")
    save_figure(figure, path)


def draw_gallery(
    path: Path,
    images: Floats,
    target: Floats,
    predicted: Floats,
    coded: Floats,
    read: Floats,
    labels: Sequence[str],
) -> None:
    """Draw faces with target and predicted heatmaps, and coded beside read intensities.

    Args:
        path: The picture.
        images: (N, S, S, 3) RGB 0 to 255.
        target: (N, h, w, K) in intensity units.
        predicted: (N, h, w, K) in intensity units.
        coded: (N, A).
        read: (N, A).
        labels: A names.
    """
    count = len(images)
    figure = Figure(figsize=(2.1 * count, 8.4), layout="constrained")
    grid = figure.subplots(4, count, squeeze=False, height_ratios=[1, 1, 1, 1.1])
    for n in range(count):
        face = images[n] / 255
        for row, picture in enumerate((face, _over(face, target[n]), _over(face, predicted[n]))):
            grid[row, n].imshow(np.clip(picture, 0, 1))
            grid[row, n].set(xticks=[], yticks=[])
        _paired_bars(grid[3, n], coded[n], read[n], labels)
    for row, name in enumerate(("face", "target heatmaps", "predicted heatmaps", "intensity")):
        grid[row, 0].set_ylabel(name)
    handles, names = grid[3, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(path) as unfinished:
        FigureCanvasAgg(figure).print_figure(unfinished, format="png", dpi=_DPI)


def _paired_bars(axes: Axes, coded: Floats, read: Floats, labels: Sequence[str]) -> None:
    place = np.arange(len(labels))
    axes.barh(place - 0.2, coded, 0.4, color=_GRAY, label="coded")
    axes.barh(place + 0.2, read, 0.4, color=_BLUE, label="predicted")
    axes.set(xlim=(0, MAX_INTENSITY), yticks=place)
    axes.set_yticklabels(labels, fontsize=6)
    axes.invert_yaxis()
    _plain(axes)


def _over(face: Floats, heatmaps: Floats) -> Floats:
    """Return the face with the brightest of its K heatmaps laid over, as (S, S, 3)."""
    height = np.clip(heatmaps.max(axis=-1) / MAX_INTENSITY, 0, 1)  # (h, w)
    repeat = face.shape[0] // height.shape[0]
    height = np.kron(height, np.ones((repeat, repeat)))
    heat = colormaps["inferno"](height)[..., :3]
    alpha = (0.85 * np.sqrt(height))[..., None]
    blend: Floats = (0.55 * face) * (1 - alpha) + heat * alpha
    return blend


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
