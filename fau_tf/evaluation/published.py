"""Published mean ICC(3,1) of AU intensity, to stand beside ours: context, not a contest.

Source: Shao et al., survey of facial action unit analysis, 2022, table 5, unless a row says more.
Protocols differ between papers, and so do alignment and frames left out.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """A method and its mean ICC(3,1) on BP4D's five and DISFA's twelve AUs; None: not given."""

    method: str
    bp4d: float | None
    disfa: float | None


ROWS: Final = (
    Row("DRML", 0.52, 0.29),
    Row("CCNN-IT", 0.63, 0.45),
    Row("2DC", 0.66, 0.50),
    Row("KBSS", 0.67, 0.36),
    Row("ARL", 0.66, 0.48),
    Row("SCC, this method (Fan et al. 2020)", 0.72, 0.47),
    Row("G2RL", 0.69, 0.52),
    Row("DPG", 0.72, 0.56),
    Row("Sanchez et al. 2018, heatmaps", 0.68, None),
    Row("Ntinou et al. 2021", None, 0.57),
)
_COLUMN: Final = {"bp4d": "bp4d", "fera2015": "bp4d", "disfa": "disfa"}


def beside(kind: str) -> dict[str, float]:
    """Return method -> mean ICC(3,1) on a kind of data set; empty where none is known."""
    column = _COLUMN.get(kind)
    found = {row.method: getattr(row, column) for row in ROWS} if column else {}
    return {method: value for method, value in found.items() if value is not None}


def lines(kind: str, ours: float) -> list[str]:
    """Return text: our mean ICC(3,1) among the published ones, which ours need not match."""
    rows = beside(kind)
    if not rows:
        return []
    head = f"   mean ICC(3,1) on {kind}, as published (protocols differ), and this run"
    table = sorted([*rows.items(), ("this run", ours)], key=lambda row: row[1])
    return [head, *(f"   {value:6.2f}  {method}" for method, value in table)]
