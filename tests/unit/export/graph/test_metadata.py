import io
import json
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.interpreter import Interpreter

from export.graph import metadata
from export.graph.flatbuffer import TfliteFile, pack, unpack
from export.graph.metadata import read_metadata, with_metadata
from export.model_json import card
from export.specs import EXPORT_SPECS
from fau_tf import contract, facs
from fau_tf.models.presets import PRESETS
from tests.helpers.tiny_model import AUS

SPEC = PRESETS["tiny"]
CARD = card(SPEC, EXPORT_SPECS["float32"], "fau_t_float32", {"name": "set", "kind": "synthetic"})
NAMES = (contract.OUTPUT_INTENSITY, contract.OUTPUT_HEATMAPS)


@pytest.fixture(scope="module")
def plain(tiny_model):
    return tiny_model


@pytest.fixture(scope="module")
def described(plain):
    return describe(plain)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)


def read(content):
    return read_metadata(TfliteFile(content))


def describe(content, card=CARD):
    return with_metadata(TfliteFile(content), card).content


def _outputs(image, **model):
    run = Interpreter(num_threads=1, **model).get_signature_runner(contract.SIGNATURE)
    return run(image=image)


@pytest.mark.parametrize(
    ("kind", "license_"),
    [("synthetic faces and edited portraits", b"Apache-2.0"), ("real faces", b"the terms of the")],
)
def test_the_file_itself_states_the_license_of_its_training_data(plain, kind, license_):
    content = describe(plain, CARD | {"training_data": {"name": "set", "kind": kind}})
    assert license_ in content
    assert (b"Apache-2.0" in content) == (license_ == b"Apache-2.0")


def test_what_goes_in_comes_out(plain, described):
    assert read(plain) is None
    assert read(described) == CARD


def test_metadata_replaces_metadata(plain, described):
    assert describe(described) == described
    other = CARD | {"name": "fau_other_float32"}
    again = describe(describe(plain, other))
    assert again == described
    assert b"fau_other" not in again


def test_metadata_changes_no_output_however_the_model_is_loaded(plain, described, image, tmp_path):
    path = tmp_path / "described.tflite"
    path.write_bytes(described)
    want = _outputs(image, model_content=plain)
    assert all(np.isfinite(want[name]).all() and want[name].std() > 0.01 for name in NAMES)
    for model in ({"model_content": described}, {"model_path": str(path)}):  # the second is mapped
        got = _outputs(image, **model)
        for name in NAMES:
            np.testing.assert_array_equal(got[name], want[name])
    compiled = CompiledModel.from_file(str(path), hardware_accel=HardwareAccelerator.CPU)
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    inputs[0].write(image)
    compiled.run_by_index(0, inputs, outputs)
    for name, buffer in zip(
        compiled.get_signature_list()[contract.SIGNATURE]["outputs"], outputs, strict=True
    ):
        got = buffer.read(want[name].size, np.float32).reshape(want[name].shape)
        np.testing.assert_array_equal(got, want[name])


def test_another_reader_finds_labels_colors_and_ranges(described, monkeypatch):
    pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    # MediaPipe's displayer parses with the C++ library and the schema's text. Its package lacks a
    # compiled module that only writing needs.
    for name in ("", ".metadata", ".metadata.python"):
        monkeypatch.setitem(
            sys.modules,
            f"mediapipe.tasks.cc{name}",
            types.SimpleNamespace(_pywrap_metadata_version=None),
        )
    from mediapipe.tasks.python.metadata.metadata import MetadataDisplayer

    reader = MetadataDisplayer.with_model_buffer(described)
    assert sorted(reader.get_packed_associated_file_list()) == [
        "centers.txt",
        "fau.json",
        "labels.txt",
        "model.sha256",
    ]
    labels = reader.get_associated_file_buffer("labels.txt").decode().splitlines()
    assert labels == [facs.AUS[au].label for au in AUS]
    centers = reader.get_associated_file_buffer("centers.txt").decode().splitlines()
    assert centers == [center.name for center in facs.centers(AUS)]
    assert json.loads(reader.get_associated_file_buffer("fau.json")) == CARD
    found = json.loads(reader.get_metadata_json())
    (graph,) = found["subgraph_metadata"]
    (taken,) = graph["input_tensor_metadata"]
    assert taken["name"] == "image"
    assert taken["content"]["content_properties"]["color_space"] == "RGB"
    assert taken["process_units"][0]["options"] == {"mean": [0.0], "std": [1.0]}
    assert taken["stats"] == {"min": [0.0], "max": [255.0]}
    given = {tensor["name"]: tensor for tensor in graph["output_tensor_metadata"]}
    assert {name: tensor["associated_files"] for name, tensor in given.items()} == {
        "intensity": [{"name": "labels.txt", "type": "TENSOR_AXIS_LABELS"}],
        "heatmaps": [{"name": "centers.txt", "type": "TENSOR_AXIS_LABELS"}],
    }
    assert all(t["stats"] == {"min": [0.0], "max": [5.0]} for t in given.values())
    # Readers go by position, so the order must be the graph's.
    details = Interpreter(model_content=described).get_output_details()
    shapes = {"intensity": 2, "heatmaps": 4}
    assert [len(row["shape"]) for row in details] == [shapes[name] for name in given]


