import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fau_tf import facs
from fau_tf.codec import TARGET_SCALES, HeatmapCodec

AUS = facs.ALL
TO_AU = facs.center_to_au(AUS)
OWNER = facs.au_of_center(AUS)
K, A = TO_AU.shape
SIZES = st.sampled_from([(256, 64), (128, 32), (64, 16), (96, 32)])
SIGMA = st.floats(0.5, 3)
INTENSITY = st.floats(0, 5, width=32)


@st.composite
def codecs(draw):
    image, heatmap = draw(SIZES)
    scale = draw(st.sampled_from(sorted(TARGET_SCALES)))
    return HeatmapCodec(image, heatmap, draw(SIGMA), scale)


@given(codecs(), st.data())
def test_decode_undoes_encode_wherever_the_centers_are(codec, data):
    pixel = st.floats(-0.5, codec.image_size - 0.625, width=32)
    centers = data.draw(hnp.arrays(np.float32, (K, 2), elements=pixel))
    intensity = data.draw(hnp.arrays(np.float32, (A,), elements=INTENSITY))
    heatmaps = codec.encode(centers, intensity[OWNER])
    assert heatmaps.shape == (codec.heatmap_size, codec.heatmap_size, K)
    # float32 products and a mean of up to three: some ulp of 5.
    np.testing.assert_allclose(codec.decode(heatmaps, TO_AU), intensity, atol=5e-6)


@pytest.mark.parametrize("scale", sorted(TARGET_SCALES))
def test_round_trip_at_every_cell_is_exact(scale):
    codec = HeatmapCodec(64, 16, 1.5, scale)
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)), axis=-1).reshape(-1, 2)
    for offset in (0.0, 1.5, 3.4):  # anywhere in the 4 px of a cell
        centers = (grid * 4 + offset).astype(np.float32)
        maps = codec.encode(centers, np.full(len(grid), 3.0, np.float32))
        rows, columns = np.unravel_index(maps.reshape(-1, len(grid)).argmax(0), (16, 16))
        np.testing.assert_array_equal(columns, grid[:, 0])
        np.testing.assert_array_equal(rows, grid[:, 1])
        np.testing.assert_allclose(maps.max((0, 1)) / codec.unit, 3.0, rtol=1e-6)
        assert codec.inside(centers).all()


def test_paper_scale_is_equation_one():
    codec = HeatmapCodec(256, 64, 2.0, "paper")
    center = np.array([[101.0, 50.0]], np.float32)
    maps = codec.encode(center, np.array([4.0], np.float32))[..., 0]
    column, row = (int(v) for v in codec.cells(center)[0])
    y, x = np.mgrid[:64, :64]
    want = 4 / (2 * np.pi * 4) * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 8)
    assert want.max() > 0.1
    np.testing.assert_allclose(maps, want, atol=1e-7)  # float32 exp of numbers below 0.2
    # A density: with both tails on the map it sums to the intensity.
    np.testing.assert_allclose(maps.sum(), 4, rtol=1e-4)


@given(codecs(), st.data())
def test_snapping_commutes_with_a_flip(codec, data):
    x = data.draw(st.integers(0, codec.image_size - 1))
    center = np.array([[x, 5.0]])
    mirrored = np.array([[codec.image_size - 1 - x, 5.0]])
    assert codec.cells(mirrored)[0, 0] == codec.heatmap_size - 1 - codec.cells(center)[0, 0]


def test_points_outside_the_map_have_weight_zero():
    codec = HeatmapCodec(128, 32, 1.5)
    centers = np.array([[0, 0], [127, 127], [-1, 5], [5, 128], [np.nan, 5], [127.4, 0]])
    np.testing.assert_array_equal(codec.inside(centers), [1, 1, 0, 0, 0, 1])


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("xp", [np, keras.ops])
def test_a_center_that_is_not_finite_gives_a_black_map_which_weight_0_masks(missing, xp):
    codec = HeatmapCodec(64, 16, 1.0)
    centers = np.array([[missing, 20.0], [20.0, missing], [20.0, 20.0]], np.float32)
    maps = np.asarray(codec.encode(centers, np.full(3, 3.0, np.float32), xp=xp))
    np.testing.assert_array_equal(maps[..., :2], 0)
    assert maps[..., 2].max() == 3
    assert np.isfinite(np.asarray(codec.inside(centers, xp=xp)) * maps).all()


def test_decoding_clips_to_0_and_5():
    codec = HeatmapCodec(64, 16, 1.0)
    heatmaps = np.full((16, 16, K), 9.0, np.float32)
    np.testing.assert_allclose(codec.decode(heatmaps, TO_AU), 5.0, rtol=1e-6)
    np.testing.assert_array_equal(codec.decode(-heatmaps, TO_AU), 0.0)
    np.testing.assert_array_equal(codec.peaks(-heatmaps), -9.0)


@given(codecs(), st.integers(0, 2**32 - 1))
def test_keras_ops_agrees_with_numpy(codec, seed):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-10, codec.image_size + 10, (2, K, 2)).astype(np.float32)
    intensity = rng.uniform(0, 5, (2, K)).astype(np.float32)
    tensors = [keras.ops.convert_to_tensor(value) for value in (centers, intensity)]
    want = codec.encode(centers, intensity)
    got = codec.encode(*tensors, xp=keras.ops)
    assert np.isfinite(want).all()
    # Both compute in float32; exp differs by an ulp or two of 5.
    np.testing.assert_allclose(got, want, atol=5e-6)
    np.testing.assert_allclose(
        codec.decode(got, TO_AU, xp=keras.ops), codec.decode(want, TO_AU), atol=1e-5
    )
    np.testing.assert_array_equal(codec.inside(tensors[0], xp=keras.ops), codec.inside(centers))


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((128, 30, 1.5), "must divide"),
        ((128, 32, 0.0), "`sigma` must be positive"),
        ((128, 32, 1.5, "sum"), "one of"),
    ],
)
def test_bad_arguments_are_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        HeatmapCodec(*arguments)
