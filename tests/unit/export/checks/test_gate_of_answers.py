"""Answers that say nothing, planted among good ones."""

import re

import numpy as np
import pytest

from export.checks import gates


def _answers():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 5, (3, 2)), rng.uniform(0, 5, (3, 4, 4, 3))


def _with(place, value, which):
    answers = _answers()
    answers[which][place] = value
    return answers


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (_answers(), None),
        (_with((0, 1), np.nan, 0), "`intensity` must be finite. Received: 1 of 6"),
        (_with((2, 1, 1, 0), np.inf, 1), "`heatmaps` must be finite. Received: 1 of 144"),
        (_with((slice(None), slice(None)), 2.0, 0), "must vary over 3 faces"),
        (_with(..., 0.5, 1), "heatmaps must vary. Received: 0.5"),
        (_with((slice(None), 1), 0.0, 0), None),
        ((np.zeros((0, 2)), np.zeros((0, 4, 4, 3))), "must be finite. Received: 0 of 0"),
    ],
    ids=["good", "nan", "inf", "same", "flat", "one AU is never there", "none"],
)
def test_answers_that_say_nothing_are_refused(answers, message):
    lines = gates.output_problems(*answers)
    if message is None:
        assert lines == []
    else:
        assert any(re.search(message, line) for line in lines), lines


def test_of_one_face_no_au_has_to_vary():
    intensity, heatmaps = _answers()
    assert gates.output_problems(intensity[:1], heatmaps[:1]) == []
