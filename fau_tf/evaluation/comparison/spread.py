"""Mean and standard deviation of figures over folds, seeds or networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fau_tf.evaluation.comparison.figure_table import METRIC_NAMES, FigureTable, Row
from fau_tf.evaluation.predictions import SHOWN, Predictions, f1_note
from fau_tf.metrics import agreement
from fau_tf.training.run_dir import RunDir


def spread(parts: Mapping[str, Predictions]) -> dict[str, Any]:
    """Return mean and standard deviation of the figures of some evaluations.

    Args:
        parts: Name, e.g. of a fold -> its predictions; all of the same AUs.

    Returns:
        `parts`: name -> `agreement.summary`; `mean`, `sd` and `count`, each of the form of such a
        summary. `sd` is that of a sample (n - 1). Parts whose figure is NaN are left out: `count`
        has how many remain; `mean` is NaN of none, `sd` of fewer than two.

    Raises:
        ValueError: If there are none, or their AUs differ.
    """
    labels = {tuple(one.labels) for one in parts.values()}
    if len(labels) != 1:
        raise ValueError(
            f"Mean and sd need figures of the same AUs: got {sorted(map(list, labels))}. Train all "
            "with one config."
        )
    summaries = {
        name: agreement.summary(one.coded, one.predicted, list(one.labels))
        for name, one in parts.items()
    }
    rows = list(summaries.values())
    found: dict[str, Any] = {"parts": summaries}
    for name, statistic in (("mean", _mean), ("sd", _sd), ("count", len)):
        found[name] = {
            "mean": _over([row["mean"] for row in rows], statistic),
            "per_au": {
                label: _over([row["per_au"][label] for row in rows], statistic)
                for label in rows[0]["per_au"]
            },
        }
    return found


def write_spread(
    run: RunDir, parts: Mapping[str, Predictions], name: str, title: str, **facts: Any
) -> dict[str, Any]:
    """Print and keep mean and standard deviation; return the content of the JSON file.

    Writes NAME.json, NAME.csv and NAME.tex.

    Args:
        run: Folder of the run.
        parts: As in `spread`.
        name: Of the files.
        title: Says over what, and on which data.
        facts: Further entries of the JSON file.
    """
    found = spread(parts)
    run.log(f"   {title}: mean ± sd over {', '.join(parts)}")
    run.log(spread_table(found))
    rows = [
        Row.of(metric, statistic, found[statistic])
        for metric in SHOWN
        for statistic in ("mean", "sd")
    ]
    names = f"{title}: mean and standard deviation over {', '.join(parts)}"
    FigureTable(names, list(found["mean"]["per_au"]), rows).save(run, name)
    found |= facts
    run.write_json(f"{name}.json", found)
    return found


def spread_table(found: Mapping[str, Any]) -> str:
    """Return lines of text: mean ± sd of each AU, from what `spread` returns."""
    lines = ["   AU      " + "".join(f"{METRIC_NAMES[name].split()[0]:>18}" for name in SHOWN)]
    means, deviations = found["mean"], found["sd"]
    rows = [(label, row, deviations["per_au"][label]) for label, row in means["per_au"].items()]
    for label, mean, sd in (*rows, ("mean", means["mean"], deviations["mean"])):
        cells = [f"{mean[name]:.3f} ± {sd[name]:.3f}".rjust(18) for name in SHOWN]
        lines.append(f"   {label:<8}" + "".join(cells))
    every = len(found["parts"])
    fewer = [
        label
        for label, row in found["count"]["per_au"].items()
        if any(row[name] < every for name in SHOWN)
    ]
    if fewer:
        lines.append(f"   of fewer than {every}, as a figure was undefined: {', '.join(fewer)}")
    undefined = [label for label, row in means["per_au"].items() if np.isnan(row["f1"])]
    return "\n".join([*lines, f1_note(undefined)])


def _over(rows: list[dict[str, float]], statistic: Any) -> dict[str, Any]:
    columns = {name: np.array([row[name] for row in rows]) for name in agreement.METRICS}
    return {name: statistic(values[np.isfinite(values)]) for name, values in columns.items()}


def _mean(known: agreement.Floats) -> float:
    return agreement.mean_of_known(known)


def _sd(known: agreement.Floats) -> float:
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")
