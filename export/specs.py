"""Which variants of a model we ship, as data."""

from dataclasses import dataclass
from typing import Final, Literal

Scheme = Literal["float32", "float16"]


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """One artefact.

    Attributes:
        name: Names the file, `fau_<run>_<name>.tflite`.
        scheme: How weights are stored; arithmetic is float32 on a CPU.
        accelerators: Where it has to run whole, with no operator left behind.
        max_intensity_error: Largest allowed difference to Keras, in FACS grades, on 95 % of faces.
    """

    name: str
    scheme: Scheme
    accelerators: tuple[Literal["cpu", "gpu"], ...]
    max_intensity_error: float


EXPORT_SPECS: Final = {
    spec.name: spec
    for spec in (
        # Another order of float32 sums: 1e-4 of a grade would be luck, 1e-2 a fault. Near-ties
        # among neighbours can flip, which moves an intensity by more than rounding does.
        ExportSpec(
            name="float32",
            scheme="float32",
            accelerators=("cpu", "gpu"),
            max_intensity_error=0.01,
        ),
        # 11 bits of weights: about 5e-4 relative, times the depth of the network.
        ExportSpec(
            name="float16",
            scheme="float16",
            accelerators=("cpu", "gpu"),
            max_intensity_error=0.1,
        ),
    )
}
