"""What the command says, and what its results are called."""

import io
import os
import sys
from pathlib import Path

import pytest

from fau_tf.io.sources import Source, SourceKind, camera_source
from fau_tf.outputs.file_names import picture_names, result_names
from fau_tf.utils import console
from fau_tf.utils.console import Console, one_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_one_line_that_is_cleared_at_the_end(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(console, "_LIVE", 0.0)
    progress = Console().progress("x.mp4", 3)
    progress.step()
    progress.step()
    assert "\n" not in screen.getvalue()
    assert screen.getvalue().split("\r")[2].startswith("x.mp4: 2 of 3 frames, ")
    progress.end()
    last = screen.getvalue().split("\r")
    assert last[-1] == ""
    assert last[-2].strip() == ""
    assert len(last[-2]) >= len(last[2].rstrip())


def test_nobody_knows_how_long_a_camera_runs(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(console, "_LIVE", 0.0)
    progress = Console().progress("camera0", 0)
    progress.step()
    assert "camera0: 1 frames, " in screen.getvalue()
    assert "left" not in screen.getvalue()


def test_short_work_and_quiet_work_show_nothing(capsys):
    for quiet in (False, True):
        progress = Console(quiet=quiet).progress("x", 2)
        progress.step()
        progress.end()
    Console(quiet=True).say("nothing")
    assert capsys.readouterr() == ("", "")


def test_names_cannot_steer_the_terminal(capsys, monkeypatch):
    screen = Terminal()
    Console().say("\x1b[2Jx.png: 1 face\n  Face 0", "tab\tbell\x07\x9b")
    Console().complain("\x1b]0;title\x07.png")
    said = capsys.readouterr()
    assert said.out == "\\x1b[2Jx.png: 1 face\n  Face 0\ntab\\x09bell\\x07\\x9b\n"
    assert said.err == "\\x1b]0;title\\x07.png\n"
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(console, "_LIVE", 0.0)
    Console().progress("a\nb\x1b.mp4", 3).step()
    assert screen.getvalue().startswith("\ra b\\x1b.mp4: 1 of 3 frames, ")


def test_a_terminal_that_is_full_costs_no_results(monkeypatch):
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device
        monkeypatch.setattr(sys, "stdout", full)
        Console().say("x" * 100_000)
        # What is still buffered must not fail when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_an_error_is_one_line_whatever_a_name_holds():
    assert one_line("a\n b\t\rc: must  be") == "a b c: must be"


def test_results_are_named_after_their_sources():
    sources = [
        Source(SourceKind.PHOTO, "a/x.png", (Path("a/x.png"),)),
        Source(SourceKind.VIDEO, "b/x.mp4", (Path("b/x.mp4"),)),
        Source(SourceKind.PHOTO, "n.png", (Path("n" * 300 + ".png"),)),
        Source(SourceKind.PHOTOS, "in/", (Path("in/y.png"),)),
        Source(SourceKind.PHOTOS, "in/**/*.png", (Path("in/y.png"),)),
        Source(SourceKind.STDIN, "stdin"),
        camera_source(1),
    ]
    names = [path.name for path in result_names(sources, Path("out"))]
    assert names[:2] == ["x_au", "x_2_au"]
    assert names[2] == "n" * 220 + "_au"
    assert names[3:] == ["in_au", "in_2_au", "stdin_au", "camera1_au"]


@pytest.mark.parametrize("ending", ["png", "csv", "jsonl", "mp4"])
def test_results_never_take_the_place_of_a_source(tmp_path, ending):
    sources = [
        Source(SourceKind.PHOTO, name, (tmp_path / name,)) for name in ("x.png", f"x_au.{ending}")
    ]
    with pytest.raises(ValueError, match="must not replace a source"):
        result_names(sources, tmp_path)
    assert len(result_names(sources, tmp_path / "out")) == 2


def test_results_never_go_among_the_photos_of_a_folder(tmp_path):
    source = Source(SourceKind.PHOTOS, str(tmp_path / "."), (tmp_path / "x.png",))
    with pytest.raises(ValueError, match="--out: must not be a source"):
        result_names([source], tmp_path)
    assert result_names([source], tmp_path / "out")[0].parent == tmp_path / "out"


def test_pictures_of_a_folder_keep_its_folders_and_are_told_apart(tmp_path):
    names = ("a.png", "a.jpg", "deep/a.png")
    paths = tuple(tmp_path / name for name in names)
    found = picture_names(Source(SourceKind.PHOTOS, str(tmp_path), paths), Path("out/in_au"))
    assert found == [
        Path("out/in_au/a_au"),
        Path("out/in_au/a_2_au"),
        Path("out/in_au/deep/a_au"),
    ]
