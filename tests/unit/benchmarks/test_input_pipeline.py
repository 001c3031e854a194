import json

import numpy as np

from benchmarks import input_pipeline


def test_the_first_row_computes_what_the_second_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(input_pipeline, "RECORDS", 16)
    file = input_pipeline.write_records(tmp_path / "faces-000-of-001.tfrecord")
    configs = list(input_pipeline.variants().values())[:2]
    general, cut = (next(input_pipeline.stream(file, config)) for config in configs)
    assert cut[0].shape == (16, 256, 256, 3)
    assert np.ptp(cut[0]) > 100
    # Strengths of 1e-12 vanish in float32.
    np.testing.assert_allclose(general[0], cut[0], atol=1e-4)


def test_each_row_has_its_rate_and_ratio(tmp_path, monkeypatch):
    monkeypatch.setattr(input_pipeline.setup, "make_deterministic", lambda _config: None)
    monkeypatch.setattr(input_pipeline, "RECORDS", 16)
    first = dict(list(input_pipeline.variants().items())[1:2])
    monkeypatch.setattr(input_pipeline, "variants", lambda: first)
    page, file = tmp_path / "page.md", tmp_path / "rates.json"
    page.write_text("<!-- input -->\n<!-- end of input -->\n")
    assert input_pipeline.main(["--quick", "--json", str(file), "--write", str(page)]) == 0
    (row,) = json.loads(file.read_text())["rows"]
    assert row["images_per_second"] > 0
    assert row["processor_ms"] > 0
    assert row["ratio"] == 1
    assert "| no augmentation, `disfa_paper.toml` | 256 |" in page.read_text()
