"""How each variant's bytes are made: one row a scheme."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import keras
import numpy as np
import numpy.typing as npt

from export.convert import convert
from export.specs import ExportSpec, Scheme
from fau_tf.models.presets import NetSpec


def _no_fine_tuning(_selection: str) -> bytes:
    raise ValueError(
        "Quantization-aware training needs a run's settings and faces. Received: a network alone. "
        "Export with `python -m export --run RUN`."
    )


@dataclass(frozen=True)
class Source:
    """What variants are made of.

    Attributes:
        net: The trained network.
        spec: What it was built from.
        representative: (N, S, S, 3) float32 faces, RGB 0 to 255, where static ranges come from.
        fine_tuned: Returns the flatbuffer that quantization-aware training ends with, by how it
            finds neighbors.
    """

    net: keras.Model
    spec: NetSpec
    representative: npt.NDArray[np.float32]
    fine_tuned: Callable[[str], bytes] = _no_fine_tuning

    @cached_property
    def _made(self) -> dict[str, bytes]:
        return {}

    def float32(self, selection: str) -> bytes:
        """Return the flatbuffer that int8 ones are made from, by how it finds neighbors."""
        if selection not in self._made:
            self._made[selection] = convert(self.net, self.spec, "float32", selection)
        return self._made[selection]


def make(source: Source, variant: ExportSpec) -> bytes:
    """Return the flatbuffer of a variant, without metadata."""
    return SCHEMES[variant.scheme](source, variant)


def _quantized(source: Source, variant: ExportSpec) -> bytes:
    from export.quantize import quantize  # the main job does without the `export` extra

    return quantize(source.float32(variant.selection), variant.scheme, source.representative)


SCHEMES: Final[dict[Scheme, Callable[[Source, ExportSpec], bytes]]] = {
    "float32": lambda source, variant: source.float32(variant.selection),
    "float16": lambda source, variant: convert(
        source.net, source.spec, "float16", variant.selection
    ),
    "dynamic_int8": _quantized,
    "weight_int8": _quantized,
    "static_int8": _quantized,
    "qat_int8": lambda source, variant: source.fine_tuned(variant.selection),
}
