"""Figures by group: those of its members alone, and small groups pooled."""

import json

import numpy as np
import pytest

from fau_tf.evaluation.real_faces import expressions
from fau_tf.evaluation.real_faces.by_group import by_group
from fau_tf.evaluation.real_faces.expressions import Readings
from fau_tf.evaluation.real_faces.report.groups import HEADS, group_rows, groups_section
from fau_tf.portraits.groups import Grouping
from fau_tf.utils.json_safe import plain

AUS = (4, 6, 12, 25)
SIZES = {"a": 6, "b": 5, "c": 3, "d": 2}
NAMES = [f"{group}{i}" for group, size in SIZES.items() for i in range(size)]
GROUPS = {"letter": Grouping(tuple(SIZES), {name: name[0] for name in NAMES})}


@pytest.fixture(scope="module")
def readings():
    """Return random readings, in which everyone of group b frowns."""
    rng = np.random.default_rng(0)
    intensity = rng.uniform(0, 2, (2 * len(NAMES), len(AUS)))
    subjects, expression = NAMES * 2, ["neutral"] * len(NAMES) + ["smiling"] * len(NAMES)
    intensity[[name[0] == "b" for name in subjects], 0] = 3
    return Readings(intensity, subjects, expression, AUS)


def test_a_group_has_the_figures_of_its_members_alone(readings):
    rows = by_group(readings, GROUPS)["letter"]
    assert [(row["group"], row["subjects"]) for row in rows] == [("a", 6), ("b", 5), ("other", 5)]
    for row, letters in zip(rows, ("a", "b", "cd"), strict=True):
        own = [i for i, name in enumerate(readings.subjects) if name[0] in letters]
        alone = Readings(
            readings.intensity[own],
            [readings.subjects[i] for i in own],
            [readings.expressions[i] for i in own],
            AUS,
        )
        assert row["neutral_alarms"] == expressions.neutral_alarms(alone)["all"]
        assert row["smile_auc"] == expressions.smile_pairs(alone)["mean_auc"]
        assert row["smiles"] == row["subjects"]
        low, high = row["neutral_alarms"]["interval"]
        assert 0 < low < row["neutral_alarms"]["value"] < high < 1
    by_letter = {row["group"]: row["neutral_alarms"]["value"] for row in rows}
    assert by_letter["b"] > by_letter["a"]


def test_subjects_without_a_face_dont_count_and_may_make_a_group_small(readings):
    intensity = readings.intensity.copy()
    intensity[NAMES.index("b0")] = np.nan
    rows = by_group(Readings(intensity, readings.subjects, readings.expressions, AUS), GROUPS)
    found = [(row["group"], row["subjects"], row["smiles"]) for row in rows["letter"]]
    assert found == [("a", 6, 6), ("other", 9, 9)]


def test_fewer_than_five_subjects_have_a_count_and_no_figures(readings):
    twelve = readings.of({*NAMES[:11], "c0"})
    last = by_group(twelve, GROUPS)["letter"][-1]
    assert (last["group"], last["subjects"]) == ("other", 1)
    assert np.isnan(last["neutral_alarms"]["value"])
    assert np.isnan(last["smile_auc"]["interval"]).all()


def test_rows_for_a_model_card_are_the_same_from_the_json_file(readings):
    twelve = readings.of({*NAMES[:11], "c0"})
    found = {"readers": {"model": {"groups": by_group(twelve, GROUPS)}}}
    rows = group_rows(found)
    assert rows == group_rows(json.loads(json.dumps(plain(found))))
    assert [len(row) for row in rows] == [len(HEADS)] * 3
    assert rows[0][:3] == ["letter", "a", "6"]
    assert rows[0][3].endswith("%)")
    assert rows[-1] == ["letter", "other", "1", "-", "-"]
    assert groups_section(found, {"model": "model"}).count("| model | letter |") == 3


def test_without_a_table_there_are_no_rows():
    found = {"readers": {"model": {}}}
    assert group_rows(found) == []
    assert groups_section(found, {"model": "model"}) == ""
