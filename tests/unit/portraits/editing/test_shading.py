"""Ratio images: light estimated from a shaded face, furrows that darken, skin only."""

from dataclasses import replace

import numpy as np
import pytest

from fau_tf import facs
from fau_tf.portraits.editing import shading
from fau_tf.portraits.editing.edit import EditablePortrait
from fau_tf.portraits.fields import face_shape
from tests.helpers.portraits import NEUTRAL, portrait

LIGHT = shading.Light(
    0.7,
    np.array([0.25, 0.2, 0.3]),
    np.array([[0.02, 0.01, 0.0], [0.01, -0.02, 0.02], [0, 0.02, 0]]),
)


def plain_irradiance(light, normal):
    total = light.base
    for i in range(3):
        total += light.linear[i] * normal[i]
        for j in range(3):
            total += normal[i] * light.square[i][j] * normal[j]
    return max(total, 0.05)


def test_irradiance_is_the_quadratic_form_of_a_plain_loop():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = LIGHT.at(normals.astype(np.float32))
    assert np.abs(found - [plain_irradiance(LIGHT, n) for n in normals]).max() < 1e-6  # float32


@pytest.mark.parametrize("side", [-1, 1])
def test_the_light_comes_from_the_side_that_is_bright(side):
    face = portrait()
    shape = face_shape()
    normals = face.pose.turned(shading._normals(shape))
    true = shading.Light(0.6, np.array([0.3 * side, 0.1, 0.2]), np.zeros((3, 3)))
    lit = true.at(face.relief.normal)
    gray = 180 * (lit / lit.max()) ** (1 / shading.GAMMA)
    picture = np.full_like(face.image, 90)
    face.relief.window.of(picture)[:] = gray[..., None].astype(np.uint8)
    found = shading.estimate_light(picture, face.mesh[:468], normals)
    front = normals[:, 2] > 0.3
    ratio = found.at(normals[front].astype(np.float32)) / true.at(normals[front].astype(np.float32))
    # 8-bit gray levels of blocks of 4 x 4 px, and shrunken second-order terms
    assert ratio.std() / ratio.mean() < 0.08
    assert np.sign(found.linear[0]) == side


def test_no_change_leaves_the_photo():
    face = portrait()
    assert (shading.crease(face.image, face.relief, {12: 0.0}, 0) == face.image).all()


def test_wrinkles_appear_where_their_au_has_them():
    face = portrait()
    image = shading.crease(face.image, face.relief, {1: 1.0}, 0)
    rows = np.flatnonzero(np.abs(image.astype(int) - face.image).max((1, 2)) > 3)
    brow = face.mesh[[105, 334], 1].mean()
    assert len(rows) > 5
    assert rows.max() < brow + 8  # the forehead and the brows only


@pytest.mark.parametrize("lean", [-1.0, 1.0])
def test_wrinkles_lean_to_the_side_that_moves(lean):
    face = portrait()
    even, one_sided = (
        np.abs(shading.crease(face.image, face.relief, {2: 1.0}, 0, gains).astype(int) - face.image)
        for gains in (None, {2: 1 + np.float32(lean) * shading.column_sides()})
    )
    middle = round(face.mesh[[105, 334], 0].mean())
    left, right = (slice(None), slice(middle)), (slice(None), slice(middle, None))
    deeper, still = (left, right) if lean > 0 else (right, left)
    assert one_sided[deeper].sum() > 1.2 * even[deeper].sum()
    assert one_sided[still].sum() < 0.5 * even[still].sum()


def test_taking_a_wrinkle_back_brightens_what_it_had_darkened():
    face = portrait()
    deep = shading.crease(face.image, face.relief, {4: 0.6}, 0).astype(float)
    flat = shading.crease(face.image, face.relief, {4: -0.6}, 0).astype(float)
    dark = (deep - face.image).min(-1) < -15
    assert dark.any()
    assert (flat - face.image)[dark].mean() > 3


def test_hair_has_no_wrinkles():
    face = portrait()
    hairy = face.image.copy()
    hairy[: int(face.mesh[105, 1]) - 4] = (20, 15, 12)
    covered = EditablePortrait(hairy, face.mesh, NEUTRAL)
    image = shading.crease(hairy, covered.relief, {1: 1.0}, 0)
    top = int(face.mesh[105, 1]) - 8
    assert (image[:top] == hairy[:top]).all()


def test_every_au_of_the_table_has_a_relief():
    assert set(facs.AUS) <= set(shading._reliefs(0))


def test_under_even_light_furrows_are_dark_and_bulges_a_little_brighter():
    face = portrait()
    even = replace(face.relief, light=shading.Light(1.0, np.zeros(3), np.zeros((3, 3))))
    before = face.image.astype(float)
    change = shading.crease(face.image, even, {4: 1.0}, 0) / np.maximum(before, 1) - 1
    change = even.window.of(change)
    column, row = np.round(even.texel).astype(int).transpose(2, 0, 1)
    relief = shading._reliefs(0)[4]
    inside = (row >= 0) & (column >= 0) & (row < len(relief)) & (column < relief.shape[1])
    height = relief[row[inside], column[inside], 2]
    deep, high = change[inside][height < -0.08], change[inside][height > 0.08]
    assert len(deep) > 10
    assert len(high) > 10
    assert deep.max() < -0.02  # skin of 150 gray levels, rounded to whole ones
    assert 0 < high.mean() < -deep.mean()
