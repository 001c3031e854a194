"""A trained run -> verified .tflite files, each with its JSON."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.audit import Audit, audit, problems
from export.convert import convert
from export.specs import ExportSpec
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.model.presets import NetSpec


class ExportError(ValueError):
    """A variant that breaks the contract or disagrees with Keras; it is not written."""


def export_variants(
    net: keras.Model,
    spec: NetSpec,
    images: npt.NDArray[np.float32],
    folder: Path,
    name: str,
    variants: Sequence[ExportSpec],
    *,
    facts: dict[str, Any],
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Write `fau_<name>_<variant>.tflite` and its JSON for each variant; return the JSONs.

    Args:
        net: The trained network.
        spec: What it was built from.
        images: (N, S, S, 3) float32 faces on which Keras and the file must agree.
        folder: Where they go.
        name: The run's name.
        variants: Rows of `specs.EXPORT_SPECS`.
        facts: Added to each JSON, e.g. the kind of training data.
        say: Prints a line.

    Raises:
        ExportError: If a variant breaks the contract or is too far from Keras.
    """
    to_au = facs.centre_to_au(spec.au_numbers, spec.rule)
    heatmaps = np.concatenate([np.asarray(net(image[None])) for image in images])
    expected = spec.codec.decode(heatmaps, to_au)
    written = []
    for variant in variants:
        flatbuffer = convert(net, spec, variant)
        found = _audited(flatbuffer, spec, variant)
        intensity, maps = run_tflite(flatbuffer, images)
        error = _agreeing(expected, intensity, maps, variant)
        path = folder / f"fau_{name}_{variant.name}.tflite"
        sidecar = _sidecar(flatbuffer, found, spec, path.stem, variant) | facts
        sidecar["max_intensity_error_to_keras"] = error
        write_pair(path, flatbuffer, sidecar)
        say(
            f"   {path.name}: {found.size / 1e6:.2f} MB, {sum(found.operators.values())} builtin "
            f"operators, at most {error:.1e} of a grade from Keras on {len(images)} faces"
        )
        written.append(sidecar)
    return written


def run_tflite(
    flatbuffer: bytes, images: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (N, A) intensities and (N, h, w, K) heatmaps of (N, S, S, 3) images, on the CPU."""
    run = Interpreter(model_content=flatbuffer, num_threads=2).get_signature_runner(
        contract.SIGNATURE
    )
    outputs = [run(**{contract.INPUT: image[None]}) for image in images]
    return (
        np.concatenate([output[contract.OUTPUT_INTENSITY] for output in outputs]),
        np.concatenate([output[contract.OUTPUT_HEATMAPS] for output in outputs]),
    )


def write_pair(path: Path, flatbuffer: bytes, sidecar: dict[str, Any]) -> None:
    """Write the model, then the JSON that vouches for it; each whole or not at all."""
    for place, content in (
        (path, flatbuffer),
        (path.with_suffix(".json"), (json.dumps(sidecar, indent=1) + "\n").encode()),
    ):
        partial = place.with_name(f".partial-{place.name}")
        partial.write_bytes(content)
        partial.replace(place)


def _audited(flatbuffer: bytes, spec: NetSpec, variant: ExportSpec) -> Audit:
    found = audit(flatbuffer)
    wrong = problems(
        found,
        image_size=spec.image_size,
        heatmap_size=spec.heatmap_size,
        aus=len(spec.au_numbers),
        centres=len(facs.centres(spec.au_numbers, spec.rule)),
    )
    if wrong:
        raise ExportError(f"Variant {variant.name} breaks the contract: {'; '.join(wrong)}")
    return found


def _agreeing(
    expected: npt.NDArray[Any],
    intensity: npt.NDArray[Any],
    maps: npt.NDArray[Any],
    variant: ExportSpec,
) -> float:
    if not (np.isfinite(intensity).all() and np.isfinite(maps).all()):
        raise ExportError(f"Variant {variant.name}: outputs must be finite. Received: NaN or inf")
    if np.ptp(maps) == 0:
        raise ExportError(f"Variant {variant.name}: heatmaps must vary. Received: a constant")
    error = float(np.abs(intensity - expected).max())
    if error > variant.max_intensity_error:
        raise ExportError(
            f"Variant {variant.name}: intensities must be within {variant.max_intensity_error} "
            f"of Keras. Received: {error:.3g}"
        )
    return error


def _sidecar(
    flatbuffer: bytes, found: Audit, spec: NetSpec, name: str, variant: ExportSpec
) -> dict[str, Any]:
    return {
        "contract_version": contract.CONTRACT_VERSION,
        "name": name,
        "variant": variant.name,
        "image_size": spec.image_size,
        "heatmap_size": spec.heatmap_size,
        "colour_order": "RGB",
        "value_range": [0, 255],
        "aus": list(spec.au_numbers),
        "au_names": [facs.AUS[au].name for au in spec.au_numbers],
        "rule": spec.rule,
        "centres": [centre.name for centre in facs.centres(spec.au_numbers, spec.rule)],
        "crop": {"anchors_ibug68": list(align.ANCHORS), "template": align.TEMPLATE.tolist()},
        "sha256": hashlib.sha256(flatbuffer).hexdigest(),
        "bytes": found.size,
        "operators": found.operators,
    }
