"""Two runs on the same test subjects: figures, intervals, and what is refused."""

import json

import numpy as np
import pytest

from fau_tf.cli import evaluate as command
from fau_tf.evaluation.comparison.runs import (
    EvaluatedRun,
    compare,
    comparison_table,
    comparison_text,
    load_evaluated,
)
from fau_tf.evaluation.predictions import Predictions
from fau_tf.metrics import agreement, bootstrap

LABELS = ["AU06", "AU12"]
SUBJECTS = [f"p{i % 8}" for i in range(160)]


def coded(seed=0):
    return np.random.default_rng(seed).integers(0, 6, (160, 2)).astype(np.float32)


def predictions(noise, seed=1, labels=LABELS, subjects=SUBJECTS, truth=None):
    truth = coded() if truth is None else truth
    error = np.random.default_rng(seed).normal(0, noise, truth.shape)
    return Predictions(truth, (truth + error).astype(np.float32), subjects, labels)


def save(folder, found, dataset="disfa", prefix=""):
    folder.mkdir(parents=True, exist_ok=True)
    found.save(folder / f"{prefix}predictions.npz")
    text = json.dumps({"data": {"name": dataset}})
    (folder / f"{prefix}metrics.json").write_text(text)
    return folder


def differences(a, b):
    return compare(load_evaluated(a), load_evaluated(b))


def test_figures_are_those_of_each_run_and_intervals_those_of_the_paired_bootstrap(tmp_path):
    worse, better = predictions(2.0), predictions(0.5, seed=2)
    found = differences(save(tmp_path / "a", worse), save(tmp_path / "b", better))
    assert (found["data"], found["subjects"], found["frames"]) == ("disfa", 8, 160)
    want = [agreement.summary(one.coded, one.predicted, LABELS) for one in (worse, better)]
    interval = bootstrap.difference_intervals(
        worse.coded, [worse.predicted], [better.predicted], SUBJECTS, LABELS
    )
    for metric in ("icc", "mae", "pcc", "f1"):
        rows = [(found["mean"], *(one["mean"] for one in want), interval["mean"])]
        rows += [
            (row, *(one["per_au"][label] for one in want), interval["per_au"][label])
            for label, row in found["per_au"].items()
        ]
        for row, a, b, ends in rows:
            # Sums in another order.
            assert row[metric]["a"] == pytest.approx(a[metric], abs=1e-9)
            assert row[metric]["b"] == pytest.approx(b[metric], abs=1e-9)
            assert row[metric]["difference"] == pytest.approx(b[metric] - a[metric], abs=1e-9)
            np.testing.assert_allclose(row[metric]["interval"], ends[metric], atol=1e-9)
    assert found["mean"]["icc"]["interval"][0] > 0
    assert found["mean"]["mae"]["interval"][1] < 0
    text = comparison_text(found)
    assert any(line.endswith(" *") for line in text.splitlines())
    assert f"{found['mean']['icc']['difference']:9.3f}" in text
    statistics = [row.statistic for row in comparison_table(found).rows[:5]]
    assert statistics == ["A", "B", "B - A", "95 % CI, low", "95 % CI, high"]


def test_a_run_does_not_differ_from_itself_in_another_order(tmp_path):
    one = predictions(1.0)
    order = np.random.default_rng(3).permutation(160)
    other = Predictions(
        one.coded[order][:, ::-1],
        one.predicted[order][:, ::-1],
        [SUBJECTS[i] for i in order],
        LABELS[::-1],
    )
    found = differences(save(tmp_path / "a", one), save(tmp_path / "b", other))
    for row in (found["mean"], *found["per_au"].values()):
        for figure in row.values():
            # Sums in another order.
            np.testing.assert_allclose([figure["difference"], *figure["interval"]], 0, atol=1e-9)
    assert not any(line.endswith(" *") for line in comparison_text(found).splitlines())


def test_figures_of_seeds_are_averaged(tmp_path):
    seeds = [predictions(1.0, seed) for seed in (1, 2, 3)]
    for i, one in enumerate(seeds, 1):
        save(tmp_path / "a" / f"seed{i}", one)
    save(tmp_path / "a" / "seed1" / "fold1", predictions(9.0))  # of a part
    single = predictions(1.0, 4)
    found = differences(tmp_path / "a", save(tmp_path / "b", single))
    assert found["seeds"] == {"a": 3, "b": 1}
    each = [agreement.summary(one.coded, one.predicted, LABELS)["mean"]["icc"] for one in seeds]
    assert found["mean"]["icc"]["a"] == pytest.approx(np.mean(each), abs=1e-9)
    assert "mean of 3 seeds" in comparison_text(found)


