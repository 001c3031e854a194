import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.splits import make_folds
from fau_tf.models.presets import PRESETS
from fau_tf.training import setup
from fau_tf.training.config import Config, ConfigError, dump_toml, load_config

ROOT = Path(__file__).parents[3]


def write(tmp_path, text):
    file = tmp_path / "a.toml"
    file.write_text(text)
    return file


def test_changes_beat_file_beats_default(tmp_path):
    file = write(tmp_path, "[training]\nepochs = 3\nlearning_rate = 1\n[run]\nname = 'x'\n")
    config = load_config(file, ["training.epochs=5", "run.name=y"])
    assert config.training.epochs == 5
    assert config.training.learning_rate == 1.0
    assert config.run.name == "y"
    assert config.training.batch_size == Config().training.batch_size


def test_a_preset_is_a_row_whose_fields_can_be_replaced():
    config = load_config(None, ["model.preset=mobile", "model.k=7", "model.scc=[true,false,false]"])
    want = dataclasses.replace(PRESETS["mobile"], k=7, scc=(True, False, False), aus=facs.ALL)
    assert config.model == want


@pytest.mark.parametrize(
    ("given", "numbers"),
    [("openface", facs.ALL), ("disfa_bp4d", facs.DISFA_BP4D), ("[45, 6, 7]", (45, 6, 7))],
)
def test_the_aus_of_a_network_are_a_named_set_or_a_list(tmp_path, given, numbers):
    config = load_config(None, [f"model.aus={given}"])
    assert config.model.au_numbers == numbers
    assert config.model.labels[0] == f"AU{numbers[0]:02d}"
    assert config.model.to_au.shape[1] == len(numbers)
    stored = tmp_path / "config.toml"
    stored.write_text(dump_toml(config))
    assert load_config(stored).model == config.model


@pytest.mark.parametrize("name", ["𠮷田", "🙂", "a\x7fb", 'a"b\\c\n'])
def test_any_character_of_a_setting_survives_the_stored_config(tmp_path, name):
    config = load_config(None, ["data.dataset=disfa", "data.root=x"])
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, root=name))
    stored = tmp_path / "config.toml"
    stored.write_text(dump_toml(config), encoding="utf-8")
    assert load_config(stored) == config


def test_aus_that_no_training_face_shows_are_refused():
    config = load_config(None, ["model.aus=[6, 7, 12, 45]"])
    coded = np.full((4, 4), np.nan, np.float32)
    coded[0] = 1.0, 2.0, 0.0, np.nan
    message = r"none for AU12, AU45, .* --set model.aus=\[6, 7\]"
    with pytest.raises(ValueError, match=message):
        setup.require_coded(config, coded)
    with_portraits = load_config(None, ["model.aus=[6, 7, 12, 45]", 'data.portraits=["portraits"]'])
    setup.require_coded(with_portraits, coded)  # whose edits show all AUs
    coded[1, 2:] = 5.0
    setup.require_coded(config, coded)


REAL = ("data.dataset=csv", "data.root=x", "model.preset=tiny", "data.record_size=80")


def labeled(**highest):
    """Return faces of subjects with a highest intensity of some AUs, and two folds over them."""
    rows = {
        name: np.array([levels.get(au, np.nan) for au in facs.ALL], np.float32)
        for name, levels in highest.items()
    }
    faces = FaceDataset("csv", (), tuple(rows), 80, highest=rows)
    folds = make_folds("custom", tuple(rows), seed=1, custom=(("a",), ("b",)))
    return faces, folds


def test_a_network_has_by_default_the_aus_that_every_fold_shows():
    # a and b are tested in turn: of AU04 fold1 has no label, AU12 is 0 on all faces
    other = {6: 1, 12: 0, 45: 5}
    faces, folds = labeled(a={4: 3, 6: 2}, b={4: 0, 6: 4}, c=other, d=other)
    lines = []
    config = setup.with_data_aus(load_config(None, REAL), faces, folds, lines.append)
    assert config.model.aus == (6, 45)
    assert "never have them above 0: AU04, AU12" in lines[0]
    assert load_config(None, [f"model.aus={list(config.model.aus)}"]).model.aus == (6, 45)
    assert "aus = [6, 45]" in dump_toml(config)


