"""Which network predicts which subjects, pooled folds, and what an evaluation keeps."""

import json

import numpy as np
import pytest

from fau_tf.codec import HeatmapCodec
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.tfrecord import shard_files
from fau_tf.evaluation.evaluate import (
    describe_people,
    evaluate,
    evaluate_apart,
    is_apart,
    write_evaluation,
)
from fau_tf.evaluation.networks import Network, population_of
from fau_tf.evaluation.predictions import Predictions, levels_table, pooled, table
from fau_tf.evaluation.published import Published
from fau_tf.metrics import agreement
from fau_tf.training.run_dir import RunDir
from tests.helpers.plain_faces import PlainFaces
from tests.helpers.records import SIZE, make_record, write_shards

SUBJECTS = [f"person{i:05d}" for i in range(4)]


@pytest.fixture
def faces():
    return PlainFaces("disfa", SUBJECTS)


def network(name, value, fitted_on, population="DISFA", aus=(6, 12)):
    def predict(batches):
        count = sum(len(images) for images, _ in batches)
        return np.full((count, len(aus)), value, np.float32)

    codec = HeatmapCodec(64, 16, 1.0)
    return Network(name, aus, codec, "fau", predict, population, frozenset(fitted_on))


def test_each_subject_is_predicted_by_a_network_that_was_not_fitted_on_it(tmp_path):
    records = (make_record(subject, face) for subject in range(4) for face in range(3))
    write_shards(tmp_path, records, shards=2)
    faces = FaceDataset("disfa", tuple(shard_files(tmp_path)), tuple(SUBJECTS), SIZE, clips=True)
    networks = [network("a", 1, SUBJECTS[:2]), network("b", 2, SUBJECTS[2:])]
    found = evaluate(networks, faces, SUBJECTS, str)
    rows = {name: np.array(found.subjects) == name for name in SUBJECTS}
    values = {name: set(found.predicted[row].ravel().tolist()) for name, row in rows.items()}
    assert list(values.values()) == [{2}, {2}, {1}, {1}]
    want = [make_record(0, face).intensity[6] for face in range(3)]
    coded = found.coded[rows[SUBJECTS[0]], 0]
    np.testing.assert_allclose(sorted(coded), sorted(want), rtol=1e-6)


def test_subjects_that_every_network_was_fitted_on_are_left_out_and_named(faces):
    lines = []
    found = evaluate([network("a", 1, SUBJECTS[:3])], faces, SUBJECTS, lines.append)
    assert set(found.subjects) == {SUBJECTS[3]}
    assert any("left out" in line and SUBJECTS[0] in line for line in lines)
    with pytest.raises(ValueError, match="a was fitted on all 4 test subjects"):
        evaluate([network("a", 1, SUBJECTS)], faces, SUBJECTS, str)


def test_a_network_that_does_not_name_its_subjects_is_said_to_be_fitted_on_some_perhaps(faces):
    said = "   a.tflite doesn't name the subjects that it was fitted on; some may be among these"
    for population, fitted_on, times in (("DISFA", [], 1), ("BP4D", [], 0), ("DISFA", ["x"], 0)):
        lines = []
        evaluate([network("a.tflite", 1, fitted_on, population)], faces, SUBJECTS, lines.append)
        assert lines.count(said) == times


def test_the_same_name_in_another_population_is_another_subject(faces):
    found = evaluate([network("a", 1, SUBJECTS, "BP4D")], faces, SUBJECTS, str)
    assert len(found.coded) == 12


def test_only_aus_that_the_data_set_codes_are_evaluated(faces):
    found = evaluate([network("a", 1, [], aus=(10, 12))], faces, SUBJECTS, str)  # DISFA lacks 10
    assert list(found.labels) == ["AU12"]
    with pytest.raises(ValueError, match="a predicts AU10, AU14, and disfa codes none of them"):
        evaluate([network("a", 1, [], aus=(10, 14))], faces, SUBJECTS, str)


def test_only_aus_of_all_networks_are_evaluated_and_the_others_named(faces):
    networks = [network("a", 1, SUBJECTS[:2]), network("b", 2, SUBJECTS[2:], aus=(12,))]
    lines = []
    found = evaluate(networks, faces, SUBJECTS, lines.append)
    assert list(found.labels) == ["AU12"]
    assert np.isfinite(found.predicted).all()
    assert any("left out" in line and "AU06" in line for line in lines)


def test_networks_of_several_seeds_are_not_mixed(faces):
    networks = [network(f"seed{n}", n, SUBJECTS[:2]) for n in (1, 2)]
    with pytest.raises(ValueError, match=r"got 2 seeds, seed1, seed2\. Evaluate the folder of one"):
        evaluate(networks, faces, SUBJECTS, str)


@pytest.mark.parametrize(
    ("population", "fitted_on", "apart"),
    [
        ("BP4D", SUBJECTS, True),  # the same names, other people
        ("DISFA", ["SN031"], True),
        ("DISFA", ["SN031", SUBJECTS[3]], False),
        ("DISFA", [], False),  # an exported model may not name its subjects
        ("", [], False),  # nor a run of an earlier version its population
        ("", [SUBJECTS[3]], False),
    ],
)
def test_data_are_apart_if_no_network_was_fitted_on_their_subjects(
    population, fitted_on, apart, faces
):
    networks = [network("a", 1, SUBJECTS, "BP4D"), network("b", 2, fitted_on, population)]
    assert is_apart(networks, faces) == apart