def _parts(described):
    """Return the model before the zip, and name -> content of the zip's files."""
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        start = min(entry.header_offset for entry in archive.infolist())
        return described[:start], {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels.txt": "AU01\n"}, "other labels.txt"),
        ({"centers.txt": ""}, "other centers.txt"),
        ({"extra.txt": ""}, "other extra.txt"),
        ({"model.sha256": "0"}, "other model.sha256"),
        ({"fau.json": "{"}, "fau.json of JSON"),
        ({"fau.json": "[]"}, r"contract version 1 or 2: got None"),
        ({"fau.json": '{"contract_version": 3}'}, r"contract version 1 or 2: got 3"),
        ({"fau.json": '{"contract_version": true}'}, r"contract version 1 or 2: got True"),
        ({"fau.json": '{"contract_version": 1}'}, "without au_labels, aus, centers"),
    ],
)
def test_files_that_contradict_the_card_are_refused(described, change, message):
    model, files = _parts(described)
    assert metadata._followed_by_zip(model, files) == described
    with pytest.raises(ValueError, match=message):
        read(metadata._followed_by_zip(model, files | change))


@pytest.mark.parametrize("change", [{"image_size": 65}, {"name": "other"}])
def test_a_card_that_contradicts_the_tensors_is_refused(described, change):
    model, _ = _parts(described)
    files = metadata._files(CARD | change, model)
    with pytest.raises(ValueError, match="description of the tensors"):
        read(metadata._followed_by_zip(model, files))


def test_one_changed_bit_of_a_weight_is_refused(described):
    at = described.index(np.float32(0.5).tobytes())  # AUs with two centers have such a weight
    with pytest.raises(ValueError, match=r"other model\.sha256"):
        read(described[:at] + bytes([described[at] ^ 1]) + described[at + 1 :])


@pytest.mark.parametrize("lost", [1, 22, 200, 1000])
def test_a_cut_zip_is_refused(described, lost):
    with pytest.raises(ValueError, match="followed by a whole zip"):
        read(described[:-lost])


def test_other_metadata_is_left_alone(plain, monkeypatch):
    monkeypatch.setattr("export.graph.metadata_description.CARD", "theirs.json")
    theirs = describe(plain)
    monkeypatch.undo()
    assert read(theirs) is None


def test_a_stale_signature_is_refused(plain):
    model = unpack(plain)
    entry = model.signatureDefs[0].outputs[0]
    entry.tensorIndex = model.subgraphs[0].inputs[0]
    with pytest.raises(ValueError, match="must name the graph's outputs"):
        describe(pack(model))
    model.signatureDefs = []
    with pytest.raises(ValueError, match="must have the signature"):
        describe(pack(model))


_MAKE = """
import hashlib, sys
from export.graph.metadata import with_metadata
from export.model_json import card
from export.specs import EXPORT_SPECS
from export.variants import Source, make
from fau_tf.models import heatmap_net
from tests.helpers.tiny_network import SPEC, smooth_faces, tiny_network

for _ in range(int(sys.argv[1])):
    heatmap_net.build(SPEC)  # moves Keras's counters of names
source = Source(tiny_network(), SPEC, smooth_faces(2, 1))
for variant in EXPORT_SPECS.values():
    if variant.scheme != "qat_int8":  # that one trains
        described = card(SPEC, variant, "fau_t", {"kind": "synthetic"})
        made = with_metadata(make(source, variant), described).content
        print(variant.name, len(made), hashlib.sha256(made).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_export_the_same_bytes():
    printed = [
        subprocess.run(
            [sys.executable, "-c", _MAKE, networks],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for networks, seed in (("0", "1"), ("2", "2"))
    ]
    assert printed[0] == printed[1]
    assert len(set(printed[0].splitlines())) == len(EXPORT_SPECS) - 1
