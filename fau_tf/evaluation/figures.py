"""Figures of a run and of docs/experiments/accuracy.md, by Matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fau_tf.facs import MAX_INTENSITY
from fau_tf.models.scc.inspect_graph import ChannelGraph, pair_overlap
from fau_tf.utils.files import replacing

Floats = npt.NDArray[np.floating[Any]]
Bars = Mapping[str, Mapping[str, float]]
_BLUE: Final = "#2a6f97"
_ORANGE: Final = "#e07a2f"
_GRAY: Final = "#b8c0c8"
_DPI: Final = 110
_GRAPH_ROWS: Final = 5  # feature maps
_GRAPH_COLUMNS: Final = 5  # a feature map and up to four neighbors
_PAIRS: Final = 1500  # of faces of two subjects
_MODEL: Final = ("#1f6fb4", "#58b4e5")
_BASELINE: Final = ("#8a8f96", "#c4c8cd")
_REAL: Final = ("#d1762b", "#e8b13c")
_GROUP_WIDTH: Final = 0.8  # of the room that an AU's bars have


def draw_curves(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Draw loss, error and agreement over the epochs; `history` has the rows of history.csv."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    panels = (
        ("training loss", (("loss", "training", _BLUE),), None),
        (
            "mean absolute error, intensity units",
            (("mae", "training", _BLUE), ("val_mae", "validation subjects", _ORANGE)),
            None,
        ),
        ("mean ICC(3,1)", (("val_icc", "validation subjects", _ORANGE),), (0, 1)),
    )
    for axes, (title, lines, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        drawn = [line for line in lines if line[0] in history[0]]  # none without validation
        for key, label, color in drawn:
            axes.plot(epochs, [row[key] for row in history], "o-", color=color, label=label)
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(*(limits or (0, None)))
        axes.xaxis.get_major_locator().set_params(integer=True)
        if drawn:
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
        ("ICC(3,1)", "MAE, intensity units"),
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
    intensity: Floats,
    labels: Sequence[str],
) -> None:
    """Draw faces with target and predicted heatmaps, coded and predicted intensities.

    Args:
        path: The picture.
        images: (N, S, S, 3) RGB 0 to 255.
        target: (N, h, w, K) in intensity units.
        predicted: (N, h, w, K) in intensity units.
        coded: (N, A).
        intensity: (N, A) predicted.
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
        _paired_bars(grid[3, n], coded[n], intensity[n], labels)
    for row, name in enumerate(("face", "target heatmaps", "predicted heatmaps", "intensity")):
        grid[row, 0].set_ylabel(name)
    handles, names = grid[3, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    save_figure(figure, path)


def draw_neighbors(
    path: Path,
    graph: ChannelGraph,
    images: npt.NDArray[np.floating[Any]],
    coded: npt.NDArray[np.floating[Any]],
    subjects: Sequence[str],
) -> None:
    """Draw feature maps beside their neighbors, and how neighbor sets follow expression.

    Left: the feature maps of the first face that vary most (orange frame) and their neighbors in
    the graph. Right: for pairs of faces, the share of common neighbors (`pair_overlap`) over the
    difference of their AU intensities, with Pearson's r of each group.

    Args:
        path: The picture.
        graph: Of one SCC layer, for N faces.
        images: (N, S, S, 3) RGB 0 to 255.
        coded: (N, A) intensities.
        subjects: N names.
    """
    figure = Figure(figsize=(14, 7.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1], squeeze=False)[0]
    k = graph.index.shape[2]
    left.suptitle(f"{graph.layer}: a feature map (orange) and its nearest neighbors")
    _draw_maps(left.subplots(_GRAPH_ROWS, _GRAPH_COLUMNS + 1, squeeze=False), graph, images[0])
    _draw_overlap(right.subplots(), graph, coded, subjects)
    right.suptitle(f"common neighbors (k = {k}) over difference of expression")
    save_figure(figure, path)


def draw_model_report(path: Path, found: Mapping[str, Any]) -> None:
    """Draw bars per AU of the figures in accuracy.json, one panel a kind of evaluation."""
    colors = (*_MODEL, *_BASELINE)
    panels: list[tuple[str, str, Bars, Sequence[str]]] = [
        ("Test subjects, rigs of the training set", "ICC(3,1)", _own_rig_bars(found), colors)
    ]
    if "cross_rig" in found:
        title = "Cross-rig evaluation: a rig that was not used for training"
        panels.append((title, "ICC(3,1)", _cross_rig_bars(found), colors))
    real = _real_bars(found)
    if real:
        title = "Real faces without labels: correlation with MediaPipe's blendshapes"
        panels.append((title, "Pearson's r", real, _REAL))
    figure = Figure(figsize=(11, 2.6 * len(panels)), layout="constrained")
    rows = figure.subplots(len(panels), 1, squeeze=False)
    for axes, (title, unit, bars, group_colors) in zip(rows[:, 0], panels, strict=True):
        _grouped_bars(axes, bars, group_colors)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_ylabel(unit)
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(path) as unfinished:
        FigureCanvasAgg(figure).print_figure(unfinished, format="png", dpi=_DPI)


def _paired_bars(axes: Axes, coded: Floats, predicted: Floats, labels: Sequence[str]) -> None:
    place = np.arange(len(labels))
    axes.barh(place - 0.2, coded, 0.4, color=_GRAY, label="coded")
    axes.barh(place + 0.2, predicted, 0.4, color=_BLUE, label="predicted")
    axes.set(xlim=(0, MAX_INTENSITY), yticks=place)
    axes.set_yticklabels(labels, fontsize=6)
    axes.invert_yaxis()
    _plain(axes)


def _over(face: Floats, heatmaps: Floats) -> Floats:
    """Return the face under the maximum of its K heatmaps, as (S, S, 3)."""
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


def _draw_maps(grid: Any, graph: ChannelGraph, image: npt.NDArray[Any]) -> None:
    features, index = graph.features[0], graph.index[0]
    # The place of the response matters, not its level: rank by spread.
    strongest = np.argsort(-features.std(axis=(0, 1)), kind="stable")[:_GRAPH_ROWS]
    for axes, channel in zip(grid, strongest, strict=False):
        axes[0].imshow(np.clip(image / 255, 0, 1))
        others = [other for other in index[channel] if other != channel]
        for place, other in enumerate([channel, *others[: _GRAPH_COLUMNS - 1]], start=1):
            _draw_map(axes[place], image, features[..., other], other, own=place == 1)
        for empty in axes[len(others) + 2 :]:
            empty.set_axis_off()
        axes[0].set(xticks=[], yticks=[])


def _draw_map(
    axes: Axes, image: npt.NDArray[Any], response: npt.NDArray[Any], channel: int, *, own: bool
) -> None:
    side = image.shape[0]
    axes.imshow(image.mean(axis=-1) / 255, cmap="gray", vmin=0, vmax=1)
    extent = (-0.5, side - 0.5, side - 0.5, -0.5)
    axes.imshow(response, cmap="inferno", alpha=0.65, extent=extent, interpolation="bilinear")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"map {channel}", fontsize=8, pad=2)
    for spine in axes.spines.values():
        spine.set(color=_ORANGE if own else _GRAY, linewidth=3 if own else 1)


