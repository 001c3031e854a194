"""Whom a network may judge, how folds are pooled, and what stands beside the figures."""

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.tfrecord import shard_files
from fau_tf.evaluation import published
from fau_tf.evaluation.evaluate import Network, evaluate, networks
from fau_tf.evaluation.predictions import Predictions, levels_table, pooled, table
from fau_tf.metrics import agreement
from tests.helpers.records import SIZE, make_record
from tests.helpers.shards import write_shards

PEOPLE = [f"person{i:05d}" for i in range(4)]
AUS = (6, 12)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    records = (make_record(person, face) for person in range(4) for face in range(3))
    write_shards(folder, records, shards=2)
    return FaceDataset("disfa", tuple(shard_files(folder)), tuple(PEOPLE), SIZE, clips=True)


def network(name, value, seen, population="DISFA", aus=AUS):
    def answer(batches):
        count = sum(len(images) for images, _ in batches)
        return np.full((count, len(aus)), value, np.float32)

    return Network(name, aus, HeatmapCodec(64, 16, 1.0), "fau", answer, population, frozenset(seen))


def test_each_person_is_judged_by_a_network_that_has_not_seen_them(faces):
    lines = []
    found = [network("a", 1, PEOPLE[:2]), network("b", 2, PEOPLE[2:])]
    answers = evaluate(found, faces, PEOPLE, AUS, lines.append)
    by = {name: {float(v) for v in answers.predicted[np.array(answers.subjects) == name].ravel()}
          for name in PEOPLE}  # fmt: skip
    assert by == {PEOPLE[0]: {2}, PEOPLE[1]: {2}, PEOPLE[2]: {1}, PEOPLE[3]: {1}}
    assert len(answers.coded) == 12
    coded = {name: answers.coded[np.array(answers.subjects) == name] for name in PEOPLE}
    want = [make_record(0, face).intensity[6] for face in range(3)]
    np.testing.assert_allclose(sorted(coded[PEOPLE[0]][:, 0]), sorted(want), rtol=1e-6)


def test_people_whom_every_network_has_seen_are_left_out_and_named(faces):
    lines = []
    answers = evaluate([network("a", 1, PEOPLE[:3])], faces, PEOPLE, AUS, lines.append)
    assert set(answers.subjects) == {PEOPLE[3]}
    assert any("left out" in line and PEOPLE[0] in line for line in lines)
    with pytest.raises(ValueError, match="must be ones that the network hasn't seen"):
        evaluate([network("a", 1, PEOPLE)], faces, PEOPLE, AUS, lines.append)


def test_a_network_without_any_of_the_aus_is_refused(faces):
    with pytest.raises(ValueError, match=r"must have an AU that the data set codes.*AU06, AU12"):
        evaluate([network("a", 1, [])], faces, PEOPLE, (), str)


def test_the_same_name_in_another_population_is_another_person(faces):
    answers = evaluate([network("a", 1, PEOPLE, "BP4D")], faces, PEOPLE, AUS, str)
    assert len(answers.coded) == 12


def test_an_au_that_the_network_lacks_is_nan(faces):
    answers = evaluate([network("a", 1, [], aus=(12,))], faces, PEOPLE, AUS, str)
    assert np.isnan(answers.predicted[:, 0]).all()
    assert np.isfinite(answers.predicted[:, 1]).all()
    assert list(answers.labels) == ["AU06", "AU12"]


def made(seed, people):
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (30, 2)).astype(np.float32)
    predicted = (coded + rng.normal(0, 1, (30, 2))).astype(np.float32)
    return Predictions(
        coded, predicted, [people[i % len(people)] for i in range(30)], ["AU06", "AU12"]
    )


