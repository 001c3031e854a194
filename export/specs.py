"""Which variants of a model we ship, as data."""

from dataclasses import dataclass
from typing import Final, Literal

Scheme = Literal["float32", "float16", "dynamic_int8", "weight_int8", "static_int8", "qat_int8"]
Accelerator = Literal["cpu", "gpu"]

GPU_SELECTION: Final = "one_hot"
"""Only operators that every GPU takes."""
CPU_SELECTION: Final = "gather_1d"
"""The same neighbors without a product of each of the k one-hot matrices: the fastest on a CPU."""


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """One artefact.

    Attributes:
        name: Names the file, `fau_<run>_<name>.tflite`.
        scheme: How it is made; row of `make.SCHEMES`.
        accelerators: Where it has to run whole, with no operator left behind.
        selection: How its graph finds neighbors; row of `neighbors.SELECTIONS`.
        weights: Type that its weights must be stored as, a name of the schema's `TensorType`.
        max_size: Largest allowed size over that of float32.
        max_icc_loss: Largest allowed mean ICC(3,1) lost against float32, both against labels.
        max_au_icc_loss: The same for any single AU.
        max_intensity_error: Largest allowed difference to Keras, in FACS grades, on 95 % of faces;
            None where rounding is the point, and only the agreement counts.
    """

    name: str
    scheme: Scheme
    accelerators: tuple[Accelerator, ...]
    selection: str
    weights: str
    max_size: float
    max_icc_loss: float
    max_au_icc_loss: float = 0.03
    max_intensity_error: float | None = None


EXPORT_SPECS: Final = {
    spec.name: spec
    for spec in (
        # Another order of float32 sums: 1e-4 of a grade would be luck, 1e-2 a fault. Near-ties
        # among neighbors can flip, which moves an intensity by more than rounding does.
        ExportSpec(
            name="float32",
            scheme="float32",
            accelerators=("cpu", "gpu"),
            selection=GPU_SELECTION,
            weights="FLOAT32",
            max_size=1.0,
            max_icc_loss=0.0,
            max_intensity_error=0.01,
        ),
        # 11 bits of weights: about 5e-4 relative, times the depth of the network.
        ExportSpec(
            name="float16",
            scheme="float16",
            accelerators=("cpu", "gpu"),
            selection=GPU_SELECTION,
            weights="FLOAT16",
            max_size=0.52,
            max_icc_loss=0.001,
            max_intensity_error=0.1,
        ),
        # 8 bits of weights, activations quantized as they come; arithmetic in int8. A GPU would
        # compute the same as with weight_int8.
        ExportSpec(
            name="dynamic_int8",
            scheme="dynamic_int8",
            accelerators=("cpu",),
            selection=CPU_SELECTION,
            weights="INT8",
            max_size=0.30,
            max_icc_loss=0.005,
        ),
        # 8 bits of weights on disk, arithmetic in float32.
        ExportSpec(
            name="weight_int8",
            scheme="weight_int8",
            accelerators=("cpu", "gpu"),
            selection=GPU_SELECTION,
            weights="INT8",
            max_size=0.30,
            max_icc_loss=0.005,
        ),
        # Convolutions in int8 with ranges from a representative set; SCC's arithmetic in float.
        ExportSpec(
            name="static_int8",
            scheme="static_int8",
            accelerators=("cpu",),
            selection=CPU_SELECTION,
            weights="INT8",
            max_size=0.30,
            max_icc_loss=0.01,
        ),
        # The same, after fine-tuning with the rounding in place.
        ExportSpec(
            name="qat_int8",
            scheme="qat_int8",
            accelerators=("cpu",),
            selection=CPU_SELECTION,
            weights="INT8",
            max_size=0.30,
            max_icc_loss=0.01,
        ),
    )
}
