"""The promise of the score: it falls before the AUs can't be trusted, and not on clean faces."""

import dataclasses

import numpy as np
import pytest

from fau_tf.cli import quality as command
from fau_tf.evaluation.quality import degradations, occlusion_training
from fau_tf.evaluation.quality.degradations import DEGRADATIONS
from fau_tf.evaluation.quality.score_table import (
    Reader,
    photo_pictures,
    rendered_pictures,
    score_table,
)
from fau_tf.face.mesh import ibug68
from fau_tf.inference.model_info import default_model
from fau_tf.inference.quality import FLAG_BELOW
from tests.helpers.face_videos import PHOTO

SEEN_AS = {
    "blur": (0.06, "soft"),
    "blur, then noise": (0.06, "soft"),
    "shake": (0.2, "soft"),
    "less light": (5, "dark"),
    "more light": (2.5, "overexposed"),
    "less contrast": (6, "low contrast"),
    "smaller": (6, "small face"),
    "smaller, enlarged": (8, "soft"),
    "color taken out": (1.0, "no color"),
    "painted mask": (0.7, "mouth covered"),
    "painted sunglasses": (1.0, "eyes covered"),
    "painted hand": (0.6, "mouth covered"),
}
"""Degradation -> a strength at which the error of the AUs is large, and the flag to be raised.

Compression has no measure of its own: the landmark network's presence falls, from quality 5 on."""


@pytest.fixture(scope="module")
def reader():
    with Reader(default_model()) as reader:
        yield reader


@pytest.fixture(scope="module")
def picture(reader):
    return next(photo_pictures([PHOTO], reader))


def degraded(reader, picture, name, strength):
    """Return the quality of the face under one degradation."""
    row = next(row for row in DEGRADATIONS if row.name == name)
    landmarks = ibug68(reader.find(picture.clean).mesh)
    image = row.change(picture.clean, landmarks, strength, np.random.default_rng(0))
    return reader.read(image, reader.find(image)).quality


def test_a_clean_face_has_a_score_above_0_9_and_no_flag(reader, picture):
    quality = reader.read(picture.clean, reader.find(picture.clean)).quality
    assert quality.score > FLAG_BELOW
    assert quality.flags == ()


@pytest.mark.parametrize("name", SEEN_AS)
def test_each_degradation_raises_its_flag(reader, picture, name):
    strength, flag = SEEN_AS[name]
    quality = degraded(reader, picture, name, strength)
    assert flag in quality.flags
    assert quality.score < FLAG_BELOW


@pytest.mark.parametrize("degrees", [30, 90, 180])
def test_a_turned_picture_lowers_nothing(reader, picture, degrees):
    assert degraded(reader, picture, "roll", degrees).score > FLAG_BELOW


def test_noise_raises_its_flag_where_it_is_large_beside_the_contrast(reader, picture):
    landmarks = ibug68(reader.find(picture.clean).mesh)
    rng = np.random.default_rng(0)
    flat = degradations.low_contrast(picture.clean, landmarks, 3.0, rng)
    noisy = degradations.noisy(flat, landmarks, 20.0, rng)
    face = reader.find(flat)  # the detector loses the face in the noise
    assert reader.read(flat, face).quality.score > FLAG_BELOW
    assert "noisy" in reader.read(noisy, face).quality.flags


def test_every_other_degradation_has_its_flag():
    assert {row.name for row in DEGRADATIONS} - {"roll", "JPEG", "noise"} == set(SEEN_AS)


def test_pictures_without_a_face_are_refused(reader, picture):
    faceless = dataclasses.replace(picture, clean=np.full_like(picture.clean, 90))
    for pictures in ([], [faceless]):
        with pytest.raises(ValueError, match=r"must show a face\. Received: none"):
            score_table(reader, pictures)
    with pytest.raises(ValueError, match=r"learns from faces\. Received: none"):
        occlusion_training.make_examples([], each=1, seed=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["measure", "--subjects", "0"], "--subjects must be at least 1. Received: 0"),
        (["train", "--out", "x.npz", "--subjects", "2"], "--subjects must be at least 3"),
        (["train", "--out", "x.npz", "--each", "0"], "--each must be at least 1. Received: 0"),
        (["train", "--out", "x.npz", "--epochs", "-1"], "--epochs must be at least 1"),
    ],
)
def test_options_that_leave_nothing_to_measure_are_refused_first(options, words, capsys):
    assert command.main(options) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.integration
def test_the_score_falls_before_the_mean_error_reaches_half_a_unit(reader):
    found = score_table(reader, rendered_pictures(4))
    # On one of the four the landmarks fit badly: 0.82. Of the first 10 people 9 have over 0.9.
    assert found["clean"]["share_from_0.9"] >= 0.75
    # At JPEG quality 2 the score of photos is 0.93 at an error of 0.56, see quality.md.
    rows = [row for row in found["rows"] if "error" in row and row["name"] != "JPEG"]
    assert max(row["error"] for row in rows) > 0.5
    assert [row for row in rows if row["error"] >= 0.5 and row["score"] >= FLAG_BELOW] == []
