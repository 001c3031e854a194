import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from export.checks import verify as module
from export.checks import verify_faces, weight_types
from export.checks.verify import checks, line, verify
from export.checks.verify_faces import check_faces
from export.graph.flatbuffer import ModelFileError, TfliteFile, pack, unpack
from export.graph.metadata import with_metadata
from export.model_json import card, sidecar
from export.specs import EXPORT_SPECS
from fau_tf import contract, facs
from fau_tf.models.presets import PRESETS
from tests.helpers.tiny_model import AUS, write_tiny_model

pytestmark = pytest.mark.integration  # networks are converted: seconds each

CENTERS = len(facs.centers(AUS))
CARD = card(PRESETS["tiny"], EXPORT_SPECS["float32"], "fau_t_float32", {"kind": "synthetic"})


@pytest.fixture(scope="module")
def described(tiny_model):
    return with_metadata(TfliteFile(tiny_model), CARD)


@pytest.fixture(scope="module")
def entries(described):
    """The JSON sidecar."""
    return sidecar(described, CARD, {"parity": {}})


@pytest.fixture(scope="module")
def faces():
    return tuple(verify_faces._crops(64))


@pytest.fixture(autouse=True)
def _rendered_once(monkeypatch, faces):
    monkeypatch.setattr(verify_faces, "_crops", lambda _: faces)


@pytest.fixture
def model(tmp_path, described, entries):
    path = tmp_path / "m.tflite"
    path.write_bytes(described.content)
    path.with_suffix(".json").write_text(json.dumps(entries))
    return path


def _refusal(path):
    """Return the one line that refuses the file; it must be the last."""
    lines = list(checks(path))
    assert [state for state, _ in lines].count("FAILED") == 1
    state, text = lines[-1]
    assert state == "FAILED"
    assert "\n" not in text
    return text


def test_a_model_with_its_json_passes_every_check_without_tensorflow(model, tmp_path, monkeypatch):
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines = []
    assert verify(model, lines.append) == 0
    assert [text.split()[0] for text in lines[1:-1]] == ["ok"] * 7
    assert hashlib.sha256(model.read_bytes()).hexdigest() in lines[1]
    assert lines[-1].strip() == "m.tflite passes 7 checks"


def test_a_model_made_elsewhere_is_checked_by_its_graph_alone(tmp_path, tiny_model):
    path = tmp_path / "other.tflite"
    path.write_bytes(tiny_model)
    found = list(checks(path))
    assert [state for state, _ in found] == ["ok", "-", "-", "ok", "ok", "ok", "ok"]
    assert any(f"({PRESETS['tiny'].aus}, rule fau)" in text for _, text in found)


def test_a_json_without_a_card_in_the_file_is_enough(tmp_path):
    path = write_tiny_model(tmp_path)
    assert [state for state, _ in checks(path)] == ["ok", "-", "ok", "ok", "ok", "ok", "ok"]


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_cut_file_is_refused_in_one_line_and_nothing_changes(model, share):
    whole = model.read_bytes()
    model.write_bytes(whole[: int(share * len(whole))])
    model.with_suffix(".json").unlink()
    before = {path: path.read_bytes() for path in model.parent.iterdir()}
    lines = []
    assert verify(model, lines.append) == 2
    assert sum(text.startswith("FAILED") for text in lines) == 1
    assert lines[-1].strip() == "m.tflite is refused"
    assert {path: path.read_bytes() for path in model.parent.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damage_anywhere_is_refused_in_one_line(model, damage):
    whole = model.read_bytes()
    model.with_suffix(".json").unlink()
    rng = np.random.default_rng(0)
    for place in range(50):
        broken = np.frombuffer(whole[: len(whole) * place // 50], np.uint8)
        if damage == "flipped":
            broken = np.frombuffer(whole, np.uint8).copy()
            broken[rng.integers(len(whole) - 1000, size=20)] ^= 1 << place % 8  # before the zip
        model.write_bytes(broken.tobytes())
        lines = []
        assert verify(model, lines.append) == 2
        assert sum(text.startswith("FAILED") for text in lines) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "must be readable: got No such file"), (b"\x89PNG\r\n\x1a\n", "identifier TFL3")],
)
def test_a_file_that_is_no_model_is_refused(model, content, message):
    model.unlink()
    if content is not None:
        model.write_bytes(content)
    assert message in _refusal(model)


@pytest.mark.parametrize("death", ["os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(3)"])
def test_a_crash_of_the_child_is_one_line(model, tmp_path, monkeypatch, death):
    package = tmp_path / "export" / "checks"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    body = "import os, signal, sys\nprint('ok first: yes', flush=True)\nsys.stderr.write('core')\n"
    (package / "verify.py").write_text(f"{body}sys.stderr.flush()\n{death}\n")
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    lines = []
    assert verify(model, lines.append) == 2
    received = "SIGSEGV, core" if "SIGSEGV" in death else "exit code 3, core"
    assert received in lines[2]
    assert lines[3].strip() == "m.tflite is refused"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract_version": 3}, "contract_version must be 1 or 2"),
        ({"sha256": "0" * 64}, "must have the SHA-256 of m.json"),
        ({"color_order": "BGR"}, "agree with the card in the file: got another color_order"),
        ({"name": "other"}, "got another name"),
        ({"operators": {}}, "agree with the graph: got another operators"),
        ({"bytes": 1}, "got another bytes"),
    ],
)
def test_a_json_that_contradicts_the_model_is_refused(model, entries, change, message):
    model.with_suffix(".json").write_text(json.dumps(entries | change))
    assert message in _refusal(model)


