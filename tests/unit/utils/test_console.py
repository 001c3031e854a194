import io
import os
import sys
from pathlib import Path

import pytest

from fau_tf.utils import console
from fau_tf.utils.console import Console, quiet_native_code
from fau_tf.utils.text import one_line


def place_of_stderr():
    found = os.fstat(2)
    return found.st_dev, found.st_ino


def test_stderr_comes_back_once_the_last_of_overlapping_threads_is_done():
    before = place_of_stderr()
    nowhere = Path(os.devnull).stat()
    first, second = quiet_native_code(), quiet_native_code()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    during = place_of_stderr()
    second.__exit__(None, None, None)
    assert during == (nowhere.st_dev, nowhere.st_ino)
    assert place_of_stderr() == before != during


class Terminal(io.StringIO):
    def isatty(self):
        return True


def step(monkeypatch, name, total):
    """Return what a terminal shows of the first of `total` frames, before and after the end."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(console, "_TERMINAL", 0.0)
    with Console().progress(name, total) as progress:
        progress.update()
        shown = screen.getvalue()
    return shown, screen.getvalue()


def test_a_terminal_shows_one_line_that_is_cleared_at_the_end(monkeypatch):
    shown, ended = step(monkeypatch, "x.mp4", 3)
    assert "\n" not in ended
    assert "x.mp4:" in shown
    assert "1/3" in shown
    assert ended.split("\r")[-1] == ""
    assert ended.split("\r")[-2].strip() == ""


def test_a_camera_shows_no_total(monkeypatch):
    shown, _ = step(monkeypatch, "camera0", 0)
    assert "camera0: 1 frames" in shown
    assert "/0" not in shown


def test_short_work_and_quiet_work_show_nothing(capsys):
    for quiet in (False, True):
        with Console(quiet=quiet).progress("x", 2) as progress:
            progress.update()
    Console(quiet=True).print("nothing")
    assert capsys.readouterr() == ("", "")


def test_one_photo_shows_no_progress_and_does_not_wait_for_its_library(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Console().progress("x.png", 1) as progress:
        progress.update()
    with pytest.raises(ImportError):
        Console().progress("x.mp4", 2)
    assert capsys.readouterr() == ("", "")


def test_names_cannot_steer_the_terminal(capsys, monkeypatch):
    Console().print("\x1b[2Jx.png: 1 face\n  Face 0", "tab\tbell\x07\x9b")
    Console().error("\x1b]0;title\x07.png")
    printed = capsys.readouterr()
    assert printed.out == "\\x1b[2Jx.png: 1 face\n  Face 0\ntab\\x09bell\\x07\\x9b\n"
    assert printed.err == "\\x1b]0;title\\x07.png\n"
    assert "a b\\x1b.mp4:" in step(monkeypatch, "a\nb\x1b.mp4", 3)[0]


def test_a_stream_that_is_full_costs_no_results(monkeypatch):
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, full)
        monkeypatch.setattr(console, "_LOG", 0.0)
        Console().print("x" * 100_000)
        with Console().progress("x", 2) as progress:
            progress.update()
        # What is still buffered must not fail when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_an_error_is_one_line_whatever_a_name_holds():
    assert one_line("a\n b\t\rc: must  be") == "a b c: must be"