def test_aus_that_one_fold_does_not_show_are_refused_before_any_trains():
    faces, folds = labeled(a={4: 3, 6: 2}, b={6: 4}, c={6: 1}, d={6: 1})
    config = load_config(None, [*REAL, "model.aus=[4, 6]"])
    with pytest.raises(
        ValueError, match=r"faces of fold1 have .* none for AU04, .* model.aus=\[6\]"
    ):
        setup.with_data_aus(config, faces, folds, print)
    faces, folds = labeled(a={4: 3}, b={6: 4}, c={12: 0}, d={12: 0})
    with pytest.raises(ValueError, match="must have an AU above 0"):
        setup.with_data_aus(load_config(None, REAL), faces, folds, print)


def test_aus_of_data_are_unknown_until_it_is_read():
    config = load_config(None, REAL)
    assert config.model.aus == "data"
    with pytest.raises(ValueError, match="labels, which are not read yet"):
        _ = config.model.labels
    assert load_config().model.au_numbers == facs.ALL  # synthetic faces have all


def test_the_resolved_settings_read_back_the_same(tmp_path):
    config = load_config(None, ["model.preset=mobile", "augment.flip=0", "run.name='a.b-1'"])
    assert load_config(write(tmp_path, dump_toml(config))) == config


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.toml")), ids=lambda f: f.name)
def test_every_committed_config_loads(file):
    assert load_config(file).training.epochs >= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.epoch=3", "Unknown setting `training.epoch`. Did you mean `epochs`"),
        ("trainin.epochs=3", "Unknown section `trainin`. Did you mean `training`"),
        ("training.epochs=many", "`training.epochs` must be int. Received: 'many'"),
        ("training.epochs=true", "`training.epochs` must be int. Received: True"),
        ("training.strategy=many", "`training.strategy` must be one of none, mirrored"),
        ("training.precision=float8", "`training.precision` must be one of float32, mixed_bfloat"),
        ("training.checkpoint_seconds=-1", "`training.checkpoint_seconds` must be at least 0"),
        ("training.epochs=0", "`training.epochs` must be at least 1"),
        ("training.intensity_weight=nan", "`training.intensity_weight` must be finite"),
        ("training.background_weight=-1", "`training.background_weight` must be at least 0"),
        ("training.au_balance=-0.5", "`training.au_balance` must be at least 0"),
        ("run.name=../x", "`run.name` must be letters"),
        ("run.name=", "`run.name` must be letters"),
        ("data.subjects=3", "`data.subjects` must be at least 10"),
        ("data.record_size=161", "must be even"),
        ("data.processes=-1", "`data.processes` must be at least 0"),
        ("augment.flip=7", "`augment.flip` must not be negative, and at most 1 if a fraction"),
        ("augment.noise=-3", "`augment.noise` must not be negative"),
        ("model.decoder=[]", "at least one positive width"),
        ("training.learning_rate=-1.0", "must be positive"),
        ("model.preset=big", "Preset must be one of"),
        ("model.aus=disfaa", "must be 'data', one of .*, or a list of AU numbers"),
        ("model.aus=all", "disfa_bp4d"),
        ("model.aus=6", "`model.aus` must be a name or a list. Received: 6"),
        ("model.aus=[6, 3]", "no center for AU03"),
        ("model.aus=[6, 6]", "must be distinct"),
        ('model.aus=["6"]', "must be int"),
        ("model.rule=fan", "no center for"),
        ("model.heatmap_size=30", "must divide"),
        ("model.scc=[true]", "true or false for each stage"),
        ("data.record_size=130", "for 128. Set data.record_size=160"),
        ("model.preset=small_mesh", r"at least 1.25 x the `model.image_size` of `model.preset` = "
         r"'small_mesh', .*Set data.record_size=200"),
        ("data.dataset=disfa", "`data.root` must be the folder or file of disfa"),
        ("data.poses=[6, 12]", r"`data.poses` must be one or more of 1, .*Received: \[6, 12\]"),
        ("data.poses=[]", "`data.poses` must be one or more of"),
        ("data.dataset=disfaa", "must be one of synthetic, disfa"),
        ("data.protocol=custom", "must list the test subjects"),
        ("data.protocol=odd_even", "`data.protocol` must be random, custom or all"),
        ('data.train_rigs=["ict"]', "must be among `data.rigs`, canonical"),
        ("epochs=3", "section.key=value"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_with_the_rule(change, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [change])


@pytest.mark.parametrize(
    ("size", "fraction", "counts"),
    [
        (2, 0.5, "0 portraits and 2 faces"),  # 0.5 pairs round to the even number, 0
        (32, 0.03, "0 portraits and 32 faces"),
        (32, 0.99, "32 portraits and 0 faces"),
    ],
)
def test_a_batch_has_a_pair_of_portraits_and_a_face_unless_portraits_are_alone(
    size, fraction, counts
):
    batch = ('data.portraits=["p"]', f"training.batch_size={size}")
    with pytest.raises(ConfigError) as error:
        load_config(None, [*batch, f"data.portrait_fraction={fraction}"])
    for part in (
        "data.portrait_fraction=",
        "training.batch_size=",
        f"{fraction} of {size}, ",
        counts,
    ):
        assert part in str(error.value)
    assert load_config(None, [*batch, "data.portrait_fraction=1"]).portraits_per_batch == size


def test_portraits_of_a_batch_are_an_even_number():
    for size, fraction, want in ((32, 0.5, 16), (6, 0.5, 4), (32, 0.04, 2), (32, 0.95, 30)):
        changes = [f"training.batch_size={size}", f"data.portrait_fraction={fraction}"]
        assert load_config(None, ['data.portraits=["p"]', *changes]).portraits_per_batch == want
        assert load_config(None, changes).portraits_per_batch == 0


@pytest.mark.parametrize("text", ["[training", "epochs = 3", "\xff"])
def test_a_file_that_is_no_settings_file_is_named(tmp_path, text):
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"a\.toml"):
        load_config(file)


