"""configs/*_paper.toml are the paper's settings, as far as they are known."""

from dataclasses import fields
from pathlib import Path

import keras
import numpy as np
import pytest

from fau_tf import contract, facs
from fau_tf.data.augment import NO_AUGMENT
from fau_tf.models import heatmap_net
from fau_tf.models.presets import net_spec
from fau_tf.training import callbacks, setup
from fau_tf.training.config import TrainingSettings, load_config
from tests.unit.training.test_losses import batch, loss

CONFIGS = Path(__file__).parents[3] / "configs"
PAPERS = {
    "disfa": (24, (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)),
    "bp4d": (10, (6, 10, 12, 14, 17)),
}


@pytest.mark.parametrize("dataset", PAPERS)
def test_the_settings_are_the_papers(dataset):
    config = load_config(CONFIGS / f"{dataset}_paper.toml")
    centers, aus = PAPERS[dataset]
    spec, settings = config.model, config.training
    assert len(facs.centers(spec.au_numbers, spec.rule)) == centers
    assert spec.au_numbers == aus
    assert (spec.backbone, spec.image_size, spec.heatmap_size) == ("resnet50", 256, 64)
    assert (spec.decoder, spec.scc, spec.upsample) == ((256, 128, 64), (True,) * 3, "deconv")
    assert (spec.sigma, spec.target_scale, spec.nodes) == (2.0, "paper", "channels")
    assert spec.codec.unit == pytest.approx(1 / (2 * np.pi * 2**2))  # Eq. 1
    assert (settings.background_weight, settings.foreground_weight) == (1, 0)
    assert settings.intensity_weight == settings.au_balance == settings.level_balance == 0
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (10, 16, 5e-4)
    assert (settings.schedule, settings.decay_epochs, settings.decay_factor) == ("steps", (5,), 0.1)
    assert settings.warmup_steps == settings.clip_norm == settings.ema == 0
    assert settings.imagenet
    assert not settings.freeze_backbone_norms
    assert not settings.calibrate
    assert settings.backbone_rate_factor == 1
    assert config.augment == NO_AUGMENT
    assert config.data.validation_fraction == 0
    assert config.data.neutral_fraction == config.data.frame_stride == 1
    # A record is the crop with a margin of 1.25: cut out, not resampled.
    assert config.data.record_size == 1.25 * spec.image_size


@pytest.mark.parametrize("dataset", PAPERS)
def test_weight_decay_is_1e_5_beside_equation_2(dataset):
    config = load_config(CONFIGS / f"{dataset}_paper.toml")
    centers, _ = PAPERS[dataset]
    full = 5 * config.model.codec.unit
    assert config.training.weight_decay == pytest.approx(1e-5 / (centers * full**2), rel=1e-3)


def test_plain_mse_is_equation_2_in_another_unit():
    codec = net_spec("tiny", {"target_scale": "paper"}).codec
    targets, maps = batch(codec)
    centers = maps.shape[-1]
    sums = np.square(maps - targets["heatmap"]).sum((1, 2, 3))  # Eq. 2: over AUs and pixels
    mse = loss(codec, background_weight=1.0, foreground_weight=0.0, intensity_weight=0.0)
    full = 5 * codec.unit
    found = float(mse(targets, maps)) * centers * full**2
    assert found == pytest.approx(sums.mean(), rel=1e-5)  # float32 sums of some hundred terms


def test_initializers_and_batch_norms_are_the_papers():
    changes = ("head_initializer", "scc_initializer", "norm_momentum", "norm_epsilon")
    paper = net_spec("paper")
    own = {name: getattr(paper, name) for name in changes}
    spec = net_spec("tiny", own | {"upsample": "deconv", "decoder": (64, 64)})
    keras.utils.set_random_seed(0)
    net = heatmap_net.build(spec)
    kernel, bias = net.get_layer(contract.OUTPUT_HEATMAPS).get_weights()
    # He: variance 2 / fan in; of 2,000 draws, 3 standard errors of a standard deviation are 5 %.
    assert kernel.std() == pytest.approx(np.sqrt(2 / 64), rel=0.05)
    assert (bias == 0).all()
    deconv = net.get_layer("up0_deconv")
    assert np.asarray(deconv.kernel).std() == pytest.approx(0.01, rel=0.02)  # of 24,576 draws
    assert not deconv.use_bias
    for name in ("up0_bn", "up1_bn", "scc0", "scc1"):
        layer = net.get_layer(name)
        assert (layer.momentum, layer.epsilon) == (0.99, 1e-9)


def test_without_validation_subjects_the_last_network_is_kept_and_calibration_refused(tmp_path):
    image = keras.Input((4,))
    net = keras.Model(image, keras.layers.Dense(1)(image))
    keep = callbacks.KeepLast(lambda: net, tmp_path / "best.keras")
    for value in (1.0, 2.0, 1.5):
        net.set_weights([np.full((4, 1), value), np.zeros(1)])
        keep.on_epoch_end(0)
    kernel, _ = keras.saving.load_model(tmp_path / "best.keras").get_weights()
    assert (kernel == 1.5).all()
    file = CONFIGS / "disfa_paper.toml"
    with pytest.raises(ValueError, match=r"`training.calibrate` = true needs validation subjects"):
        load_config(file, ["training.calibrate=true"])
    with pytest.raises(ValueError, match=r"not for `data.protocol` = 'random'"):
        load_config(file, ["data.protocol=random"])


def test_files_are_compared_on_training_faces_only_where_nobody_validates():
    said = []
    subsets = {"train": "t", "test": "e"}
    assert setup.comparison_faces(subsets, said.append) == "t"
    assert "no validation subjects" in said[0]
    assert setup.comparison_faces(subsets | {"validation": "v"}, said.append) == "v"
    assert len(said) == 1


def test_every_setting_of_the_training_is_named_or_at_its_default():
    """A setting that is added changes the paper's run only if its default does not."""
    config = load_config(CONFIGS / "disfa_paper.toml")
    changed = {
        one.name
        for one in fields(TrainingSettings)
        if getattr(config.training, one.name) != one.default
    }
    assert changed == {
        "epochs", "batch_size", "learning_rate", "warmup_steps", "schedule", "decay_epochs",
        "weight_decay", "clip_norm", "freeze_backbone_norms", "background_weight",
        "foreground_weight", "intensity_weight",
    }  # fmt: skip
