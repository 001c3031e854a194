"""The committed folder of assets: whole, small, and enough for a reader that has nothing else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.bundle.folder import problems
from export.bundle.golden.vectors import FOLDER, read_array
from export.bundle.manifest import MAX_APP, MAX_FOLDER, manifest_problems
from fau_tf.inference.model_info import DEFAULT_MODEL
from tests.helpers import plain_reader

ASSETS = Path(__file__).parents[2] / "android_demo_assets"
INDEX = json.loads((ASSETS / FOLDER / "index.json").read_text())
METADATA = json.loads((ASSETS / "fau_metadata.json").read_text())
CASES = {case["name"]: case for case in INDEX["cases"]}


def array(case, cut):
    row = CASES[case]["arrays"][cut]
    return read_array(ASSETS / FOLDER / row["file"], row["dtype"], row["shape"])


def test_nothing_is_missing_altered_unknown_or_stale_and_the_models_give_the_golden_vectors():
    assert problems(ASSETS) == []


def test_a_file_more_would_be_noticed(tmp_path):
    copy = shutil.copytree(ASSETS, tmp_path / "assets")
    (copy / "golden" / "more").touch()
    assert [line[:8] for line in manifest_problems(copy)] == ["unknown:"]


def test_the_folder_and_an_apps_part_of_it_are_small():
    files = [path for path in ASSETS.rglob("*") if path.is_file()]
    sizes = {path.relative_to(ASSETS).as_posix(): path.stat().st_size for path in files}
    assert 1_000_000 < sum(sizes.values()) <= MAX_FOLDER == 20_000_000
    golden = sum(path.stat().st_size for path in (ASSETS / FOLDER).iterdir())
    assert golden < 4_000_000, "each regeneration stays in the history"
    beside = sizes["face_landmarker.task"] + sizes["fau_metadata.json"] + sizes["labels.txt"]
    for row in METADATA["variants"].values():
        model = sizes[row["file"]] + sizes[row["file"].replace(".tflite", ".json")]
        assert model > 100_000
        assert model + beside <= MAX_APP == 10_000_000


def test_the_packages_default_model_is_among_the_variants():
    assert DEFAULT_MODEL in {row["file"] for row in METADATA["variants"].values()}
    assert {row["file"] for row in INDEX["variants"].values()} == {
        row["file"] for row in METADATA["variants"].values()
    }


def test_each_golden_face_shows_something_and_no_two_the_same():
    for variant in INDEX["variants"]:
        answers = [array(case, f"intensity.{variant}")[0] for case in CASES]
        heatmaps = [array(case, f"heatmaps.{variant}") for case in CASES]
        assert np.isfinite(answers).all()
        assert min(answer.max() for answer in answers) > 1
        assert all(
            maps.max() >= answer.max() for maps, answer in zip(heatmaps, answers, strict=True)
        )
        assert len({answer.tobytes() for answer in answers}) == len(CASES) == 6


@pytest.mark.parametrize("case", CASES)
def test_a_reader_that_knows_only_the_metadata_gets_matrix_and_crop(case):
    """As one in Kotlin has to: in plain loops, from the words of fau_metadata.json."""
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
    # No more than a pixel or two at an exact half; a rule that differs shows on far more.
    assert (off > 0).mean() < 1e-4
