"""The paired comparison of two models, on readings whose difference is known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fau_tf.evaluation.real_faces.comparison import SELECTION, compare
from fau_tf.evaluation.real_faces.edits.edit import ROWS
from fau_tf.evaluation.real_faces.edits.rises import EditReadings, edited_rises, rises_per_au
from fau_tf.evaluation.real_faces.evaluate import selection
from fau_tf.evaluation.real_faces.expressions import Readings, neutral_alarms, smile_pairs
from fau_tf.evaluation.real_faces.readings import FolderReadings
from fau_tf.evaluation.real_faces.report.comparison import comparison_section
from fau_tf.evaluation.real_faces.stability import SHIFTED, Changes, stability
from fau_tf.metrics.bootstrap import figure_intervals

AUS = (4, 6, 12, 25)
SUBJECTS = [f"s{i}" for i in range(12)]
PARTS = ("selection", "neutral_alarms", "smile_auc", "edited_rise")


def folder_readings(seed=0, aus=AUS):
    """Return random readings: two photos a subject, one in four AUs at 1 or more."""
    rng = np.random.default_rng(seed)
    shape = (2 * len(SUBJECTS), len(aus))
    subjects, expressions = SUBJECTS * 2, ["neutral"] * 12 + ["smiling"] * 12
    versions = {
        name: Readings(rng.uniform(0, 4 / 3, shape), subjects, expressions, aus)
        for name in ("color", "gray")
    }
    rows = [row for row in ROWS if set(row.aus) <= set(aus)]
    before = rng.uniform(0, 3, (12, len(aus)))
    rise = rng.uniform(0, 2, (12, len(rows), len(aus)))
    edits = EditReadings(SUBJECTS, aus, rows, before, before[:, None] + rise)
    changes = Changes(subjects, aus, {SHIFTED: rng.uniform(0, 1, (24, 4, len(aus)))}, np.zeros(24))
    model = SimpleNamespace(info=SimpleNamespace(aus=aus))
    return FolderReadings(model, {"model": versions}, {"model": edits}, changes)


def with_color(read, intensity):
    """Return the readings with other intensities of the color photos."""
    versions = read.versions["model"]
    changed = {**versions, "color": replace(versions["color"], intensity=intensity)}
    return replace(read, versions={"model": changed})


def figures(found):
    return {(part, key): row for part in PARTS for key, row in found[part].items()}


def test_a_model_compared_with_itself_differs_by_exactly_0():
    read = folder_readings()
    found = figures(compare(read, read))
    assert len(found) == 5 + 4 + 3 + 4
    for row in found.values():
        assert row["a"] == row["b"] > 0
        assert row["difference"] == 0
        assert row["interval"] == [0, 0]


def test_the_figures_are_those_by_which_recipes_are_compared():
    read, other = folder_readings(0), folder_readings(1)
    found = compare(read, other)
    assert found["subjects"] == 12
    for key, one in (("a", read), ("b", other)):
        versions = {
            name: {"neutral": neutral_alarms(rows), "smile": smile_pairs(rows)}
            for name, rows in one.versions["model"].items()
        }
        edited = rises_per_au(edited_rises(one.edits["model"]))
        chosen = selection({"versions": versions, "edited_per_au": edited}, stability(one.changes))
        assert tuple(chosen) == SELECTION
        assert {name: row[key] for name, row in found["selection"].items()} == (
            pytest.approx(chosen)
        )
        color = versions["color"]
        for part, values in (
            ("neutral_alarms", color["neutral"]["per_au"]),
            ("smile_auc", color["smile"]["auc"]),
            ("edited_rise", edited),
        ):
            assert {label: row[key] for label, row in found[part].items()} == pytest.approx(
                {label: row["value"] for label, row in values.items()}
            )


def test_what_both_models_share_cancels():
    """Subjects differ much, the models by one alarm on each: paired, that is certain."""
    alarms = np.zeros((24, 4))
    for s in range(12):
        alarms[s, : s % 4] = 2  # of A, 0 to 3 of the 4 AUs
    more = alarms.copy()
    for s in range(12):
        more[s, s % 4] = 2  # of B, 1 to 4
    read = folder_readings()
    found = compare(with_color(read, alarms), with_color(read, more))["selection"]
    row = found["neutral_alarms"]
    assert (row["a"], row["b"]) == (0.375, 0.625)
    assert row["difference"] == pytest.approx(0.25)
    assert row["interval"] == pytest.approx([0.25, 0.25])
    # A alone is not certain at all.
    low, high = neutral_alarms(with_color(read, alarms).versions["model"]["color"])["all"][
        "interval"
    ]
    assert high - low > 0.2
    assert found["gray_alarms"]["interval"] == found["edited_rise"]["interval"] == [0, 0]


def test_a_draw_takes_all_faces_of_its_subjects_for_both_models():
    """Edits and shifts have other faces than the photos: s0 has none, s1 has two."""
    faces = ["s1", *SUBJECTS[:0:-1]]
    assert len(faces) == 12
    one, two = (
        replace(
            read,
            edits={"model": replace(read.edits["model"], subjects=faces)},
            changes=replace(
                read.changes, subjects=faces, moved={SHIFTED: read.changes.moved[SHIFTED][:12]}
            ),
        )
        for read in (folder_readings(0), folder_readings(1))
    )
    found = compare(one, two)

    def differences(of):
        own = [face for s in of for face, name in enumerate(faces) if name == f"s{s}"]
        rises, shifts = [], []
        for read in (one, two):
            risen = [read.edits["model"].risen(row)[own] for row in range(4)]
            rises.append(np.mean([np.nanmean(row) for row in risen]))
            shifts.append(np.quantile(read.changes.moved[SHIFTED][own], 0.95))
        return [rises[1] - rises[0], shifts[1] - shifts[0]]

    expected = figure_intervals(differences, [f"{s:02d}" for s in range(12)])
    for name, interval in zip(("edited_rise", "shift_p95"), expected, strict=True):
        assert found["selection"][name]["interval"] == pytest.approx(interval)
        assert interval[0] < interval[1]


def test_known_differences_are_found_where_they_are():
    read = folder_readings()
    intensity = np.zeros((24, 4))
    intensity[12:, 2] = np.arange(12) / 100  # A's AU12 hardly tells smiles
    better = intensity.copy()
    better[12:, 2] += 3  # B's does
    better[:12, 0] = [5] * 3 + [0] * 9  # but it frowns on 3 of 12
    found = compare(with_color(read, intensity), with_color(read, better))
    assert found["smile_auc"]["AU12"]["a"] == pytest.approx(0.5 + 0.5 * 11 / 12)
    assert found["smile_auc"]["AU12"]["b"] == 1
    assert found["smile_auc"]["AU06"]["difference"] == 0
    frown = found["neutral_alarms"]["AU04"]
    assert (frown["a"], frown["b"]) == (0, 0.25)
    low, high = frown["interval"]
    assert 0 <= low < 0.25 < high
    assert found["neutral_alarms"]["AU12"]["interval"] == [0, 0]
    assert found["selection"]["neutral_alarms"]["difference"] == pytest.approx(3 / 48)


def test_the_other_way_round_the_difference_is_the_opposite():
    one, two = folder_readings(0), folder_readings(1)
    there, back = figures(compare(one, two)), figures(compare(two, one))
    assert list(there) == list(back)
    for key, row in there.items():
        assert row["difference"] == -back[key]["difference"]
        assert row["interval"] == pytest.approx([-end for end in back[key]["interval"][::-1]])
        low, high = row["interval"]
        assert low <= row["difference"] <= high


def test_aus_that_one_model_has_are_left_out_and_named():
    read = folder_readings()
    versions = read.versions["model"]
    # B has A's readings without AU4, in another order, and AU26 of which every face is full.
    columns = [2, 1, 3]
    aus = (12, 6, 25, 26)

    def of(values):
        full = np.full((*values.shape[:-1], 1), 5.0)
        return np.concatenate([values[..., columns], full], axis=-1)

    moved = {
        name: replace(rows, intensity=of(rows.intensity), aus=aus)
        for name, rows in versions.items()
    }
    edits = read.edits["model"]
    kept = [i for i, row in enumerate(edits.rows) if 4 not in row.aus]
    theirs = EditReadings(
        SUBJECTS, aus, [edits.rows[i] for i in kept], of(edits.before), of(edits.after[:, kept])
    )
    changes = replace(read.changes, aus=aus, moved={SHIFTED: of(read.changes.moved[SHIFTED])})
    model = SimpleNamespace(info=SimpleNamespace(aus=aus))
    other = FolderReadings(model, {"model": moved}, {"model": theirs}, changes)
    found = compare(read, other)
    assert (found["only_a"], found["only_b"]) == (["AU04"], ["AU26"])
    assert found["aus"] == list(found["neutral_alarms"]) == ["AU06", "AU12", "AU25"]
    assert list(found["smile_auc"]) == ["AU12", "AU06", "AU25"]
    assert list(found["edited_rise"]) == ["AU06", "AU12", "AU25"]
    for row in figures(found).values():
        assert (row["difference"], row["interval"]) == (0, [0, 0])
    found |= {key: {"name": f"{key}.tflite"} for key in "ab"}
    page = comparison_section({"compared": found}, dict.fromkeys(SELECTION, "x"))
    assert "only A has AU04; only B has AU26" in page
    assert "means over 3 AUs" in page


def test_models_without_a_common_au_are_refused():
    with pytest.raises(ValueError, match=r"no AU in common: \['AU04'.*and \['AU09'\]"):
        compare(folder_readings(), folder_readings(aus=(9,)))


def test_without_smiles_or_with_one_subject_what_is_not_known_is_nan():
    read = folder_readings()
    color = replace(read.versions["model"]["color"], expressions=["neutral"] * 24)
    found = compare(*[replace(read, versions={"model": {"color": color, "gray": color}})] * 2)
    assert np.isnan(found["selection"]["smile_auc"]["difference"])
    assert np.isnan(found["smile_auc"]["AU06"]["interval"]).all()
    assert found["selection"]["neutral_alarms"]["interval"] == [0, 0]


def test_the_page_marks_what_is_no_noise():
    names = {name: f"figure {name}" for name in SELECTION}
    row = {"a": 0.1, "b": 0.05, "difference": -0.05, "interval": [-0.08, -0.02]}
    noise = {"a": 0.5, "b": 0.52, "difference": 0.02, "interval": [-0.01, 0.05]}
    unknown = {"a": None, "b": 0.5, "difference": None, "interval": [None, None]}
    compared = {
        "a": {"name": "one.tflite"},
        "b": {"name": "two.tflite"},
        "subjects": 23, "aus": ["AU06"], "only_a": [], "only_b": [],
        "selection": {name: row for name in SELECTION} | {"smile_auc": noise},
        "neutral_alarms": {"AU06": noise}, "smile_auc": {"AU06": unknown}, "edited_rise": {},
    }  # fmt: skip
    page = comparison_section({"compared": compared}, names)
    for line in (
        "| figure neutral_alarms | lower | 10.0% | 5.0% | **-5.0 points (-8.0 to -2.0)** |",
        "| figure shift_p95 | lower | 0.10 | 0.05 | **-0.050 (-0.080 to -0.020)** |",
        "| figure smile_auc | higher | 0.50 | 0.52 | +0.020 (-0.010 to +0.050) |",
        "| AU06: neutral faces, 1 or more | lower | 50.0% | 52.0% | +2.0 points (-1.0 to +5.0) |",
        "| AU06: smiles, AUC | higher | - | 0.50 | - |",
    ):
        assert line in page
    assert "They have the same AUs." in page
    assert comparison_section({}, names) == ""
