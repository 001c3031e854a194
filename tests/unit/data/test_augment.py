"""Occlusion, blur and JPEG: what they do to pixels, and that no point moves with them."""

from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data import augment as aug
from fau_tf.data import pipeline
from fau_tf.data.corruptions import corrupt
from fau_tf.data.record import MARGIN
from fau_tf.data.tfrecord import shard_files
from fau_tf.face.au_centers import au_centers
from tests.helpers.records import SIZE, dotted, make_record, write_shards

CROP = 64
TARGETS = pipeline.Targets(codec=HeatmapCodec(CROP, 16, 1.0), aus=facs.ALL, rule="fau")
EVERYTHING = aug.Augment(blur=2, jpeg=60, occlude=0.5)
OF_ALL = facs.centers(facs.ALL)


def corrupted(images, seed=(3, 4), first=0, batch=None, only=True, **how):
    """Return what `corrupt` makes of (B, S, S, 3); with `only`, without light or noise."""
    augment = replace(aug.NO_AUGMENT if only else aug.Augment(), **how)
    x = tf.constant(images, tf.float32)
    return checked(corrupt(x, augment, tf.constant(seed), first=first, batch=batch))


def checked(images):
    images = np.asarray(images)
    assert np.isfinite(images).all()
    assert images.size > 0
    assert images.max() > 0
    return images


def textured_images(count, size=CROP):
    """Dots on gray with some texture; whole gray levels, none of them 0 or 255."""
    rng = np.random.default_rng(count)
    dots = [dotted(rng.uniform(0.2 * size, 0.8 * size, (9, 2)), size, 3) for _ in range(count)]
    return np.clip(np.stack(dots) + rng.integers(-20, 20, (count, size, size, 1)), 1.0, 254.0)


def centroids(gray):
    """Return (..., 2) x and y of (..., S, S) images whose background is 0."""
    total = gray.sum((-2, -1))
    assert (total > 0).all()
    at = np.arange(gray.shape[-1])
    return np.stack([gray.sum(-2) @ at / total, gray.sum(-1) @ at / total], -1)


def lit_pixels(count):
    """Return (B, S, S, 3), one pixel lit in each image and channel, and its (B, 3, 2) x and y."""
    at = np.random.default_rng(0).integers(12, CROP - 12, (count, 3, 2))
    images = np.zeros((count, CROP, CROP, 3))
    i, c = np.indices((count, 3))
    images[i, at[..., 1], at[..., 0], c] = 140
    return images, at


@pytest.mark.parametrize("name", ["blur", "jpeg", "occlude", "gray"])
def test_a_negative_setting_is_refused(name):
    with pytest.raises(ValueError, match=rf"`augment.{name}` must not be neg.*Received: -0\.1"):
        aug.Augment(**{name: -0.1})


def test_a_setting_too_high_is_refused():
    with pytest.raises(
        ValueError, match=r"`augment.occlude` .*at most 1 if a fraction. Received: 1\.01"
    ):
        aug.Augment(occlude=1.01)
    with pytest.raises(ValueError, match=r"`augment.jpeg` must be at most 95.*Received: 96"):
        aug.Augment(jpeg=96)
    aug.Augment(occlude=1, jpeg=95)


def test_at_0_only_the_light_is_left():
    images = textured_images(6)
    for augment in (aug.Augment(), aug.NO_AUGMENT):
        assert augment.blur == augment.jpeg == augment.occlude == 0
        x, seed = tf.constant(images, tf.float32), tf.constant([3, 4])
        before = checked(aug.vary_light(x, augment, seed))
        np.testing.assert_array_equal(checked(corrupt(x, augment, seed)), before)
    assert (checked(aug.vary_light(x, aug.Augment(), seed)) != images).any()


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    records = [make_record(person, 0) for person in range(12)]
    write_shards(folder, records, shards=1)
    return pipeline.examples(shard_files(folder), [record.subject for record in records])


def batches(rows, augment, share=(0, 1)):
    stream = pipeline.batches(
        rows, TARGETS, record_size=SIZE, batch_size=8, seed=5, augment=augment, share=share
    )
    return [(checked(image), checked(y["heatmap"])) for image, y in islice(stream, 2)]


@pytest.fixture(scope="module")
def light(rows):
    return batches(rows, aug.Augment())


def test_at_0_a_training_has_the_batches_that_it_had(rows, light, monkeypatch):
    monkeypatch.setattr(pipeline, "corrupt", aug.vary_light)
    for one, before in zip(light, batches(rows, aug.Augment()), strict=True):
        np.testing.assert_array_equal(one[0], before[0])
        np.testing.assert_array_equal(one[1], before[1])


