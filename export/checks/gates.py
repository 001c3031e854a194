"""The gates that each file passes on its own, with one line for each rule that it breaks.

- `audit`: builtin operators, no variables, static shapes, batch 1, at most 4 axes, the signature.
- `operators`, for each accelerator: an operator off its list fails to load or falls to the CPU.
- `weight_types`: stored in the variant's type and as small; a quantizer may silently do nothing.
- The outputs: finite, and different from face to face.

`gpu_check` runs a file on a GPU accelerator, and `float16_range` checks for overflow.
"""

import numpy as np
import numpy.typing as npt

from export.checks import weight_types
from export.checks.audit import audit, contract_problems
from export.checks.operators import READERS
from export.graph.flatbuffer import TfliteFile
from export.specs import ExportSpec
from fau_tf import facs
from fau_tf.models.presets import NetSpec


def file_problems(
    file: TfliteFile, spec: NetSpec, variant: ExportSpec, float32_size: int | None
) -> list[str]:
    """Return the rules that a file breaks, one line each; empty if none.

    Args:
        file: The variant's file.
        spec: What its network was built from.
        variant: Row of `EXPORT_SPECS`.
        float32_size: Bytes of the float32 file of the same network; None skips the size gate.

    Raises:
        ModelFileError: If it is no .tflite file, or has no signature of the contract's name.
    """
    found = audit(file)
    lines = contract_problems(
        found,
        image_size=spec.image_size,
        heatmap_size=spec.heatmap_size,
        aus=len(spec.au_numbers),
        centers=len(facs.centers(spec.au_numbers, spec.rule)),
    )
    if found.subgraphs != 1:
        return lines  # the gates below read one graph
    for accelerator in variant.accelerators:
        for name, refused_by in READERS[accelerator].items():
            lines += [f"{name}: {line}" for line in refused_by(file)]
    lines += weight_types.problems(file, variant.weights)
    if float32_size is not None and len(file) > variant.max_size * float32_size:
        lines.append(
            f"size must be at most {variant.max_size:.0%} of float32's {float32_size} bytes: "
            f"got {len(file)}, {len(file) / float32_size:.1%}"
        )
    return lines


def output_problems(
    intensity: npt.NDArray[np.float32], heatmaps: npt.NDArray[np.float32]
) -> list[str]:
    """Return what is wrong with the outputs on a set of faces, one line each; empty if nothing.

    Args:
        intensity: (N, A); with N > 1 not the same for all faces.
        heatmaps: (N, h, w, K); not constant.
    """
    lines = []
    for name, values in (("intensity", intensity), ("heatmaps", heatmaps)):
        broken = int(np.size(values) - np.isfinite(values).sum())
        if broken or not np.size(values):
            lines.append(f"`{name}` must be finite: got {broken} of {np.size(values)} that are not")
    if lines:
        return lines
    # All AUs together: one that the training set hardly has may be 0 on every face. `parity`
    # refuses a variant that stops an AU from varying, since that takes its ICC.
    if np.ptp(heatmaps) == 0:
        lines.append(f"heatmaps must vary: got {heatmaps.flat[0]:g} everywhere")
    if len(intensity) > 1 and not np.ptp(intensity, axis=0).any():
        lines.append(f"intensities must vary over {len(intensity)} faces: got the same ones")
    return lines
