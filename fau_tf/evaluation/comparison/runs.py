"""The difference between two runs on the same test subjects, with a paired bootstrap."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from fau_tf.evaluation.comparison.figure_table import METRIC_NAMES, FigureTable, Row
from fau_tf.evaluation.predictions import SHOWN, Predictions, f1_note
from fau_tf.metrics import agreement
from fau_tf.metrics.bootstrap import difference_intervals
from fau_tf.training.run_dir import METRICS, PREDICTIONS, parts_holding

_NAMED: Final = 5  # subjects and AUs in an error


@dataclass(frozen=True)
class EvaluatedRun:
    """What a run predicted.

    Attributes:
        name: As it was given.
        dataset: Name of the data set.
        parts: The predictions, of several seeds one each; all of the same frames, sorted by
            subject and coded intensities.
    """

    name: str
    dataset: str
    parts: Sequence[Predictions]


def load_evaluated(path: Path) -> EvaluatedRun:
    """Return the predictions of a run, of each of its seeds, or of a `..._predictions.npz`.

    Raises:
        ValueError: If there are none, or its seeds did not predict the same frames.
        OSError: If a file can't be read.
    """
    files = [path] if path.is_file() else _prediction_files(path)
    loaded = [_load(file) for file in files]
    first = loaded[0]
    for other in loaded[1:]:
        require_same_frames(first, other)
    return EvaluatedRun(str(path), first.dataset, [one.parts[0] for one in loaded])


def compare(a: EvaluatedRun, b: EvaluatedRun) -> dict[str, Any]:
    """Return how far the figures of run B are from those of run A on the same frames.

    Returns:
        `a`, `b`: names; `seeds`: how many of each, whose figures are averaged; `data`, `subjects`,
        `frames`, `draws`, `level`; `per_au` (label ->) and `mean`: metric -> `a`, `b`,
        `difference` B - A and its `interval`. The mean is over AUs for which both have the figure.

    Raises:
        ValueError: If data, AUs, test subjects or frames differ.
    """
    require_same_frames(a, b)
    coded, subjects = a.parts[0].coded, a.parts[0].subjects
    labels = list(a.parts[0].labels)
    of_a, of_b = ([one.predicted for one in run.parts] for run in (a, b))
    intervals = difference_intervals(coded, of_a, of_b, subjects, labels)
    first, second = (_mean_figures(run) for run in (a, b))
    known = {m: np.isfinite(first[m]) & np.isfinite(second[m]) for m in SHOWN}
    return {
        "a": a.name,
        "b": b.name,
        "seeds": {"a": len(a.parts), "b": len(b.parts)},
        "data": a.dataset,
        "subjects": intervals["subjects"],
        "frames": len(coded),
        "draws": intervals["draws"],
        "level": intervals["level"],
        "mean": {
            m: _figure(
                agreement.mean_of_known(first[m][known[m]]),
                agreement.mean_of_known(second[m][known[m]]),
                intervals["mean"][m],
            )
            for m in SHOWN
        },
        "per_au": {
            label: {
                m: _figure(first[m][i], second[m][i], intervals["per_au"][label][m]) for m in SHOWN
            }
            for i, label in enumerate(labels)
        },
    }


def require_same_frames(a: EvaluatedRun, b: EvaluatedRun) -> None:
    """Raise ValueError unless two runs predicted the same AUs of the same frames.

    Frames are the same if each subject has the same number with the same coded intensities.
    """
    one, other = a.parts[0], b.parts[0]
    pairs = (
        ("data", [a.dataset], [b.dataset]),
        ("AUs", one.labels, other.labels),
        ("test subjects", one.subjects, other.subjects),
    )
    for what, ours, theirs in pairs:
        if set(ours) != set(theirs):
            raise ValueError(
                f"Two runs are compared on the same {what}: got {_only(ours, theirs)} only in "
                f"{a.name}, and {_only(theirs, ours)} only in {b.name}. Evaluate both on one "
                "config's data."
            )
    alike = list(one.subjects) == list(other.subjects)
    if not (alike and np.array_equal(one.coded, other.coded, equal_nan=True)):
        raise ValueError(
            f"Two runs are compared on the same frames: got {len(one.coded)} in {a.name} and "
            f"{len(other.coded)} in {b.name}, of other numbers or coded intensities for a subject. "
            "Prepare the data of both with the same settings, and train or evaluate again."
        )


def comparison_text(found: Mapping[str, Any]) -> str:
    """Return lines of text: a table for each metric, from what `compare` returns."""
    lines = [
        f"   A: {_described(found, 'a')}",
        f"   B: {_described(found, 'b')}",
        f"   {found['frames']} faces of {found['subjects']} test subjects, {found['data']}",
    ]
    level = f"{100 * found['level']:.0f} % CI"
    head = f"{'A':>9}{'B':>9}{'B - A':>9}{level:>20}"
    rows = [*found["per_au"].items(), ("mean", found["mean"])]
    for metric in SHOWN:
        lines.append(f"   {METRIC_NAMES[metric]:<15}{head}")
        lines += [f"   {label:<15}{_cells(row[metric])}" for label, row in rows]
    undefined = [label for label, row in rows[:-1] if math.isnan(row["f1"]["difference"])]
    return "\n".join(
        [
            *lines,
            f1_note(undefined),
            "   *: the interval leaves out 0, as one of 20 does by chance. It is over subjects, "
            "not over seeds.",
        ]
    )


def comparison_table(found: Mapping[str, Any]) -> FigureTable:
    """Return the table of what `compare` returns."""
    columns = [*found["per_au"].values(), found["mean"]]
    rows = []
    for metric in SHOWN:
        cells = [column[metric] for column in columns]
        rows += [
            Row(metric, name, tuple(cell[key] for cell in cells))
            for key, name in (("a", "A"), ("b", "B"), ("difference", "B - A"))
        ]
        level = f"{100 * found['level']:.0f} % CI"
        rows += [
            Row(metric, f"{level}, {end}", tuple(cell["interval"][i] for cell in cells))
            for i, end in enumerate(("low", "high"))
        ]
    title = (
        f"A: {_described(found, 'a')}; B: {_described(found, 'b')}; {found['frames']} faces of "
        f"{found['subjects']} test subjects, {found['data']}; paired bootstrap over subjects"
    )
    return FigureTable(title, list(found["per_au"]), rows, digits=3)


def _prediction_files(run: Path) -> list[Path]:
    own = run / PREDICTIONS
    seeds = [
        folder / PREDICTIONS
        for folder in parts_holding(run, PREDICTIONS)
        if folder.parent == run and folder.name.startswith("seed")
    ]
    if own.is_file() and seeds:
        raise ValueError(
            f"{run} holds the predictions of a single training and of {len(seeds)} seeds. Name "
            f"one: {own} or {seeds[0].parent}."
        )
    found = [own] if own.is_file() else seeds
    if not found:
        state = f"holds no {PREDICTIONS}" if run.is_dir() else "doesn't exist"
        raise ValueError(
            f"{run} {state}. Give a run that was trained to its end, or a {PREDICTIONS} file of "
            "--evaluate."
        )
    return found


def _load(file: Path) -> EvaluatedRun:
    metrics = file.with_name(file.name.replace(PREDICTIONS, METRICS[0]))
    if not file.name.endswith(PREDICTIONS) or not metrics.is_file():
        raise ValueError(
            f"{file} must be a ...{PREDICTIONS} file beside its ...{METRICS[0]}, which names the "
            "data. Give what train_keras.py wrote."
        )
    try:
        dataset = json.loads(metrics.read_text(encoding="utf-8"))["data"]["name"]
        predictions = Predictions.load(file)
    except (ValueError, KeyError, TypeError, BadZipFile) as error:
        raise ValueError(
            f"{file} and {metrics.name} must be what train_keras.py wrote: got {error!r}. Run it "
            "again."
        ) from error
    coded = predictions.only(sorted(predictions.coded_labels))
    return EvaluatedRun(str(file.parent), dataset, [_sorted(coded)])


def _sorted(found: Predictions) -> Predictions:
    """Return the predictions sorted by subject, then by coded intensities."""
    keys = [*np.nan_to_num(found.coded, nan=-1).T[::-1], np.array(found.subjects, np.str_)]
    order = np.lexsort(keys)
    names = [found.subjects[i] for i in order]
    return Predictions(found.coded[order], found.predicted[order], names, found.labels)


def _mean_figures(run: EvaluatedRun) -> dict[str, agreement.Floats]:
    """Return metric -> (A,) figures, averaged over seeds."""
    each = [agreement.per_au(one.coded, one.predicted) for one in run.parts]
    return {metric: np.mean([one[metric] for one in each], axis=0) for metric in SHOWN}


def _figure(a: float, b: float, interval: list[float]) -> dict[str, Any]:
    return {"a": float(a), "b": float(b), "difference": float(b - a), "interval": interval}


def _only(ours: Sequence[str], theirs: Sequence[str]) -> str:
    names = sorted(set(ours) - set(theirs))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "none") + more


def _described(found: Mapping[str, Any], run: str) -> str:
    seeds = found["seeds"][run]
    return str(found[run]) + (f", mean of {seeds} seeds" if seeds > 1 else "")


def _cells(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    mark = " *" if low > 0 or high < 0 else ""
    values = "".join(f"{figure[key]:9.3f}" for key in ("a", "b", "difference"))
    return f"{values}{f'{low:.3f} to {high:.3f}':>20}{mark}"
