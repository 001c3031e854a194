import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import ops

from fau_tf import contract
from fau_tf.face.bundle import LANDMARKS, network_file, read_bundle
from fau_tf.models import heatmap_net
from fau_tf.models.backbones import face_mesh
from fau_tf.models.presets import PRESETS, net_spec
from fau_tf.training.model import HeatmapRegressor

TWO_BRANCHES = net_spec("tiny", {"mesh_decoder": 16})


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    return heatmap_net.build(TWO_BRANCHES)


def picture(size, count=1):
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


def test_the_trunk_computes_what_litert_computes():
    image = keras.Input((256, 256, 3))
    trunk = keras.Model(image, face_mesh.face_mesh_trunk(image, 32))
    face_mesh.load_weights(trunk)
    network = Interpreter(
        model_content=network_file(read_bundle(), LANDMARKS),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    network.allocate_tensors()
    network.set_tensor(network.get_input_details()[0]["index"], picture(256) / 255)
    network.invoke()
    # 377 and 345 are the outputs of the last PReLU of 16 and of 32 rows; they reach 6.6 and 4.3,
    # where two orders of float32 sums differ by some 1e-6.
    for maps, tensor in zip(trunk(picture(256)), (377, 345), strict=True):
        np.testing.assert_allclose(maps, network.get_tensor(tensor), atol=5e-5)


def bilinear(maps, size):
    """Return maps (B, n, n, C) at `size` rows and columns, with the edges of the old ones."""
    count = maps.shape[1]
    place = (np.arange(size) + 0.5) * count / size - 0.5
    before = np.floor(place).astype(int)
    share = place - before
    before, after = (np.clip(index, 0, count - 1) for index in (before, before + 1))
    for axis in (1, 2):
        weight = share.reshape([-1 if i == axis else 1 for i in range(4)])
        maps = maps.take(before, axis) * (1 - weight) + maps.take(after, axis) * weight
    return maps


def test_picture_and_maps_of_another_size_are_interpolated_between_pixel_centers():
    image = keras.Input((160, 160, 3))
    trunk = keras.Model(image, face_mesh.face_mesh_trunk(image, 40))
    face_mesh.load_weights(trunk)
    assert trunk.output_shape == [(None, 20, 20, 128), (None, 40, 40, 64)]
    resized = {
        "to_unit": ("enlarge", 256),
        "level3_block4_out_prelu": ("deep_resize", 20),
        "level2_block4_out_prelu": ("shallow_resize", 40),
    }
    pairs = [
        [trunk.get_layer(f"mesh_{name}").output for name in (a, b)] for a, (b, _) in resized.items()
    ]
    for (source, found), (_, size) in zip(
        keras.Model(image, pairs)(picture(160)), resized.values(), strict=True
    ):
        want = bilinear(np.asarray(source, np.float64), size)
        assert want.std() > 0.05
        # float32 weights of 1e-7, of values up to 5
        np.testing.assert_allclose(found, want, atol=5e-6)


def test_sizes_of_its_own_are_not_resized():
    spec = net_spec("small_mesh", {"image_size": 128, "heatmap_size": 32, "sigma": 1.5})
    net = heatmap_net.build(spec)
    assert net.output_shape == (None, 32, 32, len(spec.to_au))
    kinds = [layer.name for layer in net.layers if isinstance(layer, keras.layers.Resizing)]
    assert kinds == ["mesh_enlarge"]


def test_the_trunk_stays_frozen_and_the_rest_learns(net):
    trainable = {variable.path for variable in net.trainable_variables}
    trunk = ("mesh_stem_", "mesh_level")
    assert not [path for path in trainable if path.startswith(trunk)]
    assert {"mesh_up0_mix_conv/kernel", "up0_mix_conv/kernel"} <= trainable
    assert not [one for one in heatmap_net.backbone_variables(net) if "mesh" in one.path]


def test_the_heatmaps_are_the_mean_of_the_branches(net):
    image = picture(TWO_BRANCHES.image_size, 2)
    both = heatmap_net.branch_heatmaps(net, heatmap_net.branch_features(net)(image))
    assert len(both) == 2
    assert np.abs(both[0] - both[1]).max() > 0.01
    np.testing.assert_allclose(net(image), (both[0] + both[1]) / 2, atol=1e-5)
    assert heatmap_net.branch_features(heatmap_net.build(PRESETS["tiny"])) is None


def test_a_call_that_does_not_say_so_is_no_training(net):
    image = picture(TWO_BRANCHES.image_size, 2)
    before = [np.array(variable) for variable in net.non_trainable_variables]
    np.testing.assert_array_equal(net(image), net(image, training=False))
    for variable, kept in zip(net.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, kept)
    assert np.abs(net(image, training=True) - net(image)).max() > 1e-3


@pytest.mark.parametrize(("apart", "reached"), [(True, False), (False, True)])
def test_apart_no_branch_sees_what_the_other_predicts(net, apart, reached):
    targets = {"heatmap": np.random.default_rng(1).uniform(0, 5, (2, *net.output_shape[1:]))}

    def squared_error(targets, heatmaps):
        return ops.mean(ops.square(heatmaps - targets["heatmap"].astype(np.float32)))

    def gradient_of_the_mesh_branch():
        model = HeatmapRegressor(net, squared_error, apart=apart)
        weight = net.get_layer("mesh_up0_mix_conv").kernel
        with tf.GradientTape() as tape:
            value = model.loss_of(
                targets, model(picture(TWO_BRANCHES.image_size, 2), training=True)
            )
        return np.asarray(tape.gradient(value, weight.value))

    before = gradient_of_the_mesh_branch()
    kernel = net.get_layer(contract.OUTPUT_HEATMAPS).kernel
    kept = np.asarray(kernel)
    changed = kept.copy()
    changed[:, :, :16] += 0.5  # the part that reads the other branch
    kernel.assign(changed)
    after = gradient_of_the_mesh_branch()
    kernel.assign(kept)
    assert np.abs(before).max() > 0
    assert (np.abs(after - before).max() > 1e-6 * np.abs(before).max()) == reached


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"heatmap_size": 15, "image_size": 60, "mesh_decoder": 16},
            r"must be even\. Received: heatmap_size=15\. Set `mesh_decoder` to 0",
        ),
        ({"mesh_decoder": 2}, "`k` must be 1 to 2"),
    ],
)
def test_a_second_branch_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        heatmap_net.build(net_spec("tiny", changes))
