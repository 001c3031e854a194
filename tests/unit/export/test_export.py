import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import export, package, parity, report
from export.export import export_run
from export.package import ExportError, run_tflite
from export.qat.describe import NotQuantizableError
from export.qat.launch import QatEnvironmentError, QatError
from export.quantize import RepresentativeSetError
from export.run import LabeledFaces
from export.specs import EXPORT_SPECS
from export.variants import Source
from fau_tf.inference.model_info import read_model
from fau_tf.models.presets import PRESETS
from tests.helpers.once import once
from tests.unit.export.test_convert import FACES, _network
from tests.unit.export.test_quantize import _faces

SPEC = PRESETS["tiny"]
# A network this small is half names and shapes, so its size says nothing.
ROWS = {name: replace(row, max_size=1.0) for name, row in EXPORT_SPECS.items()}
FLOAT32 = EXPORT_SPECS["float32"]


def _no_environment(_selection):
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
    return LabeledFaces(images, (intensity + noise).astype(np.float32), "made up", 4)


@pytest.fixture(scope="module", name="once")
def _once():
    return once()


@pytest.fixture(autouse=True)
def _few_faces(monkeypatch, once):
    for name in ("make", "run_tflite", "keras_outputs", "float16_range"):
        monkeypatch.setattr(export, name, once(getattr(export, name)))
    monkeypatch.setattr(parity, "MIN_FACES", 40)
    monkeypatch.setattr(report, "draw_parity", lambda path, _: path.touch())
    monkeypatch.setattr(
        export,
        "cpu_latency",
        lambda models, *_: {name: {1: {"median_ms": 2.0, "p90_ms": 3.0}} for name in models},
    )


def _export(source, faces, rows, out, **settings):
    said = []
    refused = export_run(
        source, "t", faces, rows, out, training_data=FACES, say=said.append, **settings
    )
    return refused, said


def _written(out):
    return {
        name: row["written"]
        for name, row in json.loads((out / "parity.json").read_text())["variants"].items()
    }


def _stale(out, variant):
    """Leave files of another network behind, as an earlier export may have."""
    for end in ("tflite", "json"):
        (out / f"fau_t_{variant}.{end}").write_text("of another network")


def test_what_keeps_its_gates_is_written_with_what_vouches_for_it(source, faces, tmp_path):
    rows = [FLOAT32, ROWS["float16"], ROWS["qat_int8"]]
    _stale(tmp_path, "qat_int8")
    refused, said = _export(source, faces, rows, tmp_path)
    assert refused == []
    assert any("skipped: no environment" in line for line in said)
    assert _written(tmp_path) == {"float32": True, "float16": True, "qat_int8": False}
    assert "qat_int8: no environment" in (tmp_path / "report.md").read_text()
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
    _stale(tmp_path, "float16")
    rows = [FLOAT32, replace(ROWS["float16"], max_icc_loss=-1.0)]
    refused, said = _export(source, faces, rows, tmp_path)
    assert refused == ["float16"]
    assert any("REFUSED: mean ICC lost" in line for line in said)
    names = {path.name for path in tmp_path.glob("fau_*")}
    assert names == {"fau_t_float32.tflite", "fau_t_float32.json"}
    assert "mean ICC lost" in (tmp_path / "report.md").read_text()


def test_what_is_asked_for_by_name_is_not_skipped(source, faces, tmp_path):
    refused, said = _export(source, faces, [ROWS["qat_int8"]], tmp_path, may_skip=False)
    assert refused == ["qat_int8"]
    assert any("REFUSED: no environment" in line for line in said)


def test_float32_that_was_not_asked_for_is_judged_and_not_written(source, faces, tmp_path):
    refused, _ = _export(source, faces, [ROWS["float16"]], tmp_path)
    assert refused == []
    assert {path.name for path in tmp_path.glob("*.tflite")} == {"fau_t_float16.tflite"}
    assert _written(tmp_path) == {"float32": False, "float16": True}


@pytest.mark.parametrize("error", [QatError, NotQuantizableError])
def test_a_variant_that_can_not_be_made_leaves_the_others(error, source, faces, tmp_path):
    def fails(_selection):
        raise error("no such layer")

    paper = replace(source, fine_tuned=fails)
    refused, _ = _export(paper, faces, [FLOAT32, ROWS["qat_int8"]], tmp_path)
    assert refused == ["qat_int8"]
    assert _written(tmp_path) == {"float32": True, "qat_int8": False}
    assert "qat_int8: no such layer" in (tmp_path / "report.md").read_text()


def test_a_variant_that_answers_a_constant_leaves_the_others(source, faces, tmp_path, monkeypatch):
    honest, calls = export.run_tflite, []

    def silent_the_second_time(*given):
        calls.append(given)
        return tuple(x * (len(calls) != 2) for x in honest(*given))

    monkeypatch.setattr(export, "run_tflite", silent_the_second_time)
    refused, said = _export(source, faces, [FLOAT32, ROWS["float16"]], tmp_path)
    assert refused == ["float16"]
    assert any("REFUSED" in line and "must vary" in line for line in said)
    assert _written(tmp_path) == {"float32": True, "float16": False}


def test_without_a_float32_that_keeps_its_gates_nothing_is_written(
    source, faces, tmp_path, monkeypatch
):
    honest = export.far_from_keras
    monkeypatch.setattr(
        export,
        "far_from_keras",
        lambda expected, got, variant: (
            (1.0, ["far off"]) if variant is FLOAT32 else honest(expected, got, variant)
        ),
    )
    refused, said = _export(source, faces, [FLOAT32, ROWS["float16"]], tmp_path)
    assert refused == ["float32", "float16"]
    assert any("REFUSED: far off" in line for line in said)
    assert any("REFUSED: float32, which it is compared with" in line for line in said)
    assert not list(tmp_path.glob("fau_*"))


def test_an_empty_representative_set_writes_nothing(source, faces, tmp_path):
    nobody = replace(source, representative=source.representative[:0])
    with pytest.raises(RepresentativeSetError, match="at least one face"):
        _export(nobody, faces, [FLOAT32, ROWS["static_int8"]], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_old_pair(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    package.write_pair(path, b"old", {"sha256": "old"})
    honest = Path.write_text

    def full(self, text, encoding):
        honest(self, text[:1], encoding)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        package.write_pair(path, b"new", {"sha256": "new"})
    assert path.read_bytes() == b"old"
    assert json.loads((tmp_path / "model.json").read_text()) == {"sha256": "old"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_variant_whose_weights_are_not_what_it_says_is_refused(source, faces, tmp_path):
    liar = replace(ROWS["float16"], scheme="float32")
    refused, said = _export(source, faces, [liar], tmp_path)
    assert refused == ["float16"]
    assert any("REFUSED" in line and "FLOAT16" in line for line in said), said


def test_too_few_faces_prove_nothing(source, faces, tmp_path):
    few = LabeledFaces(faces.images[:20], faces.intensity[:20], "made up", 2)
    refused, said = _export(source, few, [FLOAT32], tmp_path)
    assert refused == ["float32"]
    assert any("at least 40 coded faces" in line for line in said)
    assert not list(tmp_path.glob("fau_*"))


def test_a_network_that_answers_nan_writes_nothing(source, faces, tmp_path, monkeypatch):
    honest = export.run_tflite
    monkeypatch.setattr(
        export, "run_tflite", lambda *given: tuple(x * np.nan for x in honest(*given))
    )
    with pytest.raises(ExportError, match="must be finite"):
        _export(source, faces, [FLOAT32], tmp_path / "out")
    assert not (tmp_path / "out").exists()
