from fau_tf.evaluation.quality import report
from fau_tf.inference.quality import LIMITS


def row(strength, score, worst, name="blur", **changes):
    entry = {
        "name": name, "unit": "px", "strength": strength, "faces": 4, "found": 4,
        "error": worst / 3, "worst": worst, "worst_au": "AU12", "score": score, "score_p90": score,
        "score_below_0.9": 0.5, "not_read": 0.25, "flag": "soft",
    }  # fmt: skip
    return entry | changes


LOST = {"name": "blur", "unit": "px", "strength": 9.0, "faces": 4, "found": 0}
ROWS = [row(1, 1.0, 0.2), row(2, 0.8, 0.9), row(3, 0.4, 1.2), LOST, row(5, 0.95, 0.1, "noise")]


def test_the_score_and_the_error_cross_their_limits_at_a_strength():
    blur, noise = report.crossings(ROWS)
    strengths = {key: blur[key]["strength"] for key in ("below_0.9", "below_0.5", "error_from_1")}
    assert strengths == {"below_0.9": 2, "below_0.5": 3, "error_from_1": 3}
    assert (noise["below_0.9"], noise["below_0.5"], noise["error_from_1"]) == (None, None, None)


def test_the_page_has_the_limits_every_row_and_the_pictures_without_a_face(tmp_path):
    clean = {"faces": 7, "quantiles": {"0": 0.8, "0.5": 1.0}, "share_from_0.9": 0.86, "flags": {}}
    figures = {"data": "Seven faces.", "clean": clean, "rows": ROWS}
    no_face = {"name": "dog.jpg", "found": 1, "scores": [0.02], "flags": ["unlike a face"]}
    found = {"model": "tiny", "sets": {"Synthetic faces": figures}, "no_face": [no_face]}
    page = report.page(found, "--subjects 7 --write")
    assert "cli.quality measure --subjects 7 --write` (model `tiny`)" in page
    limits = LIMITS["eye_distance_px"]
    assert f"| `eye_distance_px` | {limits.full:g} | 8 | small face | too small |" in page
    assert "7 clean faces: 86% have a score of 0.9 or more; quantiles of the score 0%: 0.80" in page
    assert "| blur | 2 (worst AU 0.90, mean 0.30) | 3 (worst AU 1.20, mean 0.40) | 3 (" in page
    assert "| noise | - | - | - |" in page
    assert "| blur | 3 px | 4 of 4 | 0.40 | 1.20 AU12 | 0.40 | 0.40 | 50% | 25% | soft |" in page
    assert "| blur | 9 px | 0 of 4 | - | - | - | - | - | - | - |" in page
    assert "| dog.jpg | 1 | 0.02 | unlike a face |" in page
    report.draw(tmp_path / "x.png", found)
    assert (tmp_path / "x.png").stat().st_size > 10_000
