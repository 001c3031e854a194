import numpy as np
import pytest

from fau_tf.metrics import agreement, bootstrap, breakdown
from tests.helpers.study import LABELS, study


def test_each_subject_has_the_summary_of_its_frames():
    y, p, subjects = study()
    found = breakdown.by_subject(y, p, subjects, LABELS)
    assert list(found) == [f"SN{s:03d}" for s in range(8)]
    for name, figures in found.items():
        rows = [i for i, subject in enumerate(subjects) if subject == name]
        np.testing.assert_equal(figures, agreement.summary(y[rows], p[rows], LABELS))
    frames = sum(figures["per_au"]["AU01"]["frames"] for figures in found.values())
    assert frames == agreement.per_au(y, p)["frames"][0] > 0


def test_levels_round_the_coded_intensity_and_keep_it_for_the_error():
    y = [[0], [0], [3], [3.4], [2.5], [5.7], [5], [np.nan]]
    p = [[1], [2], [3], [2.4], [2.0], [5.0], [np.nan], [2]]
    found = breakdown.by_level(y, p, ["AU06"])["AU06"]
    empty = {"frames": 0, "predicted": np.nan, "mae": np.nan, "bias": np.nan}
    np.testing.assert_equal([found[i] for i in (1, 4)], [{"level": i} | empty for i in (1, 4)])
    wanted = {0: (2, 1.5, 1.5, 1.5), 2: (1, 2.0, 0.5, -0.5), 3: (2, 2.7, 0.5, -0.5),
              5: (1, 5.0, 0.7, -0.7)}  # fmt: skip
    for level, (frames, predicted, mae, bias) in wanted.items():
        row = {"level": level, "frames": frames, "predicted": predicted, "mae": mae, "bias": bias}
        assert found[level] == pytest.approx(row)


@pytest.mark.parametrize("function", [bootstrap.confidence_intervals, breakdown.by_subject])
def test_each_frame_needs_a_subject(function):
    with pytest.raises(ValueError, match=r"Each of 3 frames needs a subject: got 2 names\."):
        function(np.zeros((3, 1)), np.zeros((3, 1)), ["a", "b"], ["AU06"])


@pytest.mark.parametrize(
    ("coded", "predicted", "labels"),
    [((3, 1), (2, 1), 1), ((3, 2), (3, 2), 1), ((3,), (3,), 3), ((3, 2, 1), (3, 2, 1), 2)],
)
def test_shapes_and_labels_must_agree(coded, predicted, labels):
    with pytest.raises(ValueError, match=r"must both be \(N, A\).* got \(3,.*one label a column"):
        breakdown.by_level(np.zeros(coded), np.zeros(predicted), LABELS[:labels])
