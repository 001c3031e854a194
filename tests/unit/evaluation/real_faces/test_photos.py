import numpy as np
import pytest

from fau_tf import facs
from fau_tf.evaluation import alignment_error
from fau_tf.evaluation.blendshapes import AU_BLENDSHAPES, au_score, correlations
from fau_tf.evaluation.real_faces import faces, photos, videos
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.inference.model_info import default_model, load_model_info
from fau_tf.io.images import read_image
from tests.helpers.face_videos import FPS, PHOTO, face, frame, write_video

LABELS = [facs.AUS[au].label for au in facs.ALL]


@pytest.fixture(scope="module")
def sample_face():
    with FaceReader() as reader:
        return reader(read_image(PHOTO))


def test_correlation_is_nan_where_the_blendshape_is_still_and_0_where_the_prediction_is():
    names = [name for groups in AU_BLENDSHAPES.values() for group in groups for name in group]
    scores = np.zeros((9, len(names)))
    scores[:, names.index("jawOpen")] = scores[:, names.index("browInnerUp")] = np.linspace(0, 1, 9)
    predicted = np.zeros((9, len(LABELS)))
    predicted[:, LABELS.index("AU26")] = np.linspace(1, 3, 9)
    found = correlations(facs.ALL, predicted, names, scores)
    assert found["per_au"]["AU26"] == pytest.approx(1)
    assert found["per_au"]["AU01"] == 0
    assert np.isnan(found["per_au"]["AU12"])
    assert found["mean"] == pytest.approx(0.5)


def test_a_video_correlates_with_its_blendshapes(tmp_path):
    frames = [frame((x, face(mirrored=x % 2 == 1))) for x in range(40, 88, 2)]
    video = write_video(tmp_path / "face.mp4", frames)
    found = videos.video_blendshapes(default_model(), video)
    assert found["frames"] == 24 / round(FPS / videos.FRAMES_A_SECOND)
    assert set(found["per_au"]) == set(load_model_info().labels)
    assert -1 <= found["mean"] <= 1
    empty = write_video(tmp_path / "empty.mp4", [frame()] * 9)
    with pytest.raises(ValueError, match="a face was found in 0 frames, and 2 are needed"):
        videos.video_blendshapes(default_model(), empty)


@pytest.fixture(scope="module")
def annotated_folder(tmp_path_factory, sample_face):
    """Return a folder like dlib's example faces: the sample photo, its landmarks annotated."""
    folder = tmp_path_factory.mktemp("faces")
    (folder / "photo.png").write_bytes(PHOTO.read_bytes())
    # Enlarged about the middle: the crop of the annotations shows the face smaller.
    points = sample_face.landmarks.mean(axis=0) * -0.1 + sample_face.landmarks * 1.1
    parts = "".join(f'<part name="{i:02d}" x="{x}" y="{y}"/>' for i, (x, y) in enumerate(points))
    boxes = f"<box>{parts}</box><box></box>"  # the second face isn't annotated
    text = f'<dataset><images><image file="photo.png">{boxes}</image></images></dataset>'
    (folder / "testing_with_face_landmarks.xml").write_text(text)
    return folder


def test_photos_of_a_folder_are_evaluated_together_with_the_sample(annotated_folder, tmp_path):
    model = default_model()
    found = photos.evaluate_photos(model, annotated_folder, PHOTO, tmp_path / "pictures")
    assert (found["model"], found["blendshapes"]["faces"]) == (model.name, 2)
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["photo_0.png", "sample.png"]


def test_the_alignment_error_is_the_difference_from_the_annotations(annotated_folder):
    errors = alignment_error.annotated_errors(annotated_folder)
    (x, y, degrees, log_scale) = errors[0]
    # The part around the face is enlarged, so the second look differs a little.
    assert log_scale == pytest.approx(np.log(1.1), abs=0.03)
    assert abs(x) + abs(y) < 0.1
    assert abs(degrees) < 2
    text = alignment_error.table([("annotated", np.vstack([errors, np.full((1, 4), np.nan)]))])
    assert text.splitlines()[-1].startswith("| annotated | 1 | 1 |")


def test_the_alignment_error_of_rendered_faces_is_small():
    from fau_tf.synthetic.registry import RIGS

    errors = alignment_error.rendered_errors(RIGS["canonical"](None), 2)
    assert np.nanmax(np.abs(errors[:, :2])) < 0.05


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \*_with_face_landmarks\.xml found"):
        next(faces.annotated_faces(tmp_path))


def test_every_au_has_blendshapes_of_its_own_but_au6_shares_the_squint_of_au7():
    owners = {}
    for au, groups in AU_BLENDSHAPES.items():
        for name in (name for group in groups for name in group):
            owners.setdefault(name, []).append(au)
    assert set(AU_BLENDSHAPES) == set(facs.AUS)
    shared = {name: aus for name, aus in owners.items() if len(aus) > 1}
    assert shared == {"eyeSquintLeft": [6, 7], "eyeSquintRight": [6, 7]}


def test_left_and_right_count_equally_in_the_score_of_an_au():
    scores = np.array([[0.8, 0.0]])
    assert au_score(12, ["mouthSmileLeft", "mouthSmileRight"], scores) == pytest.approx(0.4)
