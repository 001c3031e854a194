"""Whatever happens to a process, the lines that it wrote can be read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fau_tf.utils.files import LineWriter, replacing

ROOT = Path(__file__).parents[3]


def partials(folder):
    return list(folder.glob(".partial-*"))


def test_lines_can_be_read_while_they_are_written_and_replace_the_file_at_the_end(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with LineWriter(path) as writer:
        writer.write("a\n")
        assert path.read_text() == "old"
        (partial,) = partials(tmp_path)
        assert partial.read_text() == "a\n"
        writer.write("b\n")
    assert path.read_text() == "a\nb\n"
    assert list(tmp_path.iterdir()) == [path]
    writer.close()


def test_an_interrupted_run_leaves_its_lines(tmp_path):
    def interrupted():
        with LineWriter(tmp_path / "x") as writer:
            writer.write("a\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "x").read_text() == "a\n"


class _Interrupted:
    """A file that is interrupted, or full, in the middle of a line."""

    def __init__(self, file, error):
        self.file, self.error, self.calls = file, error, 0

    def write(self, line):
        self.calls += 1
        if self.calls == 2:
            raise self.error
        return self.file.write(line[: len(line) // 2])

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_line_that_was_written_by_half_is_taken_back(tmp_path, error):
    writer = LineWriter(tmp_path / "x")
    writer.write("whole\n")
    writer._file = _Interrupted(writer._file, error)
    with pytest.raises(type(error)):
        writer.write("never seen\n")
    writer._file = writer._file.file
    writer.write("b\n")  # shorter than what was taken back, of which nothing may be left behind it
    writer.close()
    assert (tmp_path / "x").read_text() == "whole\nb\n"


def test_a_file_that_may_not_grow_ends_with_a_whole_line(tmp_path):
    """In a process of its own whose files may have 4,000 bytes: the system refuses the rest."""
    path = tmp_path / "x"
    program = f"""
import resource, sys
from pathlib import Path
from fau_tf.utils.files import LineWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, -1))
try:
    with LineWriter(Path({str(path)!r})) as writer:
        for _ in range(100):
            writer.write("x" * 98 + "\\n")
except OSError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))  # coverage writes too
    sys.exit(f"full: {{error.errno}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (1, "full: 27\n")
    assert path.read_text() == ("x" * 98 + "\n") * 40
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_is_an_error_and_not_replaced():
    full = Path("/dev/full")
    with LineWriter(full) as writer, pytest.raises(OSError, match="No space"):
        writer.write("a\n")
    assert full.is_char_device()


def test_a_closed_pipe_is_an_error(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with LineWriter(pipe) as writer:
        writer.write("a\n")
        assert os.read(reader, 5) == b"a\n"
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            writer.write("b\n")
    assert pipe.is_fifo()


def test_a_discarded_file_leaves_the_old_one(tmp_path):
    (tmp_path / "x").write_text("old")
    writer = LineWriter(tmp_path / "x")
    writer.write("a\n")
    writer.discard()
    assert (tmp_path / "x").read_text() == "old"
    assert partials(tmp_path) == []


def test_a_file_is_replaced_only_after_success(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")

    def fail():
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
