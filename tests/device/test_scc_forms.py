"""Each exported form of the semantic correspondence, alone on the GPU accelerator."""

import pytest

from export.checks.gpu_check import gpu_residency
from tests.helpers import convert_layer
from tests.unit.models.test_scc_forms import EXPORTED, SHAPE, feature_maps, layer

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("selection", EXPORTED)
def test_each_exported_graph_runs_entirely_with_the_cpus_numbers(selection, tmp_path):
    path = tmp_path / "layer.tflite"
    path.write_bytes(convert_layer.to_tflite(layer(selection), SHAPE))
    report = gpu_residency(path, {"x": feature_maps()})
    assert report.passes(1e-5), report  # float32 sums in another order
