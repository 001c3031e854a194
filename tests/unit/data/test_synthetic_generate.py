"""Generated sets: resumed by shard, proof against crashes, and counted in their card."""

import json
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.cli import synthesize as command
from fau_tf.data import dataset_card, synthetic_generate, synthetic_set
from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record
from fau_tf.data.tfrecord import shard_files
from fau_tf.synthetic import sample as drawing
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.utils.files import hold
from tests.helpers import made_people

SETTINGS = SyntheticSet(people=35, faces_per_person=2, record_size=80, seed=1)
SHARDS = 4  # of ten people, the last of five


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(synthetic_generate, "person_rows", made_people.rows)


def make(folder, settings=SETTINGS, *, processes=1, only=()):
    lines = []
    made = synthetic_generate.generate(
        settings, folder, processes=processes, say=lines.append, only=only
    )
    return made, lines


def contents(place):
    return {file.name: file.read_bytes() for file in shard_files(place)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_generate, "person_rows", made_people.rows)
        made, _ = make(tmp_path_factory.mktemp("whole"))
    return contents(made.place)


def test_an_interrupted_set_goes_on_from_its_complete_shards(tmp_path, monkeypatch, whole):
    asked = []

    def stops(settings, person):
        asked.append(person)
        if person == 24:
            raise KeyboardInterrupt
        return made_people.rows(settings, person)

    monkeypatch.setattr(synthetic_generate, "person_rows", stops)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)
    (place,) = tmp_path.iterdir()
    kept = {file.name for file in place.iterdir() if file.suffix == ".tfrecord"}
    assert len(kept) == 2
    assert not (place / synthetic_generate.CARD).exists()
    assert list(place.glob(".partial-*")) == []

    asked.clear()
    monkeypatch.setattr(
        synthetic_generate, "person_rows", lambda *a: asked.append(a[1]) or made_people.rows(*a)
    )
    made, lines = make(tmp_path)
    assert asked == list(range(20, 35))
    assert any("2 of 4 shards are there" in line for line in lines)
    assert contents(made.place) == whole
    assert len(whole) == SHARDS


def test_a_crashed_process_is_replaced_and_nothing_lost_or_doubled(tmp_path, monkeypatch, whole):
    flag = tmp_path / "crashed"
    monkeypatch.setenv(made_people.CRASH_ONCE, str(flag))
    made, lines = make(tmp_path / "set", processes=2)
    assert flag.exists()
    assert any("crashed" in line for line in lines)
    assert contents(made.place) == whole


@pytest.mark.slow
def test_crashes_without_end_are_an_error_and_what_is_complete_stays(tmp_path, monkeypatch):
    monkeypatch.setenv(made_people.CRASH_ALWAYS, "1")
    monkeypatch.setattr(synthetic_generate, "_CRASHES", 1)
    with pytest.raises(BrokenProcessPool, match=r"Received: 2 crashes at faces-00001-of-00004"):
        make(tmp_path, processes=2)
    (place,) = tmp_path.iterdir()
    assert [file.name for file in place.glob("*.tfrecord")] == ["faces-00000-of-00004.tfrecord"]


def test_a_second_process_at_the_same_set_is_refused(tmp_path, monkeypatch):
    def meanwhile(*_):
        with pytest.raises(OSError, match="one process at a time generates a set"):
            make(tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic_generate, "person_rows", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)


def test_many_may_read_a_complete_set(tmp_path):
    made, _ = make(tmp_path)
    with hold(made.place, "mine"):
        again, said = make(tmp_path)
    assert again == made
    assert said == [f"   {made.place.name} is there already"]


def test_only_some_people_are_a_set_of_their_own(tmp_path):
    made, _ = make(tmp_path, only=["person00003", "person00030"])
    assert made.people == ("person00003", "person00030")
    card = json.loads((made.place / synthetic_generate.CARD).read_text())
    assert card["records"] == 4
    assert card["persons"] == 2


def test_other_settings_are_another_set(tmp_path):
    places = {
        synthetic_generate.generate(
            settings, tmp_path, processes=1, say=str, only=["person00000"]
        ).place
        for settings in (
            SETTINGS,
            SyntheticSet(people=35, faces_per_person=2, record_size=80, seed=2),
            SyntheticSet(people=35, faces_per_person=2, record_size=80, seed=1, jitter=False),
        )
    }
    assert len(places) == 3