def _draw_overlap(
    axes: Axes, graph: ChannelGraph, coded: npt.NDArray[Any], subjects: Sequence[str]
) -> None:
    first, second = np.triu_indices(len(coded), 1)
    chosen = np.random.default_rng(0).permutation(len(first))
    same = np.array(subjects)[first] == np.array(subjects)[second]
    # All pairs of one subject, and enough of the rest.
    keep = np.concatenate([chosen[same[chosen]], chosen[~same[chosen]][:_PAIRS]])
    first, second, same = first[keep], second[keep], same[keep]
    share = pair_overlap(graph, first, second)
    apart = np.abs(np.nan_to_num(coded[first]) - np.nan_to_num(coded[second])).sum(axis=1)
    for mask, label, color in ((~same, "two subjects", _GRAY), (same, "one subject", _BLUE)):
        label += _legend_r(apart[mask], share[mask])
        axes.scatter(apart[mask], share[mask], s=9, alpha=0.5, color=color, label=label)
    axes.set(
        xlabel="difference of expression: sum over AUs of absolute differences of intensity",
        ylabel="share of common neighbors",
        ylim=(0, 1),
    )
    axes.legend(frameon=False)
    _plain(axes)


def _legend_r(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> str:
    """Return Pearson's r for a legend; nothing where it isn't defined."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return ""
    return f", r = {np.corrcoef(one, other)[0, 1]:.2f}"


def _own_rig_bars(found: Mapping[str, Any]) -> Bars:
    rigs = [name for name in found["groups"] if "," not in name]
    bars = {name: _iccs(found["groups"][name]) for name in rigs}
    baseline = found.get("baseline", {}).get("groups", {})
    return bars | {f"baseline, {name}": _iccs(baseline[name]) for name in rigs if name in baseline}


def _cross_rig_bars(found: Mapping[str, Any]) -> Bars:
    bars, baselines = {}, {}
    for one in found["cross_rig"]:
        for rig, group in one["groups"].items():
            if rig not in one["trained_on"]:
                name = f"{', '.join(one['trained_on'])} to {rig}"
                bars[name] = _iccs(group)
                if "baseline" in one:
                    baselines[f"baseline, {name}"] = _iccs(one["baseline"]["groups"][rig])
    return bars | baselines


def _real_bars(found: Mapping[str, Any]) -> Bars:
    bars = {}
    if "photos" in found:
        bars["photos"] = found["photos"]["blendshapes"]["per_au"]
    for one in found.get("videos", [])[:1]:
        bars["a video"] = one["per_au"]
    return bars


def _iccs(group: Mapping[str, Any]) -> dict[str, float]:
    return {label: row["icc"] for label, row in group["per_au"].items()}


def _grouped_bars(axes: Axes, bars: Bars, colors: Sequence[str]) -> None:
    labels = list(next(iter(bars.values())))
    width = _GROUP_WIDTH / len(bars)
    for number, ((name, values), color) in enumerate(zip(bars.items(), colors, strict=False)):
        places = np.arange(len(labels)) + (number - (len(bars) - 1) / 2) * width
        heights = np.array([values[label] for label in labels], np.float64)  # None: NaN of JSON
        axes.bar(places, heights, width, label=name, color=color)
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        ncols=len(bars), fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1)
    )
