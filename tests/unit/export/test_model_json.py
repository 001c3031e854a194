import hashlib
import json
import subprocess

import pytest

from export import model_json as module
from export.graph.flatbuffer import TfliteFile
from export.graph.metadata import with_metadata
from export.model_json import card, checkout, sidecar
from export.specs import EXPORT_SPECS
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.inference.model_info import read_model
from fau_tf.models.presets import PRESETS
from tests.helpers.tiny_model import AUS

SPEC, VARIANT = PRESETS["tiny"], EXPORT_SPECS["float16"]
DATA = {"name": "synthetic-canonical", "kind": "synthetic", "generator": "0123456789ab"}


@pytest.fixture
def described():
    return card(SPEC, VARIANT, "fau_t_float16", DATA)


@pytest.fixture(scope="module")
def file(tiny_model):
    return with_metadata(TfliteFile(tiny_model), card(SPEC, VARIANT, "fau_t_float16", DATA))


def _git(folder, *arguments):
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", *settings, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "code"
    root.mkdir()
    _git(root, "init", "-q")
    (root / "file.py").write_text("a\n")
    _git(root, "add", "file.py")
    _git(root, "commit", "-q", "-m", "first")
    return root


def test_the_card_holds_contract_aus_crop_and_training_data(described):
    assert set(contract.REQUIRED_METADATA) - {"sha256"} <= set(described)
    assert described["contract_version"] == contract.CONTRACT_VERSION
    assert described["aus"] == list(AUS)
    assert described["au_labels"][:2] == ["AU01", "AU02"]
    assert len(described["centers"]) == len(facs.centers(AUS))
    assert described["crop"]["anchors_ibug68"] == list(align.ANCHORS)
    assert len(described["crop"]["template"]) == len(align.ANCHORS)
    assert described["training_data"] == DATA
    assert described["weights"] == "FLOAT16"
    assert described["accelerators"] == ["cpu", "gpu"]


def test_the_json_is_the_card_with_the_digest_and_the_origin_of_the_file(
    described, file, repository, tmp_path
):
    entries = sidecar(file, described, {"parity": {"mean_icc": 0.9}}, root=repository)
    assert entries | described == entries
    assert entries["sha256"] == hashlib.sha256(file.content).hexdigest()
    assert entries["bytes"] == len(file)
    assert sum(entries["operators"].values()) > 3
    assert entries["commit"] == _git(repository, "rev-parse", "HEAD")
    assert entries["dirty"] is False
    assert entries["versions"]["tensorflow"].startswith("2.")
    assert entries["parity"] == {"mean_icc": 0.9}
    path = tmp_path / "m.tflite"
    path.write_bytes(file.content)
    path.with_suffix(".json").write_text(json.dumps(entries))
    _, info = read_model(path)
    assert info.name == "fau_t_float16"


def test_a_fact_may_not_overrule_the_card(described, file):
    with pytest.raises(ValueError, match="names of other entries: got aus, sha256"):
        sidecar(file, described, {"aus": [1], "sha256": "0", "parity": {}})


def test_a_changed_file_makes_the_checkout_dirty_and_a_new_one_does_not(repository):
    commit = _git(repository, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert checkout(repository) == {"commit": commit, "dirty": False}
    (repository / "photo.jpg").write_text("untracked")
    assert checkout(repository) == {"commit": commit, "dirty": False}
    (repository / "file.py").write_text("b\n")
    assert checkout(repository) == {"commit": commit, "dirty": True}


def test_outside_a_checkout_the_commit_is_unknown(repository, tmp_path, monkeypatch):
    unknown = {"commit": "unknown", "dirty": None}
    copied = repository / "vendored"
    copied.mkdir()
    assert checkout(copied) == unknown  # its commit is of another repository
    assert checkout(tmp_path / "nowhere") == unknown
    assert checkout(repository) != unknown
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert checkout(repository) == unknown
