from dataclasses import replace

import cv2
import numpy as np
import pytest

from fau_tf import facs
from fau_tf.conformal import fit_intervals
from fau_tf.face import align
from fau_tf.inference.estimator import Estimate
from fau_tf.inference.model_info import FailedCriterion
from fau_tf.outputs import annotate, face_card, heatmap_overlay
from fau_tf.outputs.drawing import Pen, face_color
from fau_tf.outputs.layout import NARROWEST, PHOTO_SIDE
from tests.helpers.faces import FLAGGED, LABELS, TURNED, face, info, photo, scene_of

NAN = float("nan")
INFO = info()
BARS = face_card._BARS


def draw(*faces, reason="", image=None, model=INFO, **options):
    image = photo() if image is None else image
    return annotate.annotate(image, Estimate(faces, reason), model, **options)


def card(one, model=INFO, present_from=1.0):
    return np.array(face_card.draw_card(photo(), one, 0, model, present_from))


def bar(sheet, label):
    """Return the picture of an AU's bar, without figures."""
    top = BARS + LABELS.index(label) * 24
    return sheet[top : top + 24, 208:334].astype(int)


def lit(before, after):
    """Return where a picture was changed, and by how much."""
    return np.abs(after.astype(int) - before).sum(axis=-1)


def middle(amount):
    rows, columns = np.indices(amount.shape)
    return (columns * amount).sum() / amount.sum(), (rows * amount).sum() / amount.sum()


def test_a_heatmap_lies_over_its_au_center_in_the_photo():
    """The peak of one channel, warped into the photo, is where the photo's AU center is."""
    one = face(level=5.0)
    black = np.zeros((160, 160, 3), np.uint8)
    to_photo = heatmap_overlay.after(align.invert(one.matrix), heatmap_overlay.heatmap_to_crop(one))
    # A center snaps to its cell: half a cell of 4 crop px, as px of the photo, in x and in y.
    half_cell = 2 / np.sqrt(np.linalg.det(one.matrix[:, :2]))
    for k in (0, 7, 20):
        shown = heatmap_overlay.with_heatmaps(black, one.heatmaps[..., k : k + 1], to_photo)
        assert shown.max() > 100
        found = middle(lit(black, shown).astype(float))
        np.testing.assert_allclose(found, one.centers[k], atol=half_cell + 0.5)


