"""The one route of every export: what is written, what is refused, and what stays on disk."""

import hashlib
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from export import export, parity, report
from export.export import export_network
from export.keras_parity import difference_to_keras, run_tflite
from export.run import LabeledFaces
from export.specs import EXPORT_SPECS, VariantError, VariantUnavailableError
from export.variants import Source
from fau_tf import contract
from fau_tf.inference.model_info import read_model
from fau_tf.training.config import VARIANTS
from tests.helpers.once import once
from tests.helpers.tiny_model import AUS
from tests.helpers.tiny_network import TRAINING_DATA, smooth_faces

TRAINED = [EXPORT_SPECS[name] for name in VARIANTS]

pytestmark = pytest.mark.integration  # networks are converted: seconds each

# Half of so small a network is names and shapes, so its size means nothing.
ROWS = {name: replace(row, max_size=1.0) for name, row in EXPORT_SPECS.items()}
FLOAT32 = EXPORT_SPECS["float32"]


@pytest.fixture(scope="module")
def test(source):
    """Labeled faces on which the network agrees with its labels."""
    images = smooth_faces(40, 2)
    intensity, _ = run_tflite(source.float32("one_hot"), images)
    spread = intensity.std(axis=0)  # small: the network is random
    assert (spread > 0).all()
    noise = np.random.default_rng(0).normal(0, 0.5 * spread, intensity.shape)
    return LabeledFaces(images, (intensity + noise).astype(np.float32), "made up", 4)


@pytest.fixture(scope="module", name="once")
def _once():
    return once()


@pytest.fixture(autouse=True)
def _fast(monkeypatch, once, variant_file):
    monkeypatch.setattr(export, "make", lambda _source, variant: variant_file(variant))
    for name in ("run_tflite", "run_keras", "float16_range"):
        monkeypatch.setattr(export, name, once(getattr(export, name)))
    monkeypatch.setattr(parity, "MIN_FACES", 40)
    monkeypatch.setattr(report, "draw_parity", lambda path, *_: path.touch())
    monkeypatch.setattr(
        export,
        "cpu_latency",
        lambda models, *_: {name: {1: {"median_ms": 2.0, "p90_ms": 3.0}} for name in models},
    )


def failing_qat(error):
    """Return `make` with an error in place of the fine-tuned variant."""
    make = export.make

    def failing(source, variant):
        if variant.scheme == "qat_int8":
            raise error
        return make(source, variant)

    return failing


def run(source, rows, out, **settings):
    lines = []
    result = export_network(
        source, "t", rows, out, training_data=TRAINING_DATA, log=lines.append, **settings
    )
    return result, lines


def names(folder):
    return {path.name for path in folder.iterdir()}


def written(out):
    variants = json.loads((out / "parity.json").read_text())["variants"]
    return {name: row["written"] for name, row in variants.items()}


def leave_stale(out, variant):
    """Leave files of another network behind, as an earlier export may have."""
    for end in ("tflite", "json"):
        (out / f"fau_t_{variant}.{end}").write_text("of another network")


# ---- as training exports, without labeled faces


def test_a_fine_tuned_variant_has_facts_of_its_own(
    source, net, tmp_path, monkeypatch, variant_file
):
    tuned = SimpleNamespace(net=net, facts={"intervals": "its own", "fine_tuning": {"seconds": 1}})
    lending = Source(net, source.spec, source.representative, lambda: tuned)
    same = {"qat_int8": "static_int8"}
    monkeypatch.setattr(
        export, "make", lambda _, variant: variant_file(same.get(variant.name, variant.name))
    )
    rows = [FLOAT32, ROWS["qat_int8"]]
    result, _ = run(
        lending,
        rows,
        tmp_path,
        facts={
            "intervals": "the run's",
            "coverage": "of them",
            "real_faces": "the run's",
            "low_reliability": {"AU04": []},
        },
    )
    assert [entry["intervals"] for entry in result.written] == ["the run's", "its own"]
    assert [entry.get("coverage") for entry in result.written] == ["of them", None]
    assert [entry.get("real_faces") for entry in result.written] == ["the run's", None]
    assert [entry["low_reliability"] for entry in result.written] == [{"AU04": []}] * 2
    assert [entry.get("fine_tuning") for entry in result.written] == [None, {"seconds": 1}]