@pytest.mark.parametrize("rigs", ["canonical", "canonical-anny", "anny-canonical-ict"])
def test_synthetic_sets_of_other_rigs_may_show_the_same_faces(rigs, tmp_path):
    """A face depends on seed, person, face and rig, not on the set's other rigs."""
    trained = FaceDataset("synthetic-canonical", (tmp_path / "set" / "a.tfrecord",), (), SIZE)
    people = describe_people(trained, {"train": SUBJECTS[:2], "validation": [], "test": []})
    one = network("a", 1, SUBJECTS[:2], people["population"])
    faces = PlainFaces(f"synthetic-{rigs}", SUBJECTS)
    assert not is_apart([one], faces)
    assert set(evaluate([one], faces, SUBJECTS, str).subjects) == set(SUBJECTS[2:])
    assert is_apart([network("b", 1, ["person00009"], people["population"])], faces)
    assert is_apart([one], PlainFaces("disfa", SUBJECTS))


@pytest.mark.parametrize(
    ("name", "population"),
    [("disfa", "DISFA"), ("disfa_plus", "DISFA"), ("csv", "csv"), ("DISFA", "DISFA"), ("", "")],
)
def test_a_population_is_that_of_the_data_sets_kind(name, population):
    assert population_of(name) == population


def test_apart_from_its_data_every_network_predicts_all_subjects(faces):
    networks = [network("fold1", 1, SUBJECTS[:2], "BP4D"), network("fold2", 2, [], "BP4D", (12,))]
    lines = []
    found = evaluate_apart(networks, faces, lines.append)
    assert list(found) == ["fold1", "fold2"]
    for value, one in enumerate(found.values(), 1):
        assert sorted(one.subjects) == sorted(3 * SUBJECTS)
        assert list(one.labels) == ["AU12"]
        assert set(one.predicted.ravel().tolist()) == {value}
    assert sum("left out" in line for line in lines) == 1
    assert sum("predicts all 4 subjects" in line for line in lines) == 2


def test_an_au_that_no_face_codes_is_left_out_and_named():
    faces, lines = PlainFaces("csv", SUBJECTS, uncoded=(12,)), []
    found = evaluate([network("a", 1, [])], faces, SUBJECTS, lines.append)
    assert list(found.labels) == ["AU06"]
    assert "   left out, as no face codes it: AU12" in lines
    faces = PlainFaces("csv", SUBJECTS, uncoded=(6, 12))
    with pytest.raises(ValueError, match=r"must code one of AU06, AU12\. Received: none of 12"):
        evaluate([network("a", 1, [])], faces, SUBJECTS, str)


def predictions(seed, subjects, labels=("AU06", "AU12")):
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (30, 2)).astype(np.float32)
    predicted = (coded + rng.normal(0, 1, (30, 2))).astype(np.float32)
    names = [subjects[i % len(subjects)] for i in range(30)]
    return Predictions(coded, predicted, names, list(labels))


def test_folds_are_pooled_before_the_figures_are_computed():
    one, other = predictions(1, "ab"), predictions(2, "cd")
    figures = pooled([one, other]).figures()
    want = agreement.summary(
        np.concatenate([one.coded, other.coded]),
        np.concatenate([one.predicted, other.predicted]),
        ["AU06", "AU12"],
    )
    assert figures["test"] == want
    assert 0 < want["mean"]["icc"] < 1
    assert sorted(figures["by_subject"]) == ["a", "b", "c", "d"]
    intervals = figures["confidence_intervals"]
    assert intervals["subjects"] == 4
    low, high = intervals["mean"]["icc"]
    assert low <= want["mean"]["icc"] <= high
    assert sum(row["frames"] for row in figures["by_level"]["AU06"]) == 60
    assert f"{want['per_au']['AU06']['icc']:.3f}" in table(figures)
    assert "95 % CI" in table(figures)
    assert "AU12" in levels_table(figures)


def test_folds_with_different_aus_are_refused():
    one, other = predictions(1, "ab"), predictions(1, "ab", ["AU06", "AU17"])
    with pytest.raises(ValueError, match=r"must cover the same AUs: got \['AU06', 'AU12'\] and"):
        pooled([one, other])


def test_an_evaluation_is_printed_and_kept_whole(tmp_path, capsys):
    one = predictions(1, "ab")
    with RunDir(tmp_path / "run") as run:
        published = Published([{"method": "DRML", "icc": 0.29, "source": "a survey"}])
        metrics = write_evaluation(
            run, one, "disfa", published=published, prefix="x_", facts={"more": 1}
        )
    printed = capsys.readouterr().out
    assert "this run" in printed
    assert f"{metrics['test']['mean']['icc']:.3f}" in printed
    folder = tmp_path / "run"
    kept = json.loads((folder / "x_metrics.json").read_text())
    assert kept["data"] == {"name": "disfa", "test_subjects": 2}
    assert (kept["more"], kept["published"][0]["method"]) == (1, "DRML")
    again = Predictions.load(folder / "x_predictions.npz")
    np.testing.assert_array_equal(again.coded, one.coded)
    np.testing.assert_array_equal(again.predicted, one.predicted)
    assert (again.subjects, again.labels) == (one.subjects, one.labels)
    names = {path.name for path in folder.iterdir()} - {".lock"}
    tables = ("metrics.csv", "metrics.tex")
    files = ("agreement.png", "scatter.png", "metrics.json", "predictions.npz", *tables)
    assert names == {f"x_{name}" for name in files}
