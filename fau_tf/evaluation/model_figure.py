"""The figures of `accuracy.py` per AU, as one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fau_tf.evaluation.figures import save_figure

_OURS, _PEERS, _REAL = ("#1f6fb4", "#58b4e5"), ("#8a8f96", "#c4c8cd"), ("#d1762b", "#e8b13c")
_WIDTH = 0.8  # of the room that an AU's bars have


def draw(path: Path, found: Mapping[str, Any]) -> None:
    """Draw what the page tells in tables."""
    panels = [("People it has not seen", "ICC(3,1)", _within(found), (*_OURS, *_PEERS))]
    if "cross_rig" in found:
        panels.append(
            (
                "Another face model than it learned from",
                "ICC(3,1)",
                _crossed(found),
                (*_OURS, *_PEERS),
            )
        )
    if _real(found):
        panels.append(
            ("Real faces, beside MediaPipe's blendshapes (no labels)", "r", _real(found), _REAL)
        )
    figure = Figure(figsize=(11, 2.6 * len(panels)), layout="constrained")
    rows: Any = figure.subplots(len(panels), 1, squeeze=False)
    for axes, (title, unit, bars, colors) in zip(rows[:, 0], panels, strict=True):
        _grouped(axes, bars, colors)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_ylabel(unit)
    save_figure(figure, path)


def _within(found: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    rigs = [name for name in found["groups"] if "," not in name]
    bars = {name: _iccs(found["groups"][name]) for name in rigs}
    theirs = found.get("baseline", {}).get("groups", {})
    return bars | {f"baseline, {name}": _iccs(theirs[name]) for name in rigs if name in theirs}


def _crossed(found: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    bars, baselines = {}, {}
    for one in found["cross_rig"]:
        for rig, group in one["groups"].items():
            if rig not in one["learned_from"]:
                name = f"{', '.join(one['learned_from'])} to {rig}"
                bars[name] = _iccs(group)
                if "baseline" in one:
                    baselines[f"baseline, {name}"] = _iccs(one["baseline"]["groups"][rig])
    return bars | baselines


def _real(found: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    bars = {}
    if "photos" in found:
        bars["photos"] = found["photos"]["agreement"]["per_au"]
    for one in found.get("videos", [])[:1]:
        bars["a video"] = one["per_au"]
    return bars


def _iccs(group: Mapping[str, Any]) -> dict[str, float]:
    return {label: row["icc"] for label, row in group["per_au"].items()}


def _grouped(axes: Axes, bars: Mapping[str, Mapping[str, float]], colors: Sequence[str]) -> None:
    labels = list(next(iter(bars.values())))
    width = _WIDTH / len(bars)
    for number, ((name, values), color) in enumerate(zip(bars.items(), colors, strict=False)):
        places = np.arange(len(labels)) + (number - (len(bars) - 1) / 2) * width
        axes.bar(places, [values[label] for label in labels], width, label=name, color=color)
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        ncols=len(bars), fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1)
    )
