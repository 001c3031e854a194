"""Tables for a paper: golden files, escapes, undefined figures."""

import csv
from pathlib import Path

import numpy as np
import pytest

from fau_tf.evaluation.comparison.figure_table import (
    FigureTable,
    Row,
    escaped,
    evaluation_table,
)
from fau_tf.evaluation.predictions import Predictions
from fau_tf.training.run_dir import RunDir

GOLDEN = Path(__file__).parents[3] / "golden" / "figure_table"
NAN = float("nan")
TABLE = FigureTable(
    "a_run: 50 % of\n\\input{x}",
    ["AU01", "AU12"],
    [
        Row("icc", "mean", (0.5, -0.123456789, 0.188271605)),
        Row("icc", "sd", (0.01, NAN, 0.0)),
        Row("f1", "mean", (NAN, -0.001, 1.0)),
        Row("f1", "a_b & c", (0.5, 0.25, 0.375)),
    ],
)


@pytest.mark.parametrize(("name", "text"), [("table.csv", TABLE.csv), ("table.tex", TABLE.latex)])
def test_a_table_is_the_golden_file(name, text):
    assert text() == (GOLDEN / name).read_text(encoding="utf-8")


def test_latex_has_one_cell_for_each_column_and_booktabs_rules():
    lines = TABLE.latex().splitlines()
    rows = [line for line in lines if line.endswith("\\\\")]
    columns = len(lines[2].split("}")[1].strip("{"))
    assert columns == 2 + len(TABLE.labels) + 1
    assert {row.replace(r"\&", "").count("&") for row in rows} == {columns - 1}
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"]
    assert lines[0].startswith("% ")
    assert all(not line.startswith("\\input") for line in lines)  # the comment has one line


def test_special_characters_stand_for_themselves():
    assert escaped("a_b & 5 % #1 {x} $y$ ~^ \\z <2>\r\nnext") == (
        r"a\_b \& 5 \% \#1 \{x\} \$y\$ \textasciitilde{}\textasciicircum{} "
        r"\textbackslash{}z \textless{}2\textgreater{} next"
    )


def test_a_negative_zero_has_no_sign():
    table = FigureTable("x", ["AU01"], [Row("icc", "", (-0.004, -0.006))])
    assert r"& 0.00 & $-$0.01 \\" in table.latex()


def test_an_evaluation_has_its_figures_and_the_ends_of_their_intervals(tmp_path):
    rng = np.random.default_rng(0)
    coded = rng.integers(0, 6, (40, 2)).astype(np.float32)
    coded[:, 1] = 1  # F1 is undefined
    predicted = (coded + rng.normal(0, 1, coded.shape)).astype(np.float32)
    found = Predictions(coded, predicted, [f"p{i % 5}" for i in range(40)], ["AU01", "AU12"])
    figures = found.figures()
    with RunDir(tmp_path / "run") as run:
        evaluation_table(figures, "title").save(run, "metrics")
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = {(row["metric"], row["statistic"]): row for row in csv.DictReader(file)}
    assert len(rows) == 4 * 3
    assert rows["f1", ""]["AU12"] == "nan"
    # Six digits.
    want = figures["test"]["per_au"]["AU01"]["icc"]
    assert float(rows["icc", ""]["AU01"]) == pytest.approx(want, rel=1e-5)
    low, high = figures["confidence_intervals"]["mean"]["mae"]
    assert float(rows["mae", "95 % CI, low"]["mean"]) == pytest.approx(low, rel=1e-5)
    assert float(rows["mae", "95 % CI, high"]["mean"]) == pytest.approx(high, rel=1e-5)
    assert "--" in (tmp_path / "run" / "metrics.tex").read_text()
