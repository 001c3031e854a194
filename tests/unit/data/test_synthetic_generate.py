"""Synthetic sets: resumed by shard, robust to crashes, and counted in their card."""

import json
import os
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.cli import synthesize
from fau_tf.data import dataset_card, synthetic_generate, synthetic_set
from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record
from fau_tf.data.tfrecord import parse, shard_files
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.utils.files import lock_folder
from tests.helpers import fake_renderer

pytestmark = pytest.mark.integration  # processes that render: seconds each

SETTINGS = SyntheticSet(people=35, faces_per_person=2, record_size=80, seed=1)
SHARDS = 4  # of ten people, the last of five


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(synthetic_generate, "person_rows", fake_renderer.rows)


def generate(parent, settings=SETTINGS, *, processes=1, only=()):
    lines = []
    done = synthetic_generate.generate(
        settings, parent, processes=processes, log=lines.append, only=only
    )
    return done, lines


def contents(folder):
    return {file.name: file.read_bytes() for file in shard_files(folder)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The complete set, and the bytes of its shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_generate, "person_rows", fake_renderer.rows)
        done, _ = generate(tmp_path_factory.mktemp("whole"))
    return done, contents(done.folder)


def test_an_interrupted_set_continues_from_its_complete_shards(tmp_path, monkeypatch, whole):
    asked = []

    def rows(settings, person, last):
        asked.append(person)
        if person == last:
            raise KeyboardInterrupt
        return fake_renderer.rows(settings, person)

    monkeypatch.setattr(synthetic_generate, "person_rows", lambda *a: rows(*a, last=24))
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.glob("*.tfrecord"))) == 2
    assert not (folder / synthetic_generate.CARD).exists()
    assert list(folder.glob(".partial-*")) == []

    asked.clear()
    monkeypatch.setattr(synthetic_generate, "person_rows", lambda *a: rows(*a, last=None))
    done, lines = generate(tmp_path)
    assert asked == list(range(20, 35))
    assert any("2 of 4 shards are complete" in line for line in lines)
    assert contents(done.folder) == whole[1]
    assert len(whole[1]) == SHARDS


@pytest.mark.integration
def test_after_a_crash_another_process_renders_the_shard(tmp_path, monkeypatch, whole):
    flag = tmp_path / "crashed"
    monkeypatch.setenv(fake_renderer.CRASH_ONCE, str(flag))
    done, lines = generate(tmp_path / "set", processes=2)
    assert flag.exists()
    assert any("crashed" in line for line in lines)
    assert contents(done.folder) == whole[1]


@pytest.mark.integration
def test_repeated_crashes_are_an_error_and_complete_shards_stay(tmp_path, monkeypatch):
    monkeypatch.setenv(fake_renderer.CRASH_ALWAYS, str(tmp_path))
    monkeypatch.setattr(synthetic_generate, "_RETRIES", 1)
    with pytest.raises(BrokenProcessPool, match=r"faces-00001-of-00004.tfrecord crashed 2 times"):
        generate(tmp_path, processes=2)
    (folder,) = tmp_path.iterdir()
    assert [file.name for file in folder.glob("*.tfrecord")] == ["faces-00000-of-00004.tfrecord"]


@pytest.mark.integration
def test_rendering_processes_use_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_generate, "person_rows", fake_renderer.thread_limits)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    done, _ = generate(tmp_path, processes=2, only=["person00000", "person00001"])
    rows = tf.data.TFRecordDataset([str(file) for file in shard_files(done.folder)]).map(parse)
    assert {row["source"].numpy().decode() for row in rows} == {"1 1"}
    # the parent's own variables are restored
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_a_second_process_may_not_generate_the_same_set(tmp_path, monkeypatch):
    def meanwhile(*_):
        with pytest.raises(OSError, match="one process at a time generates a set"):
            generate(tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic_generate, "person_rows", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path)


def test_many_processes_may_read_a_complete_set(whole):
    done, _ = whole
    with lock_folder(done.folder, "locked by the test"):
        again, lines = generate(done.folder.parent)
    assert again == done
    assert lines == [f"   {done.folder.name} is complete"]


