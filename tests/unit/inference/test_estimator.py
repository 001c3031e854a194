"""Photo or frames -> faces: which are read, which are not and why."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import fau_tf
from fau_tf import facs
from fau_tf.inference import model_info
from fau_tf.inference.estimator import AUEstimator, Estimate
from fau_tf.inference.model_info import ModelError, default_model
from fau_tf.inference.quality import BLURRED, LIMITS, SMALL_FACE, SOFT
from fau_tf.io.images import UnreadableError, read_image
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.canonical import canonical_rig
from tests.helpers.face_videos import PHOTO, crossing, face, frame
from tests.helpers.tiny_model import AUS, write_tiny_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    with AUEstimator(write_tiny_model(tmp_path_factory.mktemp("model"))) as found:
        yield found


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTO)


def values(one):
    return np.array(list(one.intensity.values()))


def assert_not_read(one, reason):
    assert one.reason == reason
    assert np.isnan(values(one)).all()
    assert np.isnan(one.heatmaps).all()
    assert np.isnan(list(one.sides.values())).all()
    assert np.isnan(list(one.asymmetry.values())).all()
    assert list(one.intensity) == [facs.AUS[au].label for au in AUS]
    assert one.quality.score == 0
    assert np.isnan(one.quality.peakedness)


def test_a_sharp_upright_face_is_read_with_its_quality(estimator, photo):
    (one,) = estimator.estimate(photo).faces
    assert one.reason == ""
    assert np.isfinite(values(one)).all()
    quality = one.quality
    # The outer eye corners of the sample photo, measured by hand: about 60 px apart.
    assert quality.eye_distance_px == pytest.approx(60, abs=4)
    assert 0 < quality.alignment < 0.06
    assert 0.25 < quality.sharpness < 0.6
    assert quality.presence_logit > 15
    assert max(quality.eyes_covered, quality.mouth_covered) < 0.1 < 0.9 < quality.face
    assert max(abs(quality.yaw), abs(quality.pitch), abs(quality.roll)) < 15
    # The tiny model's heatmaps have no peaks.
    assert 0 < quality.peakedness < 0.1
    assert quality.flags == ("scattered heatmaps",)
    assert quality.score == 0
    assert (one.face_id, one.smoothed, one.above_neutral) == (0, None, None)


def test_the_mean_of_both_sides_of_the_face_is_its_intensity(estimator, photo):
    (one,) = estimator.estimate(photo).faces
    assert {"AU06", "AU12", "AU26"} <= one.sides.keys()
    assert not {"AU04", "AU25"} & one.sides.keys()
    for label, (left, right) in one.sides.items():
        assert left != right
        # The graph sums in float32.
        assert (left + right) / 2 == pytest.approx(one.intensity[label], abs=1e-5)
        assert one.asymmetry[label] == pytest.approx((left - right) / (left + right))


@pytest.mark.parametrize(("share", "reason", "flag"), [(0.03, "", SOFT), (0.07, BLURRED, "")])
def test_a_blurred_face_is_flagged_and_then_not_read(estimator, photo, share, reason, flag):
    """The Gaussian as a share of the outer eye distance; 0.09 and more are not found at all."""
    large = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(large, (0, 0), share * 120)
    (one,) = estimator.estimate(blurred).faces
    if reason:
        assert_not_read(one, reason)
    else:
        assert np.isfinite(values(one)).all()
        assert flag in one.quality.flags
        assert one.quality.sharpness < estimator.estimate(photo).faces[0].quality.sharpness


def test_a_small_face_is_read_and_flagged(estimator, photo):
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    (one,) = estimator.estimate(small).faces
    assert one.quality.eye_distance_px < LIMITS["eye_distance_px"].full
    assert SMALL_FACE in one.quality.flags
    assert np.isfinite(values(one)).all()
    assert one.reason == ""


@pytest.mark.parametrize(
    ("yaw", "pitch", "read"), [(0, 0, True), (25, 0, True), (-55, 0, False), (0, -58, False)]
)
def test_a_face_that_is_turned_away_is_not_read(estimator, yaw, pitch, read):
    scene = sample.sample_scene(canonical_rig(), person_seed=901, face_seed=1, pose=(yaw, pitch, 0))
    (one,) = estimator.estimate(sample.render(scene, size=512)).faces
    if read:
        assert one.reason == ""
        # `head_pose` reads rendered people's yaw a sixth too large, and 3 degrees between people:
        # 27.7 to 35.5 on seven of them at 25.
        assert one.quality.yaw == pytest.approx(1.15 * yaw, abs=8)
        assert ("turned" in one.quality.flags) == (yaw == 25)
    else:
        assert_not_read(one, "turned more than 45 degrees")


def test_a_head_that_leans_is_read(estimator, photo):
    leaned = cv2.warpAffine(photo, cv2.getRotationMatrix2D((128, 128), 40, 1.0), (256, 256))
    (one,) = estimator.estimate(leaned).faces
    assert one.reason == ""
    assert one.quality.roll == pytest.approx(40, abs=6)
    assert one.quality.flags == ("scattered heatmaps",)


def test_a_photo_upside_down_has_the_same_aus_and_its_roll(photo):
    with AUEstimator() as packaged:
        (upright,) = packaged.estimate(photo).faces
        (inverted,) = packaged.estimate(np.ascontiguousarray(photo[::-1, ::-1])).faces
    # The regions differ by a pixel: measured 0.07 on average, 0.45 for AU05. Read as if it were
    # upright, the photo had errors of up to 3.8.
    change = np.abs(values(inverted) - values(upright))
    assert change.mean() < 0.2
    assert change.max() < 0.8
    assert inverted.quality.score > 0.9
    assert abs(inverted.quality.roll) == pytest.approx(177, abs=4)
    assert upright.quality.roll == pytest.approx(-3, abs=4)


def test_no_face_has_its_reason(estimator):
    found = estimator.estimate(np.zeros((1, 1, 3), np.uint8))
    assert (found.faces, found.reason) == ((), "no face found")


@pytest.mark.parametrize("form", [str, Path, Image.open])
def test_a_path_and_a_pillow_image_are_read_like_the_array(estimator, photo, form):
    (one,) = estimator.estimate(form(PHOTO)).faces
    assert one.intensity == estimator.estimate(photo).faces[0].intensity


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.zeros((9, 9), np.uint8), ValueError, r"must be \(H, W, 3\) RGB uint8"),
        (np.zeros((9, 9, 3)), ValueError, r"must be \(H, W, 3\) RGB uint8.*float64"),
        (np.zeros((0, 9, 3), np.uint8), ValueError, r"must be \(H, W, 3\) RGB uint8"),
        ([[1, 2]], TypeError, "a path, a Pillow image or an .* array: got list"),
        (None, TypeError, "got NoneType"),
        ("none.png", UnreadableError, r"none\.png: cannot be opened"),
        (Image.new("F", (9, 9), 20.0), UnreadableError, "floating-point values"),
    ],
)
def test_other_input_is_refused_with_what_came(estimator, wrong, error, message):
    for call in (estimator.estimate, estimator.track):
        with pytest.raises(error, match=message):
            call(wrong)


def test_results_are_equal_to_themselves_and_can_be_looked_up(estimator, photo):
    one, other = (estimator.estimate(photo) for _ in range(2))
    for first, second in ((one, other), (one.faces[0], other.faces[0])):
        assert first == first
        assert first != second
        assert {first: 1, second: 2}[first] == 1
        assert [second, first].index(first) == 1


def test_results_print_in_short(photo):
    with AUEstimator() as packaged:
        estimate = packaged.estimate(photo)
        shown, info = repr(packaged), packaged.info
    doubtful = tuple(sorted(info.low_reliability))
    assert shown == (
        f"<AUEstimator num_faces=10 <ModelInfo {info.name}: "
        f"{info.image_size} px, {len(info.aus)} AUs, low reliability: "
        f"{' '.join(doubtful) or 'none'}>>"
    )
    (one,) = estimate.faces
    present = [f"{au} {value:.1f}" for au, value in one.intensity.items() if value >= 1]
    assert {"AU12", "AU25"} <= {text[:4] for text in present}  # a smile that shows teeth
    assert repr(estimate) == (
        f"<Estimate: <FaceResult 0 box=(82, 70, 174, 179) quality=1.00: {', '.join(present)}>>"
    )
    assert repr(Estimate((), "no face found")) == "<Estimate: no face found>"
    assert one.low_reliability == doubtful
    assert all(low <= one.intensity[au] <= high for au, (low, high) in one.interval.items())


def test_loading_and_reading_print_nothing(photo, capfd):
    with AUEstimator() as packaged:
        packaged.estimate(photo)
    assert capfd.readouterr() == ("", "")


def test_a_photo_gives_the_same_result_after_other_photos_and_frames(estimator, photo):
    first = estimator.estimate(photo).faces[0]
    estimator.track(frame((10, face())))
    again = estimator.estimate(photo).faces[0]
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    assert first.intensity == again.intensity
    estimator.restart()


def test_video_gives_what_track_gives(estimator):
    pictures = crossing(8)
    estimator.restart()
    one_by_one = [estimator.track(picture) for picture in pictures]
    ahead = list(estimator.video(pictures))
    assert len(ahead) == len(one_by_one) == 8
    for expected, found in zip(one_by_one, ahead, strict=True):
        assert [one.face_id for one in found.faces] == [one.face_id for one in expected.faces]
        for left, right in zip(found.faces, expected.faces, strict=True):
            # A face that is half hidden by the other one is not read: NaN.
            np.testing.assert_array_equal(values(left), values(right))
            np.testing.assert_array_equal(left.landmarks, right.landmarks)


def test_a_damaged_video_gives_the_frames_before_the_damage_and_then_its_error(estimator):
    def broken():
        yield frame((10, face()))
        yield frame()
        raise OSError("the disk is gone")

    found = estimator.video(broken())
    assert len(next(found).faces) == 1
    assert next(found).reason == "no face found"
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)


def test_a_video_can_be_left_early(estimator):
    pictures = iter(crossing(8))
    for _ in estimator.video(pictures):
        break
    assert len(list(pictures)) == 6  # one was read ahead


def test_the_package_offers_its_public_names():
    assert fau_tf.AUEstimator is AUEstimator
    assert fau_tf.load_model_info().name == "fau_small_mesh_float16"
    assert fau_tf.read_image is read_image
    assert fau_tf.UnreadableError is UnreadableError
    with pytest.raises(AttributeError, match="module 'fau_tf' has no attribute 'nothing'"):
        _ = fau_tf.nothing


def test_importing_the_package_imports_nothing_else_and_lists_the_public_names():
    code = (
        "import sys, fau_tf\n"
        "print([name for name in sys.modules if name.startswith('fau_tf.') or name == 'numpy'])\n"
        "print(*dir(fau_tf))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == [
        "[]",
        "AUEstimator FaceResult UnreadableError __version__ load_model_info read_image "
        "to_dataframe",
    ]


@pytest.mark.parametrize("place", ["fau_tf/assets", "android_demo_assets"])
def test_the_default_model_is_the_installed_one_or_that_of_the_checkout(
    tmp_path, monkeypatch, place
):
    monkeypatch.setattr(model_info, "__file__", str(tmp_path / "fau_tf/inference/model_info.py"))
    with pytest.raises(ModelError, match=r"fau_small_mesh_float16\.tflite: .*neither in .*--model"):
        default_model()
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "fau_small_mesh_float16.tflite").touch()
    assert default_model() == tmp_path / place / "fau_small_mesh_float16.tflite"


def test_mediapipe_is_a_choice_with_the_same_answers(estimator, photo, tmp_path):
    pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    (expected,) = estimator.estimate(photo).faces
    with AUEstimator(write_tiny_model(tmp_path), landmarker="mediapipe") as other:
        (found,) = other.estimate(photo).faces
    # 0.03 px measured, of 60 px between the eyes.
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=0.5)
    np.testing.assert_allclose(values(found), values(expected), atol=0.1)


def test_an_unknown_landmarker_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of litert, mediapipe\. Received: 'dlib'"):
        AUEstimator(write_tiny_model(tmp_path), landmarker="dlib")
