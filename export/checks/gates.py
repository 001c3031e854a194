"""Every gate that a file can be put through on its own; one line for each rule it breaks.

- `audit`: builtin operators, no variables, static shapes, batch 1, at most 4 axes, the signature.
- The list of each accelerator: what is not on it fails to load, or falls to the CPU.
- `weights`: stored as the variant says, and as small; a quantizer may do nothing and not say so.
- The answers: finite, and not the same for every face.

Whether it runs whole on a GPU is for `gpu_check`, and float16's range for `float16_range`.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from export.checks import classic_gpu, litert_gpu, weight_types
from export.checks.audit import audit, problems
from export.checks.operator_lists import unlisted
from export.graph.flatbuffer import unpack
from export.specs import ExportSpec
from fau_tf import facs
from fau_tf.models.presets import NetSpec

_CPU_LIST: Final = Path(__file__).with_name("cpu_operators.json")


def refusals(
    flatbuffer: bytes, spec: NetSpec, variant: ExportSpec, float32_size: int | None
) -> list[str]:
    """Return the rules that a file breaks, one line each; empty if none.

    Args:
        flatbuffer: Contents of the .tflite file.
        spec: What its network was built from.
        variant: Row of `EXPORT_SPECS`.
        float32_size: Bytes of the float32 file of the same network; None for that file itself.

    Raises:
        ValueError: If it is no .tflite file, or has no signature of the contract's name.
    """
    found = audit(flatbuffer)
    lines = problems(
        found,
        image_size=spec.image_size,
        heatmap_size=spec.heatmap_size,
        aus=len(spec.au_numbers),
        centers=len(facs.centers(spec.au_numbers, spec.rule)),
    )
    if found.subgraphs != 1:
        return lines  # the gates below read one graph
    for accelerator in variant.accelerators:
        for who, refuse in LISTS[accelerator]:
            lines += [f"{who}: {line}" for line in refuse(flatbuffer)]
    lines += weight_types.problems(flatbuffer, variant.weights)
    if float32_size is not None and len(flatbuffer) > variant.max_size * float32_size:
        lines.append(
            f"size must be at most {variant.max_size:.0%} of float32's {float32_size} bytes. "
            f"Received: {len(flatbuffer)}, {len(flatbuffer) / float32_size:.1%}"
        )
    return lines


def output_problems(
    intensity: npt.NDArray[np.float32], heatmaps: npt.NDArray[np.float32]
) -> list[str]:
    """Return what is wrong with the answers on a set of faces, one line each; empty if nothing.

    Args:
        intensity: (N, A); with N > 1 not the same for all faces.
        heatmaps: (N, h, w, K); not a single value.
    """
    lines = []
    for name, values in (("intensity", intensity), ("heatmaps", heatmaps)):
        broken = int(np.size(values) - np.isfinite(values).sum())
        if broken or not np.size(values):
            lines.append(
                f"`{name}` must be finite. Received: {broken} of {np.size(values)} are not"
            )
    if lines:
        return lines
    # As a whole: an AU that its training set hardly has may be 0 on every face. Where an AU was
    # coded, `parity` refuses one that doesn't vary, for it has no ICC.
    if np.ptp(heatmaps) == 0:
        lines.append(f"heatmaps must vary. Received: {heatmaps.flat[0]:g} everywhere")
    if len(intensity) > 1 and not np.ptp(intensity, axis=0).any():
        lines.append(f"intensities must vary over {len(intensity)} faces. Received: the same ones")
    return lines


def _cpu(flatbuffer: bytes) -> list[str]:
    return unlisted(unpack(flatbuffer), _CPU_LIST)


LISTS: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    "cpu": (("LiteRT CPU kernels", _cpu),),
    "gpu": (
        ("LiteRT GPU accelerator", litert_gpu.refusals),
        ("classic GPU delegate", classic_gpu.refusals),
    ),
}
