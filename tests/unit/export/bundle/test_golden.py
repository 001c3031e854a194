"""Golden vectors: which faces they are of, and that a wrong array is found and named."""

import json
import shutil

import numpy as np
import pytest

from export.bundle.golden import vectors as module
from export.bundle.golden.check import golden_problems
from export.bundle.golden.faces import GOLDEN_FACES, picture
from export.bundle.golden.steady import require_steady
from export.bundle.golden.tolerances import Tolerance
from export.bundle.golden.vectors import FOLDER, INDEX, read_array
from export.bundle.models import AssetError, read_models
from fau_tf.face.align import MAX_SPAN, crop, crop_matrix, invert, transform
from tests.helpers.asset_folder import write_described
from tests.helpers.tiny_model import SIZE

FACES = {face.name: face for face in GOLDEN_FACES}
CUTS = ["landmarks", "matrix", "crop", "input", "heatmaps.float16", "intensity.float16",
        "heatmaps.static_int8", "intensity.static_int8"]  # fmt: skip


@pytest.fixture(scope="module")
def made():
    """Name -> picture and landmarks, each rendered once."""
    return {name: picture(face, SIZE) for name, face in FACES.items()}


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    return write_described(tmp_path_factory.mktemp("golden") / "assets")


@pytest.fixture
def folder(described, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(described, tmp_path / "assets")


def index_of(folder):
    return json.loads((folder / FOLDER / INDEX).read_text())


def stored(folder, case, cut):
    row = next(row for row in index_of(folder)["cases"] if row["name"] == case)["arrays"][cut]
    return folder / FOLDER / row["file"], row["dtype"], row["shape"]


def spoil(folder, case, cut, change):
    """Apply `change` to an array in place."""
    path, dtype, shape = stored(folder, case, cut)
    values = read_array(path, dtype, shape).copy()
    change(values)
    path.write_bytes(values.tobytes())


def problems(folder):
    return golden_problems(folder, read_models(folder))


def span(points):
    return 1 / np.sqrt(np.linalg.det(crop_matrix(points, SIZE)[:, :2]))


def corners(points):
    """Return (4, 2) the outer corners of the crop, px of the picture."""
    ends = np.array([(x, y) for x in (-0.5, SIZE - 0.5) for y in (-0.5, SIZE - 0.5)])
    return transform(invert(crop_matrix(points, SIZE)), ends)


@pytest.mark.parametrize("name", FACES)
def test_a_face_lies_in_its_picture_as_its_row_says(name, made):
    face, (pixels, points) = FACES[name], made[name]
    assert pixels.shape == (face.height, face.width, 3)
    assert face.width != face.height, "rows and columns can't be mixed up unnoticed"
    assert pixels.std() > 10, "it shows something"
    assert span(points) == pytest.approx(face.scale, rel=1e-9)  # 64-bit sums
    middle = corners(points).mean(axis=0) + 0.5
    assert middle / (face.width, face.height) == pytest.approx(face.center, abs=1e-9)
    matrix = crop_matrix(points, SIZE)
    turned = np.degrees(np.arctan2(-matrix[1, 0], matrix[0, 0]))
    assert turned == pytest.approx(face.roll, abs=1e-6)


def test_the_faces_are_of_every_kind_that_the_crop_treats_otherwise(made):
    spans = {name: span(points) for name, (_, points) in made.items()}
    halvings = {name: max(0, int(np.ceil(np.log2(s / MAX_SPAN)))) for name, s in spans.items()}
    assert halvings == dict.fromkeys(FACES, 0) | {"large": 1, "larger_off_right_bottom": 2}
    assert spans["small"] < 0.5
    assert FACES["rotated"].roll == 25
    odd = FACES["larger_off_right_bottom"]
    assert odd.width % 2 == odd.height % 2 == 1


def test_two_faces_run_off_opposite_borders_of_the_released_size():
    for name, off in (("larger_off_right_bottom", (1, 1)), ("off_left_top", (-1, -1))):
        face = FACES[name]
        half = 128 * face.scale / 2
        for side, center, way in zip((face.width, face.height), face.center, off, strict=True):
            assert half > side * (1 - center if way > 0 else center) + 5, name


def test_a_face_is_the_same_bytes_again(made):
    again, points = picture(FACES["small"], SIZE)
    assert np.array_equal(again, made["small"][0])
    assert np.array_equal(points, made["small"][1])


def test_the_index_lists_every_cut_point_with_its_tolerance_and_reason(described):
    index = index_of(described)
    assert (index["format"], index["byte_order"]) == (1, "little")
    assert [list(case["arrays"]) for case in index["cases"]] == [CUTS] * len(FACES)
    rows = [
        *index["cut_points"].items(),
        *(row for kind in index["variants"].values() for row in kind["cut_points"].items()),
        *index["variants"]["float16"]["gpu_cut_points"].items(),
    ]
    assert {name for name, _ in rows} == {"landmarks", "matrix", "crop", "input", "heatmaps",
                                          "intensity"}  # fmt: skip
    assert all(row["tolerance"] >= 0 and row["unit"] and row["reason"] for _, row in rows)
    assert "gpu_cut_points" not in index["variants"]["static_int8"]
    listed = {case["picture"] for case in index["cases"]}
    listed |= {row["file"] for case in index["cases"] for row in case["arrays"].values()}
    there = {path.name for path in (described / FOLDER).iterdir()}
    assert there == listed | {INDEX, module.OVERVIEW}


def test_arrays_are_raw_little_endian_and_those_of_the_definition(described, made):
    pixels, points = made["rotated"]
    path, dtype, shape = stored(described, "rotated", "landmarks")
    assert (dtype, shape) == ("float64", [68, 2])
    assert path.read_bytes() == points.astype("<f8").tobytes()
    matrix = crop_matrix(points, SIZE)
    cropped = crop(pixels, matrix, SIZE)
    assert cropped.std() > 10
    assert np.array_equal(read_array(*stored(described, "rotated", "matrix")), matrix)
    assert np.array_equal(read_array(*stored(described, "rotated", "crop")), cropped)
    assert np.array_equal(read_array(*stored(described, "rotated", "input"))[0], cropped)
    assert stored(described, "rotated", "input")[1] == "float32"


def test_what_was_written_holds(described):
    assert problems(described) == []


@pytest.mark.parametrize(
    ("cut", "change", "named"),
    [
        ("landmarks", lambda a: np.add(a, 3.0, out=a), "matrix"),
        ("matrix", lambda a: np.add(a, 1e-5, out=a), "matrix"),
        ("crop", lambda a: np.copyto(a, a[::-1].copy()), "crop"),
        ("input", lambda a: np.copyto(a, a[..., ::-1].copy()), "input"),
        ("heatmaps.float16", lambda a: a.__setitem__((0, 0, 0, 0), np.nan), "heatmaps.float16"),
        ("intensity.float16", lambda a: np.add(a, 2e-3, out=a), "intensity.float16"),
        ("intensity.static_int8", lambda a: np.add(a, 0.25, out=a), "intensity.static_int8"),
    ],
    ids=["landmarks moved", "matrix", "crop upside down", "blue and red", "NaN", "float", "int8"],
)
def test_the_first_array_that_is_off_is_named(cut, change, named, folder):
    spoil(folder, "small", cut, change)
    (line,) = problems(folder)
    assert line.startswith(f"small, {named}: golden values must be within ")


def test_a_difference_within_the_tolerance_is_none(folder):
    spoil(folder, "small", "intensity.float16", lambda a: np.add(a, 5e-4, out=a))
    spoil(folder, "upright", "crop", lambda a: np.add(a, a < 255, out=a, casting="unsafe"))
    assert problems(folder) == []


def test_a_face_on_which_the_answer_hangs_on_rounding_is_refused(folder):
    model = read_models(folder)[0].path
    image = read_array(*stored(folder, "small", "input"))
    allowed = {"heatmaps": Tolerance(1e-3, "grades", "")}
    require_steady(model, allowed, {"small": image})
    # At 1e-9 rounding alone is too much, as a tie would be at 1e-3.
    strict = {"heatmaps": Tolerance(1e-9, "grades", "")}
    with pytest.raises(AssetError, match=r"face small: noise of 0\.0001 .* another seed"):
        require_steady(model, strict, {"small": image})


def change_index(folder, change):
    index = index_of(folder)
    change(index)
    (folder / FOLDER / INDEX).write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i: i.update(contract_version=0), "`contract_version` must be 1. Received: 0"),
        (lambda i: i.update(byte_order="big"), "`byte_order` must be little"),
        (lambda i: i["variants"].pop("static_int8"), "`variants` must be"),
        (lambda i: i.update(cases=[]), "must have faces. Received: none"),
        (lambda i: i["cases"][0]["arrays"].pop("crop"), "arrays must be"),
        (lambda i: i["cases"][0]["arrays"]["crop"].update(shape=[1, 1, 3]), "cannot reshape"),
        (lambda i: i["cases"][0].update(width=1), "must be 1 x 250 px"),
        (lambda i: i.pop("cut_points"), "KeyError"),
    ],
    ids=["version", "byte order", "variant", "no faces", "no crop", "shape", "width", "damaged"],
)
def test_an_index_that_does_not_fit_is_said(change, said, folder):
    change_index(folder, change)
    assert said in problems(folder)[0]


def test_a_file_cut_short_is_said(folder):
    path, _, _ = stored(folder, "upright", "crop")
    path.write_bytes(path.read_bytes()[:-1])
    assert "must be readable as its index says" in problems(folder)[0]