def test_only_the_part_that_heatmaps_reach_is_drawn_and_nothing_is_missed():
    """Against the whole picture warped at once."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (90, 120, 3), np.uint8)
    heatmaps = rng.uniform(0, 5, (8, 8, 3)).astype(np.float32)
    for angle in (0.0, 0.7, 3.0):
        turn = 6 * np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
        for shift in ((20.0, 30.0), (-15.0, 60.0), (500.0, 0.0), (-500.0, -500.0)):
            to_image = np.column_stack((turn, shift))
            shown = heatmap_overlay.with_heatmaps(image, heatmaps, to_image)
            whole = cv2.warpAffine(heatmaps.max(axis=-1), to_image, (120, 90))
            cover = (
                np.clip(whole / heatmap_overlay.OPAQUE_FROM, 0, 1)[..., None]
                * heatmap_overlay.COVER
            )
            expected = image * (1 - cover) + heatmap_overlay.colors(whole) * cover
            # Rounding to whole gray levels, and OpenCV's sampling points to 1/32 px of a cell:
            # 5 / 32 in intensity at most, of ramps of 190 levels per unit, covered by 0.65.
            np.testing.assert_allclose(shown, expected, atol=0.5 + 5 / 32 * 190 * 0.65)
            assert np.abs(shown - expected).mean() < 1


@pytest.mark.parametrize("value", [0.0, NAN])
def test_a_heatmap_without_anything_leaves_the_photo_as_it_is(value):
    heatmaps = np.full((8, 8, 3), value, np.float32)
    still = heatmap_overlay.with_heatmaps(photo(), heatmaps, np.eye(2, 3) * 30)
    np.testing.assert_array_equal(still, photo())


def test_colors_run_from_blue_to_red_and_clip():
    levels = heatmap_overlay.colors(np.array((-1.0, 0.0, 5.0, 9.0), np.float32))
    np.testing.assert_array_equal(levels[0], levels[1])
    np.testing.assert_array_equal(levels[2], levels[3])
    assert levels[0, 2] > levels[0, 0]
    assert levels[2, 0] > levels[2, 2]
    assert heatmap_overlay.color(0.0) == (30, 60, 255)


@pytest.mark.parametrize(("person", "least", "most"), [(10, 0, 0.1), (6, 0.4, 0.6), (4, 1.1, 1.5)])
def test_heatmaps_stand_out_from_every_skin(person, least, most):
    assert least <= scene_of(person).factors["melanin"] <= most
    plain = photo(person)
    one = face(person, level=3.0)
    to_photo = heatmap_overlay.after(align.invert(one.matrix), heatmap_overlay.heatmap_to_crop(one))
    shown = heatmap_overlay.with_heatmaps(plain, one.heatmaps, to_photo)
    x, y = np.rint(one.centers).astype(int).T
    # Three channels of 256 levels: 60 in sum is plain to see.
    assert np.median(lit(plain, shown)[y, x]) > 60


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_the_picture_has_a_card_for_every_face(count):
    picture = draw(*(face(face_id=i) for i in range(count)), reason="" if count else "none")
    assert picture.dtype == np.uint8
    height, width = picture.shape[:2]
    columns = {0: 0, 1: 1, 2: 2, 3: 3, 7: 4}[count]
    assert width >= max(columns * face_card.CARD_WIDTH, PHOTO_SIDE)
    assert height >= PHOTO_SIDE
    # No empty quarter.
    assert (picture != picture[0, 0]).any(axis=-1).mean() > 0.75


def test_the_photo_shows_box_centers_and_heatmaps_of_a_face():
    shown = draw(face())
    zoom = PHOTO_SIDE / 160
    x0, y0, x1, _ = face().box
    edge = shown[face_card.GAP + round(y0 * zoom + (zoom - 1) / 2), :]
    line = edge[face_card.GAP + round(x0 * zoom) + 40 : face_card.GAP + round(x1 * zoom) - 40]
    color = tuple(bytes.fromhex(face_color(0)[1:]))
    # The box's upper side, 2 px wide, in the face's color.
    assert (line == color).all(axis=-1).mean() > 0.9
    x, y = np.rint(face().centers[0] * zoom + (zoom - 1) / 2).astype(int) + face_card.GAP
    assert shown[y, x].max() == 0
    assert shown[y - 6 : y + 7, x - 6 : x + 7].min(axis=-1).max() == 255


def test_a_face_that_was_not_read_shows_why_and_no_heatmap():
    failed = face(level=NAN, quality=TURNED)
    failed = replace(failed, heatmaps=np.full_like(failed.heatmaps, NAN))
    sheet = card(failed)
    thumb = sheet[40:250, 20:230]
    assert (np.ptp(thumb, axis=-1) == 0).all()
    status = slice(258, 286)
    assert lit(card(face(level=0.0))[status], sheet[status]).any()
    assert np.ptp(bar(sheet, "AU12"), axis=-1).max() < 20
    assert draw(failed).shape == draw(face()).shape


def test_flags_and_intensities_above_neutral_are_on_the_card():
    plain, flagged = card(face()), card(face(quality=FLAGGED))
    assert lit(plain[258:286], flagged[258:286]).any()
    np.testing.assert_array_equal(flagged[286:], plain[286:])
    net = dict.fromkeys(LABELS, 1.5) | {"AU01": NAN, "AU02": -1.0}
    both = card(face(above_neutral=net))
    # A white mark at 1.5 of 5 along a bar of 88 px.
    assert both[BARS + 3 * 24 + 12, 208 + round(88 * 0.3)].tolist() == [255, 255, 255]


def test_smoothed_intensities_are_drawn_instead_of_the_raw_ones_under_a_heading():
    smooth = dict.fromkeys(LABELS, 2.0)
    shown, plain = card(face(level=4.0, smoothed=smooth)), card(face(level=2.0))
    np.testing.assert_array_equal(shown[286:], plain[286:])
    assert lit(plain[258:286], shown[258:286]).any()


def test_presence_is_written_in_brighter_ink():
    present, absent = card(face(level=1.0)), card(face(level=1.0), present_from=1.1)
    assert present[290:, 14:200].max() > absent[290:, 14:200].max()


def test_an_interval_is_a_whisker_on_the_bar_and_in_the_legend():
    model = info(intervals=fit_intervals(np.zeros((99, 14)), np.zeros((99, 14))))
    ends = dict.fromkeys(LABELS, (1.0, 4.0))
    one = face(level=2.0, interval=ends)
    changed = lit(bar(card(face(level=2.0), model), "AU12"), bar(card(one, model), "AU12"))
    columns = np.flatnonzero(changed.any(axis=0))
    unit = 126 / 5
    # Caps of 3 px, drawn where the bar's ends of the interval are.
    np.testing.assert_allclose((columns.min(), columns.max()), (unit, 4 * unit), atol=2.5)
    assert len(card(one, model)) == len(card(one)) + face_card._LEGEND
    # An interval is around the raw intensity.
    smooth = dict.fromkeys(LABELS, 2.0)
    smoothed = face(level=2.0, smoothed=smooth)
    np.testing.assert_array_equal(
        card(replace(smoothed, interval=ends), model), card(smoothed, model)
    )


def test_an_au_of_low_reliability_is_gray_and_hatched_and_in_the_legend():
    model = info(low_reliability={"AU12": (FailedCriterion("cross_rig_icc", 0.1, 0.4),)})
    plain, marked = card(face(), model), card(face(low_reliability=("AU12",)), model)
    assert np.ptp(bar(plain, "AU12"), axis=-1).max() > 150
    assert np.ptp(bar(marked, "AU12"), axis=-1).max() < 25
    # The empty part of the bar too, where an absent AU has only that.
    right = bar(marked, "AU12")[8:16, 90:]
    assert len(np.unique(right[..., 0])) > len(np.unique(bar(plain, "AU12")[8:16, 90:][..., 0]))
    np.testing.assert_array_equal(bar(plain, "AU06"), bar(marked, "AU06"))
    assert len(marked) == face_card.card_height(INFO) + face_card._LEGEND


@pytest.mark.parametrize("shape", [(3, 2, 3), (1, 400, 3), (30, 20, 3), (3000, 1, 3), (1, 1, 3)])
def test_the_reason_can_be_read_whatever_the_photo(shape):
    image = np.zeros(shape, np.uint8)
    empty, told = draw(image=image), draw(image=image, reason="no face found")
    assert told.shape[1] >= NARROWEST
    assert told.shape[0] == empty.shape[0] + 34
    assert (told[: face_card.GAP + 30] > 200).all(axis=-1).sum() > 100


def test_the_pictures_of_a_video_are_of_one_size():
    some = ((), (face(),), [face(face_id=i) for i in range(4)])
    for cards in (1, 3):
        sizes = {
            draw(*faces, reason=reason, cards=cards).shape
            for faces in some
            for reason in ("", "no face found")
        }
        assert len(sizes) == 1


def test_the_caption_is_below_the_photo():
    one, other = (draw(model=info(name=name)) for name in ("tiny", "another"))
    height = one.shape[0] - face_card.GAP - 34
    np.testing.assert_array_equal(one[:height], other[:height])
    assert lit(one[height:], other[height:]).any()


def test_faces_without_ids_of_their_own_are_counted():
    assert annotate.face_numbers([face(face_id=4), face(face_id=2)]) == [4, 2]
    assert annotate.face_numbers([face(), face(1)]) == [0, 1]


def test_any_words_can_be_written():
    sheet = annotate.PillowImage.new("RGB", (200, 40))
    pen = Pen.on(sheet)
    for words in ("été\n写真\ud800", "", "w" * 500):
        pen.fitted((4, 20), words, 14, "white", 150)
        pen.text((4, 20), words[:20], 14, "white")
    drawn = np.array(sheet)
    assert drawn[:, 4:150].max() == 255
    # 20 letters in 14 px type end before 200 px; a line of 500 was cut at 150.
    assert np.array(_fitted("w" * 500))[:, 156:].max() == 0


def _fitted(words):
    sheet = annotate.PillowImage.new("RGB", (200, 40))
    Pen.on(sheet).fitted((4, 20), words, 14, "white", 150)
    return sheet


@pytest.mark.parametrize(
    ("corner", "top"), [((50.0, 60.0), 60 - 24), ((50.0, 3.0), 3), ((-20.0, -9.0), 0)]
)
def test_a_box_at_the_edge_has_its_label_inside(corner, top):
    sheet = annotate.PillowImage.new("RGB", (200, 200))
    Pen.on(sheet).tag([*corner, 150.0, 150.0], "12", "#00ff00")
    label = np.array(sheet)[top : top + 24, max(int(corner[0]) - 2, 0) :][:, :24]
    assert (label == (0, 255, 0)).all(axis=-1).mean() > 0.5


def test_there_is_a_bar_for_every_au_of_the_table():
    assert len(face().intensity) == len(facs.AUS)
    sheet = card(face(level=4.0))
    for label in LABELS:
        color = np.abs(bar(sheet, label)[12] - heatmap_overlay.color(4.0)).sum(axis=-1) < 6
        # Four fifths of the bar, less the division lines.
        assert 0.74 < color.mean() < 0.82
