"""Published results stand only beside figures of the same data, AUs, protocol and subjects."""

from dataclasses import replace

import pytest

from fau_tf import facs
from fau_tf.data.adapters import bp4d, disfa
from fau_tf.data.config import DataSettings
from fau_tf.evaluation.published import apart, beside, published_results

LABELS = [facs.AUS[au].label for au in facs.DISFA]
DATA = DataSettings(dataset="disfa", root="DISFA", protocol="three_folds", record_size=320)


def test_results_stand_in_order_with_this_run_and_their_sources():
    found = beside(DATA, LABELS, disfa.SUBJECTS)
    assert found.left_out == ""
    assert found.rows == published_results("disfa")
    lines = found.lines(0.5)
    values = [float(line.split()[0]) for line in lines[1:]]
    assert values == sorted(values)
    assert sum("this run" in line for line in lines[1:]) == 1
    assert sum(line.endswith("]") for line in lines) == len(lines) - 2


@pytest.mark.parametrize(("kind", "icc"), [("disfa", 0.47), ("bp4d", 0.72), ("fera2015", 0.72)])
def test_this_method_has_its_published_figure(kind, icc):
    rows = {row["method"]: row["icc"] for row in published_results(kind)}
    assert rows["SCC, this method (Fan et al. 2020)"] == icc


def test_bp4d_is_tested_on_the_even_subjects():
    data = replace(DATA, dataset="bp4d", protocol="odd_even")
    labels = [facs.AUS[au].label for au in facs.BP4D]
    even = [name for name in bp4d.SUBJECTS if int(name[1:]) % 2 == 0]
    assert beside(data, labels, even).rows
    assert "of which this one lacks 1" in beside(data, labels, even[1:]).left_out


@pytest.mark.parametrize(
    ("changes", "labels", "subjects", "why"),
    [
        ({}, LABELS[1:], disfa.SUBJECTS, "they are means of AU01, AU02"),
        ({}, [*LABELS, "AU10"], disfa.SUBJECTS, "and this one is of AU01, AU02"),
        ({"protocol": "random"}, LABELS, disfa.SUBJECTS, "by `random`"),
        ({"frame_stride": 5}, LABELS, disfa.SUBJECTS, "every 5th"),
        ({}, LABELS, disfa.SUBJECTS[:9], "of 27 test subjects, of which this one lacks 18"),
    ],
)
def test_other_aus_protocols_frames_and_subjects_are_told(changes, labels, subjects, why):
    found = beside(replace(DATA, **changes), labels, subjects)
    assert found.rows == []
    assert why in found.left_out
    assert found.lines(0.5) == [f"   published results are not shown: {found.left_out}"]


def test_a_network_from_elsewhere_has_none_beside_it():
    found = apart("runs/bp4d", DATA)
    assert found.rows == []
    assert "runs/bp4d was not trained in this run" in found.left_out


def test_without_results_nothing_is_said():
    data = DataSettings(dataset="csv", root="x", protocol="random", record_size=320)
    for found in (beside(data, LABELS, ["ann"]), apart("runs/x", data)):
        assert (found.rows, found.lines(0.5)) == ([], [])
