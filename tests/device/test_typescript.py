"""The TypeScript of docs/guide/react_native.md: type-checked, and run over golden faces."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.helpers import golden_files
from tests.helpers.golden_files import ASSETS, GOLDEN
from tests.helpers.jvm_kotlin import ROOT

pytestmark = pytest.mark.gpu

BUILD = ROOT / "build" / "typescript"
COMPILER = BUILD / "node_modules" / "typescript" / "bin" / "tsc"
PAGE = ROOT / "docs" / "guide" / "react_native.md"
SETTINGS = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "target": "es2022",
    "module": "commonjs",
    "skipLibCheck": True,  # of the packages
    "types": [],
    "outDir": "out",
}
CROP = """
const { readFileSync, writeFileSync } = require('fs')
const { crop, cropMatrix } = require('./out/crop.js')
const cases = JSON.parse(readFileSync("cases.json"))
for (const { name, landmarks, width, height, rule, size } of cases) {
  const matrix = cropMatrix(rule, landmarks, size)
  const picture = { data: readFileSync(name + '.rgb'), width, height }
  writeFileSync(name + '.matrix', new Float64Array(matrix))
  writeFileSync(name + '.crop', crop(picture, matrix, size))
}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the page's files, and what they need."""
    missing = [name for name, there in (("node", shutil.which("node")), ("tsc", COMPILER.exists()))
               if not there]  # fmt: skip
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}. Run sh tests/device/install_typescript.sh.")
    folder = tmp_path_factory.mktemp("react_native")
    blocks = re.findall(r"^```ts\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    for name, block in zip(("crop", "fau"), blocks, strict=True):
        (folder / f"{name}.ts").write_text(block, encoding="utf-8")
    (folder / "node_modules").symlink_to(BUILD / "node_modules")
    settings = {"compilerOptions": SETTINGS, "files": ["crop.ts", "fau.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    return folder


def run(folder, *command):
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def compiled(folder):
    return run(folder, "node", COMPILER, "-p", "tsconfig.json")


def test_the_compiler_accepts_it_and_its_crop_is_the_golden_one(project):
    done = compiled(project)
    assert done.returncode == 0, done.stdout
    index = golden_files.index()
    rule = json.loads((ASSETS / "fau_metadata.json").read_text())["crop"]
    cases = []
    for case in index["cases"]:
        picture = np.asarray(Image.open(GOLDEN / case["picture"]).convert("RGB"))
        (project / f"{case['name']}.rgb").write_bytes(picture.tobytes())
        points = golden_files.array(case, "landmarks").tolist()
        cases.append({"name": case["name"], "landmarks": points, "rule": rule, "size": rule["size"],
                      "width": picture.shape[1], "height": picture.shape[0]})  # fmt: skip
    (project / "cases.json").write_text(json.dumps(cases))
    (project / "run.js").write_text(CROP)
    done = run(project, "node", "run.js")
    assert done.returncode == 0, done.stderr
    for case in index["cases"]:
        matrix = np.fromfile(project / f"{case['name']}.matrix", "<f8").reshape(2, 3)
        cut = np.fromfile(project / f"{case['name']}.crop", "<f4")
        golden = golden_files.array(case, "crop").astype(float)
        assert np.abs(matrix - golden_files.array(case, "matrix")).max() <= 1e-6
        off = np.abs(cut.reshape(golden.shape) - golden)
        assert off.max() <= 1, case["name"]
        assert (off > 0).mean() < 1e-4, "a pixel or two may be exactly half-way"


def test_a_picture_with_alpha_is_refused(project):
    done = compiled(project)
    assert done.returncode == 0, done.stdout
    picture = "{ data: new Uint8Array(4 * 4 * 4), width: 4, height: 4 }"
    call = f"require('./out/crop.js').crop({picture}, [1, 0, 0, 0, 1, 0], 4)"
    done = run(project, "node", "-e", call)
    assert done.returncode != 0
    assert "3 bytes a pixel, RGB. Received: 4 a pixel" in done.stderr


def test_a_wrong_type_is_refused(project):
    """Otherwise the check would pass anything."""
    good = (project / "fau.ts").read_text()
    try:
        (project / "fau.ts").write_text(good.replace("[gpu]), card", "gpu), card", 1))
        done = compiled(project)
    finally:
        (project / "fau.ts").write_text(good)
    assert done.returncode != 0
    assert "TS2345" in done.stdout
