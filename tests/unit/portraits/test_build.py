"""From photos to a set: reasons for refusal, labels, the same bytes, and a set that has changed."""

import csv
import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

from fau_tf import facs
from fau_tf.data.record import MARGIN
from fau_tf.portraits import portrait_set, start
from fau_tf.portraits.build import build_set
from fau_tf.portraits.editing.edit import edit
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import CANONICAL
from fau_tf.portraits.portrait_set import load_set
from fau_tf.portraits.screening import RefusedError, screen
from tests.helpers.portraits import portrait, rendered

SIZE = 96
TOML = """\
license = "CC0 1.0"
attribution = "rendered"
[[rule]]
files = "*_n.png"
expression = "neutral"
subject = '^(\\d)_'
[[rule]]
expression = "smiling"
subject = '^(\\d)_'
[split]
test_every = 4
"""


class Finder:
    """Knows the mesh of each photo by its size."""

    def __init__(self, meshes):
        self.meshes = meshes

    def __call__(self, image):
        return self.meshes[image.shape[1]]


def photo_of(person, width, smile=0.0):
    """Return a photo, `width` px wide so that the finder knows it, and its mesh."""
    image, mesh = rendered(person)
    if smile:
        image, mesh = edit(portrait(person), Edit({12: smile}), Manner({CANONICAL: 1.0}))
    wide = np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), mode="edge")
    return wide, mesh


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, meshes = tmp_path_factory.mktemp("faces"), {}
    rows = [(3, "0_n", 0.0), (3, "1_n", 0.0), (3, "1_s", 3.0), (4, "2_n", 0.0), (4, "3_n", 0.0)]
    for i, (person, name, smile) in enumerate(rows):
        photo, mesh = photo_of(person, 170 + i, smile)
        Image.fromarray(photo).save(folder / f"{name}.png")
        meshes[170 + i] = [mesh]
    meshes[174] = []
    (folder / "portraits.toml").write_text(TOML)
    return folder, Finder(meshes)


def build(made, out):
    return build_set([made[0]], out, find=made[1], size=SIZE, margin=MARGIN, log=lambda _: None)


