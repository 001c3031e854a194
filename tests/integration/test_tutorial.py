"""The tutorial notebook runs from top to bottom."""

from pathlib import Path

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "guide" / "tutorial.ipynb"


def test_the_tutorial_runs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # outputs would go stale
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT}}).execute()
    results = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    ]
    assert "AU12" in results[0]
    decoded, permuted = float(results[1]), float(results[-1])
    # Heatmaps and intensities are float32 of one graph; SCC sums float32 in another order.
    assert decoded < 1e-3
    assert permuted < 1e-5
