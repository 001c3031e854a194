"""Picture of an export's figures: agreement lost per AU, sizes, times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from export.specs import EXPORT_SPECS
from fau_tf.evaluation.figures import save_figure

_COLORS: Final = colormaps["tab10"]
_WIDTH: Final = 0.8  # of the room that a group of bars has


def draw_parity(path: Path, figures: Mapping[str, Any], title: str) -> None:
    """Draw the contents of parity.json, see `report.report_figures`."""
    variants = figures["variants"]
    figure = Figure(figsize=(12, 8), layout="constrained")
    figure.suptitle(f"{title} (gray: refused)")
    halves: Any = figure.subfigures(2, 1)
    top, bottom = halves
    tested = {name: row for name, row in variants.items() if row["parity"]}
    _agreement(top.subplots(2, 1, sharex=True), tested)
    left, middle, right = bottom.subplots(1, 3)
    _mean_loss(left, {name: row for name, row in tested.items() if name != "float32"})
    _sizes(middle, {name: row for name, row in variants.items() if row["size"]})
    _times(right, {name: row for name, row in variants.items() if row["latency"]})
    save_figure(figure, path)


def _agreement(pair: Any, tested: Mapping[str, Any]) -> None:
    """Draw ICC per AU, and below it the loss of each variant."""
    icc = {
        name: [_value(row["icc"]) for row in entry["parity"]["per_au"].values()]
        for name, entry in tested.items()
    }
    lost = {
        name: [_value(value) for value in entry["icc_lost"]["per_au"].values()]
        for name, entry in tested.items()
    }
    labels = list(next(iter(tested.values()))["parity"]["per_au"])
    _groups(pair[0], icc, labels)
    pair[0].set(ylabel="ICC(3,1)", ylim=(0, 1))
    pair[0].legend(
        ncols=len(icc), fontsize=9, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
    _groups(pair[1], lost, labels)
    gate = max(entry["gates"]["au_icc_lost"] for entry in tested.values())
    pair[1].axhline(gate, color="black", linewidth=1, linestyle="--")
    pair[1].set_ylabel("ICC lost (-- limit)")


def _mean_loss(axes: Axes, variants: Mapping[str, Any]) -> None:
    """Draw the mean ICC lost; a black line is the limit."""
    for place, (name, row) in enumerate(variants.items()):
        axes.bar(place, _value(row["icc_lost"]["mean"]), _WIDTH, color=_color(name, row))
        ends = place - _WIDTH / 2, place + _WIDTH / 2
        axes.plot(ends, [row["gates"]["icc_lost"]] * 2, color="black", linewidth=1.5)
    _named(axes, list(variants), "mean ICC lost (- limit)")


def _sizes(axes: Axes, variants: Mapping[str, Any]) -> None:
    """Draw sizes; the hatched part is the zipped size."""
    for place, (name, row) in enumerate(variants.items()):
        axes.bar(place, row["size"] / 1e6, _WIDTH, color=_color(name, row), alpha=0.6)
        packed = (row["compressed_size"] or 0) / 1e6
        axes.bar(place, packed, _WIDTH, color=_color(name, row), hatch="//", alpha=0.6)
        axes.annotate(f"{row['size_ratio']:.2f}", (place, row["size"] / 1e6), ha="center")
    _named(axes, list(variants), "MB (hatched: zipped)")


def _times(axes: Axes, variants: Mapping[str, Any]) -> None:
    """Draw medians, whiskers up to the 90th percentile; thread counts side by side."""
    for place, (name, row) in enumerate(variants.items()):
        width = _WIDTH / len(row["latency"])
        for number, (count, taken) in enumerate(row["latency"].items()):
            x = place + (number - (len(row["latency"]) - 1) / 2) * width
            above = max(0.0, taken["p90_ms"] - taken["median_ms"])
            axes.bar(x, taken["median_ms"], width, color=_color(name, row), edgecolor="white")
            axes.errorbar(x, taken["median_ms"], [[0.0], [above]], color="black", linewidth=1)
            axes.annotate(count, (x, 0), ha="center", va="bottom", fontsize=7)
    _named(axes, list(variants), "ms a face, by threads")


def _groups(axes: Axes, bars: Mapping[str, list[float]], labels: list[str]) -> None:
    width = _WIDTH / len(bars)
    for number, (name, values) in enumerate(bars.items()):
        places = np.arange(len(labels)) + (number - (len(bars) - 1) / 2) * width
        axes.bar(places, values, width, label=name, color=_of(name))
    _named(axes, labels, "", angle=0)


def _named(axes: Axes, names: list[str], unit: str, angle: int = 30) -> None:
    axes.set_xticks(range(len(names)), names, rotation=angle, ha="right" if angle else "center")
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _color(name: str, row: Mapping[str, Any]) -> Any:
    """Return the variant's color; gray where it is refused."""
    return "#b8c0c8" if row["refused"] else _of(name)


def _of(name: str) -> Any:
    return _COLORS(list(EXPORT_SPECS).index(name))


def _value(number: float | None) -> float:
    return np.nan if number is None else number
