"""Whatever happens to a run, the rows that were written can be read."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fau_tf.outputs.csv_jsonl import CsvWriter, JsonlWriter
from fau_tf.utils.files import replacing
from fau_tf.utils.line_writer import RowFile
from tests.helpers.faces import AUS, FACE, NOTHING, info

ROOT = Path(__file__).parents[3]


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_can_be_read_while_they_are_written_and_take_their_place_at_the_end(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with CsvWriter(path, info(AUS)) as writer:
        writer.write(FACE)
        assert path.read_text() == "old"
        (partial,) = set(tmp_path.iterdir()) - {path}
        assert partial.name.startswith(".partial-")
        assert len(rows(partial)) == 1
        writer.write(FACE)
    assert len(rows(path)) == 2
    assert list(tmp_path.iterdir()) == [path]
    writer.close()


def test_an_interrupted_run_leaves_its_rows(tmp_path):
    path = tmp_path / "x.csv"
    with pytest.raises(KeyboardInterrupt):
        _write_until_interrupted(path)
    assert len(rows(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


def _write_until_interrupted(path):
    with CsvWriter(path, info(AUS)) as writer:
        writer.write(FACE)
        raise KeyboardInterrupt


class _Interrupted:
    """A file that is interrupted, or full, in the middle of a row."""

    def __init__(self, file, error):
        self.file, self.error, self.calls = file, error, 0

    def write(self, row):
        self.calls += 1
        if self.calls == 2:
            raise self.error
        return self.file.write(row[: len(row) // 2])

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_row_that_was_written_by_half_is_taken_back(tmp_path, error):
    file = RowFile(tmp_path / "x")
    file.write("whole\n")
    file._file = _Interrupted(file._file, error)
    with pytest.raises(type(error)):
        file.write("never seen\n")
    file._file = file._file.file
    file.write("whole again\n")
    file.close()
    assert (tmp_path / "x").read_text() == "whole\nwhole again\n"


def test_a_file_that_may_not_grow_ends_with_a_whole_row(tmp_path):
    """In a process of its own whose files may have 4,000 bytes: the system refuses the rest."""
    path = tmp_path / "x.csv"
    program = f"""
import resource, sys
from pathlib import Path
from tests.helpers.faces import AUS, FACE, info
from fau_tf.runtime.output import CsvWriter
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
try:
    with CsvWriter(Path({str(path)!r}), info(AUS)) as writer:
        for _ in range(100):
            writer.write(FACE)
except OSError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sys.exit(f"full: {{error.errno}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert done.stderr == "full: 27\n"
    kept = path.read_bytes()
    assert kept.endswith(b",1\n")
    assert 3000 < len(kept) <= 4000
    assert len(rows(path)) > 10
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_is_an_error_and_not_replaced():
    full = Path("/dev/full")
    with pytest.raises(OSError, match="No space"):
        CsvWriter(full, info(AUS))
    assert full.is_char_device()


def test_a_closed_pipe_is_an_error(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with CsvWriter(pipe, info(AUS)) as writer:
        assert os.read(reader, 5) == b"frame"
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            writer.write(FACE)
    assert pipe.is_fifo()


def test_a_partial_file_of_a_killed_run_stays_and_harms_nobody(tmp_path):
    left = tmp_path / f".partial-{os.getpid()}-0.csv"
    left.write_text("rows of a killed run")
    CsvWriter(tmp_path / "x.csv", info(AUS)).close()
    assert left.read_text() == "rows of a killed run"


def test_two_writers_of_one_folder_do_not_meet(tmp_path):
    one, other = (CsvWriter(tmp_path / name, info(AUS)) for name in ("a.csv", "b.csv"))
    with one, other:
        one.write(FACE)
        other.write(NOTHING)
    assert rows(tmp_path / "a.csv")[0]["success"] == "1"
    assert rows(tmp_path / "b.csv")[0]["success"] == "0"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        JsonlWriter(tmp_path / "none" / "x.jsonl", info(AUS))


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        _write_half(unfinished)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_half(path):
    path.write_text("half")
    raise ZeroDivisionError


def test_a_success_replaces_the_old_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
