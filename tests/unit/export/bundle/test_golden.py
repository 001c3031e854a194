"""Golden vectors: the cases that they cover, and how faults in them are found and named."""

import json

import numpy as np
import pytest

from export.bundle.folder import describe, relist
from export.bundle.golden import vectors as module
from export.bundle.golden.check import golden_problems
from export.bundle.golden.faces import GOLDEN_FACES, picture
from export.bundle.golden.vectors import FOLDER, INDEX, read_array, require_stable
from export.bundle.models import AssetError, read_models
from fau_tf.face.align import MAX_SPAN, crop, crop_matrix, invert, transform
from tests.helpers.asset_folder import contents
from tests.helpers.tiny_model import SIZE

FACES = {face.name: face for face in GOLDEN_FACES}
CUT_POINTS = ["landmarks", "matrix", "crop", "input", "heatmaps.float16", "intensity.float16",
              "heatmaps.static_int8", "intensity.static_int8"]  # fmt: skip


@pytest.fixture(scope="module")
def made():
    """Name -> picture and landmarks, each rendered once."""
    return {name: picture(face, SIZE) for name, face in FACES.items()}


def index_of(folder):
    return json.loads((folder / FOLDER / INDEX).read_text())


def stored(folder, case, cut):
    row = next(row for row in index_of(folder)["cases"] if row["name"] == case)["arrays"][cut]
    return folder / FOLDER / row["file"], row["dtype"], row["shape"]


def corrupt(folder, case, cut, change):
    """Apply `change` to an array in place."""
    path, dtype, shape = stored(folder, case, cut)
    values = read_array(path, dtype, shape).copy()
    change(values)
    path.write_bytes(values.tobytes())


def problems(folder):
    return golden_problems(folder / FOLDER, read_models(folder))


def span(points):
    return 1 / np.sqrt(np.linalg.det(crop_matrix(points, SIZE)[:, :2]))


def corners(points):
    """Return (4, 2) the outer corners of the crop, px of the picture."""
    ends = np.array([(x, y) for x in (-0.5, SIZE - 0.5) for y in (-0.5, SIZE - 0.5)])
    return transform(invert(crop_matrix(points, SIZE)), ends)


@pytest.mark.parametrize("name", FACES)
def test_each_face_has_the_position_that_its_row_declares(name, made):
    face, (pixels, points) = FACES[name], made[name]
    assert pixels.shape == (face.height, face.width, 3)
    assert face.width != face.height, "else swapped rows and columns would go unnoticed"
    assert pixels.std() > 10, "not blank"
    assert span(points) == pytest.approx(face.scale, rel=1e-9)  # 64-bit sums
    middle = corners(points).mean(axis=0) + 0.5
    assert middle / (face.width, face.height) == pytest.approx(face.center, abs=1e-9)
    matrix = crop_matrix(points, SIZE)
    turned = np.degrees(np.arctan2(-matrix[1, 0], matrix[0, 0]))
    assert turned == pytest.approx(face.roll, abs=1e-6)


def test_the_faces_cover_every_case_of_the_crop(made):
    spans = {name: span(points) for name, (_, points) in made.items()}
    halvings = {name: max(0, int(np.ceil(np.log2(s / MAX_SPAN)))) for name, s in spans.items()}
    assert halvings == dict.fromkeys(FACES, 0) | {"large": 1, "larger_off_right_bottom": 2}
    assert spans["small"] < 0.5
    assert FACES["rotated"].roll == 25
    odd = FACES["larger_off_right_bottom"]
    assert odd.width % 2 == odd.height % 2 == 1


def test_two_faces_extend_beyond_opposite_borders_at_the_shipped_size():
    for name, off in (("larger_off_right_bottom", (1, 1)), ("off_left_top", (-1, -1))):
        face = FACES[name]
        half = 160 * face.scale / 2
        for side, center, way in zip((face.width, face.height), face.center, off, strict=True):
            assert half > side * (1 - center if way > 0 else center) + 5, name


def test_the_index_lists_every_cut_point_with_its_tolerance_and_reason(described):
    index = index_of(described)
    assert (index["format"], index["byte_order"]) == (1, "little")
    assert [list(case["arrays"]) for case in index["cases"]] == [CUT_POINTS] * len(FACES)
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


def test_arrays_are_raw_little_endian_values_of_face_align(described, made):
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
    corrupt(folder, "small", cut, change)
    (line,) = problems(folder)
    assert line.startswith(f"small, {named}: golden values must be within ")


def test_a_difference_within_tolerance_passes_and_describe_keeps_the_file(folder):
    corrupt(folder, "small", "intensity.float16", lambda a: np.add(a, 5e-4, out=a))
    corrupt(folder, "upright", "crop", lambda a: np.add(a, a < 255, out=a, casting="unsafe"))
    relist(folder)
    before = contents(folder)
    assert problems(folder) == []
    change_index(folder, lambda i: i["cut_points"]["crop"].update(reason="an older text"))
    lines = []
    describe(folder, log=lines.append)
    assert lines == ["== golden vectors", "   kept: all are within tolerance"]
    assert contents(folder) == before, "only the index was written anew"


def test_describe_rewrites_golden_vectors_beyond_tolerance(folder):
    before = contents(folder)
    corrupt(folder, "small", "intensity.float16", lambda a: np.add(a, 2e-3, out=a))
    lines = []
    describe(folder, log=lines.append)
    assert lines[1].startswith("   small, intensity.float16: golden values must be within 0.001")
    assert contents(folder) == before


def test_a_face_whose_outputs_depend_on_rounding_is_refused(folder):
    model = read_models(folder)[0].path
    image = read_array(*stored(folder, "small", "input"))
    require_stable(model, {"heatmaps": {"tolerance": 1e-3}}, {"small": image})
    # At 1e-9 rounding alone is too much, as a near-tie would be at 1e-3.
    with pytest.raises(AssetError, match=r"face small: noise of 0\.0001 .* another seed"):
        require_stable(model, {"heatmaps": {"tolerance": 1e-9}}, {"small": image})


def change_index(folder, change):
    index = index_of(folder)
    change(index)
    (folder / FOLDER / INDEX).write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.update(contract_version=0), "`contract_version` differ from"),
        (lambda i: i.update(byte_order="big"), "`byte_order` differ"),
        (lambda i: i["variants"].pop("static_int8"), "`variants` differ"),
        (lambda i: i["cut_points"]["crop"].update(tolerance=9), "`cut_points` differ"),
        (lambda i: i["cases"][0].update(width=1), "`cases` differ"),
        (lambda i: i.update(cases=[]), "KeyError: 'upright'"),
        (lambda i: i["cases"][0]["arrays"].pop("crop"), "arrays must be"),
        (lambda i: i["cases"][0]["arrays"]["crop"].update(shape=[1, 1, 3]), "cannot reshape"),
    ],
    ids=["version", "byte order", "variant", "tolerance", "width", "no faces", "no crop", "shape"],
)
def test_a_wrong_index_is_reported(change, message, folder):
    change_index(folder, change)
    assert message in problems(folder)[0]


def test_a_picture_of_another_size_is_reported(folder):
    (folder / FOLDER / "small.png").write_bytes((folder / FOLDER / "upright.png").read_bytes())
    assert "small.png must be 119 x 88 px. Received: 262 x 312" in problems(folder)[0]


@pytest.mark.parametrize("name", ["upright.crop.bin", "upright.png", "overview.png"])
def test_a_damaged_or_missing_file_is_reported(name, folder):
    path = folder / FOLDER / name
    if name.endswith("bin"):
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    assert "must be readable as its index describes" in problems(folder)[0]
