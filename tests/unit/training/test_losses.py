import keras
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.training.losses import HeatmapLoss, PairLoss, au_weights, level_weights

AUS = (4, 6, 12)
TO_AU = facs.center_to_au(AUS)
K, A = TO_AU.shape
OWNER = facs.au_of_center(AUS)


def batch(codec, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(4, codec.image_size - 4, (2, K, 2)).astype(np.float32)
    coded = rng.uniform(0, 5, (2, A)).astype(np.float32)
    at_center = coded[:, OWNER]
    targets = {
        "heatmap": codec.encode(centers, at_center),
        "gaussian": codec.gaussians(centers),
        "weight": np.ones((2, K), np.float32),
        "intensity": coded,
    }
    return targets, rng.normal(0, codec.unit, targets["heatmap"].shape).astype(np.float32)


def loss(codec, **changes):
    settings = {
        "background_weight": 0.1,
        "foreground_weight": 1.0,
        "intensity_weight": 4.0,
    } | changes
    weight = settings.pop("au_weight", np.ones(A, np.float32))
    return HeatmapLoss(codec=codec, to_au=TO_AU, au_weight=weight, **settings)


@pytest.mark.parametrize("scale", ["peak", "paper"])
def test_equals_plain_loops(scale):
    codec = HeatmapCodec(64, 16, 1.0, scale)
    targets, maps = batch(codec)
    au_weight = np.array([0.5, 1.0, 1.5], np.float32)
    full = 5 * codec.unit
    owner = facs.au_of_center(AUS)
    total = weights = 0.0
    for b in range(2):
        for k in range(K):
            error = ((maps[b, ..., k] - targets["heatmap"][b, ..., k]) / full) ** 2
            total += au_weight[owner[k]] * (error * (0.1 + targets["gaussian"][b, ..., k])).sum()
            weights += au_weight[owner[k]]
    peaks = maps.max((1, 2)) / codec.unit
    decoded = np.stack([peaks[:, owner == a].mean(1) for a in range(A)], 1)
    second = (au_weight * ((decoded - targets["intensity"]) / 5) ** 2).sum() / (2 * au_weight.sum())
    want = total / weights + 4 * second
    got = float(loss(codec, au_weight=au_weight)(targets, maps))
    assert want > 0.1
    assert got == pytest.approx(want, rel=1e-5)  # float32 sums of some hundred terms


def test_plain_mse_is_a_row_of_the_weights():
    codec = HeatmapCodec(64, 16, 1.0)
    targets, maps = batch(codec)
    want = ((maps - targets["heatmap"]) ** 2 / 25).sum((1, 2)).mean()
    got = float(
        loss(codec, background_weight=1.0, foreground_weight=0.0, intensity_weight=0.0)(
            targets, maps
        )
    )
    assert got == pytest.approx(want, rel=1e-5)


def test_the_perfect_prediction_costs_nothing():
    codec = HeatmapCodec(64, 16, 1.0)
    targets, _ = batch(codec)
    assert float(loss(codec)(targets, targets["heatmap"])) == pytest.approx(0, abs=1e-10)


def test_uncoded_aus_add_neither_loss_nor_gradient():
    codec = HeatmapCodec(64, 16, 1.0)
    targets, maps = batch(codec)
    owner = facs.au_of_center(AUS)
    targets["intensity"][:, 1] = np.nan
    targets["weight"][:, owner == 1] = 0
    variable = keras.Variable(maps)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss(codec)(targets, variable.value)
    gradient = tape.gradient(value, variable.value).numpy()
    assert np.isfinite(float(value))
    assert np.isfinite(gradient).all()
    assert not gradient[..., owner == 1].any()  # neither by its maps nor by its intensity
    assert gradient[..., owner == 0].any()


def test_rare_aus_weigh_more_when_balanced():
    coded = np.array([[5, 1, 0], [5, 1, 0], [5, np.nan, 0]], np.float32)
    np.testing.assert_allclose(au_weights(coded, 0.0), 1)
    weight = au_weights(coded, 0.5)
    assert weight[0] < weight[1] < weight[2]
    assert weight.mean() == pytest.approx(1)
    assert weight[1] / weight[0] == pytest.approx(5, rel=1e-5)


def test_rarer_levels_weigh_more_and_all_weigh_1_on_average():
    coded = np.array([[0, 5]] * 90 + [[3, np.nan]] * 10, np.float32)
    weight = level_weights(coded, 1.0)
    assert weight[0, 3] / weight[0, 0] == pytest.approx(9)
    assert (90 * weight[0, 0] + 10 * weight[0, 3]) / 100 == pytest.approx(1)
    assert weight[1, 5] == pytest.approx(1)
    assert level_weights(coded, 0.0) is None


def pair_loss(codec, **changes):
    settings = {"difference_weight": 1.0, "ranking_weight": 0.5} | changes
    return PairLoss(codec=codec, to_au=TO_AU, au_weight=np.ones(A, np.float32), **settings)


def paired(codec):
    """Return targets of four pictures, 0 and 1, 2 and 3 partners, and random maps."""
    rng = np.random.default_rng(3)
    difference = np.array([[1, np.nan, -2], [-1, np.nan, 2], [np.nan] * 3, [np.nan] * 3])
    ranked = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]])
    targets = {
        "partner": np.array([1, 0, 3, 2], np.int32),
        "difference": difference.astype(np.float32)[:, OWNER],
        "ranked": ranked.astype(np.float32),
    }
    return targets, rng.normal(0, codec.unit, (4, 16, 16, K)).astype(np.float32)


