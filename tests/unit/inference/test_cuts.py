"""Cuts between two people at one place, and what is none."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from fau_tf.face.align import crop_matrix, transform
from fau_tf.inference.cuts import appearance, correlation, is_cut
from fau_tf.synthetic import sample
from tests.helpers.scenes import clean_scene

SIDE = 160


def mesh_of(landmarks):
    """Return a mesh with these 68 landmarks where the appearance looks for them."""
    from fau_tf import facs

    mesh = np.tile(landmarks.mean(axis=0), (478, 1))
    mesh[list(facs.IBUG_FROM_MEDIAPIPE)] = landmarks
    return mesh


def shot(person, intensity=None, shift=(0, 0)):
    """Return a picture of a rendered person before a wall, and the mesh."""
    scene = clean_scene(sample.canonical_rig(), person, 1, intensity)
    scene = replace(scene, background=7)
    at_rest = clean_scene(sample.canonical_rig(), person, 1)
    view = crop_matrix(sample.landmarks(at_rest), SIDE, margin=1.6)
    view = view + np.array(((0, 0, shift[0]), (0, 0, shift[1])))
    return (
        sample.render(scene, size=SIDE, view=view),
        mesh_of(transform(view, sample.landmarks(scene))),
    )


@pytest.fixture(scope="module")
def first():
    return shot(930)


def cut(one, other):
    return is_cut(appearance(*one), appearance(*other), other[0])


@pytest.mark.parametrize("person", [931, 932, 933])
def test_another_person_at_the_same_place_is_a_cut(first, person):
    other = shot(person)
    assert cut(first, other)
    assert cut(other, first)


def test_the_same_picture_is_none(first):
    assert not cut(first, first)


@pytest.mark.parametrize("intensity", [{6: 3.0, 12: 4.0, 25: 3.0}, {1: 4.0, 2: 4.0, 5: 4.0}])
def test_an_expression_is_none(first, intensity):
    assert not cut(first, shot(930, intensity))


def test_a_movement_is_none(first):
    assert not cut(first, shot(930, shift=(12, -8)))


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.4, 60)])
def test_another_exposure_is_none(first, gain, offset):
    image, mesh = first
    assert not cut(first, ((image * gain + offset).astype(np.uint8), mesh))


def test_a_hand_that_comes_up_before_the_face_is_none(first):
    image, mesh = first
    frames = [
        cv2.rectangle(image.copy(), (60, top), (110, SIDE), (120, 90, 75), -1)
        for top in range(SIDE, 60, -12)
    ]
    assert correlation(appearance(image, mesh).face, appearance(frames[-1], mesh).face) < 0.9
    assert not any(cut((one, mesh), (other, mesh)) for one, other in pairwise(frames))


def test_a_frame_of_another_size_is_compared_where_it_overlaps(first):
    image, mesh = first
    assert not cut(first, (np.ascontiguousarray(image[:150, :140]), mesh))


def test_the_correlation_is_pearsons_and_defined_for_uniform_pictures():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 8, 8)).astype(np.uint8)
    expected = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert correlation(one, other) == pytest.approx(expected)
    flat = np.full((8, 8), 9, np.uint8)
    assert correlation(flat, flat + 5) == 1.0
    assert correlation(flat, one) == 0.0
