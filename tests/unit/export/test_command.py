"""`python -m export` in this process, on a tiny run: exit codes, and what is left on disk."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import command, parity, report, variants
from export import export as route
from export.__main__ import main
from export.qat import launch
from export.run import LabeledFaces
from export.specs import EXPORT_SPECS
from tests.helpers.once import once
from tests.helpers.tiny_network import SIZES, smooth_faces
from tests.helpers.tiny_run import write_tiny_run

pytestmark = pytest.mark.integration  # networks are converted: seconds each

TEST_FACES = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("command")
    write_tiny_run(place / "run")
    return place


@pytest.fixture(scope="module", name="once")
def _once():
    return once()


@pytest.fixture(scope="module")
def faces():
    intensity = (
        np.random.default_rng(0).uniform(0, 5, (TEST_FACES, SIZES["aus"])).astype(np.float32)
    )
    return LabeledFaces(smooth_faces(TEST_FACES, 2), intensity, "synthetic-canonical", 4)


@pytest.fixture(autouse=True)
def _small(monkeypatch, once, faces, variant_file):
    monkeypatch.setattr(parity, "MIN_FACES", TEST_FACES)
    monkeypatch.setattr(parity, "MIN_FLOAT_ICC", -1.0)  # the weights are random
    # Half of so small a network is names and shapes.
    monkeypatch.setitem(EXPORT_SPECS, "float16", replace(EXPORT_SPECS["float16"], max_size=1.0))
    monkeypatch.setattr(command, "load_run", once(command.load_run))
    for name in ("representative_faces", "load_test_faces"):
        monkeypatch.setattr(command, name, lambda *_, **__: faces)
    made = {name: variant_file(name) for name in ("float32", "float16")}
    # The run's network is the session's.
    monkeypatch.setattr(variants, "convert", lambda _net, _spec, weights, _form: made[weights])
    for name in ("run_tflite", "run_keras", "float16_range"):
        monkeypatch.setattr(route, name, once(getattr(route, name)))
    monkeypatch.setattr(report, "draw_parity", lambda path, *_: path.touch())
    monkeypatch.setattr(
        route,
        "cpu_latency",
        lambda models, *_: {name: {1: {"median_ms": 2.0, "p90_ms": 3.0}} for name in models},
    )


def export(place, out, *more):
    given = ["--run", str(place / "run"), "--data", str(place / "data"), "--out", str(out)]
    return main([*given, *more])


def one_error(capsys):
    """Return the only error line, without `error: `."""
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    return line.removeprefix("error: ")


@pytest.mark.parametrize(("options", "name"), [((), "tiny"), (("--name", "other"), "other")])
def test_a_run_is_exported_with_its_report(options, name, place, tmp_path):
    assert export(place, tmp_path, "--spec", "float32", *options) == 0
    models = {f"fau_{name}_float32.tflite", f"fau_{name}_float32.json"}
    assert {path.name for path in tmp_path.iterdir()} == {
        *models,
        "report.md",
        "parity.json",
        "parity.png",
    }
    beside = json.loads((tmp_path / f"fau_{name}_float32.json").read_text())
    assert beside["parity"]["faces"] == TEST_FACES
    assert beside["training_data"]["kind"] == "synthetic faces"


def test_a_gate_that_breaks_is_exit_code_2_and_the_rest_is_written(
    place, tmp_path, capsys, monkeypatch
):
    strict = replace(EXPORT_SPECS["float16"], max_size=0.1)
    monkeypatch.setitem(EXPORT_SPECS, "float16", strict)
    assert export(place, tmp_path, "--spec", "float32", "--spec", "float16") == 2
    assert one_error(capsys).startswith("not written: float16. See ")
    assert [path.name for path in tmp_path.glob("*.tflite")] == ["fau_tiny_float32.tflite"]


@pytest.mark.parametrize("what", ["no run", "a run without a network"])
def test_an_unfinished_run_is_one_error_line_and_nothing_is_written(what, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    if what != "no run":
        run.mkdir()
        (run / "config.toml").write_text("")
    assert export(tmp_path, out) == 2
    assert "a finished run must hold" in one_error(capsys)
    assert not out.exists()


def test_a_place_that_is_no_folder_is_refused_before_any_work(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "load_run", lambda _: pytest.fail("too late"))
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        assert export(place, out, "--spec", "float32") == 2
        assert "--out must be a writable folder" in one_error(capsys)
    monkeypatch.setattr(command.os, "access", lambda *_: False)  # root may write everywhere
    assert export(place, tmp_path / "new", "--spec", "float32") == 2
    assert "is not writable" in one_error(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_a_name_that_files_can_not_have_is_refused(name, place, tmp_path, capsys):
    assert export(place, tmp_path, "--spec", "float32", "--name", name) == 2
    assert "names files" in one_error(capsys)


def test_quantization_aware_training_by_name_needs_its_packages(
    place, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(launch.PACKAGES, "no_such_module", "no-such-package")
    monkeypatch.setattr(command, "load_run", lambda _: pytest.fail("too late"))
    assert export(place, tmp_path, "--spec", "qat_int8") == 2
    assert "no-such-package is not installed. Run `python -m pip install" in one_error(capsys)


FULL = OSError(errno.ENOSPC, "No space left on device", "there")


@pytest.mark.parametrize(
    ("when", "error", "code", "message"),
    [
        ("while it measures", KeyboardInterrupt(), 130, "stopped"),
        ("in the middle of a file", KeyboardInterrupt(), 130, "stopped"),
        ("in the middle of a file", FULL, 2, "No space left on device"),
    ],
    ids=["Ctrl-C measuring", "Ctrl-C writing", "full disk"],
)
def test_what_ends_an_export_leaves_the_old_files(
    when, error, code, message, place, tmp_path, capsys, monkeypatch
):
    old = {f"fau_tiny_float32.{end}": f"old {end}" for end in ("tflite", "json")}
    for name, content in old.items():
        (tmp_path / name).write_text(content)

    def fails(*_):
        raise error

    if when == "while it measures":
        monkeypatch.setattr(route, "cpu_latency", fails)
    else:
        honest = Path.write_text

        def half(self, text, **settings):
            honest(self, text[:20], **settings)
            raise error

        monkeypatch.setattr(Path, "write_text", half)
    assert export(place, tmp_path, "--spec", "float32") == code
    monkeypatch.undo()
    assert message in one_error(capsys)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_the_list_has_a_row_a_variant(capsys):
    assert main(["--list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(EXPORT_SPECS)
    assert all("of mean ICC" in row for row in rows)


@pytest.mark.parametrize(
    "given",
    [[], ["--run", "x", "--spec", "float64"], ["--run", "x", "--list"], ["--verify"]],
    ids=["nothing", "unknown variant", "two commands", "no file"],
)
def test_usage_errors_are_exit_code_2(given, capsys):
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 2
    assert "python -m export: error:" in capsys.readouterr().err


def test_verifying_what_is_no_model_is_exit_code_2(tmp_path, capsys):
    assert main(["--verify", str(tmp_path)]) == 2
    assert "FAILED  file: The model must be readable" in capsys.readouterr().out
