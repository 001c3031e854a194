"""Published mean ICC(3,1) of AU intensity on BP4D and DISFA, each with its source.

They stand only beside figures of the same data, AUs, protocol and test subjects. Papers still
differ in alignment, in the frames left out and, on DISFA, in who is in which fold.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from fau_tf import facs
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import make_folds

_SURVEY: Final = "Shao et al., survey of facial action unit analysis, 2022, table 5"


@dataclass(frozen=True)
class PublishedResult:
    """Mean ICC(3,1) of a method on BP4D's five and DISFA's twelve AUs; None where not published."""

    method: str
    bp4d: float | None
    disfa: float | None
    source: str = _SURVEY


RESULTS: Final = (
    PublishedResult("DRML", 0.52, 0.29),
    PublishedResult("CCNN-IT", 0.63, 0.45),
    PublishedResult("2DC", 0.66, 0.50),
    PublishedResult("KBSS", 0.67, 0.36),
    PublishedResult("ARL", 0.66, 0.48),
    PublishedResult("SCC, this method (Fan et al. 2020)", 0.72, 0.47),
    PublishedResult("G2RL", 0.69, 0.52),
    PublishedResult("DPG", 0.72, 0.56),
    PublishedResult("heatmap regression", 0.68, None, "Sanchez et al. 2018"),
    PublishedResult("heatmap regression, transfer", None, 0.57, "Ntinou et al. 2021"),
)


@dataclass(frozen=True)
class _Setting:
    """What the published results on a data set are of: its column, AUs and protocol."""

    column: str
    aus: tuple[int, ...]
    protocol: str


_BP4D: Final = _Setting("bp4d", facs.BP4D, "odd_even")
_SETTINGS: Final = {
    "bp4d": _BP4D,
    "fera2015": _BP4D,
    "disfa": _Setting("disfa", facs.DISFA, "three_folds"),
}


@dataclass(frozen=True)
class Published:
    """Published results that may stand beside a run's figures.

    Attributes:
        rows: `method`, `icc` and `source` of each, lowest ICC first.
        left_out: Why there are none although some are known; empty otherwise.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: str = ""

    def lines(self, icc: float) -> list[str]:
        """Return lines of text: this run's mean ICC(3,1) among the published ones."""
        if self.left_out:
            return [f"   published results are not shown: {self.left_out}"]
        if not self.rows:
            return []
        own = {"method": "this run", "icc": icc, "source": ""}
        lines = ["   mean ICC(3,1), this run and published results (alignment and frames differ)"]
        for row in sorted([*self.rows, own], key=lambda one: one["icc"]):
            source = f"   [{row['source']}]" if row["source"] else ""
            lines.append(f"   {row['icc']:6.2f}  {row['method']}{source}")
        return lines


def published_results(kind: str) -> list[dict[str, Any]]:
    """Return `method`, `icc` and `source` of each result on a kind of data set, lowest ICC first.

    Empty where none is known.
    """
    column = _SETTINGS[kind].column if kind in _SETTINGS else ""
    rows = [
        {"method": one.method, "icc": getattr(one, column, None), "source": one.source}
        for one in RESULTS
    ]
    return sorted((row for row in rows if row["icc"] is not None), key=lambda row: row["icc"])


def beside(data: DataSettings, labels: Collection[str], subjects: Collection[str]) -> Published:
    """Return the published results that an evaluation may be compared with.

    Args:
        data: Settings of the data that the network was trained and evaluated on.
        labels: AUs that were evaluated.
        subjects: Test subjects that were evaluated.
    """
    rows = published_results(data.dataset)
    if not rows:
        return Published()
    why = _difference(data, _SETTINGS[data.dataset], set(labels), set(subjects))
    return Published(left_out=why) if why else Published(rows)


def apart(name: str, data: DataSettings) -> Published:
    """Return none, as a network from elsewhere was evaluated, with the reason.

    Args:
        name: Of the network or run.
        data: Settings of the data that it was evaluated on.
    """
    if not published_results(data.dataset):
        return Published()
    protocol = _SETTINGS[data.dataset].protocol
    return Published(
        left_out=f"they are of training and test on {data.dataset} by `{protocol}`, and {name} was "
        "not trained in this run"
    )


def _difference(data: DataSettings, setting: _Setting, labels: set[str], subjects: set[str]) -> str:
    """Return how an evaluation differs from the published ones; empty if it doesn't."""
    aus = {facs.AUS[au].label for au in setting.aus}
    if labels != aus:
        return f"they are means of {_list(aus)}, and this one is of {_list(labels)}"
    if data.protocol != setting.protocol:
        return (
            f"they are by the protocol `{setting.protocol}`, and this one is by `{data.protocol}`"
        )
    if data.frame_stride > 1:
        return f"they are of all frames, and this one is of every {data.frame_stride}th"
    everyone = DATASETS[data.dataset].subjects
    folds = make_folds(setting.protocol, everyone, seed=0)
    wanted = {name for fold in folds for name in fold.subjects["test"]}
    lacking = wanted - subjects
    if lacking:
        return f"they are of {len(wanted)} test subjects, of which this one lacks {len(lacking)}"
    return ""


def _list(labels: set[str]) -> str:
    return ", ".join(sorted(labels))
