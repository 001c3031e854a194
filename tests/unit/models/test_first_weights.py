import hashlib
import pickle
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

import train_keras
from fau_tf.models import first_weights, heatmap_net
from fau_tf.models.backbones import backbone, efficientnet_lite
from fau_tf.models.backbones.known_file import MissingWeightsError
from fau_tf.models.presets import PRESETS
from fau_tf.training import run_state, setup
from fau_tf.training.config import load_config

FIXES = ("--set training.imagenet=false", "--set training.weights=FILE")


def tiny(seed):
    keras.utils.set_random_seed(seed)
    return heatmap_net.build(PRESETS["tiny"])


def refused(call, *parts):
    with pytest.raises(ValueError, match=r".+") as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_without_its_package_lite0_stops_and_names_the_ways_out(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "_weights_file", lambda: None)
    for start in (
        lambda: first_weights.load(None, "efficientnet_lite0", imagenet=True),
        lambda: first_weights.require_first_weights("efficientnet_lite0", imagenet=True, file=""),
    ):
        refused(start, "`pip install '.[train]'` in the checkout of fau_tf", *FIXES)
    assert first_weights.load(None, "efficientnet_lite0", imagenet=False) == ""


def test_another_weights_file_is_not_loaded(monkeypatch, tmp_path):
    file = tmp_path / "w.pth"
    file.write_bytes(b"something else")
    monkeypatch.setattr(efficientnet_lite, "_weights_file", lambda: file)
    with pytest.raises(MissingWeightsError, match=hashlib.sha256(b"something else").hexdigest()):
        first_weights.load(None, "efficientnet_lite0_112", imagenet=True)


def test_without_keras_file_resnet_stops_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: pytest.fail("a download"))
    start = lambda: first_weights.load(None, "resnet50", imagenet=True)  # noqa: E731
    refused(start, "No such file", backbone.RESNET50_MD5, "keras.applications", *FIXES)


def test_a_backbone_without_published_weights_starts_from_random_ones():
    net = tiny(0)
    before = net.get_weights()
    assert first_weights.load(net, "tiny", imagenet=True) == ""
    for one, same in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_the_backbone_of_a_saved_network_is_taken_over_and_nothing_else(tmp_path):
    source, net = tiny(1), tiny(2)
    before = {layer.name: layer.get_weights() for layer in net.layers}
    file = tmp_path / "best.keras"
    source.save(file)
    assert "best.keras" in first_weights.load(net, "tiny", imagenet=True, file=str(file))
    changed = set()
    for layer in net.layers:
        for old, new, other in zip(
            before[layer.name],
            layer.get_weights(),
            source.get_layer(layer.name).get_weights(),
            strict=True,
        ):
            if layer.name.startswith("tiny"):
                np.testing.assert_array_equal(new, other)
                changed |= {layer.name} if (old != new).any() else set()
            else:
                np.testing.assert_array_equal(new, old)
    assert len(changed) == 4, "the convolutions; norms start alike"


def test_a_file_of_another_network_is_refused(tmp_path):
    file = tmp_path / "other.keras"
    image = keras.Input((64, 64, 3))
    keras.Model(image, keras.layers.Conv2D(8, 3, name="tiny0_conv")(image)).save(file)
    refused(lambda: first_weights.load(tiny(0), "tiny", imagenet=True, file=str(file)),
            "other.keras", "tiny0_conv", "same backbone")  # fmt: skip
    file.write_bytes(b"no archive")
    refused(lambda: first_weights.load(tiny(0), "tiny", imagenet=True, file=str(file)),
            "must be a saved Keras model")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "found", "wanted"),
    [("none.keras", False, "which is no file"), ("w.pth", True, "ending in .h5 or .keras")],
)
def test_a_file_that_cant_be_read_is_refused_by_its_setting(tmp_path, name, found, wanted):
    file = tmp_path / name
    if found:
        file.write_bytes(b"")
    refused(
        lambda: first_weights.require_first_weights("resnet50", imagenet=True, file=str(file)),
        "`training.weights`", wanted,
    )  # fmt: skip


def test_a_checkpoint_of_another_network_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet_lite, "read_tensors", lambda _path: {})
    file = tmp_path / "resnet.pth"
    file.write_bytes(pickle.dumps(None))
    image = keras.Input((32, 32, 3))
    net = keras.Model(image, efficientnet_lite.efficientnet_lite0(image, blocks=1))
    refused(
        lambda: first_weights.load(net, "efficientnet_lite0_112", imagenet=True, file=str(file)),
        "resnet.pth must be a checkpoint of EfficientNet-Lite0", "stem_conv",
    )  # fmt: skip


def test_a_training_stops_before_faces_are_rendered(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(efficientnet_lite, "_weights_file", lambda: None)
    monkeypatch.setattr(setup, "make_deterministic", lambda _config: None)
    monkeypatch.setattr(setup, "prepare_faces", lambda *_: pytest.fail("faces"))
    assert train_keras.main(["--runs", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(fix in line for fix in FIXES)


def test_a_run_is_told_by_the_content_of_its_first_weights_and_not_by_their_place(tmp_path):
    faces = SimpleNamespace(files=[tmp_path / "set" / "0.tfrecord"])
    prints = []
    for name, content in (("a.keras", b"1"), ("b.keras", b"1"), ("a.keras", b"2")):
        (tmp_path / name).write_bytes(content)
        config = load_config(None, [f"training.weights={tmp_path / name}"])
        prints.append(run_state.fingerprint(config, faces))
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.integration  # two networks of 94 MB
def test_resnet_weights_are_read_from_files_and_never_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: pytest.fail("a download"))
    image = keras.Input((64, 64, 3))
    model = keras.Model(image, backbone.BACKBONES["resnet50"].features(image))
    source = keras.applications.ResNet50(include_top=False, weights=None)
    file = tmp_path / "models" / backbone.RESNET50_FILE
    file.parent.mkdir()
    with h5py.File(file, "w") as legacy:  # the format of Keras' file
        save_weights_to_hdf5_group(legacy, source)
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    with pytest.raises(MissingWeightsError, match=digest):  # another file than Keras' own
        first_weights.load(model, "resnet50", imagenet=True)
    monkeypatch.setattr(backbone, "RESNET50_MD5", digest)
    saved = tmp_path / "resnet.keras"
    source.save(saved)
    reversed_kernel = source.get_layer("conv1_conv").get_weights()[0][:, :, ::-1]
    for given in ("", str(file), str(saved)):
        kernel, bias = model.get_layer("conv1_conv").get_weights()
        model.get_layer("conv1_conv").set_weights([np.zeros_like(kernel), bias])
        assert first_weights.load(model, "resnet50", imagenet=True, file=given)
        np.testing.assert_array_equal(
            model.get_layer("conv1_conv").get_weights()[0], reversed_kernel
        )
    model.save(saved)  # reads RGB already
    assert first_weights.load(model, "resnet50", imagenet=True, file=str(saved))
    np.testing.assert_array_equal(model.get_layer("conv1_conv").get_weights()[0], reversed_kernel)