def test_a_missing_file_is_named():
    with pytest.raises(ConfigError, match=r"nowhere\.toml: must be a readable TOML file"):
        load_config(Path("nowhere.toml"))


@pytest.mark.parametrize(
    ("text", "changes", "named"),
    [
        # a value out of range, on either side
        ("", ["training.epochs=0"], "--set training.epochs=0: `training.epochs` must be at least"),
        ("[training]\nepochs = 0", [], "a.toml, training.epochs: `training.epochs` must be at"),
        ("[training]\nepochs = 0", ["training.epochs=3", "run.seed=-1"], "--set run.seed=-1: `run"),
        # the last of several values counts
        ("[run]\nseed = -1", ["run.seed=-2"], "--set run.seed=-2: "),
        # wrong types and unknown names
        ("", ["training.epochs=many"], "--set training.epochs=many: `training.epochs` must be int"),
        ("[training]\nepoch = 3", [], "a.toml, training.epoch: Unknown setting"),
        ("[trainin]\nepochs = 3", [], "a.toml, trainin.epochs: Unknown section"),
        ("", ["trainin.epochs=3"], "--set trainin.epochs=3: Unknown section"),
        # errors that name a setting without its section, as those of presets do
        ("[model]\nk = 3", ["model.aus=disfaa"], "--set model.aus=disfaa: `aus` must be"),
        ("[model]\npreset = 'big'", ["model.k=3"], "a.toml, model.preset: Preset must be"),
        # two settings that contradict each other
        ("[data]\nrecord_size = 130", [], "a.toml, data.record_size: `data.record_size` must be"),
        ("", ["model.preset=paper"], "--set model.preset=paper: `data.record_size` must be"),
        ("[data]\nprotocol = 'custom'", ["data.folds=[]"],
         "a.toml, data.protocol, and --set data.folds=[]: `data.folds` must list"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_and_key_or_the_argument_that_gave_the_value(
    tmp_path, text, changes, named
):
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text), changes)
    assert str(error.value).removeprefix(f"{tmp_path}/").startswith(named)
