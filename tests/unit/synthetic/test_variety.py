"""What varies beside person and expression: occluders, wrinkles, backdrops, the camera."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from fau_tf import facs
from fau_tf.face.align import crop_matrix
from fau_tf.synthetic import sample
from fau_tf.synthetic.render import project, rasterized
from fau_tf.synthetic.render.z_buffer import rasterize
from fau_tf.synthetic.scene import lighting
from fau_tf.synthetic.scene.background import KINDS, backdrop
from fau_tf.synthetic.scene.camera_noise import exposed
from fau_tf.synthetic.scene.occluders import occluders
from fau_tf.synthetic.scene.occluders.accessory_mesh import Piece, strip, tube
from fau_tf.synthetic.scene.occluders.glasses import FRAMES, Glasses
from fau_tf.synthetic.scene.occluders.hand import Hand
from fau_tf.synthetic.scene.occluders.occluders import Occluders
from fau_tf.synthetic.scene.scene import Variety
from fau_tf.synthetic.textures import wrinkles
from fau_tf.synthetic.textures.albedo import appearance
from fau_tf.synthetic.textures.shared_maps import au_heights
from tests.helpers.skin import folding

FRONT = (0.0, 0.0, 0.0)
SIZE = 128


@pytest.fixture(scope="module")
def rig():
    return sample.canonical_rig()


@pytest.fixture(scope="module")
def plain(rig):
    """A scene with nothing in the way and a camera without faults."""
    scene = sample.sample_scene(rig, person_seed=7, face_seed=7, intensity={}, pose=FRONT)
    camera = replace(scene.camera.without_faults(blur=1e-3), white=(1.0, 1.0, 1.0))
    return replace(scene, camera=camera, occluders=Occluders())


def crop(scene, size=SIZE):
    view = crop_matrix(sample.landmarks(scene), size)
    return sample.render(scene, size=size, view=view).astype(int)


def covered(scene, occluder):
    """Return the share of the face's hull that the occluder hides."""
    hidden = replace(scene, occluders=occluder)
    look = appearance(scene.rig, scene.person)
    bare, whole = project.surface(replace(scene, occluders=Occluders()), look), None
    whole = project.surface(hidden, look)
    scale = SIZE / sample.NOMINAL
    hits = rasterize(project.project(whole.points, scene) * [scale, scale, 1], whole.faces, SIZE)
    foreign = hits.pixel[hits.face >= len(bare.faces)]
    hull = Delaunay(sample.landmarks(scene) * scale)
    pixels = np.stack([np.arange(SIZE**2) % SIZE, np.arange(SIZE**2) // SIZE], 1)
    inside = hull.find_simplex(pixels) >= 0
    assert inside.sum() > 1000
    return inside[foreign].sum() / inside.sum()


@pytest.mark.parametrize("part", ["wrinkles", "occluders"])
def test_without_one_thing_everything_else_is_drawn_the_same(rig, part):
    for seed in range(8):
        scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
        without = sample.sample_scene(
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
    scene = sample.sample_scene(rig, person_seed=1, face_seed=1)
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
    eyes = sample.landmarks(plain)[36:48]
    view = crop_matrix(sample.landmarks(plain), SIZE, margin=1.25)
    at = np.round(eyes @ view[:, :2].T + view[:, 2]).astype(int)
    # the lenses are clear: what changes at the lids is shade, not the frame
    change = np.abs(worn - bare).max(-1)[at[:, 1], at[:, 0]]
    assert np.median(change) < 40
    assert (np.abs(worn - bare).max(-1) > 40).sum() > 60
    dark = Occluders(glasses=Glasses(frame, (0.01, 0.01, 0.01), True, 0.2))
    assert covered(plain, dark) > 2 * share


def test_hands_are_there_in_skin_color_and_in_front(plain):
    hand = Occluders(hand=Hand((3.0, -6.5), 120.0, 3, 6.0))
    bare, held = crop(plain), crop(replace(plain, occluders=hand))
    change = np.abs(held - bare).max(-1) > 20
    assert change.sum() > 150
    here = held[change].mean(0)
    assert here[0] > here[2]  # skin


def test_hands_are_not_sunk_into_the_face(plain):
    look = appearance(plain.rig, plain.person)
    bare = len(project.surface(plain, look).faces)
    scale = SIZE / sample.NOMINAL
    drawn = (occluders.sample(seed, seed, hair=True).hand for seed in range(120))
    hands = [hand for hand in drawn if hand is not None]
    assert len(hands) >= 5
    for hand in hands:
        scene = replace(plain, occluders=Occluders(hand=hand))
        whole = project.surface(scene, look)
        points = project.project(whole.points, scene) * [scale, scale, 1]
        alone = rasterize(points, whole.faces[bare:], SIZE).pixel
        hits = rasterize(points, whole.faces, SIZE)
        seen = (hits.face >= bare).sum()
        assert seen > 0.93 * len(alone)  # what the skin may hide is the tip of a bent finger


def test_strands_lie_on_the_skin_of_each_person(rig):
    seen = 0
    for person_seed in range(10):
        scene = sample.sample_scene(rig, person_seed=person_seed, face_seed=1, pose=FRONT)
        scene = replace(scene, occluders=Occluders(strands=person_seed))
        look = appearance(rig, scene.person)
        bare = len(project.surface(replace(scene, occluders=Occluders()), look).faces)
        whole = project.surface(scene, look)
        scale = 512 / sample.NOMINAL  # strands are thinner than a pixel of a small picture
        points = project.project(whole.points, scene) * [scale, scale, 1]
        alone = rasterize(points, whole.faces[bare:], 512).pixel
        hits = rasterize(points, whole.faces, 512)
        share = (hits.face >= bare).sum() / len(alone)
        assert share > 0.6, person_seed  # the root may lie in the hair
        seen += share
    assert seen / 10 > 0.9


@pytest.mark.parametrize("au", [1, 2, 4, 6, 9, 12, 17])
def test_wrinkles_can_be_seen_at_128_px(plain, au):
    """The same face with the AU at 5, with and without the folds that it leaves in old skin."""
    acting = replace(folding(plain, age=0.8), intensity=dict.fromkeys(facs.AUS, 0.0) | {au: 5.0})
    with_folds = crop(replace(acting, wrinkles=1.0))
    without = crop(replace(acting, wrinkles=0.0))
    change = np.abs(with_folds - without).max(-1)
    # a viewer sees a step of 8 of 255 gray levels beside smooth skin
    assert (change > 8).sum() > 40
    assert change.max() > 20


def test_furrows_take_several_courses_and_bulges_stay(rig):
    people = [sample.sample_scene(rig, person_seed=p, face_seed=1).person for p in range(8)]
    looks = [appearance(rig, person).variant for person in people]
    assert all(set(look) == set(wrinkles.MARKS) for look in looks)
    assert len({tuple(look.values()) for look in looks}) > 6
    first, other = au_heights(0), au_heights(1)
    for au, marks in wrinkles.MARKS.items():
        assert np.isfinite(other[au]).all()
        assert np.abs(first[au] - other[au]).any() == bool(marks.furrows), au
        # another course, not another depth of face: both fold in about as much skin
        if marks.furrows:
            assert 0.4 < np.abs(other[au]).sum() / np.abs(first[au]).sum() < 2.0, au
            assert wrinkles._varied(marks, au, 1).bulges == marks.bulges


def test_lights_are_of_every_kind_and_the_rest_of_a_face_does_not_depend_on_it():
    assert sum(row.share for row in lighting.KINDS) == pytest.approx(1)
    rng = [np.random.default_rng(3) for _ in range(40)]
    lights = [
        lighting.sample_light(one, np.random.default_rng(seed)) for seed, one in enumerate(rng)
    ]
    assert len({one.random() for one in rng}) == 1  # what is drawn next
    assert len({light.shine for light in lights}) == 1
    for light in lights:
        assert np.hypot(*light.key[:2]) ** 2 + light.key[2] ** 2 == pytest.approx(1)
        assert np.sum(np.square(light.fill)) == pytest.approx(1)
        assert min(light.fill_light) >= 0
    assert any(light.fill[2] < 0 < max(light.fill_light) for light in lights)  # from behind
    assert any(light.key[1] > 0.7 for light in lights)
    assert any(abs(light.key[0]) > 0.8 for light in lights)


def test_a_second_light_adds_its_own_light_and_nothing_else(plain):
    """Light adds up: what the second light adds doesn't depend on the first."""
    side = np.tile(np.array([0.8, 0, 0.6], np.float32), (5, 1))
    gray = (np.full((5, 3), 0.4, np.float32), np.zeros(5, np.float32), np.ones(5, np.float32))
    lit = [
        rasterized._lit(
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
    open_eyes = dict.fromkeys(facs.AUS, 0.0) | {5: 3.0}
    turn = np.radians(side)
    light = replace(plain.light, key=(float(np.sin(turn)), 0.0, float(np.cos(turn))), strength=1.0)
    person = replace(plain.person, iris=(0.03, 0.015, 0.008))
    scene = replace(
        plain, person=person, light=light, intensity=open_eyes, gaze=(0.0, 0.0), blink=0.0
    )
    image = crop(scene).sum(-1)
    points = sample.landmarks(scene)
    view = crop_matrix(points, SIZE)
    for ring in (slice(36, 42), slice(42, 48)):
        x, y = points[ring].mean(0) @ view[:, :2].T + view[:, 2]
        x, y = round(x), round(y)
        iris = image[y - 2 : y + 3, x - 2 : x + 3]
        # the light is a bright spot on an iris and pupil that are nearly black
        assert iris.max() > iris.min() + 150
        column = np.unravel_index(np.argmax(iris), iris.shape)[1] - 2
        assert column * np.sign(side) >= 0


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


def test_noise_has_the_stated_strength_at_mid_gray(plain):
    photo = np.full((128, 128, 3), 0.5**2.2, np.float32)
    camera = replace(plain.camera, exposure=1.0, gamma=1.0, blur=1e-3, noise=0.02)
    found = exposed(replace(plain, camera=camera), photo).std() / 255
    assert found == pytest.approx(0.02, rel=0.1)  # of 16,384 px, rounded to gray levels


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
