"""A trained run -> every variant, judged on test people; only what keeps its gates is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from export import parity
from export.checks import gates
from export.checks.float16_range import float16_range
from export.graph.metadata import with_metadata
from export.latency import cpu_latency
from export.model_json import card, sidecar
from export.package import (
    ExportError,
    Outputs,
    far_from_keras,
    file_name,
    keras_outputs,
    run_tflite,
    write_pair,
)
from export.qat.describe import NotQuantizableError
from export.qat.launch import QatEnvironmentError, QatError
from export.report import Entry, compressed_size, write_report
from export.run import LabeledFaces
from export.specs import EXPORT_SPECS, ExportSpec
from export.variants import Source, make

_LOOKED_AT: Final = 64
"""Faces on which files are compared with Keras, one by one, and floats with float16's range."""
_FLOAT32: Final = EXPORT_SPECS["float32"]
_NEXT: Final = "Train longer, or quantize less of the graph."
_NO_REFERENCE: Final = ("float32, which it is compared with, must keep its own gates",)
_UNMADE: Final = (ExportError, NotQuantizableError, QatEnvironmentError, QatError)
"""What one variant may fail with, while the others go on."""


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


@dataclass(frozen=True)
class Unmade:
    """A variant of which there is nothing to judge.

    Attributes:
        variant: Its row.
        reason: One line.
        skipped: Whether that is no fault: its environment isn't there, and may be lacking.
    """

    variant: ExportSpec
    reason: str
    skipped: bool


def export_run(
    source: Source,
    name: str,
    faces: LabeledFaces,
    variants: Sequence[ExportSpec],
    out: Path,
    *,
    training_data: dict[str, Any],
    facts: dict[str, Any] | None = None,
    may_skip: bool = True,
    say: Callable[[str], None],
) -> list[str]:
    """Write the variants that keep their gates, and the report; return the names of the refused.

    Every variant is made and judged before the first file is written. A file that an earlier export
    left of a variant that is not written now is removed: it may be of another network.

    Args:
        source: The network and what variants need besides.
        name: The run's name.
        faces: Of test people.
        variants: Rows of `specs.EXPORT_SPECS`; float32 is judged in any case.
        out: Where they go.
        training_data: `name` and `kind` of the faces that the network learned from.
        facts: Added to each JSON.
        may_skip: Whether a variant whose environment isn't there is left out, and not refused.
        say: Prints a line.

    Raises:
        ExportError: If float32 itself can't be judged.
        RepresentativeSetError: If the faces for static ranges are none, or not the model's.
    """
    found, unmade = _judged(_Judge(source, name, faces, training_data, say), variants, may_skip)
    say("== latency")
    latency = cpu_latency({row.variant.name: row.flatbuffer for row in found}, faces.images[:1])
    out.mkdir(parents=True, exist_ok=True)
    refused = [row.variant for row in found if row.refused]
    for absent in [*refused, *(row.variant for row in unmade)]:
        if absent in variants:
            _remove(out / file_name(name, absent), say)
    for row in found:
        if row.variant in variants and not row.refused:
            _write(row, out, latency[row.variant.name], faces, facts or {}, say)
    entries = [_entry(row, latency[row.variant.name], variants) for row in found]
    entries += [Entry(variant=row.variant.name, latency={}, refused=[row.reason]) for row in unmade]
    described = training_data | {"name": name, "people": faces.people, "faces_of": faces.name}
    write_report(out, described, entries)
    refused += [row.variant for row in unmade if not row.skipped]
    return [variant.name for variant in refused]


@dataclass(frozen=True)
class _Judge:
    """Makes variants and looks at them; arguments as of `export_run`."""

    source: Source
    name: str
    faces: LabeledFaces
    training_data: dict[str, Any]
    say: Callable[[str], None]

    def __call__(self, variant: ExportSpec, reference: Judged | None) -> Judged:
        """Return one variant, judged against `reference`; None for the reference itself.

        Raises one of `_UNMADE` where there is nothing to judge.
        """
        self.say(f"== {variant.name}")
        spec = self.source.spec
        described = card(spec, variant, file_name(self.name, variant), self.training_data)
        flatbuffer = with_metadata(make(self.source, variant), described)
        outputs = run_tflite(flatbuffer, self.faces.images)
        silent = gates.output_problems(*outputs)
        if silent:  # nothing to judge
            raise ExportError(f"Variant {variant.name}: {'; '.join(silent)}. {_NEXT}")
        float_intensity = (reference.outputs if reference else outputs)[0]
        found = parity.judge(self.faces.intensity, float_intensity, outputs[0], spec.labels)
        float_parity = reference.parity if reference else found
        size = len(reference.flatbuffer) if reference else None
        refused = [
            *gates.refusals(flatbuffer, spec, variant, size),
            *(self._overflows if "gpu" in variant.accelerators else ()),
            *self._far_from_keras(variant, outputs),
            *parity.problems(found, float_parity, variant),
            *(_NO_REFERENCE if reference and reference.refused else ()),
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


def _judged(
    judge: _Judge, variants: Sequence[ExportSpec], may_skip: bool
) -> tuple[list[Judged], list[Unmade]]:
    """Return float32 and the variants that could be judged, and those that couldn't."""
    reference = judge(_FLOAT32, None)
    found, unmade = [reference], []
    for variant in variants:
        if variant is _FLOAT32:
            continue
        try:
            found.append(judge(variant, reference))
        except _UNMADE as error:
            skipped = may_skip and isinstance(error, QatEnvironmentError)
            judge.say(f"   {'skipped' if skipped else 'REFUSED'}: {error}")
            unmade.append(Unmade(variant, str(error), skipped))
    return found, unmade


def _write(
    row: Judged,
    out: Path,
    latency: dict[int, dict[str, float]],
    faces: LabeledFaces,
    facts: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    path = out / f"{row.described['name']}.tflite"
    facts = facts | {
        "parity": {"faces_of": faces.name, "people": faces.people} | row.parity.as_dict(),
        "cpu_latency_ms": {str(threads): figures for threads, figures in latency.items()},
    }
    write_pair(path, row.flatbuffer, sidecar(row.flatbuffer, row.described, facts))
    say(f"   {path}")


def _remove(stem: Path, say: Callable[[str], None]) -> None:
    for ending in (".tflite", ".json"):
        stale = stem.with_name(stem.name + ending)  # not with_suffix: a run's name may have dots
        if stale.exists():
            stale.unlink()
            say(f"   removed, of an earlier export: {stale}")


def _entry(
    row: Judged, latency: dict[int, dict[str, float]], variants: Sequence[ExportSpec]
) -> Entry:
    return Entry(
        variant=row.variant.name,
        size=len(row.flatbuffer),
        compressed_size=compressed_size(row.flatbuffer),
        parity=row.parity,
        latency=latency,
        refused=row.refused,
        asked=row.variant in variants,
    )
