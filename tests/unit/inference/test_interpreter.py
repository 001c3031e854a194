import json
import sys

import numpy as np
import pytest

from fau_tf import contract, facs
from fau_tf.conformal import fit_intervals
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.model_info import FailedCriterion, ModelError
from fau_tf.utils.optional_imports import MissingLibraryError
from tests.helpers.tiny_model import HEATMAP, SIZE, write_metadata, write_tiny_model


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path, facs.ALL)


def crop(level):
    return np.full((SIZE, SIZE, 3), level, np.uint8)


def test_a_crop_gives_intensities_and_heatmaps_of_the_contract(model):
    intensity, heatmaps = AUInterpreter(model)(crop(255))
    assert intensity.shape == (len(facs.ALL),)
    assert heatmaps.shape == (HEATMAP, HEATMAP, len(facs.centers(facs.ALL)))
    # The tiny model gives 5 times brightness times 0.2 to 1, averaged over an AU's centers.
    center = 5 * np.linspace(0.2, 1.0, heatmaps.shape[-1])
    np.testing.assert_allclose(heatmaps[0, 0], center, rtol=1e-5)
    np.testing.assert_allclose(intensity, center @ facs.center_to_au(facs.ALL), rtol=1e-5)


def test_results_do_not_change_with_later_calls(model):
    interpreter = AUInterpreter(model)
    bright, _ = interpreter(crop(200))
    kept = bright.copy()
    dark, _ = interpreter(crop(10))
    np.testing.assert_array_equal(bright, kept)
    assert (dark < bright).all()


def test_the_info_names_the_aus_in_order(model):
    info = AUInterpreter(model).info
    assert info.labels[:3] == ("AU01", "AU02", "AU04")
    assert info.centers == tuple(center.name for center in facs.centers(facs.ALL))


def test_the_info_has_intervals_and_low_reliability_from_the_json(model):
    info = AUInterpreter(model).info
    assert (info.intervals, info.interval(np.zeros(17)), info.low_reliability) == (None, None, {})
    labels = [facs.AUS[au].label for au in facs.ALL]
    sure = fit_intervals(np.zeros((99, 17)), np.full((99, 17), 0.25)).as_json(labels)
    failed = {"criterion": "cross_rig_icc", "value": 0.25, "limit": 0.4}
    changes = {"intervals": sure, "low_reliability": {"AU10": [failed]}}
    write_metadata(model, facs.ALL, "fau", changes)
    info = AUInterpreter(model).info
    assert info.low_reliability == {"AU10": (FailedCriterion(**failed),)}
    assert str(info.low_reliability["AU10"][0]).endswith("is 0.25, below 0.40")
    assert info.interval(np.full(17, 0.25))["AU06"] == (0.0, 0.25)


@pytest.mark.parametrize(
    "changes",
    [
        {"intervals": {"level": 0.9}},
        {"low_reliability": ["AU10"]},
        {"low_reliability": {"AU10": []}},
        {"low_reliability": {"AU10": ["x"]}},
        {"low_reliability": {"AU10": [{"criterion": "none", "value": 0.1, "limit": 0.4}]}},
        {"low_reliability": {"AU10": [{"criterion": "cross_rig_icc", "value": "a", "limit": 1}]}},
        {"low_reliability": {"AU99": [{"criterion": "cross_rig_icc", "value": 0, "limit": 1}]}},
    ],
)
def test_malformed_intervals_and_low_reliability_are_refused(model, changes):
    write_metadata(model, facs.ALL, "fau", changes)
    with pytest.raises(ModelError, match="Export the model again"):
        AUInterpreter(model)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((SIZE, SIZE, 3), np.float32), "float32"),
        (np.zeros((SIZE, SIZE + 1, 3), np.uint8), "(64, 65, 3)"),
        (np.zeros((1, SIZE, SIZE, 3), np.uint8), "(1, 64, 64, 3)"),
        (np.zeros((SIZE, SIZE), np.uint8), "(64, 64)"),
    ],
)
def test_a_wrong_crop_is_refused_with_what_came(model, wrong, message):
    with pytest.raises(ValueError, match=r"must be \(64, 64, 3\) RGB uint8") as caught:
        AUInterpreter(model)(wrong)
    assert message in str(caught.value)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.tflite: the model must be readable.*No such file"):
        AUInterpreter(tmp_path / "none.tflite")


