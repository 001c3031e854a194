import json
from pathlib import Path

import pytest

from benchmarks import training_cost, training_parts
from fau_tf.models.presets import PRESETS

ROOT = Path(__file__).parents[3]


def test_hours_are_images_times_operations_over_the_rate():
    gpu = training_cost.Gpu("X", "float32", peak=1e12, share=0.5)
    found = training_cost.cost("bp4d_paper", gpu, flops=10**9)
    assert found["images"] == 755_860  # 75,586 frames, 10 epochs
    assert found["images_per_second"] == pytest.approx(500)
    assert found["hours"] == pytest.approx(755_860 / 500 / 3600)


def test_a_step_is_about_three_forward_passes_and_the_table_is_filled(tmp_path):
    page, file = tmp_path / "page.md", tmp_path / "cost.json"
    page.write_text("a\n<!-- cost -->\n<!-- end of cost -->\nb\n")
    assert training_cost.main(["--quick", "--write", str(page), "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    # Backward each product is made twice, but for the first layer, which has no gradient of the
    # image; small maps have more sums beside the products.
    assert 2.5 < found["training_flops"] / found["forward_flops"] < 4
    assert found["forward_flops"] == training_parts.forward_flops(PRESETS["tiny"])
    assert page.read_text().count("| `disfa_paper.toml` |") == len(training_cost.GPUS)


def test_the_page_states_the_committed_assumptions():
    text = (ROOT / "docs" / "guide" / "reproduce.md").read_text()
    for gpu in training_cost.GPUS:
        assert f"| {gpu.name} | {gpu.peak / 1e12:g} ({gpu.arithmetic}) | {gpu.share:.0%} |" in text