def test_a_changed_shard_is_refused(tmp_path):
    done, _ = generate(tmp_path, only=["person00003", "person00030"])
    assert done.people == ("person00003", "person00030")
    (shard,) = shard_files(done.folder)
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"differ from the hashes in card.json: {shard.name}"):
        generate(tmp_path, only=["person00003", "person00030"])


def test_other_settings_are_another_set(tmp_path):
    sets = (SETTINGS, replace(SETTINGS, seed=2), replace(SETTINGS, jitter=False))
    folders = {generate(tmp_path, settings, only=["person00000"])[0].folder for settings in sets}
    assert len(folders) == 3


def test_the_card_counts_the_records(whole):
    folder = whole[0].folder
    card = json.loads((folder / synthetic_generate.CARD).read_text())
    assert card["records"] == 70
    assert card["subjects"] == 35
    assert card["faces_of"] == {"synthetic-canonical": 70}
    rows = [row for person in range(35) for row in fake_renderer.rows(SETTINGS, person)]
    intensity = np.array([row["intensity"] for row in rows])
    assert card["counts"] == dataset_card.level_counts(intensity)
    assert all(sum(row) == 70 for row in card["counts"].values())
    assert card["spread"]["melanin"][0] == 0
    assert card["spread"]["melanin"][-1] == pytest.approx(3.4)
    assert card["shares"] == {"glasses": 0.5}
    page = (folder / synthetic_generate.CARD_PAGE).read_text()
    assert "70 synthetic faces of 35 synthetic subjects" in page
    assert f"| AU12 | {' | '.join(map(str, card['counts']['AU12']))} |" in page


def test_intensities_count_for_the_nearest_level_and_only_zero_for_absence():
    values = [0.0, 0.3, 1.49, 1.51, 4.49, 4.51, 5.0]
    intensity = np.zeros((len(values), len(facs.ALL)), np.float32)
    intensity[:, 3] = values
    counts = list(dataset_card.level_counts(intensity).values())
    assert counts[3] == [1, 2, 1, 0, 1, 2]
    assert counts[0] == [7, 0, 0, 0, 0, 0]


def test_people_take_rigs_in_turn_and_faces_take_renderers(monkeypatch):
    used = []
    rigs, renderers = ("canonical", "ict"), ("fast", "path")
    monkeypatch.setattr(synthetic_set, "RIGS", {name: lambda _: canonical_rig() for name in rigs})

    def renderer(name):
        def draw(_scene, size, _view):
            used.append(name)
            return np.zeros((size, size, 3), np.uint8)

        return draw

    monkeypatch.setattr(sample, "RENDERERS", {name: renderer(name) for name in renderers})
    both = replace(SETTINGS, people=10, record_size=32, rigs=rigs, renderers=renderers)
    records = [synthetic_record(both, person, face) for person in range(4) for face in range(2)]
    turns = [record.dataset.removeprefix("synthetic-") for record in records]
    assert turns == [*("canonical",) * 2, *("ict",) * 2] * 2
    assert used == ["fast", "path", "fast", "path", "path", "fast", "path", "fast"]
    assert [record.factors["path_traced"] for record in records] == [
        float(name == "path") for name in used
    ]
    assert both.name == "synthetic-canonical-ict"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "faces.toml"
    path.write_text("[data]\nsubjects = 10\nfaces_per_subject = 1\nprocesses = 1\n")
    return ["generate", str(path), "--data", str(tmp_path / "data")]


def test_the_command_writes_a_set_and_shows_its_card(config, capsys):
    assert synthesize.main(config) == 0
    assert "10 synthetic faces of 10 synthetic subjects" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('data.rigs=["giant"]', "`data.rigs`"),
        ("data.renderers=[]", "`data.renderers`"),
        ('data.rigs=["ict"]', "Rig `ict` needs a converted ICT-FaceKit"),
        ("data.dataset=disfa --set data.root=x", "`data.dataset` must be synthetic, not disfa"),
    ],
)
def test_wrong_settings_are_named(config, capsys, change, message):
    assert synthesize.main([*config, "--set", *change.split()]) == 2
    assert message in capsys.readouterr().err
