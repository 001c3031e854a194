import re
from pathlib import Path

import pytest

from fau_tf.data.adapters import bp4d, disfa
from fau_tf.data.splits import THREE_FOLDS, Fold, make_folds, random_split
from fau_tf.data.synthetic_set import person_name, rig_of

EVERYONE = {"bp4d": bp4d.SUBJECTS, "disfa": disfa.SUBJECTS}


def require_each_subject_tested_once(found, subjects):
    tested = [subject for fold in found for subject in fold.subjects["test"]]
    assert sorted(tested) == sorted(subjects)
    for fold in found:
        parts = [set(names) for names in fold.subjects.values()]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(subjects)


@pytest.mark.parametrize(("kind", "sizes"), [("bp4d", [14, 14, 13]), ("disfa", [9, 9, 9])])
def test_three_folds_test_every_subject_once(kind, sizes):
    found = make_folds("three_folds", EVERYONE[kind], seed=1)
    require_each_subject_tested_once(found, EVERYONE[kind])
    assert [len(fold.subjects["test"]) for fold in found] == sizes
    assert [fold.name for fold in found] == ["fold1", "fold2", "fold3"]


@pytest.mark.parametrize("count", [10, 57, 1000])
def test_a_random_split_has_every_subject_once(count):
    subjects = [f"p{i}" for i in range(count)]
    split = random_split(subjects, seed=3)
    assert sorted(one for names in split.values() for one in names) == sorted(subjects)
    assert all(split.values())
    assert len(split["test"]) == pytest.approx(count / 10, abs=1)
    assert split == random_split(subjects[::-1], seed=3)
    assert split != random_split(subjects, seed=4)


def test_three_folds_are_the_published_ones():
    # Members named in the papers' lists, one of each fold and data set.
    for names, some in zip(
        THREE_FOLDS, (("F023", "M014", "SN030"), ("M018", "SN006"), ("M015", "SN029")), strict=True
    ):
        assert set(some) <= set(names)
    assert sum(map(len, THREE_FOLDS)) == 41 + 27


def test_odd_subjects_train_and_even_ones_test_as_in_fera_2015():
    [fold] = make_folds("odd_even", bp4d.SUBJECTS, seed=1)
    assert len(fold.subjects["test"]) == 20
    assert len(fold.train_and_validation) == 21
    assert {int(subject[1:]) % 2 for subject in fold.subjects["test"]} == {0}
    assert {int(subject[1:]) % 2 for subject in fold.train_and_validation} == {1}


def test_custom_folds():
    subjects = [f"p{i}" for i in range(6)]
    found = make_folds("custom", subjects, seed=1, custom=(("p0", "p1"), ("p2",)))
    assert [fold.subjects["test"] for fold in found] == [("p0", "p1"), ("p2",)]
    assert sorted(found[0].train_and_validation) == ["p2", "p3", "p4", "p5"]


def test_validation_subjects_depend_on_the_seed_and_not_on_the_order():
    one = make_folds("three_folds", disfa.SUBJECTS, seed=1)
    assert one == make_folds("three_folds", disfa.SUBJECTS[::-1], seed=1)
    assert one != make_folds("three_folds", disfa.SUBJECTS, seed=2)
    assert len(one[0].subjects["validation"]) == round(0.15 * 18)


@pytest.mark.parametrize(
    ("protocol", "subjects", "custom", "message"),
    [
        ("three_folds", ["SN001", "SN033"], (), "SN033, in no fold"),
        ("odd_even", ["SN001", "SN002"], (), "is defined for BP4D's"),
        ("odd_even", ["F001", "F003", "F005"], (), "nobody of 3 subjects in fold 1"),
        ("custom", ["a", "b", "c"], (("a",), ()), "nobody of 3 subjects in fold 2"),
        ("custom", ["SN001", "SN002", "SN003"], (("SN001",), ("SN02", "SN003")),
         "`data.folds` must name subjects with a face. Received: SN02. Did you mean `SN002`?"),
        ("custom", [f"p{i}" for i in range(40)], (tuple("ABCDEFG"),),
         "Received: A, B, C, D, E and 2 others. Known: p0, p1, "),
        ("all", [], (), "no subject in train"),
        ("custom", ["a", "b"], (("a",),), "lower `data.validation_fraction` or change"),
        ("custom", ["a", "b", "c"], (("a",), ("a", "b")), "a, in no fold or in two"),
        ("custom", ["a", "b"], (("a",),), "no subject in train"),
        ("random", ["a", "b"], (), "at least 10 subjects"),
    ],
)  # fmt: skip
def test_an_impossible_split_is_refused(protocol, subjects, custom, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_folds(protocol, subjects, seed=1, custom=custom)


def test_training_can_be_restricted_to_some_rigs_while_all_are_tested():
    names = [person_name(i) for i in range(60)]
    (fold,) = make_folds("random", names, seed=1)
    rigs = ("canonical", "ict")
    other = fold.restrict_training(lambda one: rig_of(one, rigs) == "ict")
    assert other.subjects["test"] == fold.subjects["test"]
    assert {int(name[-1]) % 2 for name in other.train_and_validation} == {1}
    assert set(other.train_and_validation) == {
        name for name in fold.train_and_validation if int(name[-1]) % 2
    }
    with pytest.raises(ValueError, match=r"`data.train_rigs` must leave training subjects"):
        fold.restrict_training(lambda _: False)
    with pytest.raises(ValueError, match=r"`data.train_rigs` must leave training subjects"):
        fold.restrict_training(lambda one: one in fold.subjects["validation"])
    with pytest.raises(ValueError, match=r"`data.train_rigs` must leave validation subjects"):
        fold.restrict_training(lambda one: one in fold.subjects["train"])


def test_all_other_subjects_train_where_none_validate():
    for fold in make_folds("three_folds", disfa.SUBJECTS, seed=1, validation_fraction=0):
        assert fold.subjects["validation"] == ()
        assert set(fold.subjects["train"]) == set(disfa.SUBJECTS) - set(fold.subjects["test"])
        assert fold.restrict_training(lambda _: True) == fold


@pytest.mark.parametrize(("fraction", "validating"), [(0.15, 4), (0, 0)])
def test_nobody_is_tested_where_all_train(fraction, validating):
    (fold,) = make_folds("all", disfa.SUBJECTS[::-1], seed=1, validation_fraction=fraction)
    assert (fold.name, fold.subjects["test"]) == ("", ())
    assert len(fold.subjects["validation"]) == validating
    assert fold.train_and_validation == sorted(disfa.SUBJECTS)


def test_a_subject_in_two_sets_is_refused():
    with pytest.raises(ValueError, match="a in two of fold1"):
        Fold("fold1", {"train": ("a", "b"), "validation": ("c",), "test": ("a",)})


@pytest.mark.parametrize("name", ["disfa", "bp4d"])
def test_configs_state_the_published_figures(name):
    from fau_tf.evaluation.published import published_results
    from fau_tf.training.config import load_config

    path = Path(__file__).parents[3] / "configs" / f"{name}.toml"
    text = path.read_text()
    for row in published_results(name):
        assert f"{row['icc']:.2f}".removeprefix("0") in text
    config = load_config(path)
    assert config.data.dataset == name
    assert config.data.record_size == 320
