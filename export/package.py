"""A network -> verified .tflite files with their JSON, as the main job writes them.

Nothing here needs labels: `python -m export` adds the judgement of `export.export`.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.checks import gates
from export.graph.metadata import with_metadata
from export.model_json import card, sidecar
from export.specs import ExportSpec
from export.variants import Source, make
from fau_tf import contract, facs
from fau_tf.facs import MAX_INTENSITY
from fau_tf.models.presets import NetSpec
from fau_tf.utils.files import replacing

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
    training_data: dict[str, Any],
    facts: dict[str, Any],
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Write `fau_<name>_<variant>.tflite` and its JSON for each variant; return the JSONs.

    All variants are made and checked before the first is written.

    Args:
        net: The trained network.
        spec: What it was built from.
        images: (N, S, S, 3) float32 faces on which Keras and the file must agree.
        folder: Where they go.
        name: The run's name.
        variants: Rows of `specs.EXPORT_SPECS`, float ones: others need `export.export`.
        training_data: `name` and `kind` of the faces that the network learned from.
        facts: Added to each JSON, e.g. its agreement on test people.
        say: Prints a line.

    Raises:
        ExportError: If a variant breaks the contract, wouldn't run whole where it has to, or is too
            far from Keras; nothing is written then.
    """
    source = Source(net, spec, images)
    expected = keras_outputs(net, spec, images)
    made = []
    for variant in variants:
        described = card(spec, variant, file_name(name, variant), training_data)
        flatbuffer = with_metadata(make(source, variant), described)
        # Not its size: a ratio to float32 says little of a network as small as a test's.
        _require(variant, gates.refusals(flatbuffer, spec, variant, None))
        got = run_tflite(flatbuffer, images)
        _require(variant, gates.output_problems(*got))
        error, off = far_from_keras(expected, got, variant)
        _require(variant, off)
        entries = sidecar(flatbuffer, described, facts | {"max_intensity_error_to_keras": error})
        made.append((flatbuffer, entries))
    # Only when all are right: no new variant beside an old one of another network.
    for flatbuffer, entries in made:
        write_pair(folder / f"{entries['name']}.tflite", flatbuffer, entries)
        say(_summary(entries, len(images)))
    return [entries for _, entries in made]


def file_name(run: str, variant: ExportSpec) -> str:
    """Return the name of a variant's model and, less the ending, of its files."""
    return f"fau_{run}_{variant.name}"


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


def write_pair(path: Path, flatbuffer: bytes, entries: dict[str, Any]) -> None:
    """Write the model and the JSON that vouches for it.

    Neither takes its place before both are complete: a full disk leaves the old pair.
    """
    with replacing(path) as model, replacing(path.with_suffix(".json")) as beside:
        model.write_bytes(flatbuffer)
        beside.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def keras_outputs(net: keras.Model, spec: NetSpec, images: npt.NDArray[np.float32]) -> Outputs:
    """Return what the network itself says of (N, S, S, 3) images."""
    to_au = facs.center_to_au(spec.au_numbers, spec.rule)
    raw = np.concatenate([np.asarray(net(image[None])) for image in images]).astype(np.float32)
    heatmaps = np.clip(raw / spec.codec.unit, 0, MAX_INTENSITY)
    return spec.codec.decode(raw, to_au), heatmaps


def far_from_keras(expected: Outputs, got: Outputs, variant: ExportSpec) -> tuple[float, list[str]]:
    """Return the largest error of an intensity, and what is too far off, one line each.

    Args:
        expected: From `keras_outputs`.
        got: From `run_tflite`, on the same faces.
        variant: Says how far is too far.
    """
    # The worst of each face: (N,) for intensities, (N,) for heatmaps.
    errors = [
        np.abs(mine - want).reshape(len(want), -1).max(axis=1)
        for mine, want in zip(got, expected, strict=True)
    ]
    lines = []
    for name, error in zip(("intensities", "heatmaps"), errors, strict=True):
        # A near-tie among neighbors may flip on a face or two; a fault shows on all.
        usual = float(np.quantile(error, _SHARE_WITHIN))
        limit = variant.max_intensity_error
        if limit is not None and not usual <= limit:  # NaN too
            lines.append(
                f"{name} of {_SHARE_WITHIN:.0%} of the faces must be within {limit} of Keras. "
                f"Received: {usual:.3g} off. Compare the layers of `export.convert.for_export` "
                "with the network's"
            )
    return float(errors[0].max()), lines


def _require(variant: ExportSpec, wrong: Sequence[str]) -> None:
    if wrong:
        raise ExportError(
            f"Variant {variant.name} must keep its gates. Received: {'; '.join(wrong)}. Change the "
            "layer that this comes from, or leave the variant out."
        )


def _summary(entries: dict[str, Any], faces: int) -> str:
    return (
        f"   {entries['name']}.tflite: {entries['bytes'] / 1e6:.2f} MB, "
        f"{sum(entries['operators'].values())} builtin operators, at most "
        f"{entries['max_intensity_error_to_keras']:.1e} of a grade from Keras on {faces} faces"
    )
