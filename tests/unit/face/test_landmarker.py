import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fau_tf import facs
from fau_tf.face.landmarker import PRESENCE_CONFIDENCE, FaceLandmarker, open_landmarker
from fau_tf.face.mesh import MESH_POINTS, ibug68
from fau_tf.face.regions import Region, next_region
from fau_tf.io.images import read_image
from tests.helpers.face_videos import PHOTO


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO)


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker() as landmarker:
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
    with FaceLandmarker(divisions=(1,)) as whole_only:
        assert len(whole_only.find(crowd)) < 4
    expected = np.array([(115, 125), (435, 245), (715, 375), (825, 87)])
    np.testing.assert_allclose(middle, expected, atol=15)


def test_at_most_the_wanted_number_of_faces_is_returned_the_largest(photo):
    crowd = np.full((256, 600, 3), 120, np.uint8)
    crowd[:, 300:556] = photo
    crowd[60:188, 60:188] = np.array(Image.fromarray(photo).resize((128, 128)))
    with FaceLandmarker(num_faces=1) as one:
        (mesh,) = one.find(crowd)
    assert mesh[:, 0].min() > 300


def test_a_photo_without_a_face_gives_none(landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    for image in (noise, np.zeros((1, 1, 3), np.uint8), np.full((300, 200, 3), 200, np.uint8)):
        assert landmarker.find(image) == []


def test_a_wrong_image_is_refused(landmarker):
    with pytest.raises(ValueError, match="RGB uint8"):
        landmarker.find(np.zeros((10, 10), np.uint8))


def test_ibug68_takes_the_points_of_the_map_and_mirrors():
    mesh = np.stack((np.arange(MESH_POINTS), np.arange(MESH_POINTS) + 0.5), axis=-1)
    taken = ibug68(np.stack((mesh, mesh + 1)))
    assert taken.shape == (2, 68, 2)
    np.testing.assert_array_equal(taken[0, :, 0], facs.IBUG_FROM_MEDIAPIPE)
    with pytest.raises(ValueError, match=r"got \(468, 2\)"):
        ibug68(np.zeros((468, 2)))


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_faces_below_one_is_refused(number):
    with pytest.raises(ValueError, match=f"got {number}"):
        FaceLandmarker(num_faces=number)


def test_a_found_face_tells_what_the_networks_saw(landmarker, photo):
    (face,) = landmarker.find_faces(photo)
    assert 0.99 < face.presence <= 1
    eyes = ibug68(face.mesh)[[*range(36, 48)]].reshape(2, 6, 2).mean(axis=1)
    # 0.45 px and 2.8 px measured, of 45 px between the eyes.
    np.testing.assert_allclose(face.keypoints[:2], eyes, atol=4)
    np.testing.assert_array_equal(landmarker.at(photo, [face.region])[0].mesh, face.mesh)


def test_the_next_region_shows_the_same_face(landmarker, photo):
    (face,) = landmarker.find_faces(photo)
    (again,) = landmarker.at(photo, [next_region(face.mesh)])
    assert again.keypoints is None
    assert again.presence > 0.99
    # 0.5 % measured: the mesh is seen in another place and size of the network's input.
    apart = np.linalg.norm(again.mesh - face.mesh, axis=1).mean()
    assert 0 < apart / np.linalg.norm(face.mesh[33] - face.mesh[263]) < 0.01


def test_a_region_without_a_face_gives_none(landmarker, photo):
    (face,) = landmarker.find_faces(photo)
    coat = Region(128, 228, 56)
    found = landmarker.at(photo, [coat, face.region, Region(-500, -500, 100)])
    assert [one is None for one in found] == [True, False, True]
    assert found[1].presence > PRESENCE_CONFIDENCE
    assert landmarker.at(photo, []) == []


def test_a_face_at_the_border_of_a_tile_is_seen_with_what_lies_beyond(landmarker, photo):
    (whole,) = landmarker.find_faces(photo)
    low, high = whole.mesh.min(axis=0), whole.mesh.max(axis=0)
    x0, y0 = (low - 12).astype(int).tolist()
    x1, y1 = (high + 12).astype(int).tolist()
    (part,) = landmarker.find_faces(photo, [(x0, y0, x1, y1)])
    # The detector sees another picture, so the region differs a little: 0.8 % measured.
    apart = np.linalg.norm(part.mesh - whole.mesh, axis=1).mean()
    assert apart / np.linalg.norm(whole.mesh[33] - whole.mesh[263]) < 0.02


def test_threads_may_share_a_landmarker(landmarker, photo):
    pictures = [photo, np.ascontiguousarray(photo[:, ::-1])]
    expected = [landmarker.find(picture)[0] for picture in pictures]
    wrong = []

    def find(i):
        for _ in range(3):
            if not np.array_equal(landmarker.find(pictures[i])[0], expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=find, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(("presence", "count"), [(PRESENCE_CONFIDENCE, 0), (0.81, 1)])
def test_a_detection_in_which_the_landmark_network_sees_no_face_is_none(
    landmarker, photo, monkeypatch, presence, count
):
    network = landmarker._landmarks
    monkeypatch.setattr(
        landmarker, "_landmarks", lambda *seen: replace(network(*seen), presence=presence)
    )
    assert len(landmarker.find(photo)) == count
    assert len(landmarker.follow(photo, [network(photo, Region(127, 124, 160)).mesh])) == count


def test_known_faces_are_not_looked_for(landmarker, photo):
    pair = np.concatenate([photo, photo], axis=1)
    left, right = landmarker.find_faces(pair)
    (other,) = landmarker.find_faces(pair, known=[left.mesh])
    np.testing.assert_array_equal(other.mesh, right.mesh)
    assert landmarker.find_faces(pair, known=[right.mesh, left.mesh]) == []


def test_a_face_that_left_is_not_followed(landmarker, photo):
    pair = np.concatenate([photo, photo], axis=1)
    meshes = landmarker.find(pair)
    gone = np.concatenate([photo[:, ::-1] * 0, photo], axis=1)
    (followed,) = landmarker.follow(gone, meshes)
    assert np.linalg.norm(followed.mesh - meshes[1], axis=1).mean() < 1
    # Two tracks that arrive at one face are one face.
    assert len(landmarker.follow(photo, [meshes[0], meshes[0] + 2])) == 1


def test_an_unknown_landmarker_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"one of litert, mediapipe\. Received: 'dlib'"):
        open_landmarker("dlib")
    with open_landmarker(divisions=(1,)) as found:
        assert isinstance(found, FaceLandmarker)


def test_a_closed_landmarker_says_so(photo):
    landmarker = FaceLandmarker()
    landmarker.close()
    for use in (lambda: landmarker.find(photo), lambda: landmarker.at(photo, [Region(1, 1, 9)])):
        with pytest.raises(RuntimeError, match=r"must be open.*Make another"):
            use()