def test_the_card_counts_what_is_in_the_records(tmp_path):
    made, _ = make(tmp_path)
    card = json.loads((made.place / synthetic_generate.CARD).read_text())
    assert card["records"] == 70
    assert card["persons"] == 35
    assert card["faces_of"] == {"synthetic-canonical": 70}
    rows = [row for person in range(35) for row in made_people.rows(SETTINGS, person)]
    intensity = np.array([row["intensity"] for row in rows])
    assert card["counts"] == dataset_card.level_counts(intensity)
    assert all(sum(row) == 70 for row in card["counts"].values())
    assert card["spread"]["melanin"][0] == 0
    assert card["spread"]["melanin"][-1] == pytest.approx(3.4)
    assert card["shares"] == {"glasses": 0.5}
    page = (made.place / synthetic_generate.CARD_PAGE).read_text()
    assert "70 rendered faces of 35 people" in page
    assert f"| AU12 | {' | '.join(map(str, card['counts']['AU12']))} |" in page


def test_levels_are_the_nearest_whole_intensity_and_0_is_absence_alone():
    values = [0.0, 0.3, 1.49, 1.51, 4.49, 4.51, 5.0]
    intensity = np.zeros((len(values), len(facs.ALL)), np.float32)
    intensity[:, 3] = values
    counts = list(dataset_card.level_counts(intensity).values())
    assert counts[3] == [1, 2, 1, 0, 1, 2]
    assert counts[0] == [7, 0, 0, 0, 0, 0]


def test_people_take_rigs_in_turn_and_faces_renderers(monkeypatch):
    used = []
    rigs = ("canonical", "ict")
    table = {name: lambda _: canonical_rig() for name in rigs}
    monkeypatch.setattr(synthetic_set, "RIGS", table)

    def renderer(name):
        def draw(_scene, size, _view):
            used.append(name)
            return np.zeros((size, size, 3), np.uint8)

        return draw

    table = {name: renderer(name) for name in ("fast", "path")}
    monkeypatch.setattr(drawing, "RENDERERS", table)
    both = SyntheticSet(
        people=10, faces_per_person=2, record_size=32, seed=1, rigs=rigs,
        renderers=("fast", "path"),
    )  # fmt: skip
    records = [synthetic_record(both, person, face) for person in range(4) for face in range(2)]
    turns = [record.dataset.removeprefix("synthetic-") for record in records]
    assert turns == [*("canonical",) * 2, *("ict",) * 2] * 2
    assert used == ["fast", "path", "fast", "path", "path", "fast", "path", "fast"]
    assert [record.factors["path_traced"] for record in records] == [
        float(name == "path") for name in used
    ]
    assert both.name == "synthetic-canonical-ict"


def test_the_command_writes_a_set_and_shows_its_card(tmp_path, capsys):
    config = tmp_path / "faces.toml"
    config.write_text("[data]\npeople = 10\nfaces_per_person = 1\nprocesses = 1\n")
    asked = ["generate", str(config), "--data", str(tmp_path / "data")]
    assert command.main(asked) == 0
    assert "10 rendered faces of 10 people" in capsys.readouterr().out
    assert command.main([*asked, "--set", "data.dataset=disfa", "--set", "data.root=x"]) == 2
    assert "`data.dataset` must be synthetic. Received: disfa" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('data.rigs=["giant"]', r"`data.rigs` must be one or more of canonical, ict"),
        ("data.renderers=[]", r"`data.renderers` must be one or more of fast, path"),
        ('data.rigs=["ict"]', r"Rig `ict` needs a converted ICT-FaceKit"),
    ],
)
def test_settings_that_cannot_be_met_are_named(tmp_path, capsys, monkeypatch, change, message):
    monkeypatch.setattr(synthetic_generate, "person_rows", synthetic_set.person_rows)
    config = tmp_path / "faces.toml"
    config.write_text("[data]\npeople = 10\nfaces_per_person = 1\nprocesses = 1\n")
    assert command.main(["generate", str(config), "--set", change, "--data", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
