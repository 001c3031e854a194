"""How far a reader's numbers may be from the golden ones, at each cut point, and why."""

from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Tolerance:
    """Largest absolute difference of any element.

    Attributes:
        tolerance: In `unit`.
        unit: Of the array's values.
        reason: Why not more and not less.
    """

    tolerance: float
    unit: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


CUT_POINTS: Final = {
    "landmarks": Tolerance(0.0, "px", "Given, not computed: the 64-bit floats as they are."),
    "matrix": Tolerance(
        1e-6,
        "crop px, and crop px per picture px",
        "64-bit sums in another order differ by about 1e-12; 1e-6 px changes no gray level that "
        "isn't half-way between two. 32-bit floats don't suffice.",
    ),
    "crop": Tolerance(
        1.0,
        "gray levels",
        "Rounded half up: where a value lies half-way, the last digit of a sum decides. More is "
        "another rule of borders, pixel centers, halving or interpolation.",
    ),
    "input": Tolerance(
        1.0, "gray levels", "The crop's values as 32-bit floats, so as near as the crop is."
    ),
}
"""Before the model, the same for all variants."""

_ORDER: Final = (
    "32-bit sums in another order: at most 4e-6 was measured between two sets of CPU kernels and "
    "on ARM, and neighbors that nearly tie may move a value by some 1e-4."
)
_KERNELS: Final = (
    "Made by XNNPACK, whose int8 gives the same bits on x86 and ARM. Other kernels round "
    "otherwise: up to {} was measured for those without XNNPACK. A wrong crop, channel order or "
    "scale is off by more than 1."
)
_HALF: Final = (
    "A phone's GPU computes in 16-bit floats by default: {} was measured over a software driver, "
    "and neighbors that nearly tie may flip. Where 32-bit floats are asked for, the CPU's "
    "tolerance holds."
)
GRADE: Final = "grades of 0 to 5"

CPU_FLOAT: Final = {
    "heatmaps": Tolerance(1e-3, GRADE, _ORDER),
    "intensity": Tolerance(1e-3, GRADE, _ORDER),
}
CPU_INT8: Final = {
    "heatmaps": Tolerance(0.25, GRADE, _KERNELS.format("0.16")),
    "intensity": Tolerance(0.2, GRADE, _KERNELS.format("0.12")),
}
GPU: Final = {
    "heatmaps": Tolerance(0.25, GRADE, _HALF.format("0.04")),
    "intensity": Tolerance(0.1, GRADE, _HALF.format("0.03")),
}


def outputs(weights: str) -> dict[str, Tolerance]:
    """Return the tolerances of a variant's outputs on a CPU, by the type of its weights."""
    return CPU_INT8 if weights == "INT8" else CPU_FLOAT
