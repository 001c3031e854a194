"""A trained run -> every variant, judged on test people; only what keeps its gates is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from export import gates, parity
from export.float16_range import float16_range
from export.latency import cpu_latency
from export.make import Source, make
from export.metadata import with_metadata
from export.package import (
    ExportError,
    Outputs,
    far_from_keras,
    file_name,
    keras_outputs,
    run_tflite,
    write_pair,
)
from export.qat.launch import QatEnvironmentError
from export.report import Entry, compressed_size, write_report
from export.run import LabelledFaces
from export.sidecar import card, sidecar
from export.specs import EXPORT_SPECS, ExportSpec

_LOOKED_AT: Final = 64
"""Faces on which files are compared with Keras, one by one, and floats with float16's range."""
_FLOAT32: Final = EXPORT_SPECS["float32"]


@dataclass(frozen=True)
class Judged:
    """One variant, made and looked at.

    Attributes:
        variant: Its row.
        flatbuffer: Its bytes, metadata included.
        described: Its card.
        outputs: On the judged faces.
        parity: Against the labels and float32.
        refused: Which gates it breaks, one line each.
    """

    variant: ExportSpec
    flatbuffer: bytes
    described: dict[str, Any]
    outputs: Outputs
    parity: parity.Parity
    refused: list[str]


def export_run(
    source: Source,
    name: str,
    faces: LabelledFaces,
    variants: Sequence[ExportSpec],
    out: Path,
    *,
    training_data: dict[str, Any],
    say: Callable[[str], None],
) -> list[str]:
    """Write the variants that keep their gates, and the report; return the names of the refused.

    Every variant is made and judged before the first file is written. A file of a refused variant
    that an earlier export left is removed: what is in the folder is what has passed.

    Args:
        source: The network and what variants need besides.
        name: The run's name.
        faces: Of test people.
        variants: Rows of `specs.EXPORT_SPECS`; float32 is judged in any case.
        out: Where they go.
        training_data: `name` and `kind` of the faces that the network learnt from.
        say: Prints a line.

    Raises:
        ExportError: If float32 itself can't be judged.
    """
    judge = _Judge(source, name, faces, training_data, say)
    reference = judge(_FLOAT32, None)
    found = [reference]
    for variant in variants:
        if variant is not _FLOAT32:
            try:
                found.append(judge(variant, reference))
            except QatEnvironmentError as error:
                say(f"   skipped: {error}")
    say("== latency")
    latency = cpu_latency({row.variant.name: row.flatbuffer for row in found}, faces.images[:1])
    out.mkdir(parents=True, exist_ok=True)
    for row in found:
        if row.variant in variants:
            _write(row, out, latency[row.variant.name], faces, say)
    entries = [_entry(row, latency[row.variant.name]) for row in found]
    facts = training_data | {"name": name, "people": faces.people, "faces_of": faces.name}
    write_report(out, facts, entries)
    return [row.variant.name for row in found if row.refused]


@dataclass(frozen=True)
class _Judge:
    """Makes variants and looks at them; arguments as of `export_run`."""

    source: Source
    name: str
    faces: LabelledFaces
    training_data: dict[str, Any]
    say: Callable[[str], None]

    def __call__(self, variant: ExportSpec, reference: Judged | None) -> Judged:
        """Return one variant, judged against `reference`; None for the reference itself."""
        self.say(f"== {variant.name}")
        spec = self.source.spec
        described = card(spec, variant, file_name(self.name, variant), self.training_data)
        flatbuffer = with_metadata(make(self.source, variant), described)
        outputs = run_tflite(flatbuffer, self.faces.images)
        silent = gates.output_problems(*outputs, spec.labels)
        if silent:  # nothing to judge
            raise ExportError(f"Variant {variant.name}: {'; '.join(silent)}. Train longer.")
        float_intensity = (reference.outputs if reference else outputs)[0]
        found = parity.judge(self.faces.intensity, float_intensity, outputs[0], spec.labels)
        float_parity = reference.parity if reference else found
        size = len(reference.flatbuffer) if reference else None
        refused = [
            *gates.refusals(flatbuffer, spec, variant, size),
            *(self._overflows if "gpu" in variant.accelerators else ()),
            *self._far_from_keras(variant, outputs),
            *parity.problems(found, float_parity, variant),
        ]
        self.say(
            f"   {len(flatbuffer) / 1e6:.2f} MB, mean ICC {found.icc:.4f}, "
            f"{float_parity.icc - found.icc:+.4f} lost, at most {found.worst:.2f} of a grade from "
            "float32"
        )
        for line in refused:
            self.say(f"   REFUSED: {line}")
        return Judged(variant, flatbuffer, described, outputs, found, refused)

    @cached_property
    def _overflows(self) -> list[str]:
        float32 = self.source.float32(_FLOAT32.selection)
        return float16_range(float32, self.faces.images[:_LOOKED_AT]).problems()

    @cached_property
    def _keras(self) -> Outputs:
        return keras_outputs(self.source.net, self.source.spec, self.faces.images[:_LOOKED_AT])

    def _far_from_keras(self, variant: ExportSpec, outputs: Outputs) -> list[str]:
        if variant.max_intensity_error is None:
            return []
        got = outputs[0][:_LOOKED_AT], outputs[1][:_LOOKED_AT]
        return far_from_keras(self._keras, got, variant)[1]


def _write(
    row: Judged,
    out: Path,
    latency: dict[int, dict[str, float]],
    faces: LabelledFaces,
    say: Callable[[str], None],
) -> None:
    path = out / f"{row.described['name']}.tflite"
    if row.refused:
        for stale in (path, path.with_suffix(".json")):
            stale.unlink(missing_ok=True)
        return
    facts = {
        "parity": {"faces_of": faces.name, "people": faces.people} | row.parity.as_dict(),
        "cpu_latency_ms": {str(threads): figures for threads, figures in latency.items()},
    }
    write_pair(path, row.flatbuffer, sidecar(row.flatbuffer, row.described, facts))
    say(f"   {path}")


def _entry(row: Judged, latency: dict[int, dict[str, float]]) -> Entry:
    return Entry(
        variant=row.variant.name,
        size=len(row.flatbuffer),
        compressed_size=compressed_size(row.flatbuffer),
        parity=row.parity,
        latency=latency,
        refused=row.refused,
    )
