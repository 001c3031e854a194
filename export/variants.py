"""How each variant's file is made: one row for each scheme."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

import keras
import numpy as np
import numpy.typing as npt

from export.convert import convert
from export.graph.flatbuffer import TfliteFile
from export.specs import ExportSpec, Scheme, VariantError, explain_missing_quantizer
from fau_tf.models.presets import NetSpec


class RepresentativeSetError(ValueError):
    """Representative faces that are missing or not the model's input."""


class Tuned(Protocol):
    """A network after quantization-aware training, and entries for its JSON."""

    @property
    def net(self) -> keras.Model:
        """The network, calibrated."""

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of its JSON."""


def _no_fine_tuning() -> Tuned:
    raise VariantError(
        "Quantization-aware training needs a run's settings and faces: got a network alone. "
        "Export with `python -m export --run RUN`."
    )


@dataclass(frozen=True)
class Source:
    """What variants are made of.

    Attributes:
        net: The trained network.
        spec: What it was built from.
        representative: (N, S, S, 3) float32 faces of validation subjects, RGB 0 to 255: the ranges
            of static int8 come from them, and each file is compared with Keras on some of them.
        fine_tune: Runs quantization-aware training and returns the network that it ends with.

    Raises:
        RepresentativeSetError: If there is no face, or they are not the model's input.
    """

    net: keras.Model
    spec: NetSpec
    representative: npt.NDArray[np.float32]
    fine_tune: Callable[[], Tuned] = _no_fine_tuning
    _float32: dict[str, TfliteFile] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        faces, size = self.representative, self.spec.image_size
        if len(faces) == 0 or faces.shape[1:] != (size, size, 3) or faces.dtype != np.float32:
            raise RepresentativeSetError(
                f"The representative set must be (N, {size}, {size}, 3) float32 with at least one "
                f"face: got {faces.shape} {faces.dtype}. Take crops of validation subjects."
            )
        if not np.isfinite(faces).all() or faces.min() < 0 or faces.max() <= 1:
            raise RepresentativeSetError(
                "The representative set must be RGB, 0 to 255: got values from "
                f"{faces.min():.3g} to {faces.max():.3g}. The graph normalizes them."
            )

    def float32(self, selection: str) -> TfliteFile:
        """Return the file that int8 ones are made from, given how it finds neighbors."""
        if selection not in self._float32:
            self._float32[selection] = convert(self.net, self.spec, "float32", selection)
        return self._float32[selection]

    @cached_property
    def tuned(self) -> Tuned:
        """The network after quantization-aware training."""
        return self.fine_tune()


def make(source: Source, variant: ExportSpec) -> TfliteFile:
    """Return the file of a variant, without metadata."""
    return SCHEMES[variant.scheme](source, variant)


def facts(source: Source, variant: ExportSpec) -> dict[str, Any]:
    """Return entries of the JSON of a variant that was made, in place of the run's."""
    return source.tuned.facts if variant.fine_tuned else {}


def _quantizer() -> Callable[..., TfliteFile]:
    with explain_missing_quantizer():  # training does without the `export` extra
        from export.quantize import quantize

    return quantize


def _quantized(source: Source, variant: ExportSpec) -> TfliteFile:
    quantize = _quantizer()
    return quantize(source.float32(variant.selection), variant.scheme, source.representative)


def _tuned(source: Source, variant: ExportSpec) -> TfliteFile:
    quantize = _quantizer()
    float32 = convert(source.tuned.net, source.spec, "float32", variant.selection)
    return quantize(float32, "static_int8", source.representative)


SCHEMES: Final[dict[Scheme, Callable[[Source, ExportSpec], TfliteFile]]] = {
    "float32": lambda source, variant: source.float32(variant.selection),
    "float16": lambda source, variant: convert(
        source.net, source.spec, "float16", variant.selection
    ),
    "dynamic_int8": _quantized,
    "weight_int8": _quantized,
    "static_int8": _quantized,
    "qat_int8": _tuned,
}
