"""A picture of what an SCC layer's graph looks like on faces, and how it follows expression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fau_tf.evaluation.figures import save_figure
from fau_tf.models.scc.inspect_graph import ChannelGraph, pair_overlap

_ROWS: Final = 5  # feature maps shown
_COLUMNS: Final = 5  # the map and up to four neighbors
_PAIRS: Final = 1500


def draw_neighbors(
    path: Path,
    graph: ChannelGraph,
    images: npt.NDArray[np.floating[Any]],
    coded: npt.NDArray[np.floating[Any]],
    people: Sequence[str],
) -> None:
    """Draw feature maps beside their neighbors, and how neighbor sets follow expression.

    Left: the strongest feature maps of the first face (orange frame) and the maps that the graph
    joins to each. Right: pairs of faces, how far apart their AU intensities are against the share
    of neighbors that they have in common (`pair_overlap`), with Pearson's r of each group.

    Args:
        path: The picture.
        graph: Of one SCC layer, for N faces.
        images: (N, S, S, 3) RGB 0 to 255.
        coded: (N, A) intensities.
        people: N names.
    """
    figure = Figure(figsize=(14, 7.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1], squeeze=False)[0]
    k = graph.index.shape[2]
    left.suptitle(f"{graph.layer}: a feature map (orange) and those that respond most alike")
    _maps(left.subplots(_ROWS, _COLUMNS + 1, squeeze=False), graph, images[0])
    _expression(right.subplots(), graph, coded, people)
    right.suptitle(f"how the k = {k} neighbor sets follow expression")
    save_figure(figure, path)


def _maps(grid: Any, graph: ChannelGraph, image: npt.NDArray[Any]) -> None:
    features, index = graph.features[0], graph.index[0]
    # Where a map responds is what it says about a face: rank by spread, not by offset.
    strongest = np.argsort(-features.std(axis=(0, 1)), kind="stable")[:_ROWS]
    for axes, channel in zip(grid, strongest, strict=False):
        axes[0].imshow(np.clip(image / 255, 0, 1))
        others = [other for other in index[channel] if other != channel]
        for place, other in enumerate([channel, *others[: _COLUMNS - 1]], start=1):
            _one_map(axes[place], image, features[..., other], other, own=place == 1)
        for empty in axes[len(others) + 2 :]:
            empty.set_axis_off()
        axes[0].set(xticks=[], yticks=[])


def _one_map(
    axes: Axes, image: npt.NDArray[Any], response: npt.NDArray[Any], channel: int, *, own: bool
) -> None:
    side = image.shape[0]
    axes.imshow(image.mean(axis=-1) / 255, cmap="gray", vmin=0, vmax=1)
    extent = (-0.5, side - 0.5, side - 0.5, -0.5)
    axes.imshow(response, cmap="inferno", alpha=0.65, extent=extent, interpolation="bilinear")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"map {channel}", fontsize=8, pad=2)
    for spine in axes.spines.values():
        spine.set(color="#e07a2f" if own else "#b8c0c8", linewidth=3 if own else 1)


def _expression(
    axes: Axes, graph: ChannelGraph, coded: npt.NDArray[Any], people: Sequence[str]
) -> None:
    first, second = np.triu_indices(len(coded), 1)
    chosen = np.random.default_rng(0).permutation(len(first))
    same = np.array(people)[first] == np.array(people)[second]
    # All pairs of one person, and enough of the rest.
    keep = np.concatenate([chosen[same[chosen]], chosen[~same[chosen]][:_PAIRS]])
    first, second, same = first[keep], second[keep], same[keep]
    share = pair_overlap(graph, first, second)
    apart = np.abs(np.nan_to_num(coded[first]) - np.nan_to_num(coded[second])).sum(axis=1)
    for mask, label, color in ((~same, "two people", "#b8c0c8"), (same, "one person", "#2a6f97")):
        label += _correlation(apart[mask], share[mask])
        axes.scatter(apart[mask], share[mask], s=9, alpha=0.5, color=color, label=label)
    axes.set(
        xlabel="difference of expression: sum over AUs of |difference of intensity|",
        ylabel="share of neighbors in common",
        ylim=(0, 1),
    )
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> str:
    """Return Pearson's r for a legend; nothing where it isn't defined."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return ""
    return f", r = {np.corrcoef(one, other)[0, 1]:.2f}"
