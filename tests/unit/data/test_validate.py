"""`python -m fau_tf.cli.data`: what a check finds, and exit codes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf.cli import data as command
from fau_tf.data.adapters import disfa, validate_report
from fau_tf.data.adapters import validate as validating
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.adapters.validate import Comparison, counts_table, validate
from fau_tf.training.config import load_config
from tests.helpers import dataset_trees as trees
from tests.helpers.dataset_trees import settings

CONFIG = """
[data]
dataset = "{kind}"
root = "{root}"
record_size = 80
protocol = "{protocol}"
processes = 1
[model]
preset = "tiny"
aus = "{aus}"
"""


@pytest.fixture
def run(tmp_path, capsys):
    def call(name, kind, *more, protocol="three_folds", aus="bp4d"):
        config = tmp_path / "config.toml"
        config.write_text(
            CONFIG.format(kind=kind, root=tmp_path / "in", protocol=protocol, aus=aus)
        )
        code = command.main([name, str(config), "--data", str(tmp_path / "data"), *more])
        return code, capsys.readouterr()

    return call


def reasons(found):
    return " | ".join(f"{one.subject} {one.where} {one.reason}" for one in found.problems)


def test_counts_are_those_of_the_labels(tmp_path):
    truth = trees.bp4d(tmp_path)
    found = validate(settings("bp4d", tmp_path, protocol="odd_even"), 1)
    for au, counts in found.counts.items():
        want = [sum(row[au] == level for row in truth.values()) for level in range(6)]
        assert counts.tolist() == want
        assert sum(want) == 9
    both = sum(row[6] >= 1 and row[12] >= 1 for row in truth.values())
    assert found.cooccurrence[found.aus.index(6), found.aus.index(12)] == both > 0
    assert Comparison("frames", 9, 146_847, "the frame lists of ME-GraphAU") in found.comparisons
    assert [(row.found, row.expected) for row in found.comparisons] == [(3, 41), (9, 146_847)]
    assert json.loads(json.dumps(found.as_json()))["frames"] == 9


def test_the_table_counts_the_frames_of_each_level_and_the_subjects_that_show_an_au(tmp_path):
    trees.csv_list(tmp_path)
    text = (tmp_path / "faces.csv").read_text().splitlines()
    cells = ["0,0.4,2", "1,,2", "0,5,2.6", "3,4,"]  # ann 1, ann 2, bob 1, bob 2
    rows = [
        f"{line.split(',')[0]},{line.split(',')[1]},{more}"
        for line, more in zip(text[1:], cells, strict=True)
    ]
    (tmp_path / "faces.csv").write_text("\n".join([text[0], *rows]))
    lines = counts_table(validate(settings("csv", tmp_path / "faces.csv"), 1))
    assert lines[0] == "  4 labeled frames of 2 subjects"
    assert lines[2].split() == ["AU", "0", "1", "2", "3", "4", "5", "not", "coded", "subjects"]
    assert [line.split() for line in lines[3:]] == [
        ["AU06", "2", "1", "0", "1", "0", "0", "0", "2"],
        ["AU12", "1", "0", "0", "0", "1", "1", "1", "1"],
        ["AU25", "0", "0", "2", "1", "0", "0", "1", "2"],
    ]


def test_the_guides_sample_has_the_counts_that_the_guide_prints(monkeypatch):
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)  # the config's path is relative
    config = load_config(root / "configs" / "own_data.toml")
    found = validate(config.data, config.data_seed)
    assert not found.faulty
    assert "\n".join(counts_table(found)) in (root / "docs/guide/own_data.md").read_text()


def test_missing_and_unknown_subjects_are_named(tmp_path):
    trees.bp4d(tmp_path, subjects=("F001", "F030"))
    found = validate(settings("bp4d", tmp_path), 1)
    assert "F030 the data set the data set has no such subject" in reasons(found)
    assert "F002 the data set this subject is missing" in reasons(found)
    assert "F001 the data set" not in reasons(found)
    assert "F030, in no fold or in two" not in reasons(found)  # protocol "random" here


def test_files_that_cannot_be_read_are_found(tmp_path):
    trees.bp4d(tmp_path / "bp4d", subjects=("F001",))
    path = tmp_path / "bp4d" / "2D+3D/F001/T1/0337.jpg"
    path.write_bytes(b"no image")
    assert "0337.jpg: 8 bytes that are not an image" in reasons(
        validate(settings("bp4d", tmp_path / "bp4d"), 1)
    )
    trees.disfa(tmp_path / "disfa", subjects=("SN001",))
    video = tmp_path / "disfa/Videos_LeftCamera/LeftVideoSN001_comp.avi"
    video.write_bytes(b"no video")
    assert "not a video file" in reasons(validate(settings("disfa", tmp_path / "disfa"), 1))


def test_a_label_file_that_is_a_copy_of_anothers_is_found(tmp_path):
    trees.bp4d(tmp_path, subjects=("F001",), frames=20)
    root = tmp_path / "AUCoding/AU_INT"
    text = (root / "AU06/F001_T1_AU06.csv").read_text()
    (root / "AU12/F001_T1_AU12.csv").write_text(text)
    assert "AU06 and AU12 have identical labels" in reasons(validate(settings("bp4d", tmp_path), 1))


def test_people_without_a_place_in_the_folds_are_found(tmp_path):
    trees.disfa(tmp_path, subjects=("SN001", "SN033"))
    found = validate(settings("disfa", tmp_path, protocol="three_folds"), 1)
    assert "SN033, in no fold or in two" in reasons(found)


def test_check_and_prepare_as_commands(run, tmp_path):
    truth = trees.bp4d(tmp_path / "in")
    code, printed = run("check", "bp4d")
    assert code == 1  # 38 subjects are missing
    assert "not prepared yet" in printed.out
    assert "9 labeled frames of 3 subjects" in printed.out
    code, printed = run("prepare", "bp4d")
    assert code == 0, printed.err
    assert "9 records of 3 subjects" in printed.out
    code, printed = run("check", "bp4d", "--accept-dropped")
    assert code == 0
    page = tmp_path / re.search(r"report in (.*)", printed.out)[1]
    text = page.read_text()
    for source in re.findall(r'<img src="(.*?)"', text):
        assert np.asarray(Image.open(page.parent / source).convert("RGB")).std() > 10, source
    assert text.count("<img") == 2 + 5
    assert "146,847" in text
    assert len(truth) == 9


def test_what_is_missing_for_no_documented_reason_ends_with_1(run, tmp_path):
    trees.disfa(tmp_path / "in", subjects=("SN001", "SN002"))
    trees.truncate_video(tmp_path / "in")
    code, printed = run("prepare", "disfa", aus="disfa")
    assert code == 1
    assert "NOT documented" in printed.out
    code, _ = run("prepare", "disfa", "--accept-dropped", aus="disfa")
    assert code == 0
    code, _ = run("prepare", "disfa", "--set", "data.accept_dropped=true", aus="disfa")
    assert code == 0


def test_what_cannot_be_done_ends_with_2(run, tmp_path):
    code, printed = run("prepare", "bp4d")
    assert code == 2
    assert printed.err.startswith("error: ")
    assert command.main(["prepare", str(tmp_path / "nowhere.toml")]) == 2
    (tmp_path / "synthetic.toml").write_text("")
    assert command.main(["check", str(tmp_path / "synthetic.toml")]) == 2


@pytest.mark.parametrize(
    ("found", "documented", "explained"),
    [(12, 0, True), (11, 0, False), (13, 0, False), (11, 1, True), (10, 1, False), (13, 1, False)],
)
def test_a_count_may_differ_by_what_is_documented(found, documented, explained):
    assert Comparison("frames", found, 12, "a list", documented).explained == explained


@pytest.mark.parametrize(("lines", "mark", "code"), [(6, " ", 0), (5, "!", 1), (7, "!", 1)])
def test_a_count_that_nothing_explains_ends_with_1(lines, mark, code, run, tmp_path, monkeypatch):
    """Lines are missing in all label files of one subject alike, so no single frame is at fault."""
    trees.disfa(tmp_path / "in", subjects=("SN001", "SN002"), frames=6)
    for path in (tmp_path / "in" / "ActionUnit_Labels" / "SN002").iterdir():
        path.write_text("".join(f"{n},{n % 6}\n" for n in range(1, lines + 1)))
    _complete(monkeypatch, frames=12)
    monkeypatch.setattr(validating, "_copies", lambda _: ())  # all AUs have the same levels here
    monkeypatch.setattr(validating, "_split_problems", lambda *_: ())  # of two subjects
    monkeypatch.setattr(validate_report, "write_page", lambda *_: "nowhere")
    got, printed = run("check", "disfa", aus="disfa")
    assert got == code, printed.out
    assert f"{mark} frames: {6 + lines} (12 in" in printed.out
    assert run("check", "disfa", "--accept-dropped", aus="disfa")[0] == 0


def test_a_frame_that_the_complete_count_leaves_out_explains_nothing(tmp_path, monkeypatch):
    trees.disfa(tmp_path, subjects=("SN010",), frames=4)
    monkeypatch.setattr(disfa, "MISSING_FRAMES", {"SN010": ((4, 4),)})
    _complete(monkeypatch, frames=3, subjects=("SN010",))
    (_, frames) = validate(settings("disfa", tmp_path), 1).comparisons
    assert (frames.found, frames.documented, frames.explained) == (3, 0, True)
    _complete(monkeypatch, frames=4, subjects=("SN010",))
    (_, frames) = validate(settings("disfa", tmp_path), 1).comparisons
    assert not frames.explained


def _complete(monkeypatch, frames, subjects=("SN001", "SN002")):
    """Let the complete DISFA have so many frames and these subjects."""
    spec = replace(DATASETS["disfa"], frames=frames, subjects=subjects)
    monkeypatch.setitem(DATASETS, "disfa", spec)
