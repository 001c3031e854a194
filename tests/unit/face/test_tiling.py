import numpy as np

from fau_tf.face import tiling


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
    assert tiling.kept([mesh, mesh + 5, np.add(mesh, (70, 0))], 9) == [0, 2]
    assert tiling.kept([mesh, np.add(mesh, (-70, 0)), 1.1 * mesh], 9) == [1, 2]
