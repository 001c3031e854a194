import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf import facs
from fau_tf.face import tiling
from fau_tf.face.mediapipe_landmarks import (
    BUNDLE_NAME,
    MESH_POINTS,
    MediaPipeLandmarks,
    default_bundle,
    ibug68,
    read_bundle,
)
from fau_tf.io.images import read_image

PHOTO = Path(__file__).parents[3] / "docs" / "sample" / "astronaut.png"


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO)


@pytest.fixture(scope="module")
def landmarker():
    with MediaPipeLandmarks() as landmarker:
        yield landmarker


def enlarged(image, times):
    size = (image.shape[1] * times, image.shape[0] * times)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def test_the_sample_photo_has_one_face_where_it_is(landmarker, photo):
    (mesh,) = landmarker.find(photo)
    assert mesh.shape == (MESH_POINTS, 2)
    landmarks = ibug68(mesh)
    # Measured on the photo by eye, to 3 px.
    np.testing.assert_allclose(landmarks[36:42].mean(axis=0), (104, 100), atol=3)
    np.testing.assert_allclose(landmarks[42:48].mean(axis=0), (149, 102), atol=3)
    np.testing.assert_allclose(landmarks[[48, 54]], ((105, 139), (147, 141)), atol=4)


def test_coordinates_count_from_the_center_of_the_first_pixel(landmarker, photo):
    here = ibug68(landmarker.find(photo)[0])
    times = 4
    there = (ibug68(landmarker.find(enlarged(photo, times))[0]) + 0.5) / times - 0.5
    # Counting from the edge of the pixel would move all points by 0.37 px here; detections differ
    # by 0.1 px.
    np.testing.assert_allclose(there.mean(axis=0), here.mean(axis=0), atol=0.2)


def test_all_faces_are_found_left_to_right_small_ones_too(landmarker, photo):
    face = photo[40:220, 30:210]
    crowd = np.full((500, 900, 3), 120, np.uint8)
    corners = ((620, 280), (20, 30), (340, 150))
    for x, y in corners:
        crowd[y : y + 180, x : x + 180] = face
    small = np.array(Image.fromarray(face).resize((90, 90), Image.Resampling.LANCZOS))
    crowd[40:130, 780:870] = small  # 45 px wide: missed in the whole image
    found = landmarker.find(crowd)
    middle = np.array([mesh.mean(axis=0) for mesh in found])
    assert len(found) == 4
    with MediaPipeLandmarks(divisions=(1,)) as whole_only:
        assert len(whole_only.find(crowd)) < 4
    expected = np.array([(115, 125), (435, 245), (715, 375), (825, 87)])
    np.testing.assert_allclose(middle, expected, atol=15)


def test_at_most_the_wanted_number_of_faces_is_returned_the_largest(photo):
    crowd = np.full((256, 600, 3), 120, np.uint8)
    crowd[:, 300:556] = photo
    crowd[60:188, 60:188] = np.array(Image.fromarray(photo).resize((128, 128)))
    with MediaPipeLandmarks(num_faces=1) as one:
        (mesh,) = one.find(crowd)
    assert mesh[:, 0].min() > 300


