"""What varies beside person and expression: occluders, wrinkles, backdrops, the camera."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from fau_tf import facs
from fau_tf.face.align import crop_matrix
from fau_tf.synthetic import generate, occluders, project
from fau_tf.synthetic.appearance import appearance
from fau_tf.synthetic.backdrop import KINDS, backdrop
from fau_tf.synthetic.glasses import FRAMES, Glasses
from fau_tf.synthetic.occluders import Occluders
from fau_tf.synthetic.on_skin import Hand
from fau_tf.synthetic.piece import Piece, strip, tube
from fau_tf.synthetic.raster import rasterise
from fau_tf.synthetic.scene import Variety
from fau_tf.synthetic.sensor import exposed

FRONT = (0.0, 0.0, 0.0)
SIZE = 128


@pytest.fixture(scope="module")
def rig():
    return generate.canonical_rig()


@pytest.fixture(scope="module")
def plain(rig):
    """A scene with nothing in the way and a camera without faults."""
    scene = generate.sample_scene(rig, person_seed=7, face_seed=7, intensity={}, pose=FRONT)
    camera = replace(
        scene.camera, noise=0.0, blur=1e-3, motion=(0.0, 0.0), coarse=1.0, sharpen=0.0, jpeg=0,
        white=(1.0, 1.0, 1.0),
    )  # fmt: skip
    return replace(scene, camera=camera, occluders=Occluders())


def crop(scene, size=SIZE):
    view = crop_matrix(generate.landmarks(scene), size)
    return generate.render(scene, size=size, view=view).astype(int)


def covered(scene, occluder):
    """Return the share of the face's hull that the occluder hides."""
    hidden = replace(scene, occluders=occluder)
    look = appearance(scene.rig, scene.person)
    bare, whole = project.surface(replace(scene, occluders=Occluders()), look), None
    whole = project.surface(hidden, look)
    scale = SIZE / generate.NOMINAL
    hits = rasterise(project.project(whole.points, scene) * [scale, scale, 1], whole.faces, SIZE)
    foreign = hits.pixel[hits.face >= len(bare.faces)]
    hull = Delaunay(generate.landmarks(scene) * scale)
    pixels = np.stack([np.arange(SIZE**2) % SIZE, np.arange(SIZE**2) // SIZE], 1)
    inside = hull.find_simplex(pixels) >= 0
    assert inside.sum() > 1000
    return inside[foreign].sum() / inside.sum()


@pytest.mark.parametrize("part", ["wrinkles", "occluders"])
def test_without_one_thing_everything_else_is_drawn_the_same(rig, part):
    for seed in range(8):
        scene = generate.sample_scene(rig, person_seed=seed, face_seed=seed)
        without = generate.sample_scene(
            rig, person_seed=seed, face_seed=seed, variety=Variety(**{part: False})
        )
        assert replace(without, **{part: getattr(scene, part)}) == scene
        assert getattr(without, part) == (0.0 if part == "wrinkles" else Occluders())


def test_occluders_are_as_frequent_as_stated_and_glasses_belong_to_people(rig):
    drawn = [occluders.sample(p, f, hair=True) for p in range(300) for f in range(4)]
    glasses = np.array([one.glasses is not None for one in drawn]).reshape(300, 4)
    assert (glasses == glasses[:, :1]).all()
    # four standard deviations of 300 and 1,200 draws
    assert abs(glasses[:, 0].mean() - occluders.GLASSES) < 4 * np.sqrt(0.18 / 300)
    for name, share in (("strands", occluders.STRANDS), ("hand", occluders.HAND)):
        found = np.mean([getattr(one, name) is not None for one in drawn])
        assert abs(found - share) < 4 * np.sqrt(share / 1200)
    assert all(
        one.strands is None for one in (occluders.sample(p, 1, hair=False) for p in range(99))
    )
    scene = generate.sample_scene(rig, person_seed=1, face_seed=1)
    assert {"glasses", "strands", "hand"} <= set(scene.factors)


def test_occluders_hide_a_part_of_the_face_and_never_most_of_it(plain):
    shares = {}
    for seed in range(60):
        one = occluders.sample(seed, seed, hair=True)
        for name in ("strands", "hand"):
            if getattr(one, name) is not None:
                share = covered(plain, Occluders(**{name: getattr(one, name)}))
                shares.setdefault(name, []).append(share)
    assert len(shares["strands"]) >= 3
    assert len(shares["hand"]) >= 2
    for name, values in shares.items():
        assert max(values) > 0.005, name
        assert max(values) < 0.35, name


@pytest.mark.parametrize("frame", range(len(FRAMES)))
def test_glasses_frame_the_eyes_and_hide_little(plain, frame):
    clear = Occluders(glasses=Glasses(frame, (0.01, 0.01, 0.01), False, 0.2))
    share = covered(plain, clear)
    assert 0.01 < share < 0.15
    bare, worn = crop(plain), crop(replace(plain, occluders=clear))
    eyes = generate.landmarks(plain)[36:48]
    view = crop_matrix(generate.landmarks(plain), SIZE, margin=1.25)
    at = np.round(eyes @ view[:, :2].T + view[:, 2]).astype(int)
    # the lenses are clear: what changes at the lids is shade, not the frame
    change = np.abs(worn - bare).max(-1)[at[:, 1], at[:, 0]]
    assert np.median(change) < 40
    assert (np.abs(worn - bare).max(-1) > 40).sum() > 60
    dark = Occluders(glasses=Glasses(frame, (0.01, 0.01, 0.01), True, 0.2))
    assert covered(plain, dark) > 2 * share


def test_hands_are_there_in_skin_colour_and_in_front(plain):
    hand = Occluders(hand=Hand((3.0, -6.5), 120.0, 3, 6.0))
    bare, held = crop(plain), crop(replace(plain, occluders=hand))
    change = np.abs(held - bare).max(-1) > 20
    assert change.sum() > 150
    here = held[change].mean(0)
    assert here[0] > here[2]  # skin


@pytest.mark.parametrize("au", [1, 2, 4, 6, 9, 12, 17])
def test_wrinkles_can_be_seen_at_128_px(plain, au):
    """The same face with the AU at 5, with and without the folds it leaves."""
    acting = replace(plain, intensity=dict.fromkeys(facs.AUS, 0.0) | {au: 5.0})
    with_folds = crop(replace(acting, wrinkles=1.0))
    without = crop(replace(acting, wrinkles=0.0))
    change = np.abs(with_folds - without).max(-1)
    # a viewer sees a step of 8 of 255 grey levels beside smooth skin
    assert (change > 8).sum() > 40
    assert change.max() > 20


def test_folds_differ_between_people(rig):
    depth = [
        generate.sample_scene(rig, person_seed=p, face_seed=1).person.folds[12] for p in range(200)
    ]
    assert 0.2 < np.log(depth).std() < 0.4
    assert abs(np.log(depth).mean()) < 0.1


@pytest.mark.parametrize("kind", [row[0] for row in KINDS])
def test_each_kind_of_backdrop_is_light_of_some_variety(kind):
    draw = next(row[2] for row in KINDS if row[0] == kind)
    places = np.array([draw(np.random.default_rng(seed)) for seed in range(12)])
    assert np.isfinite(places).all()
    assert places.min() >= 0
    assert np.median(places) < 2
    assert places.mean((1, 2, 3)).std() > 0.005  # no two are alike
    assert places.std((1, 2)).mean() > 0.005


def test_backdrops_follow_from_their_seed():
    np.testing.assert_array_equal(backdrop(5), backdrop(5))
    assert np.abs(backdrop(5) - backdrop(6)).mean() > 0.01


def seen(scene, photo, **faults):
    camera = replace(scene.camera, exposure=1.0, gamma=1.0, noise=0.0, blur=1e-3, **faults)
    return exposed(replace(scene, camera=camera), photo).astype(int)


def test_each_fault_of_the_camera_does_what_it_says(plain):
    photo = np.full((64, 64, 3), 0.2, np.float32)
    photo[:, 32:] = 0.5  # an upright edge
    sharp = seen(plain, photo)
    assert np.ptp(sharp) > 50
    # shake to the side widens the edge by its length, along the edge it changes nothing
    shaken = seen(plain, photo, motion=(6.0, 0.0))
    assert ((shaken[32, :, 0] > sharp.min() + 2) & (shaken[32, :, 0] < sharp.max() - 2)).sum() in (
        5,
        6,
        7,
    )
    np.testing.assert_array_equal(seen(plain, photo, motion=(0.0, 6.0)), sharp)
    # sharpening overshoots, on both sides
    crisp = seen(plain, photo, sharpen=0.8)
    assert crisp.max() > sharp.max() + 5
    assert crisp.min() < sharp.min() - 5
    # a warm white balance raises red and leaves green
    warm = seen(plain, photo, white=(1.2, 1.0, 0.8))
    assert (warm[..., 0] > sharp[..., 0]).all()
    np.testing.assert_array_equal(warm[..., 1], sharp[..., 1])
    assert (warm[..., 2] < sharp[..., 2]).all()
    # compression changes a fine pattern, and a smaller picture can't hold it
    fine = np.random.default_rng(0).uniform(0.05, 0.6, (64, 64, 1)).astype(np.float32)
    fine = np.repeat(fine, 3, 2)
    assert np.abs(seen(plain, fine, jpeg=35) - seen(plain, fine)).mean() > 3
    assert np.abs(seen(plain, fine, jpeg=95) - seen(plain, fine)).mean() < 3
    assert seen(plain, fine, coarse=2.0).std() < 0.6 * seen(plain, fine).std()


def test_noise_has_the_stated_strength_at_mid_grey(plain):
    photo = np.full((128, 128, 3), 0.5**2.2, np.float32)
    camera = replace(plain.camera, exposure=1.0, gamma=1.0, blur=1e-3, noise=0.02)
    found = exposed(replace(plain, camera=camera), photo).std() / 255
    assert found == pytest.approx(0.02, rel=0.1)  # of 16,384 px, rounded to grey levels


def test_a_strip_faces_the_side_that_is_stated():
    along, across = np.array([1.0, 0, 0]), np.array([0, -1.0, 0])
    line = np.arange(4)[:, None] * along
    points = np.vstack([line, line + across])
    a, b, c = (points[strip(4)[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert len(strip(4)) == 6
    assert len(strip(4, closed=True)) == 8


def test_a_tube_is_closed_and_seen_from_outside():
    line = np.stack([np.zeros(5), np.linspace(0, 4, 5), np.zeros(5)], 1)
    points, faces = tube(line, np.full(5, 0.5), 8)
    a, b, c = (points[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    middle = (a + b + c) / 3
    axis = np.stack([0 * middle[:, 0], np.clip(middle[:, 1], 0, 4), 0 * middle[:, 0]], 1)
    assert ((middle - axis) * normal).sum(1).min() > 0
    edges = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_joined_pieces_keep_their_triangles():
    one = Piece(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((3, 2)))
    both = Piece.joined([one, one])
    assert both.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(both.points) == len(both.uv) == 6
