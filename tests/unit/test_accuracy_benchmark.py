from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import accuracy, accuracy_page, accuracy_peer
from benchmarks.accuracy_faces import Known, by_group, factor_rows, person_spread, rig_groups
from benchmarks.accuracy_peer import Ridge, fitted
from fau_tf import facs
from tests.helpers.made_video import face, frame, write_video

LABELS = accuracy.LABELS


def made(n=200, seed=0):
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (n, 14)).astype(np.float32)
    answers = np.clip(coded + rng.normal(0, 0.5, coded.shape), 0, 5).astype(np.float32)
    factors = {
        name: rng.uniform(0, 1, n)
        for name in ("melanin", "age", "yaw", "pitch", "light_side", "exposure")
    }
    factors |= {name: (rng.random(n) < 0.3) * 1.0 for name in ("glasses", "hand", "strands")}
    factors["path_traced"] = (np.arange(n) % 4 == 3) * 1.0
    rigs = np.array(["canonical", "ict"])[np.arange(n) // 4 % 2]
    subjects = [f"person{i // 4:05d}" for i in range(n)]
    return Known(coded, subjects, rigs, factors), answers


def test_a_ridge_finds_the_linear_answer_and_keeps_what_it_cannot_read():
    rng = np.random.default_rng(1)
    shapes = rng.uniform(0, 1, (300, 52))
    weights = rng.normal(0, 1, (52, 14))
    coded = np.clip(2.5 + (shapes - 0.5) @ weights / 4, 0, 5)
    ridge = fitted((shapes[:200], coded[:200]), (shapes[200:], coded[200:]), LABELS)
    # Noise-free and within the scale, so the weakest ridge is all but exact.
    np.testing.assert_allclose(ridge(shapes[200:]), coded[200:], atol=0.05)
    assert np.isnan(ridge(np.full((1, 52), np.nan))).all()
    holes = shapes.copy()
    holes[0] = np.nan
    np.testing.assert_allclose(Ridge(holes, coded, 1e-3)(shapes), ridge(shapes), atol=0.05)


def test_each_picture_is_looked_at_once(tmp_path, monkeypatch):
    """People of another part keep their scores, each face its own, in the order of the rows."""

    class Rows(list):
        def as_numpy_iterator(self):
            return iter(self)

    def part(*names):
        rows = [
            {"subject": name.encode(), "image": f"{name}{face}".encode()}
            for face in range(2)  # not person by person
            for name in names
        ]
        faces = SimpleNamespace(files=[Path("set") / "faces-0.tfrecord"])
        return SimpleNamespace(faces=faces, rows=Rows(rows))

    seen = []

    def look(pictures, _processes):
        seen.extend(pictures)
        return np.repeat([[int(p[1:2]) * 10 + int(p[2:])] for p in pictures], 52, axis=1)

    monkeypatch.setattr(accuracy_peer, "_looked_at_by", look)
    first = accuracy_peer.blendshapes(part("p1", "p2"), tmp_path)
    assert first[:, 0].tolist() == [10, 20, 11, 21]
    second = accuracy_peer.blendshapes(part("p3", "p1"), tmp_path)
    assert second[:, 51].tolist() == [30, 10, 31, 11]
    assert seen == [b"p10", b"p20", b"p11", b"p21", b"p30", b"p31"]


def test_groups_hold_each_face_once_per_rig():
    faces, answers = made()
    groups = rig_groups(faces)
    assert set(groups) == {
        f"{r}{m}" for r in ("canonical", "ict") for m in ("", ", fast", ", path")
    }
    assert sum(int(groups[name].sum()) for name in ("canonical", "ict")) == len(answers)
    assert (groups["ict"] == groups["ict, fast"] | groups["ict, path"]).all()
    found = by_group(faces, answers, groups)
    assert found["canonical"]["faces"] == 100
    low, high = found["ict"]["icc_interval"]
    assert low < found["ict"]["mean"]["icc"] < high


def test_each_factor_splits_the_faces():
    faces, answers = made()
    rows = factor_rows(faces, answers)
    skin = [row for row in rows if row["factor"] == "skin"]
    assert sum(row["faces"] for row in skin) == len(answers)
    with_glasses = next(r for r in rows if (r["factor"], r["group"]) == ("glasses", "with"))
    assert with_glasses["faces"] == int(faces.factors["glasses"].sum())
    spread = person_spread(faces, answers)
    assert 0 < spread["0.05"] < spread["0.5"] < spread["0.95"] < spread["1"]


def test_weak_aus_are_those_that_fail_on_another_rig_or_where_painted():
    def group(bad, icc):
        return {"per_au": {label: {"icc": icc if label == bad else 0.9} for label in LABELS}}

    own, other = group("AU01", 0.0), group("AU10", 0.2)
    crossed = [
        {"learnt_from": ["ict"], "groups": {"ict": own, "canonical": other}},
        {"learnt_from": ["canonical"], "groups": {"ict": group("AU10", float("nan"))}},
    ]  # fmt: skip
    painted = [{"aus": {"AU12": 0.2, "AU06": 0.7}}, {"aus": {"AU12": 0.4}}]
    found = accuracy.weak({"crossed": crossed, "photos": {"painted": painted}})
    assert set(found) == {"AU10", "AU12"}
    assert "another face model" in found["AU10"]
    assert "rises by 0.40" in found["AU12"]
    assert accuracy.weak({}) == {}


def test_the_page_says_what_was_found():
    faces, answers = made()
    groups = by_group(faces, answers, rig_groups(faces))
    icc = f"{groups['ict']['mean']['icc']:.3f}"
    row = {"covered": 0.91, "width": 1.25}
    found = {
        "run": "release", "set": "synthetic-canonical-ict", "learnt": 4800, "people": 50,
        "faces": 200, "groups": groups, "peer": {"groups": groups, "missed": 3},
        "factors": factor_rows(faces, answers), "persons": person_spread(faces, answers),
        "coverage": {"level": 0.9, "mean": row, "per_au": dict.fromkeys(LABELS, row)},
        "coverage_by": {"ict": row}, "weak": {"AU10": "ICC 0.20 on faces of another face model"},
        "crossed": [{"learnt_from": ["ict"], "groups": groups, "peer": {"groups": groups}}],
        "videos": [
            {"video": "talk.mp4", "frames": 60, "mean": 0.5, "per_au": dict.fromkeys(LABELS, 0.25)}
        ],
    }  # fmt: skip
    text = accuracy_page.page(found)
    assert f"| ict | 100 | {icc}" in text
    assert "no face in 3 of them" in text
    assert "- AU10: ICC 0.20" in text
    assert "91.0%" in text
    assert "| talk.mp4 | 60 | 0.50 | 0.25 |" in text
    assert "nan" not in text.lower()


@pytest.fixture(scope="module")
def photos():
    pytest.importorskip("cv2")
    from benchmarks import accuracy_photos

    return accuracy_photos


def test_a_warp_moves_the_landmarks_and_not_the_border(photos):
    size = 256
    rng = np.random.default_rng(0)
    template = np.stack([rng.uniform(60, 196, 68), rng.uniform(60, 196, 68)], axis=-1)
    template[36], template[45] = (80, 90), (176, 90)
    paint = photos.Paint("up", (1,), (), (((20,), 0.0, -0.1),))
    template[20] = (110, 130)
    others = np.hypot(*(template - template[20]).T)
    template = np.where((others < 25)[:, None] & (others > 0)[:, None], template + 60, template)
    picture = np.zeros((size, size, 3), np.uint8)
    picture[127:134, 107:114] = 255  # a square at landmark 20
    moved = photos.warp(picture, template, paint)
    assert (moved[[0, -1]] == picture[[0, -1]]).all()
    rows, columns = np.nonzero(moved[..., 0] > 127)
    # A tenth of the outer eye distance, 9.6 px; thin plates smooth by 1e-3, pixels are whole.
    assert abs(rows.mean() - (130 - 9.6)) < 2
    assert abs(columns.mean() - 110) < 2


def test_the_paints_name_aus_and_landmarks_that_there_are(photos):
    for paint in photos.PAINTS:
        assert set(paint.aus) | set(paint.related) <= set(facs.ALL)
        assert not set(paint.aus) & set(paint.related)
        assert all(0 <= i < 68 for which, _, _ in paint.moves for i in which)


def test_a_video_is_read_beside_its_blendshapes(tmp_path):
    pytest.importorskip("mediapipe")
    from benchmarks import accuracy_video
    from fau_tf.runtime.model_info import default_model

    shown = [frame((x, face(mirrored=x % 2 == 1))) for x in range(40, 88, 2)]
    found = accuracy_video.agreement(default_model(), write_video(tmp_path / "face.mp4", shown))
    assert found["frames"] == 24 / accuracy_video.EVERY
    assert set(found["per_au"]) == set(LABELS)
    assert -1 <= found["mean"] <= 1
    nobody = write_video(tmp_path / "nobody.mp4", [frame()] * 9)
    with pytest.raises(ValueError, match="must show a face"):
        accuracy_video.agreement(default_model(), nobody)