def test_a_worker_has_its_part_of_a_corrupted_batch_and_labels_stay(rows, light):
    whole, second = batches(rows, EVERYTHING), batches(rows, EVERYTHING, (1, 2))
    for step in range(2):
        for part in range(2):
            np.testing.assert_array_equal(second[step][part], whole[step][part][4:])
        assert np.abs(whole[step][0] - light[step][0]).mean() > 2
        np.testing.assert_array_equal(whole[step][1], light[step][1])


@pytest.mark.parametrize("cuts", [(0, 4, 8), (0, 1, 3, 8), tuple(range(9))])
def test_slices_are_together_the_batch(cuts):
    images, how = textured_images(8), {"blur": 3, "jpeg": 60, "occlude": 0.5, "only": False}
    whole = corrupted(images, **how)
    parts = [corrupted(images[i:j], first=i, batch=8, **how) for i, j in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.std((1, 2, 3)).min() > 1


@pytest.mark.parametrize("how", [{"blur": 3}, {"jpeg": 90}, {"occlude": 1}])
def test_the_seed_decides(how):
    images = textured_images(4)
    once, again, other = (corrupted(images, seed, **how) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any((1, 2, 3)).all()


def test_blur_spreads_a_dot_where_it_is():
    # Each channel of each image has its dot elsewhere, so a kernel or a pixel that strays into
    # another image or channel is found.
    images, at = lit_pixels(16)
    blurred = np.moveaxis(corrupted(images, blur=3).astype(float), -1, 1)
    # Mid-gray is taken and given back: float32 near 128 is good to 8e-6, over 4096 pixels.
    np.testing.assert_allclose(blurred.sum((2, 3)), 140, atol=0.02)
    # The same error half a crop away, against 140 at the dot, is 0.005 px.
    np.testing.assert_allclose(centroids(blurred), at, atol=0.05)
    peak = blurred.max((2, 3))
    assert peak.max() <= 140 + 1e-3
    assert np.median(peak) < 70
    np.testing.assert_allclose(peak, peak[:, :1].repeat(3, 1), rtol=1e-4)
    assert len(np.unique(peak[:, 0].round(2))) == 16, "each image has a sigma of its own"


def test_sigma_is_uniform_from_0_to_blur():
    images = np.zeros((600, 25, 25, 3))
    images[:, 12, 12] = 255
    blurred = corrupted(images, blur=2)[..., 0].astype(float)
    assert blurred.sum((1, 2)).min() > 254
    variance = blurred.sum(1) @ (np.arange(25) - 12) ** 2 / blurred.sum((1, 2))
    sigma = np.sqrt(variance)
    assert sigma.max() <= 2
    # A Gaussian of sampled weights is narrower than its sigma below half a pixel only.
    for limit in (0.5, 1.0, 1.5):
        # Four standard errors of a share of 600.
        assert (sigma < limit).mean() == pytest.approx(limit / 2, abs=0.08)


@pytest.mark.parametrize("blur", [0.01, 1, 3, 30])
def test_blur_leaves_a_constant_image_constant_to_the_border(blur):
    colors = np.random.default_rng(0).uniform(5, 250, (8, 1, 1, 3))
    images = np.broadcast_to(colors, (8, 16, 16, 3))
    # The weights sum to 1 within float32.
    np.testing.assert_allclose(corrupted(images, blur=blur), images, atol=1e-2)


def test_blur_brings_nothing_over_from_the_other_side():
    images = np.full((8, 32, 32, 3), 10.0)
    images[:4, :, 16:] = images[4:, 16:] = 240
    change = np.abs(corrupted(images, blur=2) - images)  # reaches 6 px
    assert change.max() > 10
    far = np.r_[:10, 22:32]
    # The weights sum to 1 within float32.
    assert change[:4][:, :, far].max() < 1e-2
    assert change[4:][:, far].max() < 1e-2


def test_jpeg_changes_an_image_a_little():
    images = textured_images(12)
    coarse = np.abs(corrupted(images, jpeg=90) - images).mean((1, 2, 3))
    assert coarse.min() > 0
    # At quality 10 nothing is left of a texture of +-20, 10 on average, but its mean.
    assert coarse.max() < 12
    fine = np.abs(corrupted(images, jpeg=1) - images).mean((1, 2, 3))
    assert fine.min() > 0
    assert fine.mean() < 0.7 * coarse.mean()


def test_jpeg_comes_last():
    # Whole gray levels are what a decoder gives; light and noise would leave fractions.
    varied = corrupted(textured_images(3), only=False, blur=1, jpeg=30)
    np.testing.assert_array_equal(varied, varied.round())
    assert (corrupted(textured_images(3), only=False, blur=1) % 1 != 0).any()


def changed(images, how):
    """Return (B, S, S): where occlusion at `how` altered a pixel, and the images after it."""
    after = corrupted(images, occlude=how)
    return (after != images).any(-1), after


def test_occlusion_is_one_rectangle_in_one_color():
    images = textured_images(64)
    where, after = changed(images, 1)
    assert where.any((1, 2)).all()
    for mask, image in zip(where, after, strict=True):
        rows, columns = mask.any(1), mask.any(0)
        np.testing.assert_array_equal(mask, rows[:, None] & columns)
        assert np.ptp(image[mask], axis=0).max() == 0
        for line in (rows, columns):
            (at,) = line.nonzero()
            assert at[-1] - at[0] == len(at) - 1, "one rectangle"
            whole = not (line[0] or line[-1])
            # A side covers its length in pixels or one more or less; half of it is in sight.
            assert 0.1 * CROP / (1 if whole else 2) - 1 <= len(at) <= 0.4 * CROP + 1
    colors = np.stack([image[mask][0] for mask, image in zip(where, after, strict=True)])
    assert len(np.unique(colors, axis=0)) == 64
    assert colors.std(0).min() > 40, "uniform is 74"


def test_occlusion_is_as_frequent_and_large_as_set():
    images = np.full((600, 30, 30, 3), 100.0)
    where, _ = changed(images, 1)
    share = where.mean((1, 2))
    # Of a side w, w / 2 beyond a border is lost: w - w^2 / 4 stays, .2325 on average for .1 to .4.
    assert share.mean() == pytest.approx(0.2325**2, abs=4 * share.std() / 600**0.5)
    assert where.mean(0).min() > 0, "anywhere in the crop"
    covered = changed(images, 0.3)[0].any((1, 2)).mean()
    assert covered == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 600) ** 0.5)
    assert not changed(images, 0)[0].any()


