"""A trained run -> verified .tflite files, each with its JSON."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export import classic_gpu
from export.audit import Audit, audit, problems
from export.convert import convert
from export.specs import ExportSpec
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.facs import MAX_INTENSITY
from fau_tf.model.presets import NetSpec
from fau_tf.whole_file import replacing

Outputs = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""(N, A) intensities and (N, h, w, K) heatmaps, both in FACS grades."""

_SHARE_WITHIN: Final = 0.95


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

    All variants are converted and checked before the first is written.

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
        ExportError: If a variant breaks the contract, wouldn't run whole where it has to, or is too
            far from Keras; nothing is written then.
    """
    expected = _keras_outputs(net, spec, images)
    made = []
    for variant in variants:
        flatbuffer = convert(net, spec, variant)
        found = _audited(flatbuffer, spec, variant)
        error = _agreeing(expected, run_tflite(flatbuffer, images), variant)
        sidecar = _sidecar(flatbuffer, found, spec, f"fau_{name}_{variant.name}", variant) | facts
        made.append((flatbuffer, sidecar | {"max_intensity_error_to_keras": error}))
    # Only when all are right: no new variant beside an old one of another network.
    for flatbuffer, sidecar in made:
        write_pair(folder / f"{sidecar['name']}.tflite", flatbuffer, sidecar)
        say(_summary(sidecar, len(images)))
    return [sidecar for _, sidecar in made]


def run_tflite(flatbuffer: bytes, images: npt.NDArray[np.float32]) -> Outputs:
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
        with replacing(place) as unfinished:
            unfinished.write_bytes(content)


def _keras_outputs(net: keras.Model, spec: NetSpec, images: npt.NDArray[np.float32]) -> Outputs:
    to_au = facs.centre_to_au(spec.au_numbers, spec.rule)
    raw = np.concatenate([np.asarray(net(image[None])) for image in images]).astype(np.float32)
    heatmaps = np.clip(raw / spec.codec.unit, 0, MAX_INTENSITY)
    return spec.codec.decode(raw, to_au), heatmaps


def _audited(flatbuffer: bytes, spec: NetSpec, variant: ExportSpec) -> Audit:
    found = audit(flatbuffer)
    wrong = problems(
        found,
        image_size=spec.image_size,
        heatmap_size=spec.heatmap_size,
        aus=len(spec.au_numbers),
        centres=len(facs.centres(spec.au_numbers, spec.rule)),
    )
    if "gpu" in variant.accelerators:
        wrong += [f"classic GPU delegate: {line}" for line in classic_gpu.refusals(flatbuffer)]
    if wrong:
        raise ExportError(
            f"Variant {variant.name} must keep the contract and run whole on "
            f"{' and '.join(variant.accelerators)}. Received: {'; '.join(wrong)}. "
            "Replace the layer that makes this operator or tensor."
        )
    return found


def _agreeing(expected: Outputs, got: Outputs, variant: ExportSpec) -> float:
    """Return the largest error of an intensity; raise ExportError where an output is wrong."""
    if not all(np.isfinite(output).all() for output in got):
        raise ExportError(
            f"Variant {variant.name}: outputs must be finite. Received: NaN or inf. Run Keras on "
            "the same faces: if it says so too, train with a lower training.learning_rate."
        )
    if np.ptp(got[1]) == 0:
        raise ExportError(
            f"Variant {variant.name}: heatmaps must vary. Received: a constant. Train longer."
        )
    # The worst of each face: (N,) for intensities, (N,) for heatmaps.
    errors = [
        np.abs(mine - want).reshape(len(want), -1).max(axis=1)
        for mine, want in zip(got, expected, strict=True)
    ]
    for name, error in zip(("intensities", "heatmaps"), errors, strict=True):
        # A near-tie among neighbours may flip on a face or two; a fault shows on all.
        usual = float(np.quantile(error, _SHARE_WITHIN))
        if not usual <= variant.max_intensity_error:  # NaN too
            raise ExportError(
                f"Variant {variant.name}: {name} of {_SHARE_WITHIN:.0%} of the faces must be "
                f"within {variant.max_intensity_error} of Keras. Received: {usual:.3g} off. "
                "Compare the layers of `export.convert.for_export` with the network's, or leave "
                "this variant out."
            )
    return float(errors[0].max())


def _summary(sidecar: dict[str, Any], faces: int) -> str:
    return (
        f"   {sidecar['name']}.tflite: {sidecar['bytes'] / 1e6:.2f} MB, "
        f"{sum(sidecar['operators'].values())} builtin operators, at most "
        f"{sidecar['max_intensity_error_to_keras']:.1e} of a grade from Keras on {faces} faces"
    )


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