def test_a_set_holds_the_usable_photos_and_the_reasons_of_the_others(made, tmp_path):
    build(made, tmp_path)
    stored = load_set(tmp_path)
    assert list(stored.source) == [f"{made[0].name}/{n}.png" for n in ("1_n", "1_s", "2_n")]
    with (tmp_path / "refused.csv").open() as file:
        reasons = {row["source"].split("/")[1]: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {"0_n.png": "test subject", "3_n.png": "no face"}
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["collections"][0]["license"] == "CC0 1.0"
    assert "rendered" in (tmp_path / "card.md").read_text()
    assert (tmp_path / "contact_sheet.jpg").stat().st_size > 1000


def test_stored_portraits_are_aligned_with_their_mesh(made, tmp_path):
    build(made, tmp_path)
    stored = load_set(tmp_path)
    assert stored.image(1).shape == (SIZE, SIZE, 3)
    image, mesh = rendered(3)
    # The template's eyes: (.36, .34) and (.64, .34) of a crop MARGIN times as wide.
    eyes = stored.mesh[0][[33, 133, 362, 263]].mean(0)
    assert np.abs(eyes - (SIZE * (0.5 + (0.34 - 0.5) / MARGIN) - 0.5)).min() < 2
    scale = np.ptp(stored.mesh[0][:, 0]) / np.ptp(mesh[:, 0])
    assert scale == pytest.approx(SIZE / len(image), rel=0.05)


def test_neutral_portraits_start_at_0_and_smiles_at_what_the_mesh_tells(made, tmp_path):
    build(made, tmp_path)
    stored = load_set(tmp_path)
    assert stored.known(0) == dict.fromkeys(facs.AUS, 0.0)
    smile = stored.known(1)
    # The pose is fitted anew to a face that smiles.
    assert smile[12] == pytest.approx(3.0, abs=0.3)
    assert smile[25] == pytest.approx(0.0, abs=0.3)
    assert smile[4] == 0.0
    assert 6 not in smile


def test_the_same_photos_give_the_same_bytes(made, tmp_path):
    for name in ("a", "b"):
        build(made, tmp_path / name)
    one, other = ((tmp_path / name / "portraits.npz").read_bytes() for name in ("a", "b"))
    assert one == other


def test_a_set_that_has_changed_is_refused(made, tmp_path):
    build(made, tmp_path)
    with (tmp_path / "portraits.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="differs from the hash"):
        load_set(tmp_path)
    with pytest.raises(ValueError, match="no complete set of portraits"):
        load_set(tmp_path / "nowhere")


@pytest.mark.parametrize("inside", [".", "set", "a/set"])
def test_a_set_inside_a_folder_of_its_photos_is_refused(made, tmp_path, inside):
    """Its contact sheet would be a photo, and so a person, of the next build."""
    link = tmp_path / "link"
    link.symlink_to(made[0], target_is_directory=True)
    before = sorted(made[0].rglob("*"))
    for folder in (made[0], link):
        with pytest.raises(ValueError, match="must lie outside of its photos' folder") as error:
            build(made, folder / inside)
        assert str(folder / inside) in str(error.value)
        assert str(made[0]) in str(error.value)
    assert sorted(made[0].rglob("*")) == before


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stopped(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("find", "error", "words"),
    [
        (stopped, KeyboardInterrupt, None),
        (lambda _: [], ValueError, r"No photo .* can be used: no face \(4\), test subject \(1\)"),
    ],
)
def test_a_rebuild_that_fails_leaves_the_older_set(made, tmp_path, find, error, words):
    build(made, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(error, match=words):
        build((made[0], find), tmp_path)
    assert contents(tmp_path) == before
    assert len(load_set(tmp_path)) == 3


def test_a_set_that_cannot_be_written_leaves_the_older_one(made, tmp_path, monkeypatch):
    build(made, tmp_path)
    before = contents(tmp_path)
    monkeypatch.setattr(portrait_set.np, "savez", stopped_at_writing)
    with pytest.raises(OSError, match="No space left"):
        build(made, tmp_path)
    assert contents(tmp_path) == before


def stopped_at_writing(file, **_):
    file.write(b"half")
    raise OSError("No space left")


def refusal(photo, meshes):
    with pytest.raises(RefusedError) as error:
        screen(photo, lambda _: meshes, SIZE, MARGIN)
    return str(error.value)


def test_photos_are_refused_with_their_reason():
    image, mesh = rendered(3)
    assert refusal(image, []) == "no face"
    assert refusal(image, [mesh, mesh + 30]) == "several faces: 2"
    turned = rendered(3, (40.0, 0.0, 0.0))
    assert refusal(turned[0], [turned[1]]).startswith("turned: yaw")
    assert refusal(image[:, 80:], [mesh - (80, 0)]).startswith("cut off: ")
    small = np.array(Image.fromarray(image).resize((40, 40)))
    assert refusal(small, [(mesh + 0.5) / 4 - 0.5]).startswith("too small: ")
    assert refusal(np.full_like(image, 90), [mesh]).startswith("flat: ")
    x0, y0 = mesh[[33, 70]].min(0).astype(int) - 4
    x1, y1 = mesh[[263, 118]].max(0).astype(int) + 2
    shaded = image.copy()
    shaded[y0:y1, x0:x1] = 12
    assert refusal(shaded, [mesh]).startswith("eyes hidden: ")
    soft = np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(4)))
    assert refusal(soft, [mesh]).startswith("blurred: ")


def test_a_small_face_in_the_background_does_not_matter():
    image, mesh = rendered(3)
    assert screen(image, lambda _: [mesh / 4, mesh], SIZE, MARGIN).image.shape == (SIZE, SIZE, 3)


def test_the_limits_are_those_of_the_photo_whatever_the_size_of_the_portrait():
    image, mesh = rendered(3)
    small, large = (screen(image, lambda _: [mesh], size, MARGIN) for size in (96, 240))
    assert small.factors == large.factors
    assert (len(small.image), len(large.image)) == (96, 240)
    np.testing.assert_allclose((small.mesh + 0.5) * 2.5, large.mesh + 0.5, atol=1e-3)  # float32


@pytest.mark.parametrize("grade", [1.0, 4.0])
def test_a_measured_smile_is_the_edited_one(grade):
    face = portrait()
    _, mesh = edit(face, Edit({12: grade}), Manner({CANONICAL: 1.0}))
    found = start.measured(face.mesh, mesh)
    assert found[12] == pytest.approx(grade, abs=0.25)
    _, parted = edit(face, Edit({25: grade}), Manner({CANONICAL: 1.0}))
    assert start.measured(face.mesh, parted)[25] == pytest.approx(grade, abs=0.25)
