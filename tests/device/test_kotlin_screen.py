"""The layout of the Android app's screen, by its own code on the JVM, drawn by java.awt."""

import itertools
import re

import numpy as np
import pytest
from PIL import Image

from tests.helpers import jvm_kotlin
from tests.helpers.golden_files import ASSETS
from tests.helpers.jvm_kotlin import ROOT

pytestmark = pytest.mark.gpu

PICTURE = ROOT / "docs" / "sample" / "astronaut.png"
LABELS = (ASSETS / "labels.txt").read_text().split()
SENTENCE = (
    "No camera: the permission was refused. Tap to be asked again, or allow it in the settings."
)
PHONES = {
    "upright": (432, 960, 25, 1.05, 1.05),
    "lying": (960, 432, 25, 1.05, 1.05),
    "small": (320, 480, 20, 1, 1),
    "upright, large letters": (432, 960, 25, 1.05, 2.1),
    "lying, large letters": (960, 432, 25, 1.05, 2.1),
    "small, large letters": (320, 480, 20, 1, 2),
}
"""Width, height and inset, px; px per dp and px per sp."""
REASONS = " ".join(
    f"This device's GPU can't run {name}: {'some operation is not supported, ' * 9}none is left."
    for name in ("fau_small_mesh_float16", "face_detector", "face_landmarks_detector")
)
"""A text longer than a small screen."""


@pytest.fixture(scope="module", autouse=True)
def _kotlin():
    if reason := jvm_kotlin.lacking():
        pytest.skip(reason)
    jvm_kotlin.compiled()


def drawn(phone, folder, *text):
    """Return the lines of Screen.kt by name, texts and boxes with their color, the pixels."""
    out = folder / "screen.png"
    printed = jvm_kotlin.run("screen", ASSETS, PICTURE, out, *map(str, PHONES[phone]), *text)
    shapes = [printed[str(i)].split(" ") for i in itertools.takewhile(
        lambda i: str(i) in printed, itertools.count())]  # fmt: skip
    texts = [(color, float(x), float(y), float(wide), " ".join(words))
             for kind, color, x, y, wide, *words in shapes if kind == "text"]  # fmt: skip
    boxes = [(row[1], *map(float, row[2:])) for row in shapes if row[0] == "box"]
    return printed, texts, boxes, np.asarray(Image.open(out))


@pytest.mark.parametrize("phone", PHONES)
def test_every_au_has_a_bar_of_its_length_clear_of_the_phones_own_bars(phone, tmp_path):
    width, height, *_ = PHONES[phone]
    printed, texts, boxes, pixels = drawn(phone, tmp_path)
    assert re.fullmatch(r"(\w+( \w+)* [1-5](, |\.))+", printed["strongest"])
    values = {label: printed[label].split(" ") for label in LABELS}
    rest = boxes[1:]
    titles = [text for text in texts if text[4].split(" ")[0] in LABELS]
    assert [text[4].split(" ")[0] for text in titles] == LABELS
    tracks, bars, intervals = rest[::3], rest[1::3], rest[2::3]
    assert len(tracks) == len(bars) == len(intervals) == len(LABELS)
    for label, title, track, bar in zip(LABELS, titles, tracks, bars, strict=True):
        value, weak = float(values[label][0]), values[label][1] == "true"
        assert (bar[3] - bar[1]) / (track[3] - track[1]) == pytest.approx(value / 5, abs=1e-3)
        assert (title[0] == bar[0]) == weak, "gray like its title if its reliability is low"
        assert title[1] + title[3] <= track[1], "the title ends before the bar"
    assert max(float(value[0]) for value in values.values()) > 1
    assert_inside(phone, texts, boxes)
    columns = {round(track[1]) for track in tracks}
    assert len(columns) == (2 if width > height else 1)
    apart = np.diff(sorted({track[2] for track in tracks}))
    assert apart.min() > tracks[0][4] - tracks[0][2], "rows don't overlap"
    assert pixels.shape == (height, width, 3)


def assert_inside(phone, texts, boxes):
    """Assert that all lies on the panel, and the panel clear of the phone's own bars."""
    width, height, inset, *_ = PHONES[phone]
    panel = boxes[0]
    for _, left, top, right, bottom in boxes:
        assert panel[1] <= left <= right <= panel[3] <= width
        assert inset <= panel[2] <= top <= bottom <= panel[4] <= height - inset
    for _, x, y, wide, _ in texts:
        assert panel[1] < x
        assert x + wide < panel[3]
        assert panel[2] < y < panel[4]


@pytest.mark.parametrize(
    "phone", ["upright", "small", *(phone for phone in PHONES if "," in phone)]
)
def test_a_long_text_is_cut_short_and_leaves_room_for_the_bars(phone, tmp_path):
    *_, density, _ = PHONES[phone]
    _, texts, boxes, _ = drawn(phone, tmp_path, REASONS, "with bars")
    assert_inside(phone, texts, boxes)
    tracks = boxes[1::3]
    assert len(tracks) == len(LABELS)
    for _, _, top, _, bottom in tracks:
        assert bottom - top >= 0.6 * 12 * density - 1e-3  # of a row of 12 dp, in float32
    assert texts[-1][4].endswith("…") == (phone != "upright"), "only there is room for all"


def test_letters_grow_with_the_phones_setting(tmp_path):
    heights = []
    for phone in ("upright", "upright, large letters"):
        _, _, boxes, _ = drawn(phone, tmp_path)
        heights.append(boxes[1][4] - boxes[1][2])
    assert heights[1] > 1.3 * heights[0]


def test_a_sentence_is_wrapped_and_there_are_no_bars_without_a_result(tmp_path):
    _, texts, boxes, pixels = drawn("small", tmp_path, SENTENCE)
    assert " ".join(text[4] for text in texts) == SENTENCE
    assert len(texts) > 1
    assert len(boxes) == 1
    left, top, right, bottom = (int(edge) for edge in boxes[0][1:])
    assert pixels[top:bottom, left:right].max() > 200, "white letters"
