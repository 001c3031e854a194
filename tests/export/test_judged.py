import json
from dataclasses import replace

import numpy as np
import pytest

from export import judged, parity
from export.judged import export_run
from export.make import Source
from export.package import ExportError, run_tflite
from export.qat.launch import QatEnvironmentError
from export.run import LabelledFaces
from export.specs import EXPORT_SPECS
from fau_tf.model.presets import PRESETS
from fau_tf.runtime.model_info import read_model
from tests.export.test_export import FACES, _network
from tests.export.test_quantise import _faces

SPEC = PRESETS["tiny"]
# A network this small is half names and shapes, so its size says nothing.
ROWS = {name: replace(row, max_size=1.0) for name, row in EXPORT_SPECS.items()}
FLOAT32 = EXPORT_SPECS["float32"]


def _no_environment():
    raise QatEnvironmentError("no environment here")


@pytest.fixture(scope="module")
def source():
    return Source(_network(SPEC), SPEC, _faces(16, 1), _no_environment)


@pytest.fixture(scope="module")
def faces(source):
    images = _faces(40, 2)
    intensity, _ = run_tflite(source.float32("one_hot"), images)
    spread = intensity.std(axis=0)  # small: the network is random
    assert (spread > 0).all()
    noise = np.random.default_rng(0).normal(0, 0.5 * spread, intensity.shape)
    return LabelledFaces(images, (intensity + noise).astype(np.float32), "made up", 4)


@pytest.fixture(autouse=True)
def _few_faces(monkeypatch):
    monkeypatch.setattr(parity, "MIN_FACES", 40)
    monkeypatch.setattr(
        judged,
        "cpu_latency",
        lambda models, *_: {name: {1: {"median_ms": 2.0, "p90_ms": 3.0}} for name in models},
    )


def _export(source, faces, rows, out):
    said = []
    refused = export_run(source, "t", faces, rows, out, training_data=FACES, say=said.append)
    return refused, said


def test_what_keeps_its_gates_is_written_with_what_vouches_for_it(source, faces, tmp_path):
    rows = [FLOAT32, ROWS["float16"], ROWS["qat_int8"]]
    refused, said = _export(source, faces, rows, tmp_path)
    assert refused == []
    assert any("skipped: no environment" in line for line in said)
    names = {path.name for path in tmp_path.iterdir()}
    models = {
        f"fau_t_{name}.{end}" for name in ("float32", "float16") for end in ("tflite", "json")
    }
    assert names == models | {"report.md", "parity.json", "parity.png"}
    for name in ("float32", "float16"):
        path = tmp_path / f"fau_t_{name}.tflite"
        _, info = read_model(path)  # the demo's own reader
        assert info.name == path.stem
        entries = json.loads(path.with_suffix(".json").read_text())
        assert entries["parity"]["faces"] == 40
        assert entries["parity"]["icc"] > 0.5
    assert "made up" in (tmp_path / "report.md").read_text()


def test_a_refused_variant_is_not_written_and_leaves_no_stale_file(source, faces, tmp_path):
    for end in ("tflite", "json"):
        (tmp_path / f"fau_t_float16.{end}").write_text("of another network")
    rows = [FLOAT32, replace(ROWS["float16"], max_icc_loss=-1.0)]
    refused, said = _export(source, faces, rows, tmp_path)
    assert refused == ["float16"]
    assert any("REFUSED: mean ICC lost" in line for line in said)
    names = {path.name for path in tmp_path.glob("fau_*")}
    assert names == {"fau_t_float32.tflite", "fau_t_float32.json"}
    assert "mean ICC lost" in (tmp_path / "report.md").read_text()


def test_a_variant_whose_weights_are_not_what_it_says_is_refused(source, faces, tmp_path):
    liar = replace(ROWS["float16"], scheme="float32")
    refused, said = _export(source, faces, [liar], tmp_path)
    assert refused == ["float16"]
    assert any("REFUSED" in line and "FLOAT16" in line for line in said), said


def test_too_few_faces_prove_nothing(source, faces, tmp_path):
    few = LabelledFaces(faces.images[:20], faces.intensity[:20], "made up", 2)
    refused, said = _export(source, few, [FLOAT32], tmp_path)
    assert refused == ["float32"]
    assert any("at least 40 coded faces" in line for line in said)
    assert not list(tmp_path.glob("fau_*"))


def test_a_network_that_answers_nan_writes_nothing(source, faces, tmp_path, monkeypatch):
    honest = judged.run_tflite
    monkeypatch.setattr(
        judged, "run_tflite", lambda *given: tuple(x * np.nan for x in honest(*given))
    )
    with pytest.raises(ExportError, match="must be finite"):
        _export(source, faces, [FLOAT32], tmp_path / "out")
    assert not (tmp_path / "out").exists()
