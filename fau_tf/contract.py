"""What an exported model takes and gives; `export` writes it, `runtime` reads it.

Batch 1, static shapes, S = image size, h = w = heatmap size, A action units, K AU centers:

| tensor | shape | dtype | meaning |
|---|---|---|---|
| `image` in | (1, S, S, 3) | float32 | aligned face, RGB, 0 to 255; normalized in the graph |
| `intensity` out | (1, A) | float32 | FACS intensity, clipped to 0 to 5 |
| `heatmaps` out | (1, h, w, K) | float32 | intensity units, whatever the training scale was |
"""

from typing import Final

CONTRACT_VERSION: Final = 1
SIGNATURE: Final = "serving_default"
INPUT: Final = "image"
OUTPUT_INTENSITY: Final = "intensity"
OUTPUT_HEATMAPS: Final = "heatmaps"

REQUIRED_METADATA: Final = (
    "contract_version",
    "name",
    "image_size",
    "heatmap_size",
    "aus",
    "rule",
    "centers",
    "sha256",
)
"""Keys that the JSON file beside every .tflite has."""
