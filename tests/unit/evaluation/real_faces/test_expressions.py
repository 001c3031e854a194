"""Figures of neutral and smiling photos, on intensities whose figures are known."""

import numpy as np
import pytest

from fau_tf.evaluation.real_faces import expressions
from fau_tf.evaluation.real_faces.expressions import Readings, auc

AUS = (4, 6, 12, 25)


def readings(rows):
    """Return the readings of (subject, expression, intensities) rows."""
    subjects, words, intensity = zip(*rows, strict=True)
    return Readings(np.array(intensity, float), subjects, words, AUS)


def test_auc_is_the_share_of_pairs_in_which_the_positive_is_higher():
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 4, 20).astype(float), rng.integers(0, 4, 30) - 0.0
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auc(positive, negative) == pytest.approx(np.mean(pairs))
    assert 0 < np.mean(pairs) < 1
    assert auc([2, 3], [0, 1]) == 1
    assert auc([0, 0], [0, 0]) == 0.5
    assert np.isnan(auc([], [1.0]))


def test_alarms_are_intensities_of_1_or_more_on_neutral_faces():
    rows = [
        ("a", "neutral", (1.0, 0.99, 0, 0)),
        ("b", "neutral", (3.0, 0, 0, 0)),
        ("b", "smiling", (5, 5, 5, 5)),
        ("c", "neutral", (0, 0, 0, 0)),
        ("d", "neutral", (np.nan,) * 4),
    ]
    found = expressions.neutral_alarms(readings(rows))
    assert found["subjects"] == 3
    assert found["all"]["value"] == pytest.approx(2 / 12)
    assert {label: row["value"] for label, row in found["per_au"].items()} == pytest.approx(
        {"AU04": 2 / 3, "AU06": 0, "AU12": 0, "AU25": 0}
    )
    low, high = found["per_au"]["AU04"]["interval"]
    assert 0 <= low < 2 / 3 < high <= 1


def test_each_subject_counts_once():
    rows = [("a", "neutral", (4, 0, 0, 0))] * 9 + [("b", "neutral", (0, 0, 0, 0))]
    assert expressions.neutral_alarms(readings(rows))["per_au"]["AU04"]["value"] == 0.5


def test_smiles_raise_their_aus_and_move_others():
    rows = []
    for i, subject in enumerate("abcd"):
        rows.append((subject, "neutral", (0.5, i, 0.1 * i, 1)))
        # AU4 falls by 0.5, AU6 rises with half, AU12 with all, AU25 never.
        rows.append((subject, "smiling", (0, i + (1 if i < 2 else -1), 3, 1)))
    rows.append(("e", "neutral", (5, 5, 5, 5)))  # has no smile
    found = expressions.smile_pairs(readings(rows))
    assert found["subjects"] == 4
    assert list(found["auc"]) == ["AU12", "AU06", "AU25"]
    assert {k: row["value"] for k, row in found["rises"].items()} == {
        "AU12": 1, "AU06": 0.5, "AU25": 0
    }  # fmt: skip
    assert found["auc"]["AU12"]["value"] == 1
    assert found["auc"]["AU25"]["value"] == 0.5
    six = auc([1, 2, 1, 2], [0, 1, 2, 3])
    assert found["auc"]["AU06"]["value"] == six
    assert found["mean_auc"]["value"] == pytest.approx((1 + 0.5 + six) / 3)
    assert found["others"]["AU04"]["value"] == found["mean_other"]["value"] == 0.5


@pytest.mark.filterwarnings("error")
def test_a_model_without_smile_aus_or_without_others_has_figures_of_those_it_has():
    both = readings([("a", "neutral", (0.0,) * 4), ("a", "smiling", (0.5, 1, 2, 3)),
                     ("b", "neutral", (0.0,) * 4), ("b", "smiling", (1.5, 1, 2, 3))])  # fmt: skip
    frown = expressions.smile_pairs(both.of_aus((4,)))
    assert frown["auc"] == {}
    assert np.isnan([frown["mean_auc"]["value"], *frown["mean_auc"]["interval"]]).all()
    assert frown["mean_other"]["value"] == frown["others"]["AU04"]["value"] == 1
    smile = expressions.smile_pairs(both.of_aus((12, 6)))
    assert smile["others"] == {}
    assert np.isnan(smile["mean_other"]["value"])
    assert smile["mean_auc"]["value"] == 1


def test_without_smiles_the_figures_are_nan():
    found = expressions.smile_pairs(readings([("a", "neutral", (0, 0, 0, 0))]))
    assert found["subjects"] == 0
    assert np.isnan([row["value"] for row in found["auc"].values()]).all()
    assert np.isnan(found["mean_other"]["interval"]).all()
