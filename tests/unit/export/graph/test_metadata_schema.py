"""The metadata's tables: what is packed is read, and shipped files keep their bytes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from export.graph import metadata_schema as schema
from export.graph.flatbuffer import TfliteFile
from export.graph.metadata import read_metadata, with_metadata

ASSETS = Path(__file__).parents[4] / "android_demo_assets"

DESCRIBED = {
    "name": "model",
    "license": "Apache-2.0",
    "associated_files": [{"name": "labels.txt", "type": schema.FILE_AXIS_LABELS}, {"name": "b"}],
    "subgraph_metadata": [
        {
            "input_tensor_metadata": [
                {
                    "name": "image",
                    "content": {
                        "content_properties": (
                            "ImageProperties",
                            {"color_space": 1, "default_size": {"width": 128, "height": 96}},
                        )
                    },
                    "process_units": [
                        {"options": ("NormalizationOptions", {"mean": [0.5], "std": [2.0, 3.0]})}
                    ],
                    "stats": {"max": [255.0], "min": [0.0]},
                },
                {"content": {"content_properties": ("FeatureProperties", {})}},
            ]
        }
    ],
}


def test_what_is_packed_is_read():
    packed = schema.pack(DESCRIBED)
    assert packed[4:8] == schema.IDENTIFIER
    assert schema.unpack(packed) == DESCRIBED
    assert schema.unpack(schema.pack({})) == {}


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.tflite")), ids=lambda path: path.name)
def test_shipped_models_keep_their_bytes(path):
    content = path.read_bytes()
    file = TfliteFile(content)
    assert with_metadata(file, read_metadata(file)).content == content


def test_the_generated_code_of_the_schema_reads_the_same():
    tables = _generated()
    model = tables.ModelMetadata.GetRootAs(schema.pack(DESCRIBED), 0)
    assert (model.Name(), model.License(), model.Author()) == (b"model", b"Apache-2.0", None)
    assert model.AssociatedFiles(0).Type() == tables.AssociatedFileType.TENSOR_AXIS_LABELS
    image, other = (model.SubgraphMetadata(0).InputTensorMetadata(i) for i in (0, 1))
    properties = tables.ImageProperties()
    content = image.Content()
    assert content.ContentPropertiesType() == tables.ContentProperties.ImageProperties
    properties.Init(content.ContentProperties().Bytes, content.ContentProperties().Pos)
    assert (properties.DefaultSize().Width(), properties.DefaultSize().Height()) == (128, 96)
    np.testing.assert_array_equal(image.Stats().MaxAsNumpy(), [255])
    assert image.ProcessUnitsLength() == 1
    assert other.Content().ContentPropertiesType() == tables.ContentProperties.FeatureProperties


def _generated():
    """Return flatc's module of the schema, from MediaPipe's package."""
    found = importlib.util.find_spec("mediapipe")
    if found is None:
        pytest.skip("the extra `mediapipe` is not installed")
    path = Path(found.origin).parent / "tasks/metadata/metadata_schema_py_generated.py"
    loader = importlib.util.spec_from_file_location("tflite_metadata_schema", path)
    tables = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(tables)
    return tables
