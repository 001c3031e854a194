"""The committed asset folder: complete, small, and sufficient for other implementations."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.bundle.folder import problems
from export.bundle.golden.vectors import FOLDER, read_array
from export.bundle.manifest import MAX_APP, MAX_FOLDER
from fau_tf.inference.model_info import DEFAULT_MODEL
from tests.helpers import plain_reader

ASSETS = Path(__file__).parents[2] / "android_demo_assets"
INDEX = json.loads((ASSETS / FOLDER / "index.json").read_text())
METADATA = json.loads((ASSETS / "fau_metadata.json").read_text())
CASES = {case["name"]: case for case in INDEX["cases"]}


def array(case, cut):
    row = CASES[case]["arrays"][cut]
    return read_array(ASSETS / FOLDER / row["file"], row["dtype"], row["shape"])


def test_the_folder_passes_its_check():
    assert problems(ASSETS) == []


def test_the_folder_and_the_part_in_an_app_are_small():
    files = [path for path in ASSETS.rglob("*") if path.is_file()]
    sizes = {path.relative_to(ASSETS).as_posix(): path.stat().st_size for path in files}
    assert 1_000_000 < sum(sizes.values()) <= MAX_FOLDER == 20_000_000
    golden = sum(path.stat().st_size for path in (ASSETS / FOLDER).iterdir())
    assert golden < 6_000_000, "every version stays in the history"
    beside = sizes["face_landmarker.task"] + sizes["fau_metadata.json"] + sizes["labels.txt"]
    for row in METADATA["variants"].values():
        model = sizes[row["file"]] + sizes[row["file"].replace(".tflite", ".json")]
        assert model > 100_000
        assert model + beside <= MAX_APP == 10_000_000


def test_the_default_model_is_among_the_variants():
    assert DEFAULT_MODEL in {row["file"] for row in METADATA["variants"].values()}
    assert {row["file"] for row in INDEX["variants"].values()} == {
        row["file"] for row in METADATA["variants"].values()
    }


def test_each_golden_face_has_active_aus_and_differs_from_the_others():
    for variant in INDEX["variants"]:
        intensities = [array(case, f"intensity.{variant}")[0] for case in CASES]
        heatmaps = [array(case, f"heatmaps.{variant}") for case in CASES]
        assert np.isfinite(intensities).all()
        assert min(row.max() for row in intensities) > 1
        assert all(maps.max() >= row.max() for maps, row in zip(heatmaps, intensities, strict=True))
        assert len({row.tobytes() for row in intensities}) == len(CASES) == 6


@pytest.mark.parametrize("case", CASES)
def test_matrix_and_crop_follow_from_the_metadata_alone(case):
    """In plain loops, from the rules in fau_metadata.json, as in another language."""
    crop = METADATA["crop"]
    found = np.array(plain_reader.matrix(crop, array(case, "landmarks").tolist()))
    golden = array(case, "matrix")
    assert np.isfinite(golden).all()
    assert np.abs(golden[:, :2]).max() > 0.1
    assert np.abs(found - golden).max() <= INDEX["cut_points"]["matrix"]["tolerance"]
    picture = np.asarray(Image.open(ASSETS / FOLDER / CASES[case]["picture"]))
    pixels = np.array(plain_reader.crop_pixels(crop, found.tolist(), picture.tolist()))
    golden = array(case, "crop").astype(int)
    assert golden.std() > 10
    off = np.abs(pixels - golden)
    assert off.max() <= INDEX["cut_points"]["crop"]["tolerance"]
    # A pixel or two may be exactly half-way; another rule would affect far more.
    assert (off > 0).mean() < 1e-4