def test_aus_that_no_frame_codes_are_left_out(tmp_path):
    one, truth = predictions(1.0), np.full((160, 3), np.nan, np.float32)
    truth[:, :2] = coded()
    other = predictions(1.0, 2, [*LABELS, "AU45"], truth=truth)
    found = differences(save(tmp_path / "a", one), save(tmp_path / "b", other))
    assert list(found["per_au"]) == LABELS


def test_a_figure_that_one_run_lacks_is_nan_and_leaves_both_means(tmp_path):
    one = predictions(1.0)
    flat = Predictions(one.coded, np.ones_like(one.predicted), SUBJECTS, LABELS)
    flat.predicted[:, 0] = one.predicted[:, 0]
    found = differences(save(tmp_path / "a", one), save(tmp_path / "b", flat))
    assert np.isnan(found["per_au"]["AU12"]["pcc"]["difference"])
    assert np.isnan(found["per_au"]["AU12"]["pcc"]["interval"]).all()
    assert found["mean"]["pcc"]["a"] == found["per_au"]["AU06"]["pcc"]["a"]
    assert found["mean"]["pcc"]["difference"] == 0


@pytest.mark.parametrize(
    ("other", "dataset", "message"),
    [
        (predictions(1.0), "bp4d", r"same data: got disfa only in .*a, and bp4d only in .*b\."),
        (predictions(1.0, labels=["AU06", "AU17"]), "disfa", "same AUs: got AU12 only in .*AU17"),
        (
            predictions(1.0, subjects=[f"q{i % 8}" for i in range(160)]),
            "disfa",
            "same test subjects: got p0, p1, p2, p3, p4 and 3 more only in",
        ),
        (predictions(1.0, truth=coded(5)), "disfa", "same frames: got 160 in .* and 160 in"),
        (
            predictions(1.0, truth=coded()[:150], subjects=SUBJECTS[:150]),
            "disfa",
            "same frames: got 160 in .* and 150 in",
        ),
    ],
)
def test_other_data_aus_subjects_and_frames_are_refused(other, dataset, message, tmp_path):
    save(tmp_path / "a", predictions(1.0))
    save(tmp_path / "b", other, dataset)
    with pytest.raises(ValueError, match=message):
        differences(tmp_path / "a", tmp_path / "b")


def test_what_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(ValueError, match="doesn't exist"):
        load_evaluated(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no predictions\.npz"):
        load_evaluated(tmp_path)
    (tmp_path / "table.npz").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"must be a \.\.\.predictions\.npz file beside"):
        load_evaluated(tmp_path / "table.npz")
    save(tmp_path / "a", predictions(1.0))
    (tmp_path / "a" / "predictions.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ValueError, match="must be what train_keras"):
        load_evaluated(tmp_path / "a")
    save(tmp_path / "b", predictions(1.0))
    save(tmp_path / "b" / "seed1", predictions(1.0))
    with pytest.raises(ValueError, match=r"of a single training and of 1 seeds\. Name one"):
        load_evaluated(tmp_path / "b")


def test_the_command_prints_and_writes_the_differences(tmp_path, capsys):
    a = save(tmp_path / "a", predictions(1.0))
    b = save(tmp_path / "b", predictions(0.5), prefix="evaluated_x_")
    out = tmp_path / "out"
    file = b / "evaluated_x_predictions.npz"
    assert command.main(["compare", str(a), str(file), "--out", str(out)]) == 0
    assert "B - A" in capsys.readouterr().out
    kept = json.loads((out / "comparison.json").read_text())
    assert kept["mean"]["mae"]["difference"] < 0
    assert (out / "comparison.csv").read_text().startswith("metric,statistic,AU06,AU12,mean\n")
    assert r"\bottomrule" in (out / "comparison.tex").read_text()
    assert command.main(["compare", str(a), str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_one_subject_has_no_interval():
    one, two = (predictions(1.0, seed, subjects=["p"] * 160) for seed in (1, 2))
    found = compare(EvaluatedRun("a", "disfa", [one]), EvaluatedRun("b", "disfa", [two]))
    assert np.isnan(found["mean"]["icc"]["interval"]).all()
    assert abs(found["mean"]["icc"]["difference"]) > 0
