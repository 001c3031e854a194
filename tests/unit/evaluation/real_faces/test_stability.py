"""Crops of the same face presented differently."""

import dataclasses

import numpy as np
import pytest

from fau_tf.evaluation.real_faces.face_reader import ReadFace
from fau_tf.evaluation.real_faces.stability import SHIFT, SHIFTED, read_changes
from fau_tf.portraits.fields import face_shape
from tests.helpers.faces import info


class MeanGray:
    """A model whose one intensity is the mean of the crop."""

    def __init__(self, size):
        self.info = dataclasses.replace(info((12,)), image_size=size)

    def __call__(self, crop):
        value = np.float32(crop.mean() / 51)
        return np.array([value]), np.zeros((4, 4, len(self.info.centers)), np.float32)


def upright_face(side=400):
    """Return a face in a picture that gets brighter from left to right."""
    ramp = np.linspace(0, 255, side)
    image = np.repeat(np.tile(ramp, (side, 1))[..., None], 3, axis=2).astype(np.uint8)
    mesh = np.zeros((478, 2))
    points = face_shape().points  # cm, y up
    mesh[: len(points)] = side / 2 + points[:, :2] * [10, -10]
    return ReadFace(image, mesh, np.zeros(52))


def test_a_shift_is_the_same_movement_of_the_face_whatever_the_crop():
    moved = {}
    for size in (64, 128, 160):
        changes = read_changes(MeanGray(size), [("a", upright_face())])
        moved[size] = changes.moved[SHIFTED][0, :, 0]
    across, down = moved[64][:2], moved[64][2:]
    assert (across > 0.05).all()
    assert np.abs(down).max() < 0.01
    for size in (128, 160):
        # Gray levels of the crops are whole numbers.
        np.testing.assert_allclose(moved[size], moved[64], atol=0.01)
    assert pytest.approx(4) == SHIFT * 128
