"""An asset folder with two variants of a tiny model."""

import json
from pathlib import Path

from export.bundle.folder import describe
from export.graph.flatbuffer import TfliteFile
from export.graph.metadata import with_metadata
from export.model_json import card, sidecar
from export.specs import EXPORT_SPECS
from fau_tf.facs import AUS, LEVELS
from fau_tf.models.presets import PRESETS
from tests.helpers.tiny_model import write_tiny_model

VARIANTS = ("float16", "static_int8")
ICC = {"float16": 0.8125, "static_int8": 0.4375}
ENDS = {"below": [-0.5] * LEVELS, "above": [0.25] * LEVELS}
INTERVALS = {"level": 0.9, "per_au": {au.label: ENDS for au in AUS.values()}}
COVERAGE = {"covered": 0.876, "test_subjects": 120, "dataset": "synthetic-canonical"}
REAL_FACES = {
    "part": "test", "subjects": 34, "credit": "Jane Doe, 2024. CC BY 4.0.",
    "heads": ["figure", "model"], "rows": [["neutral alarms", "1.5%"]],
    "group_heads": ["group", "alarms"], "groups": [["under 25", "1.0%"]],
}  # fmt: skip
LOW_RELIABILITY = {"AU10": [{"criterion": "edited_photo_rise", "value": 0.1, "limit": 0.5}]}
MACHINE = {"cpu": "A CPU of tests", "architecture": "x86_64", "cores": 2, "load": 0.5}
DATA = {"name": "synthetic-canonical", "kind": "synthetic faces", "generator": "0123456789ab"}


def write_by_hand(folder: Path) -> Path:
    """Create `folder` with the hand-written files; return it."""
    (folder / "kotlin").mkdir(parents=True)
    (folder / "README.md").write_text("# Read me\n")
    (folder / "face_landmarker.task").write_bytes(b"a landmarker")
    (folder / "kotlin" / "Reader.kt").write_text("class Reader\n")
    return folder


def write_export(folder: Path, variants=VARIANTS, name="t") -> None:
    """Write what `export.command` writes into `folder`."""
    plain = write_tiny_model(folder)
    for variant in variants:
        row = EXPORT_SPECS[variant]
        described = card(PRESETS["tiny"], row, f"fau_{name}_{variant}", DATA)
        file = with_metadata(TfliteFile(plain.read_bytes()), described)
        facts = {
            "parity": parity(described["au_labels"], ICC[variant]),
            "cpu_latency_ms": {"1": {"median_ms": 2.5}, "2": {"median_ms": 1.5}},
            "intervals": INTERVALS,
            "coverage": COVERAGE,
            "low_reliability": LOW_RELIABILITY,
            "real_faces": REAL_FACES,
        }
        path = folder / f"{described['name']}.tflite"
        path.write_bytes(file.content)
        path.with_suffix(".json").write_text(json.dumps(sidecar(file, described, facts)))
    plain.unlink()
    plain.with_suffix(".json").unlink()
    (folder / "report.md").write_text("# Export\n")
    (folder / "parity.json").write_text(json.dumps({"facts": {"machine": MACHINE}}))


def write_described(folder: Path) -> Path:
    """Create `folder` with all files, as `describe` leaves it; return it."""
    write_export(write_by_hand(folder))
    describe(folder, log=str)
    return folder


def parity(labels, icc):
    rows = {label: {"icc": icc, "mae": 0.375} for label in labels}
    return {"dataset": DATA["name"], "test_subjects": 7, "faces": 70, "icc": icc, "mae": 0.375,
            "icc_to_float": 0.9375, "worst": 0.625, "per_au": rows}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> bytes of every file in a folder."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
