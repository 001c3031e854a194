"""Export of a network: make every variant, check it, and write those that pass their gates.

Training, `python -m export --run` and `python -m export.bundle make` all export by
`export_network`. Only the last two have labeled faces of test subjects, and measure with them what
each variant loses.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from export import parity
from export.checks import gates
from export.checks.float16_range import float16_range
from export.graph.flatbuffer import TfliteFile
from export.graph.metadata import with_metadata
from export.keras_parity import Outputs, difference_to_keras, run_keras, run_tflite
from export.latency import Latency, cpu_latency
from export.model_json import card, sidecar
from export.report import Entry, compressed_size, write_report
from export.run import LabeledFaces
from export.specs import (
    EXPORT_SPECS,
    ExportSpec,
    VariantError,
    VariantUnavailableError,
)
from export.variants import Source, make
from export.variants import facts as variant_facts
from fau_tf.data.datasets import Subset, training_data_info
from fau_tf.data.splits import Fold
from fau_tf.training.calibrate import model_json_entries
from fau_tf.training.config import VARIANTS, Config
from fau_tf.training.run_dir import RunDir, model_name
from fau_tf.training.setup import make_targets
from fau_tf.utils.files import replacing

_COMPARED: Final = 64
"""Faces on which files are compared with Keras, and floats with float16's range."""
_FLOAT32: Final = EXPORT_SPECS["float32"]


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote and what it refused.

    Attributes:
        written: The JSON sidecar of each model that was written, in order.
        refused: Variant -> why it was not written, one line each.
    """

    written: list[dict[str, Any]]
    refused: dict[str, list[str]]


def export_network(
    source: Source,
    name: str,
    variants: Sequence[ExportSpec],
    out: Path,
    *,
    training_data: dict[str, Any],
    facts: dict[str, Any] | None = None,
    test: LabeledFaces | None = None,
    min_faces: int | None = None,
    may_skip: bool = False,
    log: Callable[[str], None],
) -> ExportResult:
    """Write `fau_<name>_<variant>.tflite` and its JSON for each variant that passes its gates.

    Every variant is made and checked before the first file is written, and a model appears together
    with its JSON or not at all. The files of a refused variant that an earlier export left are
    removed, since they may be of another network. If float32 is refused, all variants are.

    Args:
        source: The network and what variants are made of.
        name: The run's name.
        variants: Rows of `specs.EXPORT_SPECS`; float32 is made and checked in any case.
        out: Folder of the files.
        training_data: `name` and `kind` of the training faces.
        facts: Added to each JSON.
        test: Faces of test subjects. With them the agreement that each variant loses, its size,
            float16's range and the latency are checked or measured, and a report is written.
        min_faces: Fewest of them; by default `parity.MIN_FACES`.
        may_skip: Whether a variant whose packages or faces are missing is skipped, not refused.
        log: Prints a line.

    Raises:
        VariantError: If float32 itself has no outputs to compare with; no file changes then.
    """
    checker = _Checker(source, name, training_data, test, min_faces, log)
    made, failed = _make_all(checker, variants)
    latency: Latency = {}
    if test:
        log("== latency")
        latency = cpu_latency({one.variant.name: one.file.content for one in made}, test.images[:1])
    refused = {one.variant.name: one.refused for one in made if one.refused}
    refused |= {variant: [str(error)] for variant, error in failed.items()}
    out.mkdir(parents=True, exist_ok=True)
    asked = {variant.name for variant in variants}
    for variant in sorted(asked & set(refused)):
        _remove(out / f"fau_{name}_{variant}", log)
    written = [
        _write(
            one,
            out,
            _facts(facts or {}, variant_facts(source, one.variant)) | _measured(one, test, latency),
            log,
        )
        for one in made
        if one.variant.name in asked - set(refused)
    ]
    if test:
        about = {"name": name, **_tested_on(test)}
        entries = [_entry(one, latency[one.variant.name], asked) for one in made]
        entries += [Entry(variant=key, latency={}, refused=refused[key]) for key in failed]
        write_report(out, _report_facts(training_data) | about, entries)
    skipped = {
        variant
        for variant, error in failed.items()
        if may_skip and isinstance(error, VariantUnavailableError)
    }
    return ExportResult(
        written, {key: why for key, why in refused.items() if key in asked - skipped}
    )


def _facts(run: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variant's facts: the run's and its own.

    One with intervals of its own is a network of its own, fine-tuned: neither coverage nor figures
    on photos are its. The run's low-reliability AUs stay, since a warning is safer than none.
    """
    dropped = {"coverage", "real_faces"} if "intervals" in own else set()
    return {key: value for key, value in run.items() if key not in dropped} | dict(own)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """One variant, made and checked.

    Attributes:
        variant: Its row.
        card: Of the model.
        file: With metadata.
        refused: Why it must not be written, one line each.
        keras_error: Largest difference of an intensity to Keras.
        tested: On the test faces; None without them.
    """

    variant: ExportSpec
    card: dict[str, Any]
    file: TfliteFile
    refused: list[str]
    keras_error: float
    tested: "_Tested | None"