def test_training_writes_its_variants_with_their_json(source, tmp_path):
    result, _ = run(source, TRAINED, tmp_path, facts={"coverage": 0.9})
    assert result.refused == {}
    assert [entry["variant"] for entry in result.written] == ["float32", "float16"]
    for entry in result.written:
        path = tmp_path / f"{entry['name']}.tflite"
        assert json.loads(path.with_suffix(".json").read_text()) == entry
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert set(contract.REQUIRED_METADATA) <= set(entry)
        assert entry["aus"] == list(AUS)
        assert 0 < entry["max_intensity_error_to_keras"] < 0.1
        assert entry["coverage"] == 0.9
    assert names(tmp_path) == {
        f"{entry['name']}.{end}" for entry in result.written for end in ("tflite", "json")
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda intensity, maps: (intensity[:, ::-1], maps), "intensities of 95% of the faces"),
        (lambda intensity, maps: (intensity, maps[..., ::-1]), "heatmaps of 95% of the faces"),
        (lambda intensity, maps: (intensity, maps.swapaxes(1, 2)), "heatmaps of 95% of the faces"),
    ],
    ids=["au order", "center order", "transposed"],
)
def test_without_a_float32_that_agrees_with_keras_nothing_is_written(
    change, message, source, tmp_path, monkeypatch
):
    true = export.run_tflite
    monkeypatch.setattr(export, "run_tflite", lambda *given: change(*true(*given)))
    result, _ = run(source, TRAINED, tmp_path)
    assert list(result.refused) == ["float32", "float16"]
    assert result.refused["float16"][-1].startswith("float32, which it is compared with")
    assert re.match(message, result.refused["float32"][0])
    assert names(tmp_path) == set()


@pytest.mark.parametrize("which", [0, 1])
def test_a_network_that_outputs_nan_leaves_every_file_as_it_was(
    which, source, tmp_path, monkeypatch
):
    leave_stale(tmp_path, "float32")
    true = export.run_tflite

    def broken(*given):
        outputs = list(true(*given))
        outputs[which] = outputs[which] * np.nan
        return tuple(outputs)

    monkeypatch.setattr(export, "run_tflite", broken)
    with pytest.raises(VariantError, match="must be finite"):
        run(source, TRAINED, tmp_path)
    assert names(tmp_path) == {"fau_t_float32.tflite", "fau_t_float32.json"}


def test_where_keras_outputs_nan_no_file_agrees():
    wrong = np.full((1, 2), np.nan), np.full((1, 4, 4, 3), np.nan)
    got = np.ones((1, 2)), np.random.default_rng(0).uniform(size=(1, 4, 4, 3))
    _, lines = difference_to_keras(wrong, got, FLOAT32)
    assert len(lines) == 2
    assert all("got an error of nan" in line for line in lines)


def test_a_graph_that_a_gpu_refuses_is_removed_and_the_others_are_written(source, tmp_path):
    leave_stale(tmp_path, "float16")
    row = replace(EXPORT_SPECS["float16"], scheme="float32", selection="gather")
    result, lines = run(source, [FLOAT32, row], tmp_path)
    assert any("classic GPU delegate: TOPK_V2" in line for line in result.refused["float16"])
    assert any("removed, from an earlier export" in line for line in lines)
    assert names(tmp_path) == {"fau_t_float32.tflite", "fau_t_float32.json"}


# ---- tested on labeled faces


