"""Published mean ICC(3,1) of AU intensity on BP4D and DISFA, each with its source.

Protocols differ between papers, and so do alignment and the frames left out.
"""

from dataclasses import dataclass
from typing import Any, Final

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
_DATASET: Final = {"bp4d": "bp4d", "fera2015": "bp4d", "disfa": "disfa"}


def published_results(kind: str) -> list[dict[str, Any]]:
    """Return `method`, `icc` and `source` of each result on a kind of data set, lowest ICC first.

    Empty where none is known.
    """
    column = _DATASET.get(kind, "")
    rows = [
        {"method": one.method, "icc": getattr(one, column, None), "source": one.source}
        for one in RESULTS
    ]
    return sorted((row for row in rows if row["icc"] is not None), key=lambda row: row["icc"])


def comparison(kind: str, icc: float) -> list[str]:
    """Return lines of text: this run's mean ICC(3,1) among the published ones, with sources."""
    rows = published_results(kind)
    if not rows:
        return []
    rows = sorted([*rows, {"method": "this run", "icc": icc, "source": ""}], key=lambda r: r["icc"])
    lines = [f"   mean ICC(3,1) on {kind}: this run and published results (protocols differ)"]
    for row in rows:
        source = f"   [{row['source']}]" if row["source"] else ""
        lines.append(f"   {row['icc']:6.2f}  {row['method']}{source}")
    return lines