def test_a_model_of_another_contract_version_is_refused(model, tiny_model):
    later = CARD | {"contract_version": 3}
    model.write_bytes(with_metadata(TfliteFile(tiny_model), later).content)
    assert "contract version 1 or 2: got 3" in _refusal(model)


def test_a_model_of_other_sizes_than_its_json_says_is_refused(tmp_path):
    path = write_tiny_model(tmp_path)
    entries = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(entries | {"image_size": 128}))
    assert "`image` must be ((1, 128, 128, 3), 'FLOAT32')" in _refusal(path)


def test_a_graph_that_a_promised_gpu_refuses_is_refused(model, monkeypatch):
    picky = {"a phone's GPU": lambda _: ["CUMSUM: must be on the list"]}
    monkeypatch.setitem(module.READERS, "gpu", picky)
    assert "must run whole on cpu and gpu: a phone's GPU: CUMSUM" in _refusal(model)
    theirs = unpack(model.read_bytes())
    theirs.metadata = []
    model.with_suffix(".json").unlink()
    model.write_bytes(pack(theirs))  # without the card, that is without a promise
    state, text = next(row for row in checks(model) if "taken whole" in row[1])
    assert state == "ok"
    assert "LiteRT CPU kernels" in text
    assert "a phone's GPU" not in text


def test_weights_of_another_type_than_the_card_promises_are_refused(model, tiny_model, monkeypatch):
    model.write_bytes(with_metadata(TfliteFile(tiny_model), CARD | {"weights": "INT8"}).content)
    model.with_suffix(".json").unlink()
    monkeypatch.setattr(weight_types, "LARGE", 100)  # this model's largest weight has 392 values
    assert "weights must be stored as INT8" in _refusal(model)


def _tflite(outputs, centers=CENTERS):
    """Return a model of the contract: `outputs`(maps (1, 16, 16, K)) -> maps, intensity."""
    module = tf.Module()

    def serve(image):
        gray = tf.reduce_mean(tf.nn.avg_pool2d(image, 4, 4, "VALID"), -1, keepdims=True)
        maps, intensity = outputs(gray / 255.0 * tf.linspace(1.0, 5.0, centers))
        return {contract.OUTPUT_INTENSITY: intensity, contract.OUTPUT_HEATMAPS: maps}

    module.serve = tf.function(
        serve, input_signature=[tf.TensorSpec((1, 64, 64, 3), tf.float32, name=contract.INPUT)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    return converter.convert()


def _mean(maps, aus=AUS):
    return tf.matmul(tf.reduce_max(maps, (1, 2)), tf.constant(facs.center_to_au(aus)))


def _like(maps, value):
    """Return a constant that the converter doesn't fold into the graph's outputs."""
    return maps * 0.0 + value


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda maps: (maps, _mean(maps)), None),
        (lambda maps: (maps * np.nan, _mean(maps)), "NaN or infinity in the heatmaps"),
        (lambda maps: (maps, _mean(maps) * np.inf), "NaN or infinity in the intensities"),
        (lambda maps: (maps * 2, _mean(maps)), "Heatmaps must vary within 0 to 5"),
        (lambda maps: (maps - 1, _mean(maps)), "Heatmaps must vary within 0 to 5"),
        (lambda maps: (_like(maps, 1), _mean(maps)), "Heatmaps must vary within 0 to 5"),
        (lambda maps: (maps, _mean(_like(maps, 1))), "Intensities must vary within 0 to 5"),
        (
            lambda maps: (maps, _mean(_like(maps, np.linspace(1, 5, CENTERS, dtype=np.float32)))),
            "differ from face to face",
        ),
        (lambda maps: (maps, _mean(maps)[:, ::-1]), "means of their centers' maxima"),
        (lambda maps: (maps[..., ::-1], _mean(maps)), "means of their centers' maxima"),
        (lambda maps: (maps, _mean(maps) * 0.95), "means of their centers' maxima"),
    ],
)
def test_implausible_outputs_are_refused(outputs, message):
    flatbuffer = _tflite(outputs)
    if message is None:
        assert "4 rendered faces: finite" in check_faces(flatbuffer, {})
        assert "the card's AUs" in check_faces(flatbuffer, CARD)
        return
    for known in ({}, CARD):
        with pytest.raises(ModelFileError, match=message):
            check_faces(flatbuffer, known)


def test_a_model_of_unknown_centers_is_checked_without_their_order():
    text = check_faces(_tflite(lambda maps: (maps, maps[:, 0, 0, :2]), centers=3), {})
    assert "their order can't be checked" in text


def test_rendered_faces_differ(faces):
    assert np.shape(faces) == (4, 64, 64, 3)
    assert min(np.abs(faces[0] - face).mean() for face in faces[1:]) > 5  # of 255


def test_a_line_is_one_line():
    assert line("FAILED", "file", "one\n two\r\n\tthree") == "FAILED  file: one two three"
