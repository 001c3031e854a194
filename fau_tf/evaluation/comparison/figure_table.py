"""Tables of figures with a column for each AU and one for the mean, as CSV and as LaTeX."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from fau_tf.evaluation.predictions import SHOWN
from fau_tf.metrics.agreement import F1_FROM
from fau_tf.training.run_dir import RunDir, write_text

METRIC_NAMES: Final = {
    "icc": "ICC(3,1)",
    "mae": "MAE",
    "pcc": "PCC",
    "f1": f"F1 ({F1_FROM:g} or more)",
}
"""Metrics of `SHOWN` as people read them."""
_ESCAPED: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_DIGITS: Final = 6  # of a number in CSV


@dataclass(frozen=True)
class Row:
    """One statistic of a metric.

    Attributes:
        metric: One of `SHOWN`.
        statistic: E.g. "mean", "sd"; empty where there is only one.
        values: (A + 1,) of each AU, then of the mean over AUs; NaN where undefined.
    """

    metric: str
    statistic: str
    values: tuple[float, ...]

    @classmethod
    def of(cls, metric: str, statistic: str, found: Mapping[str, Any]) -> Self:
        """Return a row of `agreement.summary`, or of anything of its form."""
        own = [row[metric] for row in found["per_au"].values()]
        return cls(metric, statistic, (*own, found["mean"][metric]))


@dataclass(frozen=True)
class FigureTable:
    """A table of figures.

    Attributes:
        title: Says what was evaluated on what; one line.
        labels: A labels, e.g. `AU06`.
        rows: Those of a metric one after another.
        digits: After the point, in LaTeX.
    """

    title: str
    labels: Sequence[str]
    rows: Sequence[Row]
    digits: int = 2

    def csv(self) -> str:
        """Return the table as CSV: `metric`, `statistic`, a column for each AU, `mean`.

        Undefined figures are `nan`.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["metric", "statistic", *self.labels, "mean"])
        for row in self.rows:
            values = [f"{value:.{_DIGITS}g}" for value in row.values]
            writer.writerow([row.metric, row.statistic, *values])
        return text.getvalue()

    def latex(self) -> str:
        r"""Return the table as a `tabular` in the style of booktabs, to be read by `\input`.

        Undefined figures are dashes.
        """
        names = [escaped(re.sub(r"\bAU0(?=\d)", "AU", label)) for label in self.labels]
        lines = [
            f"% {_one_line(self.title)}",
            r"% Needs \usepackage{booktabs}. A dash: undefined.",
            rf"\begin{{tabular}}{{ll{'r' * len(self.labels)}r}}",
            r"\toprule",
            " & ".join(["", "", *names, "Mean"]).strip() + r" \\",
        ]
        previous = ""
        for row in self.rows:
            if row.metric != previous:
                lines.append(r"\midrule")
            name = METRIC_NAMES[row.metric] if row.metric != previous else ""
            cells = [_number(value, self.digits) for value in row.values]
            lines.append(" & ".join([escaped(name), escaped(row.statistic), *cells]) + r" \\")
            previous = row.metric
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def save(self, run: RunDir, name: str) -> None:
        """Write NAME.csv and NAME.tex into the folder of a run."""
        write_text(run / f"{name}.csv", self.csv())
        write_text(run / f"{name}.tex", self.latex())


def evaluation_table(figures: Mapping[str, Any], title: str) -> FigureTable:
    """Return the table of `Predictions.figures`: each metric with the ends of its interval."""
    test, intervals = figures["test"], figures["confidence_intervals"]
    level = f"{100 * intervals['level']:.0f} % CI"
    rows = []
    for metric in SHOWN:
        rows.append(Row.of(metric, "", test))
        own = [row[metric] for row in intervals["per_au"].values()]
        low, high = zip(*own, intervals["mean"][metric], strict=True)
        rows += [Row(metric, f"{level}, low", low), Row(metric, f"{level}, high", high)]
    return FigureTable(title, list(test["per_au"]), rows)


def escaped(text: str) -> str:
    """Return text in which LaTeX's special characters stand for themselves, in one line."""
    return "".join(_ESCAPED.get(mark, mark) for mark in _one_line(text))


def _one_line(text: str) -> str:
    """Return text without line breaks, which would end a comment or a row."""
    return " ".join(text.split())


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "--"
    text = f"{abs(value):.{digits}f}"
    return f"$-${text}" if value < 0 and float(text) else text
