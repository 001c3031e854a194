"""The demo pictures and tables in the documents are those of the packaged model."""

import json
import re
from pathlib import Path

import pytest

from fau_tf import AUEstimator, load_model_info
from fau_tf.outputs.terminal_table import face_table

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guide" / "predict.md"
REMAKE = "Run `python docs/figures/gallery.py` and look at the pictures."


@pytest.mark.parametrize("document", [ROOT / "README.md", GUIDE], ids=lambda path: path.name)
def test_demo_pictures_are_made_by_the_packaged_model(document):
    made_by = json.loads((ROOT / "docs" / "images" / "made_by.json").read_text())
    shown = re.findall(r"images/(demo[^)]*)\)", document.read_text(encoding="utf-8"))
    assert "demo.jpg" in shown
    assert {name: made_by.get(name) for name in shown} == dict.fromkeys(
        shown, load_model_info().sha256
    ), REMAKE


def test_the_guide_has_the_table_and_the_low_reliability_of_the_packaged_model():
    guide = GUIDE.read_text(encoding="utf-8")
    with AUEstimator() as estimator:
        (face,) = estimator.estimate(ROOT / "docs" / "sample" / "astronaut.png").faces
    # Without the bars, whose last eighth may differ by a rounding on another CPU.
    printed = [line.split("  ")[:4] for line in face_table(face, blocks=True).splitlines()]
    listed = [line.split("  ")[:4] for line in guide.splitlines()]
    assert [line for line in printed if line not in listed] == [], REMAKE
    reasons = re.findall(r"^- (AU\d\d) .*: (.*)$", guide, re.M)
    failed = load_model_info().low_reliability
    assert dict(reasons) == {au: "; ".join(map(str, failed[au])) for au in failed}, REMAKE
