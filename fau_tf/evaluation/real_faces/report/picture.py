"""The picture of docs/experiments/real_faces.md, from the figures of `evaluate.evaluate_folder`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from fau_tf.evaluation.figures import save_figure
from fau_tf.evaluation.real_faces.au_readers import READERS
from fau_tf.evaluation.real_faces.report.page import NAMES
from fau_tf.evaluation.real_faces.versions import COLOR

_COLORS: Final = {"model": "#1f6fb4", "blendshapes": "#8a8f96"}
_Figures = Mapping[str, Any]


def draw_report(path: Path, found: _Figures) -> None:
    """Draw false alarms and the rise of edited AUs, per AU and reader."""
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    labels = found["aus"]
    for r, name in enumerate(READERS):
        places = [a + 0.4 * r - 0.2 for a in range(len(labels))]
        style = {"width": 0.4, "color": _COLORS[name], "label": NAMES[name]}
        per_au = found["readers"][name]["versions"][COLOR]["neutral"]["per_au"]
        top.bar(places, [per_au[label]["value"] for label in labels], **style)
        alone = found["readers"][name]["edited_per_au"]
        shares = [alone[label]["value"] if label in alone else float("nan") for label in labels]
        bottom.bar(places, shares, **style)
    top.set_title("neutral faces with an intensity of 1 or more")
    bottom.set_title("neutral faces on which the AU rises by 1 or more when it is edited in")
    for axes in (top, bottom):
        axes.set_xticks(range(len(labels)), labels)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.spines[["top", "right"]].set_visible(False)
    top.legend(frameon=False)
    save_figure(figure, path)
