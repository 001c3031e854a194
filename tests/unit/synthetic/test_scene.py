"""The content of a scene: occluders, wrinkles, lights, backgrounds, the camera."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from fau_tf import facs
from fau_tf.synthetic import sample
from fau_tf.synthetic.render import geometry, rasterized
from fau_tf.synthetic.render.z_buffer import rasterize
from fau_tf.synthetic.scene import lighting, occlusion
from fau_tf.synthetic.scene.background import BACKGROUNDS, draw_background
from fau_tf.synthetic.scene.camera_noise import capture
from fau_tf.synthetic.scene.occluders.glasses import LENS_SHAPES, Glasses
from fau_tf.synthetic.scene.occluders.hand import Hand
from fau_tf.synthetic.scene.occlusion import Occluders, sample_occluders
from fau_tf.synthetic.scene.scene import Variety
from fau_tf.synthetic.textures import wrinkles
from fau_tf.synthetic.textures.albedo import appearance
from fau_tf.synthetic.textures.uv_masks import wrinkle_heights
from tests.helpers.scenes import clean_scene, crop_view, with_deep_wrinkles

SIZE = 128


@pytest.fixture(scope="module")
def plain(rig):
    """A neutral scene without occluders and camera noise."""
    scene = clean_scene(rig, 7, 7)
    return replace(scene, camera=replace(scene.camera, white=(1.0, 1.0, 1.0)))


def crop(scene):
    return sample.render(scene, size=SIZE, view=crop_view(scene, SIZE)).astype(int)


def visible(scene, occluders, size=SIZE):
    """Return the pixels that show the occluders, and those that would without a face behind."""
    look = appearance(scene.rig, scene.person)
    bare = len(geometry.surface(replace(scene, occluders=Occluders()), look).faces)
    whole = geometry.surface(replace(scene, occluders=occluders), look)
    scale = size / sample.NOMINAL
    points = geometry.project(whole.points, scene) * [scale, scale, 1]
    hits = rasterize(points, whole.faces, size)
    return hits.pixel[hits.face >= bare], rasterize(points, whole.faces[bare:], size).pixel


def covered(scene, occluders):
    """Return the share of the face's hull that the occluders hide."""
    hull = Delaunay(sample.landmarks(scene) * SIZE / sample.NOMINAL)
    pixels = np.stack([np.arange(SIZE**2) % SIZE, np.arange(SIZE**2) // SIZE], 1)
    inside = hull.find_simplex(pixels) >= 0
    assert inside.sum() > 1000
    return inside[visible(scene, occluders)[0]].sum() / inside.sum()


# Occluders


@pytest.mark.parametrize("part", ["wrinkles", "occluders"])
def test_leaving_one_part_out_changes_nothing_else(rig, part):
    for seed in range(8):
        scene, without = (
            sample.sample_scene(rig, person_seed=seed, face_seed=seed, variety=variety)
            for variety in (None, Variety(**{part: False}))
        )
        assert replace(without, **{part: getattr(scene, part)}) == scene
        assert getattr(without, part) == (0.0 if part == "wrinkles" else Occluders())


def test_occluders_are_as_frequent_as_stated_and_glasses_belong_to_people(rig):
    drawn = [sample_occluders(p, f, hair=True) for p in range(300) for f in range(4)]
    glasses = np.array([one.glasses is not None for one in drawn]).reshape(300, 4)
    assert (glasses == glasses[:, :1]).all()
    # four standard deviations of 300 and 1,200 draws
    assert abs(glasses[:, 0].mean() - occlusion.GLASSES) < 4 * np.sqrt(0.18 / 300)
    for name, share in (("strands", occlusion.STRANDS), ("hand", occlusion.HAND)):
        found = np.mean([getattr(one, name) is not None for one in drawn])
        assert abs(found - share) < 4 * np.sqrt(share / 1200)
    assert all(sample_occluders(p, 1, hair=False).strands is None for p in range(99))
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1)
    assert {"glasses", "strands", "hand"} <= set(scene.factors)


def test_strands_and_hands_hide_a_part_of_the_face_but_never_most_of_it(plain):
    shares = {"strands": [], "hand": []}
    for seed in range(60):
        one = sample_occluders(seed, seed, hair=True)
        for name, found in shares.items():
            if getattr(one, name) is not None:
                found.append(covered(plain, Occluders(**{name: getattr(one, name)})))
    for name, found in shares.items():
        assert len(found) >= 2, name
        assert 0.005 < max(found) < 0.35, name


@pytest.mark.parametrize("shape", range(len(LENS_SHAPES)))
def test_glasses_frame_the_eyes_and_hide_little(plain, shape):
    clear = Occluders(glasses=Glasses(shape, (0.01, 0.01, 0.01), False, 0.2))
    share = covered(plain, clear)
    assert 0.01 < share < 0.15
    bare, worn = crop(plain), crop(replace(plain, occluders=clear))
    view = crop_view(plain, SIZE)
    at = np.round(sample.landmarks(plain)[36:48] @ view[:, :2].T + view[:, 2]).astype(int)
    # the lenses are clear: what changes at the eyelids is shade, not the frame
    change = np.abs(worn - bare).max(-1)
    assert np.median(change[at[:, 1], at[:, 0]]) < 40
    assert (change > 40).sum() > 60
    dark = Occluders(glasses=Glasses(shape, (0.01, 0.01, 0.01), True, 0.2))
    assert covered(plain, dark) > 2 * share


def test_hands_have_the_color_of_skin(plain):
    held = crop(replace(plain, occluders=Occluders(hand=Hand((3.0, -6.5), 120.0, 3, 6.0))))
    change = np.abs(held - crop(plain)).max(-1) > 20
    assert change.sum() > 150
    red, _, blue = held[change].mean(0)
    assert red > blue


def test_hands_do_not_sink_into_the_face(plain):
    hands = [sample_occluders(seed, seed, hair=True).hand for seed in range(120)]
    hands = [hand for hand in hands if hand is not None]
    assert len(hands) >= 5
    for hand in hands:
        seen, alone = visible(plain, Occluders(hand=hand))
        assert len(seen) > 0.93 * len(alone)  # the tip of a bent finger may be hidden


def test_strands_lie_on_the_skin_of_each_person(rig):
    shares = []
    for seed in range(10):
        # strands are thinner than a pixel of a small picture
        seen, alone = visible(clean_scene(rig, seed, 1), Occluders(strands=seed), size=512)
        shares.append(len(seen) / len(alone))
    assert min(shares) > 0.6  # the root may lie in the hair
    assert np.mean(shares) > 0.9


# Wrinkles


@pytest.mark.parametrize("au", [1, 2, 4, 6, 9, 12, 17])
def test_wrinkles_are_visible_at_128_px(plain, au):
    acting = replace(
        with_deep_wrinkles(plain, age=0.8), intensity=dict.fromkeys(facs.AUS, 0.0) | {au: 5.0}
    )
    change = np.abs(crop(acting) - crop(replace(acting, wrinkles=0.0))).max(-1)
    # a viewer sees a step of 8 of 255 gray levels beside smooth skin
    assert (change > 8).sum() > 40
    assert change.max() > 20


def test_furrows_vary_between_people_and_bulges_do_not(rig):
    people = [sample.sample_scene(rig, person_seed=p, face_seed=1).person for p in range(8)]
    variants = [appearance(rig, person).variant for person in people]
    assert all(set(variant) == set(wrinkles.PATTERNS) for variant in variants)
    assert len({tuple(variant.values()) for variant in variants}) > 6
    first, other = wrinkle_heights(0), wrinkle_heights(1)
    for au, pattern in wrinkles.PATTERNS.items():
        assert np.isfinite(other[au]).all()
        assert np.abs(first[au] - other[au]).any() == bool(pattern.furrows), au
        if pattern.furrows:  # elsewhere, but about as much
            assert 0.4 < np.abs(other[au]).sum() / np.abs(first[au]).sum() < 2.0, au
            assert wrinkles.varied(pattern, au, 1).bulges == pattern.bulges


# Light


def test_light_setups_vary_and_further_draws_do_not_depend_on_them():
    assert sum(row.share for row in lighting.LIGHT_SETUPS) == pytest.approx(1)
    rng = [np.random.default_rng(3) for _ in range(40)]
    lights = [
        lighting.sample_light(one, np.random.default_rng(seed)) for seed, one in enumerate(rng)
    ]
    assert len({one.random() for one in rng}) == 1  # the next draw
    assert len({light.shine for light in lights}) == 1
    for light in lights:
        assert np.sum(np.square(light.key)) == pytest.approx(1)
        assert np.sum(np.square(light.fill)) == pytest.approx(1)
        assert min(light.fill_light) >= 0
    assert any(light.fill[2] < 0 < max(light.fill_light) for light in lights)  # from behind
    assert any(light.key[1] > 0.7 for light in lights)
    assert any(abs(light.key[0]) > 0.8 for light in lights)


def test_the_fill_light_adds_its_own_light_and_nothing_else(plain):
    side = np.tile(np.array([0.8, 0, 0.6], np.float32), (5, 1))
    gray = (np.full((5, 3), 0.4, np.float32), np.zeros(5, np.float32), np.ones(5, np.float32))
    lit = [
        rasterized.reflected_light(
            replace(plain.light, strength=strength, fill=(0.8, 0.0, 0.6), fill_light=(fill, 0, 0)),
            side, *gray,
        )
        for strength, fill in ((0.7, 0.0), (0.7, 0.5), (0.2, 0.0), (0.2, 0.5))
    ]  # fmt: skip
    np.testing.assert_allclose(lit[1][:, 0] - lit[0][:, 0], 0.4 * 0.5, rtol=1e-5)
    np.testing.assert_allclose(lit[3] - lit[2], lit[1] - lit[0], atol=1e-6)  # float32
    np.testing.assert_array_equal(lit[1][:, 1:], lit[0][:, 1:])


@pytest.mark.parametrize("side", [-40.0, 0.0, 40.0])
def test_the_key_light_is_mirrored_in_the_eyes_on_its_side(plain, side):
    turn = np.radians(side)
    light = replace(plain.light, key=(float(np.sin(turn)), 0.0, float(np.cos(turn))), strength=1.0)
    scene = replace(
        plain, person=replace(plain.person, iris=(0.03, 0.015, 0.008)), light=light,
        intensity=dict.fromkeys(facs.AUS, 0.0) | {5: 3.0}, gaze=(0.0, 0.0), lid_droop=0.0,
    )  # fmt: skip
    image = crop(scene).sum(-1)
    points, view = sample.landmarks(scene), crop_view(scene, SIZE)
    for ring in (slice(36, 42), slice(42, 48)):
        x, y = np.round(points[ring].mean(0) @ view[:, :2].T + view[:, 2]).astype(int)
        iris = image[y - 2 : y + 3, x - 2 : x + 3]
        # the light is a bright spot on an iris and pupil that are nearly black
        assert iris.max() > iris.min() + 150
        column = np.unravel_index(np.argmax(iris), iris.shape)[1] - 2
        assert column * np.sign(side) >= 0


# Background and camera


@pytest.mark.parametrize(("_name", "_share", "draw"), BACKGROUNDS)
def test_backgrounds_of_each_kind_vary(_name, _share, draw):
    light = np.array([draw(np.random.default_rng(seed)) for seed in range(12)])
    assert np.isfinite(light).all()
    assert light.min() >= 0
    assert np.median(light) < 2
    assert light.mean((1, 2, 3)).std() > 0.005
    assert light.std((1, 2)).mean() > 0.005


def test_backgrounds_follow_from_their_seed():
    np.testing.assert_array_equal(draw_background(5), draw_background(5))
    assert np.abs(draw_background(5) - draw_background(6)).mean() > 0.01


def test_each_camera_parameter_degrades_the_picture_in_its_way(plain):
    def photo(light, **changes):
        camera = replace(plain.camera, exposure=1.0, gamma=1.0, **changes)
        return capture(camera, light).astype(int)

    edge = np.full((64, 64, 3), 0.2, np.float32)
    edge[:, 32:] = 0.5  # upright
    sharp = photo(edge)
    assert np.ptp(sharp) > 50
    # sideways shake widens the edge by its length, shake along the edge changes nothing
    shaken = photo(edge, motion=(6.0, 0.0))[32, :, 0]
    assert ((shaken > sharp.min() + 2) & (shaken < sharp.max() - 2)).sum() in (5, 6, 7)
    np.testing.assert_array_equal(photo(edge, motion=(0.0, 6.0)), sharp)
    # sharpening overshoots on both sides
    crisp = photo(edge, sharpen=0.8)
    assert crisp.max() > sharp.max() + 5
    assert crisp.min() < sharp.min() - 5
    # a warm white balance raises red and leaves green
    warm = photo(edge, white=(1.2, 1.0, 0.8))
    assert (warm[..., 0] > sharp[..., 0]).all()
    np.testing.assert_array_equal(warm[..., 1], sharp[..., 1])
    assert (warm[..., 2] < sharp[..., 2]).all()
    # compression changes a fine pattern, and a smaller picture can't show it
    fine = np.random.default_rng(0).uniform(0.05, 0.6, (64, 64, 1)).astype(np.float32)
    fine = np.repeat(fine, 3, 2)
    assert np.abs(photo(fine, jpeg=35) - photo(fine)).mean() > 3
    assert np.abs(photo(fine, jpeg=95) - photo(fine)).mean() < 3
    assert photo(fine, downscale=2.0).std() < 0.6 * photo(fine).std()


def test_noise_has_the_stated_strength_at_mid_gray(plain):
    light = np.full((128, 128, 3), 0.5**2.2, np.float32)
    camera = replace(plain.camera, exposure=1.0, gamma=1.0, noise=0.02)
    # 16,384 px, rounded to gray levels
    assert capture(camera, light).std() / 255 == pytest.approx(0.02, rel=0.1)
