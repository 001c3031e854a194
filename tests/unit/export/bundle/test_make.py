"""`python -m export.bundle make` on somebody's own run, into a folder of their own."""

import json
from dataclasses import replace

import numpy as np
import pytest

from export import command, parity
from export.bundle.__main__ import main
from export.run import LabeledFaces
from export.specs import EXPORT_SPECS
from fau_tf import facs
from fau_tf.inference.interpreter import AUInterpreter
from tests.helpers.tiny_network import SIZES, smooth_faces
from tests.helpers.tiny_run import write_tiny_run

pytestmark = pytest.mark.integration  # networks are converted, faces rendered: half a minute

TEST_FACES = 24


@pytest.fixture
def _small(monkeypatch):
    """Few faces instead of 1,000, and no demands on random weights."""
    rng = np.random.default_rng(0)
    intensity = rng.uniform(0, 5, (TEST_FACES, SIZES["aus"])).astype(np.float32)
    faces = LabeledFaces(smooth_faces(TEST_FACES, 2), intensity, "synthetic-canonical", 4)
    for name in ("representative_faces", "load_test_faces"):
        monkeypatch.setattr(command, name, lambda *_, **__: faces)
    monkeypatch.setattr(parity, "MIN_FACES", TEST_FACES)
    monkeypatch.setattr(parity, "MIN_FLOAT_ICC", -1.0)
    # Half of so small a network is names and shapes.
    monkeypatch.setitem(EXPORT_SPECS, "float16", replace(EXPORT_SPECS["float16"], max_size=1.0))


@pytest.mark.usefixtures("_small")
def test_any_run_becomes_an_android_project_in_a_new_folder(tmp_path, capsys):
    run, folder = write_tiny_run(tmp_path / "my run"), tmp_path / "apps" / "mine"
    given = ["--run", str(run), "--data", str(tmp_path / "data"), "--spec", "float16"]
    assert main(["make", str(folder), *given, "--name", "mine"]) == 0, capsys.readouterr().err
    assert main(["check", str(folder)]) == 0, capsys.readouterr().out
    listed = json.loads((folder / "fau_metadata.json").read_text())
    (row,) = listed["variants"].values()
    assert row["file"] == "fau_mine_float16.tflite"
    info = AUInterpreter(folder / row["file"]).info
    labels = [facs.AUS[au].label for au in info.aus]
    assert labels == (folder / "labels.txt").read_text().split()
    for path in ("settings.gradle.kts", "kotlin/FauSample.kt", "face_landmarker.task"):
        assert (folder / path).stat().st_size > 0