def test_what_passes_its_gates_is_written_with_its_agreement(source, test, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "make", failing_qat(VariantUnavailableError("no environment here")))
    leave_stale(tmp_path, "qat_int8")
    rows = [FLOAT32, ROWS["float16"], ROWS["qat_int8"]]
    result, lines = run(source, rows, tmp_path, test=test, may_skip=True)
    assert result.refused == {}
    assert any("not made: no environment" in line for line in lines)
    assert written(tmp_path) == {"float32": True, "float16": True, "qat_int8": False}
    text = (tmp_path / "report.md").read_text()
    assert "qat_int8: no environment" in text
    assert "made up" in text
    models = {f"fau_t_{name}.{e}" for name in ("float32", "float16") for e in ("tflite", "json")}
    assert names(tmp_path) == models | {"report.md", "parity.json", "parity.png"}
    for path in tmp_path.glob("*.tflite"):
        _, info = read_model(path)  # the demo's own reader
        assert info.name == path.stem
        entries = json.loads(path.with_suffix(".json").read_text())
        assert entries["parity"]["faces"] == 40
        assert entries["parity"]["icc"] > 0.5
        assert entries["cpu_latency_ms"]["1"]["median_ms"] == 2.0


def test_a_variant_that_loses_too_much_is_not_written(source, test, tmp_path):
    rows = [FLOAT32, replace(ROWS["float16"], max_icc_loss=-1.0)]
    result, lines = run(source, rows, tmp_path, test=test)
    assert list(result.refused) == ["float16"]
    assert any("REFUSED: mean ICC lost" in line for line in lines)
    assert {path.name for path in tmp_path.glob("*.tflite")} == {"fau_t_float32.tflite"}
    assert "mean ICC lost" in (tmp_path / "report.md").read_text()


def test_a_variant_whose_weights_have_another_type_is_refused(source, test, tmp_path):
    result, _ = run(source, [replace(ROWS["float16"], scheme="float32")], tmp_path, test=test)
    assert any("FLOAT16" in line for line in result.refused["float16"])


def test_values_beyond_float16_are_refused_for_gpus_alone(source, test, tmp_path, monkeypatch):
    monkeypatch.setattr("export.checks.float16_range.LARGEST", 1.0)
    rows = [ROWS["static_int8"], ROWS["float16"]]
    result, _ = run(source, rows, tmp_path, test=test)
    assert any("float16's range" in line for line in result.refused["float16"])
    assert not any("float16's range" in line for line in result.refused["static_int8"])


@pytest.mark.parametrize("error", [VariantError, VariantUnavailableError])
def test_a_variant_that_can_not_be_made_leaves_the_others(
    error, source, test, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "make", failing_qat(error("no such layer")))
    result, _ = run(source, [FLOAT32, ROWS["qat_int8"]], tmp_path, test=test)
    assert result.refused == {"qat_int8": ["no such layer"]}
    assert written(tmp_path) == {"float32": True, "qat_int8": False}


def test_float32_that_was_not_asked_for_is_tested_and_not_written(source, test, tmp_path):
    result, _ = run(source, [ROWS["float16"]], tmp_path, test=test)
    assert result.refused == {}
    assert {path.name for path in tmp_path.glob("*.tflite")} == {"fau_t_float16.tflite"}
    assert written(tmp_path) == {"float32": False, "float16": True}


def test_a_variant_with_constant_outputs_leaves_the_others(source, test, tmp_path, monkeypatch):
    true, float32 = export.run_tflite, []

    def constant_after_float32(file, images):
        float32.append(file) if not float32 else None
        return tuple(x * (file is float32[0]) for x in true(file, images))

    monkeypatch.setattr(export, "run_tflite", constant_after_float32)
    result, _ = run(source, [FLOAT32, ROWS["float16"]], tmp_path, test=test)
    assert "must vary" in result.refused["float16"][0]
    assert written(tmp_path) == {"float32": True, "float16": False}


def test_too_few_faces_refuse_everything(source, test, tmp_path):
    few = LabeledFaces(test.images[:20], test.intensity[:20], "made up", 2)
    result, _ = run(source, [FLOAT32], tmp_path, test=few)
    assert any("at least 40 coded faces" in line for line in result.refused["float32"])
    assert not list(tmp_path.glob("fau_*"))