def test_pairs_equal_plain_loops():
    codec = HeatmapCodec(64, 16, 1.0, "peak")
    targets, maps = paired(codec)
    targets["difference"][:2, -1] += [1.5, -1.5]  # more on one side
    peaks = maps.max((1, 2)) / codec.unit
    differences, shortfalls = {a: [] for a in range(A)}, []
    for b in range(4):
        excess = peaks[b] - peaks[targets["partner"][b]]
        for k, a in enumerate(OWNER):
            if np.isfinite(targets["difference"][b, k]):
                differences[a].append(((excess[k] - targets["difference"][b, k]) / 5) ** 2)
        for a in range(A):
            if targets["ranked"][b, a]:
                shortfalls.append((max(0, 1 - excess[a == OWNER].mean()) / 5) ** 2)
    assert [len(differences[a]) for a in range(A)] == [2, 0, 4]
    # AUs count alike, however many centers they have.
    want = np.mean([np.mean(of) for of in differences.values() if of]) + 0.5 * np.mean(shortfalls)
    assert len(shortfalls) == 2
    assert want > 0.01
    got = float(pair_loss(codec)(targets, maps))
    assert got == pytest.approx(want, rel=1e-5)  # float32


def test_pairs_cost_nothing_where_the_difference_is_right_whatever_the_level():
    codec = HeatmapCodec(64, 16, 1.0, "peak")
    targets, _ = paired(codec)
    targets["ranked"][:] = 0
    level = np.array([[3, 1, 0], [2, 4, 2], [1, 1, 1], [0, 5, 0]], np.float32)
    maps = np.zeros((4, 16, 16, K), np.float32)
    maps[:, 8, 8] = codec.unit * level[:, OWNER]
    assert float(pair_loss(codec)(targets, maps)) == pytest.approx(0, abs=1e-12)
    targets["ranked"][3, 0] = 1  # it is below its partner
    assert float(pair_loss(codec)(targets, maps)) > 0.01


def test_pictures_without_a_partner_have_no_gradient():
    codec = HeatmapCodec(64, 16, 1.0, "peak")
    targets, maps = paired(codec)
    targets["partner"][2:] = [2, 3]
    targets["ranked"][:] = 0
    tf = pytest.importorskip("tensorflow")
    maps = tf.Variable(maps)
    with tf.GradientTape() as tape:
        value = pair_loss(codec)(targets, maps)
    gradient = tape.gradient(value, maps).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[:2]).max() > 0
    assert np.abs(gradient[2:]).max() == 0