@dataclass(frozen=True)
class _Tested:
    """(N, A) intensities on the test faces, and their agreement with labels and float32."""

    intensity: npt.NDArray[np.float32]
    parity: parity.Parity


def export_training(
    net: keras.Model,
    config: Config,
    run: RunDir,
    faces: Subset,
    fold: Fold,
    test_metrics: dict[str, Any] | None,
) -> ExportResult:
    """Write the variants of `export.variants` of a network that was just trained.

    Args:
        net: With its calibration.
        config: Of the run.
        run: Folder of the run, where the files go.
        faces: Faces on which files are compared with Keras, from `setup.comparison_faces`.
        fold: Its training and validation subjects.
        test_metrics: Added to each JSON; None where nobody was tested.
    """
    if not config.export.variants:
        return ExportResult([], {})
    batches = faces.batches(make_targets(config), batch_size=_COMPARED)
    try:
        return export_network(
            Source(net, config.model, next(iter(batches))[0].numpy()),
            model_name(config.run.name, run.path),
            [EXPORT_SPECS[name] for name in VARIANTS if name in config.export.variants],
            run.path,
            training_data=training_data_info(
                faces.faces.name, fold.train_and_validation, config.data.portraits
            ),
            facts=({"test": test_metrics} if test_metrics else {}) | model_json_entries(run.path),
            log=run.log,
        )
    except VariantError as error:  # of float32, with which the others are compared
        return ExportResult([], {name: [str(error)] for name in config.export.variants})


def _make_all(
    checker: "_Checker", variants: Sequence[ExportSpec]
) -> tuple[list[_Candidate], dict[str, VariantError]]:
    """Return float32 and the variants that could be made, and why the others could not."""
    reference = checker.check(_FLOAT32, None)
    made, failed = [reference], {}
    for variant in variants:
        if variant is _FLOAT32:
            continue
        try:
            made.append(checker.check(variant, reference))
        except VariantError as error:
            checker.log(f"   not made: {error}")
            failed[variant.name] = error
    return made, failed