def test_a_photo_without_a_face_gives_none(landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    for image in (noise, np.zeros((1, 1, 3), np.uint8), np.full((300, 200, 3), 200, np.uint8)):
        assert landmarker.find(image) == []


def test_a_wrong_image_is_refused(landmarker):
    with pytest.raises(ValueError, match="RGB uint8"):
        landmarker.find(np.zeros((10, 10), np.uint8))


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_faces_below_one_is_refused(number):
    with pytest.raises(ValueError, match=f"got {number}"):
        MediaPipeLandmarks(num_faces=number)


def test_a_missing_bundle_is_reported_with_the_next_step(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.task.*No such file.*Restore"):
        read_bundle(tmp_path / "nowhere.task")


def test_a_truncated_bundle_is_refused_by_its_hash(tmp_path):
    cut = tmp_path / BUNDLE_NAME
    cut.write_bytes(default_bundle().read_bytes()[:1000])
    with pytest.raises(
        ValueError, match=r"\(1000 bytes\) has SHA-256 .* instead of 64184e22.*Restore"
    ):
        MediaPipeLandmarks(bundle=cut)


def test_ibug68_takes_the_points_of_the_map_and_mirrors():
    mesh = np.stack((np.arange(MESH_POINTS), np.arange(MESH_POINTS) + 0.5), axis=-1)
    taken = ibug68(np.stack((mesh, mesh + 1)))
    assert taken.shape == (2, 68, 2)
    np.testing.assert_array_equal(taken[0, :, 0], facs.IBUG_FROM_MEDIAPIPE)
    with pytest.raises(ValueError, match=r"got \(468, 2\)"):
        ibug68(np.zeros((468, 2)))


def test_windows_overlap_by_half_and_cover_the_image():
    parts = tiling.windows(400, 600, (1, 2))
    assert parts[0] == (0, 0, 600, 400)
    assert len(parts) == 1 + 9
    assert {part[2] - part[0] for part in parts[1:]} == {300}
    seen = np.zeros((400, 600), int)
    for x0, y0, x1, y1 in parts[1:]:
        seen[y0:y1, x0:x1] += 1
    assert seen.min() == 1
    assert seen.max() == 4


def test_tiles_with_a_short_side_are_skipped():
    assert tiling.windows(150, 300, (1, 2, 3)) == [(0, 0, 300, 150)]


def test_a_face_cut_by_its_window_does_not_count():
    mesh = np.array(((100.0, 20.0), (180.0, 90.0)))
    assert tiling.uncut(mesh, (50, 0, 200, 100), 400, 600)
    assert not tiling.uncut(mesh, (110, 0, 200, 100), 400, 600)
    assert not tiling.uncut(mesh, (50, 0, 170, 100), 400, 600)
    # At the border of the image, the face cannot continue.
    assert tiling.uncut(np.add(mesh, (-110, 0)), (0, 0, 200, 100), 400, 600)


def test_a_duplicate_detection_is_dropped_and_a_neighbor_is_kept():
    mesh = np.array(((100.0, 20.0), (180.0, 100.0)))
    kept = tiling.distinct([mesh, mesh + 5, np.add(mesh, (70, 0))])
    assert len(kept) == 2
    np.testing.assert_array_equal(kept[0], mesh)


@pytest.mark.data
def test_landmarks_are_close_to_annotated_ones():
    """On 43 example faces of dlib: at most 4.4 % of the outer eye distance on the inner 51."""
    folder = os.environ.get("FAU_FACES_DLIB")
    if not folder:
        pytest.skip("FAU_FACES_DLIB must name the folder of dlib's annotated example faces")
    errors = []
    with MediaPipeLandmarks(num_faces=1, divisions=(1,)) as landmarker:
        for image, marked in _dlib_faces(Path(folder)):
            low, high = marked.min(axis=0), marked.max(axis=0)
            reach = 0.6 * (high[0] - low[0])
            x0, y0 = np.maximum(low - reach, 0).astype(int)
            x1, y1 = (high + reach).astype(int)
            part = enlarged(image[y0:y1, x0:x1], 2)
            found = (ibug68(landmarker.find(part)[0]) + 0.5) / 2 - 0.5 + (x0, y0)
            distance = np.linalg.norm(found - marked, axis=1)
            errors.append(distance / np.linalg.norm(marked[45] - marked[36]))
    inner = 100 * np.mean(np.array(errors)[:, 17:])
    assert len(errors) == 43
    assert 1 < inner < 4.4


def _dlib_faces(folder):
    for part in ("training", "testing"):
        root = ET.parse(folder / f"{part}_with_face_landmarks.xml").getroot()
        for entry in root.iter("image"):
            image = read_image(folder / entry.get("file"))
            for box in entry.iter("box"):
                named = {int(point.get("name")): point for point in box.iter("part")}
                yield (
                    image,
                    np.array(
                        [(int(p.get("x")), int(p.get("y"))) for _, p in sorted(named.items())],
                        float,
                    ),
                )
