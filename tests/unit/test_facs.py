import re
from pathlib import Path

import numpy as np
import pytest

from fau_tf import facs

# The sample annotation of the reference data, M017/T8/336 at 256 x 256, x and y per AU center.
SAMPLE = {
    6: ((55, 105.5), (198.5, 104.5)),
    10: ((102, 166), (158, 165)),
    12: ((84, 164), (174, 164)),
    14: ((61, 156.5), (192.5, 155)),
    17: ((131, 191), (130.5, 210.5)),
}


@pytest.mark.parametrize(
    ("aus", "rule", "k"),
    [
        ("openface", "fau", 34),
        ("disfa_bp4d", "fau", 28),
        ("disfa", "fau", 24),
        ("bp4d", "fau", 10),
        ("bp4d", "fan", 10),
        ("disfa_bp4d", "libreface", 30),
        ("bp4d", "jaanet", 10),
    ],
)
def test_number_of_centers(aus, rule, k):
    assert len(facs.centers(facs.AU_SETS[aus], rule)) == k


def test_data_sets_hold_the_published_aus():
    assert facs.DISFA == (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    assert facs.BP4D == (6, 10, 12, 14, 17)
    assert facs.DISFA_BP4D == (1, 2, 4, 5, 6, 9, 10, 12, 14, 15, 17, 20, 25, 26)


def test_the_table_has_the_aus_whose_intensity_openface_predicts():
    # OpenFace 2.0, "Action Units", columns AUxx_r.
    assert facs.ALL == (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)


@pytest.mark.parametrize(
    ("rule", "lacking"), [("fan", "AU05"), ("jaanet", "AU05"), ("libreface", "AU07, AU23, AU45")]
)
def test_a_rule_that_lacks_an_au_is_refused_by_name(rule, lacking):
    with pytest.raises(ValueError, match=rf"no center for .*{lacking}"):
        facs.centers(facs.ALL, rule)


def test_no_two_centers_of_the_default_rule_share_a_place():
    places = [(row.point.landmarks, row.point.down) for row in facs.centers(facs.ALL)]
    assert len(set(places)) == len(places)


def test_unknown_rule_lists_the_known_ones():
    with pytest.raises(ValueError, match="libreface"):
        facs.centers(facs.ALL, "openface")


@pytest.mark.parametrize("rule", list(facs.RULES))
def test_mirroring_twice_gives_the_same_center(rule):
    rows = facs.centers(tuple(facs.RULES[rule].points), rule)
    for i, row in enumerate(rows):
        partner = rows[row.mirror]
        assert partner.mirror == i
        assert partner.au == row.au
        flipped = {facs.MIRROR_68[j] for j in row.point.landmarks}
        # AU25's published row, mean(61, 64), isn't symmetric itself.
        if set(row.point.landmarks) != {61, 64}:
            assert set(partner.point.landmarks) == flipped
            assert partner.point.down == row.point.down


def test_the_landmark_mirror_is_an_involution():
    assert sorted(facs.MIRROR_68) == list(range(68))
    assert all(facs.MIRROR_68[facs.MIRROR_68[i]] == i for i in range(68))


def test_the_mesh_map_names_68_different_vertices():
    assert len(set(facs.IBUG_FROM_MEDIAPIPE)) == 68
    assert max(facs.IBUG_FROM_MEDIAPIPE) < 468


def test_the_page_on_aus_has_the_table():
    page = (Path(__file__).parents[2] / "docs/reference/face.md").read_text()
    rows = [m[1].split(" | ") for m in re.finditer(r"^\| (AU\d\d \| .*) \|$", page, re.MULTILINE)]
    assert [(row[0], row[1]) for row in rows] == [(au.label, au.name) for au in facs.AUS.values()]
    for row, au in zip(rows, facs.AUS, strict=True):
        found = [
            [int(n) for n in re.findall(r"\d+", p.partition("+")[0])] for p in row[2].split(";")
        ]
        assert found == [list(point.landmarks) for point in facs.RULES["fau"].points[au]]


def test_an_au_is_the_mean_of_its_centers():
    matrix = facs.center_to_au(facs.ALL)
    assert matrix.shape == (34, 17)
    np.testing.assert_allclose(matrix.sum(axis=0), 1, rtol=1e-6)  # a third isn't exact
    assert ((matrix > 0).sum(axis=1) == 1).all()
    owner = facs.au_of_center(facs.ALL)
    assert [facs.ALL[a] for a in owner] == [c.au for c in facs.centers(facs.ALL)]


def test_fans_sample_row_implies_whole_landmarks():
    # Fan's centers are landmarks or midpoints of two, so the rule must give back whole pixels.
    points = {}
    for au in (10, 12):
        for place, point in zip(SAMPLE[au], facs.RULES["fan"].points[au], strict=True):
            points[point.landmarks[0]] = np.array(place)
    (upper,), lower = (row.landmarks for row in facs.RULES["fan"].points[17])
    points[upper] = np.array(SAMPLE[17][0])
    assert lower == (57, 8)
    points[8] = 2 * np.array(SAMPLE[17][1]) - points[upper]
    for place, point in zip(SAMPLE[14], facs.RULES["fan"].points[14], strict=True):
        corner, jaw = point.landmarks
        points[jaw] = 2 * np.array(place) - points[corner]
    assert set(points) == {48, 54, 49, 53, 57, 8, 3, 13}
    for place in points.values():
        np.testing.assert_array_equal(place, np.round(place))
    # The two of AU6 are not separable, but the sum of two whole landmarks is whole.
    for place in SAMPLE[6]:
        np.testing.assert_array_equal(2 * np.array(place), np.round(2 * np.array(place)))
    # Where a face has them: the jaw is outside the mouth corners, the chin is below the lip.
    assert points[3][0] < points[48][0] < points[54][0] < points[13][0]
    assert points[8][1] > points[57][1]
