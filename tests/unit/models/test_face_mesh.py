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

TWO_BRANCHES = net_spec("tiny", {"image_size": 128, "heatmap_size": 32, "mesh_decoder": 16})


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    return heatmap_net.build(TWO_BRANCHES)


def picture(size, count=1):
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


def test_the_trunk_computes_what_litert_computes():
    image = keras.Input((256, 256, 3))
    trunk = keras.Model(image, face_mesh.face_mesh_trunk(image))
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


def test_the_trunk_stays_frozen_and_the_rest_learns(net):
    trainable = {variable.path for variable in net.trainable_variables}
    trunk = ("mesh_stem_", "mesh_level")
    assert not [path for path in trainable if path.startswith(trunk)]
    assert {"mesh_up0_mix_conv/kernel", "up0_mix_conv/kernel"} <= trainable
    assert not [one for one in heatmap_net.backbone_variables(net) if "mesh" in one.path]


def test_the_heatmaps_are_the_mean_of_the_branches(net):
    image = picture(128, 2)
    both = heatmap_net.branch_heatmaps(net, heatmap_net.branch_features(net)(image))
    assert len(both) == 2
    assert np.abs(both[0] - both[1]).max() > 0.01
    np.testing.assert_allclose(net(image), (both[0] + both[1]) / 2, atol=1e-5)
    assert heatmap_net.branch_features(heatmap_net.build(PRESETS["tiny"])) is None


@pytest.mark.parametrize(("apart", "reached"), [(True, False), (False, True)])
def test_apart_no_branch_sees_what_the_other_predicts(net, apart, reached):
    targets = {"heatmap": np.random.default_rng(1).uniform(0, 5, (2, *net.output_shape[1:]))}

    def squared_error(targets, heatmaps):
        return ops.mean(ops.square(heatmaps - targets["heatmap"].astype(np.float32)))

    def gradient_of_the_mesh_branch():
        model = HeatmapRegressor(net, squared_error, apart=apart)
        weight = net.get_layer("mesh_up0_mix_conv").kernel
        with tf.GradientTape() as tape:
            value = model.loss_of(targets, model(picture(128, 2), training=True))
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
        ({"heatmap_size": 16, "image_size": 64, "mesh_decoder": 16}, "heatmap_size=16"),
        ({"heatmap_size": 32, "image_size": 128, "mesh_decoder": 2}, "`k` must be 1 to 2"),
    ],
)
def test_a_second_branch_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        heatmap_net.build(net_spec("tiny", changes))


def test_the_trunk_refuses_sizes_that_do_not_divide_its_own():
    with pytest.raises(ValueError, match="Received: 160"):
        face_mesh.face_mesh_trunk(keras.Input((160, 160, 3)))
