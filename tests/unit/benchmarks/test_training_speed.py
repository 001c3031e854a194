import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import training, training_parts
from fau_tf.models.presets import PRESETS

ROOT = Path(__file__).parents[3]


def test_the_arithmetic_is_that_of_the_convolutions():
    spec = replace(PRESETS["tiny"], scc=(False, False))
    wanted, size, before = 0, 64, 3
    for filters in (8, 16, 16, 24):
        size //= 2
        wanted += 2 * size**2 * filters * before * 9
        before = filters
    for filters in spec.decoder:  # mix while small, interpolate, one filter a map
        wanted += 2 * size**2 * filters * before
        size *= 2
        wanted += 2 * size**2 * filters * 9
        before = filters
    wanted += 2 * size**2 * before * len(spec.to_au)
    found = training_parts.forward_flops(spec)
    # norms, activations and biases are counted on top: a few operations a value
    assert wanted < found < 1.1 * wanted


def test_programs_run_in_turn_and_each_gets_its_median():
    order = []
    ms = training.timed({name: lambda name=name: order.append(name) for name in "ab"}, 3)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert set(ms) == {"a", "b"}
    assert min(ms.values()) >= 0


def test_tables_go_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("x\n<!-- pipeline -->\nold\n<!-- end of pipeline -->\ny\n")
    rows = [{"records": "in memory", "images_per_second": 1234.5, "rate_over_step": 3.21}]
    training.write(page, {"pipeline": rows, "growth": []})
    lines = page.read_text().splitlines()
    assert lines[0] == "x"
    assert lines[-1] == "y"
    assert "| in memory | 1234 | 3.21 |" in lines
    assert "old" not in lines


@pytest.mark.slow
def test_the_quick_one_writes_what_it_measured(tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.training", "--quick", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    found = json.loads(file.read_text())
    (row,) = found["steps"]
    split = sum(row[f"{part}_ms"] for part in training.PARTS)
    assert row["preset"] == "small"
    assert row["step_ms"] == pytest.approx(split)
    assert row["step_ms"] > 0
    assert 0 < row["peak_share"] < 1
    assert [entry["records"] for entry in found["pipeline"]] == ["in memory", "from disk"]
    assert found["quick"]
    assert "keras" in found["versions"]