def test_folds_are_pooled_before_the_figures_are_computed():
    one, other = made(1, "ab"), made(2, "cd")
    figures = pooled([one, other]).figures()
    want = agreement.summary(
        np.concatenate([one.coded, other.coded]),
        np.concatenate([one.predicted, other.predicted]),
        ["AU06", "AU12"],
    )
    assert figures["test"] == want
    assert 0 < want["mean"]["icc"] < 1
    assert sorted(figures["by_subject"]) == ["a", "b", "c", "d"]
    assert figures["confidence_intervals"]["subjects"] == 4
    low, high = figures["confidence_intervals"]["mean"]["icc"]
    assert low <= want["mean"]["icc"] <= high
    assert sum(row["frames"] for row in figures["by_level"]["AU06"]) == 60
    assert f"{want['per_au']['AU06']['icc']:.3f}" in table(figures)
    assert "AU12" in levels_table(figures)


def test_a_judgement_comes_back_as_it_was_saved(tmp_path):
    one = made(1, "ab")
    one.save(tmp_path / "predictions.npz")
    again = Predictions.load(tmp_path / "predictions.npz")
    np.testing.assert_array_equal(again.coded, one.coded)
    np.testing.assert_array_equal(again.predicted, one.predicted)
    assert (again.subjects, again.labels) == (one.subjects, one.labels)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.npz"]


def test_folds_of_other_aus_are_not_pooled():
    one = made(1, "ab")
    other = Predictions(one.coded, one.predicted, one.subjects, ["AU06", "AU17"])
    with pytest.raises(ValueError, match="must have the same AUs"):
        pooled([one, other])


def test_published_rows_stand_in_order_with_ours_among_them():
    assert published.beside("disfa")["SCC, this method (Fan et al. 2020)"] == 0.47
    assert published.beside("fera2015")["SCC, this method (Fan et al. 2020)"] == 0.72
    lines = published.lines("disfa", 0.5)
    values = [float(line.split()[0]) for line in lines[1:]]
    assert values == sorted(values)
    assert any("this run" in line for line in lines)
    assert published.lines("csv", 0.5) == []


def test_what_holds_no_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds best\.keras or folds.*a folder without it"):
        networks(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        networks(tmp_path / "nowhere")


def test_levels_weigh_more_the_rarer_they_are_and_1_on_average():
    from fau_tf.training.losses import level_weights

    coded = np.array([[0, 5]] * 90 + [[3, np.nan]] * 10, np.float32)
    weight = level_weights(coded, 1.0)
    assert weight[0, 3] / weight[0, 0] == pytest.approx(9)
    assert (90 * weight[0, 0] + 10 * weight[0, 3]) / 100 == pytest.approx(1)
    assert weight[1, 5] == pytest.approx(1)
    assert level_weights(coded, 0.0) is None


def test_thinning_keeps_all_active_faces_and_a_share_of_the_others(tmp_path):
    from fau_tf.data.pipeline import Targets

    zero = dict.fromkeys(facs.ALL, 0.0)
    active = zero | {6: 2.0}
    records = [make_record(0, i, intensity=active if i % 4 == 0 else zero) for i in range(80)]
    write_shards(tmp_path, records, shards=1)
    part = FaceDataset("made", tuple(shard_files(tmp_path)), (PEOPLE[0],), SIZE).subset([PEOPLE[0]])
    targets = Targets(codec=HeatmapCodec(64, 16, 1.0), aus=(6, 12), rule="fau")
    labels = part.subsample_neutral(targets, 0.5).labels(targets)
    assert (labels[:, 0] == 2).sum() == 20
    # 60 zeros, each kept by a coin: 4 standard deviations are 16.
    assert abs((labels[:, 0] == 0).sum() - 30) < 16
    np.testing.assert_array_equal(labels, part.subsample_neutral(targets, 0.5).labels(targets))
    assert part.subsample_neutral(targets, 1.0) is part
    only_12 = Targets(codec=HeatmapCodec(64, 16, 1.0), aus=(12,), rule="fau")
    assert len(part.subsample_neutral(only_12, 0.5).labels(only_12)) < 60