@dataclass(frozen=True)
class _Checker:
    """Makes and checks variants; attributes as the arguments of `export_network`."""

    source: Source
    name: str
    training_data: dict[str, Any]
    test: LabeledFaces | None
    min_faces: int | None
    log: Callable[[str], None]

    def check(self, variant: ExportSpec, reference: _Candidate | None) -> _Candidate:
        """Return one variant, compared with `reference`; None for float32 itself.

        Raises:
            VariantError: If it can't be made, or its outputs can't be compared.
        """
        self.log(f"== {variant.name}")
        spec = self.source.spec
        described = card(spec, variant, f"fau_{self.name}_{variant.name}", self.training_data)
        file = with_metadata(make(self.source, variant), described)
        size = len(reference.file) if reference and self.test else None
        refused = gates.file_problems(file, spec, variant, size)
        got = _outputs(file, self._images, variant)
        error, lines = difference_to_keras(self._keras, got, variant)
        refused += lines
        tested = None
        if self.test:
            tested, lines = self._tested(file, self.test, variant, reference)
            refused += lines
        if reference and reference.refused:
            refused.append("float32, which it is compared with, must pass its own gates")
        made = _Candidate(
            variant=variant,
            card=described,
            file=file,
            refused=refused,
            keras_error=error,
            tested=tested,
        )
        self._log(made, reference)
        return made

    def _tested(
        self,
        file: TfliteFile,
        test: LabeledFaces,
        variant: ExportSpec,
        reference: _Candidate | None,
    ) -> tuple[_Tested, list[str]]:
        """Return the agreement on the test faces, and why the variant is refused for it."""
        intensity = _outputs(file, test.images, variant)[0]
        float32 = reference.tested if reference else None
        floats = float32.intensity if float32 else intensity
        found = parity.compare(test.intensity, floats, intensity, self.source.spec.labels)
        lines = parity.problems(
            found,
            float32.parity if float32 else found,
            variant,
            min_faces=self.min_faces,
            min_icc=None if test.synthetic else parity.MIN_REAL_ICC,
        )
        if "gpu" in variant.accelerators:
            lines += self._overflows
        return _Tested(intensity, found), lines

    @cached_property
    def _images(self) -> npt.NDArray[np.float32]:
        return self.source.representative[:_COMPARED]

    @cached_property
    def _keras(self) -> Outputs:
        return run_keras(self.source.net, self.source.spec, self._images)

    @cached_property
    def _overflows(self) -> list[str]:
        return float16_range(self.source.float32(_FLOAT32.selection), self._images).problems()

    def _log(self, made: _Candidate, reference: _Candidate | None) -> None:
        line = (
            f"   {len(made.file) / 1e6:.2f} MB, intensities within {made.keras_error:.1e} of Keras "
            f"on {len(self._images)} faces"
        )
        if made.tested:
            found, float32 = made.tested.parity, (reference or made).tested
            lost = float32.parity.icc - found.icc if float32 else 0.0
            line += (
                f"; mean ICC {found.icc:.4f}, {lost:+.4f} lost, at most {found.worst:.2f} from "
                "float32"
            )
        self.log(line)
        for reason in made.refused:
            self.log(f"   REFUSED: {reason}")


def _outputs(file: TfliteFile, images: npt.NDArray[np.float32], variant: ExportSpec) -> Outputs:
    outputs = run_tflite(file, images)
    broken = gates.output_problems(*outputs)
    if broken:
        raise VariantError(
            f"The outputs of {variant.name} can't be compared: {'; '.join(broken)}. Train longer, "
            "or quantize less of the graph."
        )
    return outputs


def _measured(made: _Candidate, test: LabeledFaces | None, latency: Latency) -> dict[str, Any]:
    """Return what was measured of one file, for its JSON."""
    facts: dict[str, Any] = {"max_intensity_error_to_keras": made.keras_error}
    if test and made.tested:
        found = made.tested.parity.as_dict()
        facts["parity"] = _tested_on(test) | found
        times = latency[made.variant.name]
        facts["cpu_latency_ms"] = {str(threads): row for threads, row in times.items()}
    return facts


def _report_facts(training_data: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of the training data, whose subjects are told from those of the test."""
    facts = {key: value for key, value in training_data.items() if value}
    subjects = facts.pop("subjects", None)
    return facts | ({"trained_on": subjects} if subjects else {})


def _tested_on(test: LabeledFaces) -> dict[str, Any]:
    return {"dataset": test.name, "test_subjects": test.subjects, "part": test.part}


def _write(
    made: _Candidate, out: Path, facts: dict[str, Any], log: Callable[[str], None]
) -> dict[str, Any]:
    """Write a model and its JSON; return the JSON.

    Both are completed before either takes its place: a full disk leaves the old pair.
    """
    path = out / f"{made.card['name']}.tflite"
    entries = sidecar(made.file, made.card, facts)
    with replacing(path) as model, replacing(path.with_suffix(".json")) as beside:
        model.write_bytes(made.file.content)
        beside.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    log(f"   {path}")
    return entries


def _remove(stem: Path, log: Callable[[str], None]) -> None:
    for ending in (".tflite", ".json"):
        stale = stem.with_name(stem.name + ending)  # not with_suffix: a run's name may have dots
        if stale.exists():
            stale.unlink()
            log(f"   removed, from an earlier export: {stale}")


def _entry(made: _Candidate, latency: dict[int, dict[str, float]], asked: set[str]) -> Entry:
    return Entry(
        variant=made.variant.name,
        size=len(made.file),
        compressed_size=compressed_size(made.file.content),
        parity=made.tested.parity if made.tested else None,
        latency=latency,
        refused=made.refused,
        asked=made.variant.name in asked,
    )