def test_light_and_noise_stay_as_they_are_beside_an_occlusion():
    images = textured_images(8)
    where, _ = changed(images, 1)
    plain, after = corrupted(images, only=False), corrupted(images, only=False, occlude=1)
    assert where.any()
    np.testing.assert_array_equal(after[~where], plain[~where])
    assert (after[where] != plain[where]).any()
    # An object stands before the camera: its color is under the same noise.
    assert np.mean([image[mask].std() for image, mask in zip(after, where, strict=True)]) > 1


def test_gray_pictures_have_the_luminance_and_no_color():
    images = textured_images(40) * (1.0, 0.6, 0.3)
    after = corrupted(images, gray=0.5)
    gray = (after[..., 0] == after[..., 1]).all((1, 2)) & (after[..., 1] == after[..., 2]).all(
        (1, 2)
    )
    assert 8 < gray.sum() < 32  # 40 draws of a half: standard deviation 3.2
    np.testing.assert_allclose(after[~gray], images[~gray], rtol=1e-6)
    luminance = images @ (0.299, 0.587, 0.114)
    np.testing.assert_allclose(after[gray][..., 0], luminance[gray], rtol=1e-5)  # float32


def mirrored(index):
    """Return the number of the AU center that a flip makes of this one."""
    of = {(row.au, frozenset(row.point.landmarks)): i for i, row in enumerate(OF_ALL)}
    row = OF_ALL[index]
    return of[row.au, frozenset(facs.MIRROR_68[i] for i in row.point.landmarks)]


@settings(max_examples=12)
@given(
    flip=st.sampled_from([0.0, 1.0]),
    rotate=st.floats(0, 25),
    scale=st.floats(0, 0.15),
    shift=st.floats(0, 0.06),
    blur=st.floats(0, 2),
    jpeg=st.floats(0, 30),
    seed=st.integers(0, 2**31 - 1),
    index=st.integers(0, len(OF_ALL) - 1),
)
def test_au_centers_move_with_the_pixels(seed, index, **how):
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(36, 44, (6, 68, 2)).astype(np.float32)
    images = np.stack([dotted([at[index]]) for at in au_centers(landmarks, facs.ALL)])
    augment = replace(aug.NO_AUGMENT, **how)
    views, flipped = aug.crop_views(6, SIZE, CROP, MARGIN, augment, tf.constant([seed, 1]))
    crops = checked(corrupt(aug.warp_images(images, views, CROP), augment, tf.constant([seed, 2])))
    centers = TARGETS.centers(aug.warp_landmarks(landmarks, views, flipped)).numpy()
    at = centers[:, mirrored(index) if how["flip"] else index]
    # 60 is the background; what JPEG leaves about a dot is below 10 levels more.
    found = centroids(np.maximum(crops[..., 0] - 70, 0))
    # Whole levels, and JPEG's rounding of each frequency within the dot: at most .09 px over 300
    # examples. A pixel grid that is off would be half a pixel off.
    np.testing.assert_allclose(found, at, atol=0.15)
