"""Tolerances of the golden vectors at each cut point, with the reasons for them."""

from typing import Final, TypedDict


class Tolerance(TypedDict):
    """The largest absolute difference allowed in any element of an array, and its reason."""

    tolerance: float
    unit: str
    reason: str


CUT_POINTS: Final = {
    "landmarks": Tolerance(
        tolerance=0.0, unit="px", reason="Given, not computed: 64-bit floats, unchanged."
    ),
    "matrix": Tolerance(
        tolerance=1e-6,
        unit="crop px, and crop px per picture px",
        reason="64-bit sums in another order differ by about 1e-12; 1e-6 px changes a gray level "
        "only if it is half-way between two. 32-bit floats are not sufficient.",
    ),
    "crop": Tolerance(
        tolerance=1.0,
        unit="gray levels",
        reason="Values are rounded half up: if one is half-way, the last digit of a sum decides. A "
        "larger difference means other rules for borders, pixel centers, halving or interpolation.",
    ),
    "input": Tolerance(
        tolerance=1.0,
        unit="gray levels",
        reason="The crop's values as 32-bit floats, so the crop's tolerance applies.",
    ),
}
"""Cut points before the model, the same for all variants."""

_FLOAT: Final = (
    "32-bit sums in another order: at most 4e-6 was measured between two sets of CPU kernels and "
    "on ARM, and near-ties among neighbors may change a value by some 1e-4."
)
_INT8: Final = (
    "Written with XNNPACK. What a part in float gives, as FaceMesh's trunk, is rounded to int8: "
    "0.005 was measured between x86 and ARM. Other kernels round differently: up to {} was "
    "measured without XNNPACK. A wrong crop, channel order or scale differs by more than 1."
)
_GPU: Final = (
    "A phone's GPU computes in 16-bit floats by default: {} was measured with a software driver, "
    "and near-ties among neighbors may flip. If 32-bit floats are requested, the CPU's tolerance "
    "applies."
)


def outputs(weights: str, accelerator: str = "cpu") -> dict[str, Tolerance]:
    """Return the tolerances of a variant's outputs.

    Args:
        weights: Type of its weights, e.g. `INT8`.
        accelerator: `cpu` or `gpu`.
    """
    if accelerator == "gpu":
        heatmaps, intensity = (0.25, _GPU.format("0.04")), (0.1, _GPU.format("0.03"))
    elif weights == "INT8":
        heatmaps, intensity = (0.25, _INT8.format("0.16")), (0.2, _INT8.format("0.12"))
    else:
        heatmaps = intensity = (1e-3, _FLOAT)
    return {
        name: Tolerance(tolerance=tolerance, unit="intensity units (0 to 5)", reason=reason)
        for name, (tolerance, reason) in {"heatmaps": heatmaps, "intensity": intensity}.items()
    }
