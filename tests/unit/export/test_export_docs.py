"""docs/figures/from_export.py puts the figures of an export into docs/guide/export.md."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from export import parity
from export.report import Entry, write_report
from fau_tf.utils import markdown_tables

SCRIPT = Path(__file__).parents[3] / "docs" / "figures" / "from_export.py"
TIMES = {1: {"median_ms": 8.0, "p90_ms": 9.5}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, (1000, 3)).astype(float)
    floats = labels + rng.normal(0, 0.5, labels.shape)
    entries = [
        Entry(
            variant=name,
            size=size,
            compressed_size=size,
            parity=parity.compare(labels, floats, floats + bias, ["AU01", "AU06", "AU12"]),
            latency=TIMES,
            refused=refused,
        )
        for name, size, bias, refused in (
            ("float32", 4_000_000, 0.0, []),
            ("static_int8", 1_000_000, 0.1, ["AU06: this is too much"]),
        )
    ]
    folder = tmp_path_factory.mktemp("export")
    write_report(
        folder, {"name": "trial", "kind": "synthetic faces", "test_subjects": 200}, entries
    )
    return folder


@pytest.fixture
def from_export(tmp_path, monkeypatch):
    """docs/figures/from_export.py, writing into a copy of the document."""
    spec = importlib.util.spec_from_file_location("from_export", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the script changes
    spec.loader.exec_module(module)
    copy = tmp_path / "export.md"
    copy.write_text(module.DOCUMENT.read_text())
    monkeypatch.setattr(module, "DOCUMENT", copy)
    monkeypatch.setattr(module, "IMAGES", tmp_path)
    return module


SPEED = {
    "machine": {"cpu": "A CPU", "cores": 2, "load": 0.1},
    "versions": {"ai-edge-litert": "2.3.0", "mediapipe": "1.2.2"},
    "rows": [
        {
            "preset": "mobile",
            "variant": variant,
            "cores": cores,
            "mb": 2.5,
            "mflop": 468.0,
            "median_ms": 8.0 / cores,
            "p90_ms": 9.0,
            "ratio": 0.45,
            "sum_ms": 20.0,
            "gflop_per_s": 50.0,
            "of_peak": 0.5,
        }
        for cores in (1, 2)
        for variant in ("float32", "static_int8")
    ],
}


def test_the_document_gets_both_tables_and_the_picture(from_export, written, tmp_path):
    speed = tmp_path / "speed.json"
    speed.write_text(json.dumps(SPEED))
    before = from_export.DOCUMENT.read_text()
    assert from_export.main([str(written), "--speed", str(speed), "--replace"]) == 0
    once = from_export.DOCUMENT.read_text()
    part = once.split("<!-- parity -->\n")[1].split("<!-- end of parity -->")[0]
    assert "1000 synthetic faces of 200 test subjects" in part
    table = [line for line in part.splitlines() if line.startswith("| ")]
    assert [line.split(" ")[1] for line in table] == ["variant", "---", "float32", "static_int8"]
    assert "- static_int8: AU06: this is too much" in part
    part = once.split("<!-- speed -->\n")[1].split("<!-- end of speed -->")[0]
    table = [line for line in part.splitlines() if line.startswith("| mobile")]
    assert [line.split(" | ")[1] for line in table] == ["float32", "static_int8"]
    assert table[0].endswith(
        "| 468 | 8.00 (9.00) | 0.45 | 20.0 | 50 (50%) | 4.00 (9.00) | 0.45 | 20.0 | 50 (50%) |"
    )
    assert (tmp_path / "parity.png").read_bytes() == (written / "parity.png").read_bytes()
    # All else stays, and a second time changes nothing.
    assert once.split("<!-- parity -->")[0] == before.split("<!-- parity -->")[0]
    assert once.split("<!-- end of speed -->")[1] == before.split("<!-- end of speed -->")[1]
    assert from_export.main([str(written), "--speed", str(speed)]) == 0
    assert from_export.DOCUMENT.read_text() == once


def test_figures_of_another_model_are_refused(from_export, written, capsys):
    before = from_export.DOCUMENT.read_text()
    assert from_export.main([str(written)]) == 2
    assert "has the figures of synthetic, and these are of trial" in capsys.readouterr().err
    assert from_export.DOCUMENT.read_text() == before


def test_without_an_export_the_document_stays(from_export, tmp_path, capsys):
    before = from_export.DOCUMENT.read_text()
    assert from_export.main([str(tmp_path)]) == 2
    assert "There is no file" in capsys.readouterr().err
    assert from_export.DOCUMENT.read_text() == before


def test_a_document_without_its_block_is_an_error():
    with pytest.raises(ValueError, match="must have one <!-- speed -->"):
        markdown_tables.filled("# nothing\n", "speed", "x")