def test_a_missing_json_file_is_named(model):
    model.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"tiny\.json: the JSON file beside a model.*Copy it"):
        AUInterpreter(model)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_truncated_model_is_refused_by_its_hash(model, keep):
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"must have the SHA-256.*corrupt or another file"):
        AUInterpreter(model)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1c\x00\x00\x00TFL3" + bytes(64)])
def test_what_is_not_a_model_is_refused_even_with_its_hash(tmp_path, content):
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    write_metadata(path, facs.ALL, "fau")
    with pytest.raises(ModelError, match=r"x\.tflite: must be a TFLite model"):
        AUInterpreter(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"7"])
def test_a_broken_json_file_is_refused(model, content):
    model.with_suffix(".json").write_bytes(content)
    with pytest.raises(ModelError, match=r"tiny\.json: must be (JSON|a JSON object)"):
        AUInterpreter(model)


@pytest.mark.parametrize("version", [0, contract.CONTRACT_VERSION + 1, "1", True, 1.0, None])
def test_another_contract_version_is_refused(model, version):
    write_metadata(model, facs.ALL, "fau", {"contract_version": version})
    with pytest.raises(
        ModelError, match=rf"contract_version must be 1 or 2\. Received: {version!r}"
    ):
        AUInterpreter(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 7}, "text in `name`. Received: 7."),
        ({"rule": ["fau"]}, "text in `rule`. Received: ['fau']."),
        ({"sha256": 7}, "text in `sha256`. Received: 7."),
        ({"image_size": True}, "a positive whole number in `image_size`. Received: True."),
        ({"aus": "abc"}, "a list of AU numbers in `aus`. Received: 'abc'."),
        ({"aus": {"1": 2}}, "a list of AU numbers in `aus`. Received: {'1': 2}."),
        ({"aus": [True, 2]}, "a list of AU numbers in `aus`. Received: [True, 2]."),
        ({"aus": ["1"]}, "a list of AU numbers in `aus`. Received: ['1']."),
        ({"aus": [1, 3]}, ""),
        ({"rule": "none"}, ""),
        ({"centers": ["AU01_left"]}, ""),
        ({"heatmap_size": 0}, "a positive whole number in `heatmap_size`. Received: 0."),
        ({"name": None}, ""),
    ],
)
def test_malformed_metadata_is_refused_with_what_came(model, changes, message):
    write_metadata(model, facs.ALL, "fau", changes)
    with pytest.raises(ModelError) as caught:
        AUInterpreter(model)
    assert "tiny.json: must be " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("changes", [{"image_size": 128}, {"heatmap_size": 32}])
def test_a_model_of_other_shapes_than_its_metadata_is_refused(model, changes):
    write_metadata(model, facs.ALL, "fau", changes)
    with pytest.raises(ModelError, match=r"tiny\.tflite: tensors must be .*Received"):
        AUInterpreter(model)


def test_a_model_with_another_number_of_aus_is_refused(model):
    write_metadata(model, facs.DISFA, "fau")
    with pytest.raises(ModelError, match=r"tensors must be .*\(1, 12, 'float32'\)"):
        AUInterpreter(model)


def test_metadata_may_say_more_than_a_reader_needs(model):
    beside = model.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"commit": "abc"}))
    assert AUInterpreter(model).info.name == "tiny"


def test_a_number_of_threads_below_one_is_refused(model):
    with pytest.raises(ValueError, match="Received: 0"):
        AUInterpreter(model, threads=0)


@pytest.mark.parametrize("output", [contract.OUTPUT_INTENSITY, contract.OUTPUT_HEATMAPS])
def test_outputs_that_are_not_finite_are_refused(model, output):
    interpreter = AUInterpreter(model)
    run = interpreter._runner
    interpreter._runner = lambda **given: {**run(**given), output: np.full((1, 2), np.nan)}
    with pytest.raises(ModelError, match=r"must be finite\. Received: NaN"):
        interpreter(crop(9))


def test_without_litert_the_error_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingLibraryError, match="not installed"):
        AUInterpreter(model)
