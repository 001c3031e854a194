"""What benchmarks/training.py times: steps and parts of steps as functions without arguments."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fau_tf import facs
from fau_tf.models import heatmap_net
from fau_tf.models.presets import NetSpec
from fau_tf.training import fit, setup
from fau_tf.training.config import Config
from fau_tf.training.distribution import ONE_DEVICE

Program = Callable[[], Any]


def without_scc(spec: NetSpec) -> NetSpec:
    """Return the network with every SCC left out."""
    return replace(spec, scc=(False,) * len(spec.scc))


def step(config: Config) -> Program:
    """Return the training step of `train_keras.py`: forward, backward, update, metrics."""
    model = _trainer(config)
    image, targets = _batch(config)
    return lambda: model.train_on_batch(image, targets)


def gradient(config: Config) -> Program:
    """Return forward and backward of the network with its loss, without the update."""
    model = _trainer(config)
    image, targets = map(_on_device, _batch(config))
    return _gradient(config, model.net, lambda maps: model.heatmap_loss(targets, maps), image)


def backbone_gradient(config: Config) -> Program:
    """Return forward and backward of the backbone alone."""
    net = _trainer(config).net
    first = next(layer for layer in net.layers if layer.name.startswith("up0"))
    image = _on_device(_batch(config)[0])
    return _gradient(config, keras.Model(net.input, first.input), tf.reduce_mean, image)


def plain_step(config: Config) -> Program:
    """Return a step of plain Keras: a heatmap network of equal parameters, no SCC, MSE, Adam."""
    net = _widened(config.model)
    heatmap_net.freeze_backbone_norms(net)
    net.compile(
        optimizer=keras.optimizers.Adam(1e-4), loss="mse", jit_compile=config.training.jit_compile
    )
    image, targets = _batch(config)
    return lambda: net.train_on_batch(image, targets["heatmap"])


def _widened(spec: NetSpec) -> keras.Model:
    """Return the network without SCC, its decoder widened to as many parameters within 1 %."""
    wanted = heatmap_net.build(spec).count_params()

    def network(factor: float) -> keras.Model:
        decoder = tuple(round(width * factor) for width in spec.decoder)
        return heatmap_net.build(replace(without_scc(spec), decoder=decoder))

    low, high = 1.0, 8.0
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (middle, high) if network(middle).count_params() < wanted else (low, middle)
    return network(high)


def forward_flops(spec: NetSpec) -> int:
    """Return the floating-point operations of one image's way through the network."""
    net = heatmap_net.build(spec)
    return _operations(spec, lambda image: net(image, training=False))


def training_flops(spec: NetSpec) -> int:
    """Return the floating-point operations of one image's way forward and backward.

    The update, once a batch, is left out.
    """
    net = heatmap_net.build(spec)

    def run(image: Any) -> Any:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.square(net(image, training=True)))
        return tape.gradient(value, net.trainable_weights)

    return _operations(spec, run)


def _operations(spec: NetSpec, function: Callable[[Any], Any]) -> int:
    shape = tf.TensorSpec((1, spec.image_size, spec.image_size, 3))
    graph = tf.function(function).get_concrete_function(shape).graph
    count = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    count["output"] = "none"
    return int(tf.compat.v1.profiler.profile(graph, options=count).total_float_ops)


def product(config: Config, side: int = 2048) -> tuple[Program, int]:
    """Return a large matrix product in the compute precision, and its operations."""
    precision = config.training.precision.removeprefix("mixed_")
    x = tf.cast(tf.random.stateless_normal((side, side), (1, 2)), precision)
    run = tf.function(lambda: tf.reduce_sum(tf.cast(tf.matmul(x, x), "float32")))
    return lambda: run().numpy(), 2 * side**3


def _trainer(config: Config) -> keras.Model:
    net = setup.make_network(config)
    if config.training.freeze_backbone_norms:
        heatmap_net.freeze_backbone_norms(net)
    coded = np.ones((1, len(config.model.au_numbers)), np.float32)
    loss = setup.make_loss(config, coded)
    return fit.compiled(net, config, loss, 1e-4, ONE_DEVICE)


def _gradient(config: Config, net: keras.Model, loss: Callable[[Any], Any], image: Any) -> Program:
    @tf.function(jit_compile=config.training.jit_compile)
    def run(image: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(net(image, training=True))
        found = tape.gradient(value, net.trainable_weights)
        # Every gradient is used, else TensorFlow would leave it out.
        return tf.add_n([tf.reduce_sum(g) for g in found if g is not None])

    return lambda: run(image).numpy()


def _on_device(values: Any) -> Any:
    return tf.nest.map_structure(tf.constant, values)


def _batch(config: Config) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    spec, batch = config.model, config.training.batch_size
    size, k = spec.heatmap_size, len(facs.centers(spec.au_numbers, spec.rule))
    maps = rng.uniform(0, 1, (batch, size, size, k)).astype(np.float32)
    image = rng.uniform(0, 255, (batch, spec.image_size, spec.image_size, 3)).astype(np.float32)
    intensity = rng.uniform(0, 5, (batch, len(spec.au_numbers))).astype(np.float32)
    weight = np.ones((batch, k), np.float32)
    return image, {"heatmap": maps, "gaussian": maps, "weight": weight, "intensity": intensity}
