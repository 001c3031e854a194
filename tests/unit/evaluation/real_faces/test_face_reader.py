"""What the landmark networks find is kept by the picture's content."""

import numpy as np
import pytest

from fau_tf.evaluation.real_faces import face_reader
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.io.images import read_image
from tests.helpers.face_videos import PHOTO, face, frame


def test_a_second_run_has_the_same_readings_without_the_networks(tmp_path, monkeypatch):
    photo, empty = read_image(PHOTO), frame()
    with FaceReader(tmp_path / "kept") as reader:
        found = reader(photo)
        assert reader(empty) is None
    assert found.mesh.shape == (478, 2)
    assert found.blendshapes.shape == (52,)

    def refuse(*_):
        raise AssertionError("the networks must not be asked again")

    with FaceReader(tmp_path / "kept") as reader:
        monkeypatch.setattr(reader, "_read", refuse)
        again = reader(photo)
        assert reader(empty) is None
        with pytest.raises(AssertionError):
            reader(photo[:, ::-1])
    assert (again.mesh == found.mesh).all()
    assert (again.blendshapes == found.blendshapes).all()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [face_reader._file_name()]


def test_the_face_nearest_to_the_middle_is_read():
    with FaceReader() as reader:
        found = reader(frame((5, face()), (110, face(mirrored=True))))
    assert 110 < found.mesh[:, 0].mean() < 230
    assert found.crop(64).shape == (64, 64, 3)
    assert np.isfinite(found.blendshapes).all()
