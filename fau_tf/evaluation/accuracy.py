"""Evaluate a trained model, its cross-rig versions and the blendshape baseline.

python -m fau_tf.evaluation.accuracy --run runs/release --photos FOLDER --videos FILE --write
    --cross-rig runs/on_canonical runs/on_ict      runs that learned from one rig alone
python -m fau_tf.evaluation.accuracy --run runs/synthetic --quick

Test subjects only. Figures on synthetic faces are synthetic; real faces have no labels here. Writes
RUN/accuracy.json, from which `python -m export` takes the low-reliability AUs, if they were looked
for: with --cross-rig or --photos, without --quick. --write: docs/experiments/accuracy.md,
its picture and README.md's table.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fau_tf import contract
from fau_tf.evaluation import blendshape_baseline, cross_rig, model_figure, model_report
from fau_tf.evaluation.cross_rig import LABELS, Array, Known, Run
from fau_tf.training.calibrate import coverage
from fau_tf.training.run_dir import write_text
from fau_tf.training.run_state import ACCURACY
from fau_tf.utils.json_safe import plain
from fau_tf.utils.markdown_tables import filled

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "experiments" / "accuracy.md"
PICTURE: Final = ROOT / "docs" / model_report.PICTURE
README: Final = ROOT / "README.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Judge; print the page."""
    options = _options(argv)
    run = Run.of(options.run)
    halves = [_on_one_rig(Run.of(path)) for path in options.cross_rig or ()]
    found: dict[str, Any] = {"run": run.path.name, "epochs": run.config.training.epochs}
    how = {"baseline": not options.no_baseline, "quick": options.quick}
    found |= judged(run, options.data, **how)
    if halves:
        found["cross_rig"] = cross_rig_rows(halves, options.data, **how)
    found |= _on_real_faces(run, options)
    whole = not options.quick and ("cross_rig" in found or "photos" in found)
    if whole:  # else nobody has looked for low-reliability AUs
        found["low_reliability"] = low_reliability(found)
        write_text(run.path / ACCURACY, _as_json(found))
    if options.json:
        write_text(options.json, _as_json(found))
    print(model_report.page(found))
    if options.write:
        readme = README.read_text(encoding="utf-8")
        write_text(README, filled(readme, model_report.BLOCK, model_report.short(found)))
        write_text(PAGE, model_report.page(found))
        model_figure.draw(PICTURE, found)
    return 0


def judged(run: Run, data: Path, *, baseline: bool, quick: bool) -> dict[str, Any]:
    """Return the run's figures on its own test people, and the baseline's on the same ones."""
    faces = run.faces(data)
    people = _people(run, quick)
    test = faces.subset(people["test"])
    known, answers = cross_rig.known(test, run), run.answers(test)
    groups = cross_rig.rig_groups(known)
    found = {
        "people": len(people["test"]),
        "faces": len(known.coded),
        "set": faces.name,
        "learned": len(run.people["train"]),
        "groups": cross_rig.by_group(known, answers, groups),
        "factors": cross_rig.factor_rows(known, answers),
        "persons": cross_rig.person_spread(known, answers),
        "coverage": coverage(run.path, known.coded, answers, LABELS),
        "coverage_by": {
            name: coverage(run.path, known.coded[mask], answers[mask], LABELS)["mean"]
            for name, mask in groups.items()
            if mask.any()
        },
    }
    if baseline:
        found["baseline"] = _baseline(run, faces, people, known)
    return found


def cross_rig_rows(
    runs: Sequence[Run], data: Path, *, baseline: bool, quick: bool
) -> list[dict[str, Any]]:
    """Return what runs on one rig read on each rig, beside the baseline of the same."""
    rows = []
    for run in runs:
        faces, people = run.faces(data), _people(run, quick)
        test = faces.subset(people["test"])
        known, answers = cross_rig.known(test, run), run.answers(test)
        masks = {str(rig): known.rig == rig for rig in dict.fromkeys(known.rig)}
        row = {
            "learned_from": list(run.config.data.train_rigs),
            "epochs": run.config.training.epochs,
            "groups": cross_rig.by_group(known, answers, masks),
        }
        rows.append(
            row | ({"baseline": _baseline(run, faces, people, known, masks)} if baseline else {})
        )
    return rows


def _on_one_rig(run: Run) -> Run:
    """Return a run that may be judged on the rig that it has not seen."""
    seen, rigs = run.config.data.train_rigs, run.config.data.rigs
    if not seen or not set(rigs) - set(seen):
        raise ValueError(
            f"{run.path}: --cross-rig needs a run on some of its rigs. Received: data.train_rigs = "
            f"{list(seen)} of {list(rigs)}. Train one: make release names the settings."
        )
    return run


def _people(run: Run, quick: bool) -> dict[str, Sequence[str]]:
    return {name: names[: 20 if quick else None] for name, names in run.people.items()}


def on_photos(model: Path, folder: Path | None, out: Path | None) -> dict[str, Any]:
    """Return the figures of `accuracy_photos`; with `out`, also a sheet of the faces there."""
    from fau_tf.evaluation import real_faces
    from fau_tf.inference.interpreter import AUInterpreter

    reader = AUInterpreter(model)
    faces = real_faces.photos(folder)
    crops = real_faces.crops(faces, reader.info.image_size)
    read = np.stack([reader(crop)[0] for crop in crops])
    if out:
        real_faces.draw_all(out, model, faces)
    return {
        "model": model.name,
        "agreement": real_faces.agreement(faces, read),
        "perturbed": real_faces.perturbed(reader, faces, read),
        "painted": real_faces.painted(reader, faces),
    }


def _on_real_faces(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not (options.model or options.photos or options.videos):
        return found
    model = options.model or _float16(run.path)
    if options.model or options.photos:
        found["photos"] = on_photos(model, options.photos, options.out)
    if options.videos:
        from fau_tf.evaluation import real_videos

        found["videos"] = [real_videos.agreement(model, path) for path in options.videos]
    return found


def low_reliability(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return AU label -> criteria of `contract.LOW_RELIABILITY` that it fails, as in JSON."""
    measured = {
        "cross_rig_icc": _cross_rig_icc(found),
        "edited_photo_rise": _edited_photo_rise(found),
        "blendshape_correlation": _blendshape_correlation(found),
    }
    failed: dict[str, list[dict[str, Any]]] = {}
    for label in LABELS:
        for criterion, values in measured.items():
            limit = contract.LOW_RELIABILITY[criterion].limit
            if label in values and not values[label] >= limit:
                value = round(values[label], 3)
                row = {"criterion": criterion, "value": value, "limit": limit}
                failed.setdefault(label, []).append(row)
    return failed


def _cross_rig_icc(found: dict[str, Any]) -> dict[str, float]:
    """Return the mean ICC of each AU on rigs that were not trained on."""
    other = [
        group["per_au"]
        for row in found.get("cross_rig", [])
        for rig, group in row["groups"].items()
        if rig not in row["learned_from"]
    ]
    return {
        label: float(np.mean([group[label]["icc"] for group in other]))
        for label in (LABELS if other else [])
    }


def _edited_photo_rise(found: dict[str, Any]) -> dict[str, float]:
    """Return the largest median rise of each AU that was painted onto photos."""
    rows = [row["aus"] for row in found.get("photos", {}).get("painted", [])]
    return {
        label: max(row[label] for row in rows if label in row)
        for label in LABELS
        if any(label in row for row in rows)
    }


def _blendshape_correlation(found: dict[str, Any]) -> dict[str, float]:
    """Return the largest correlation of each AU with its blendshapes on photos and videos."""
    photos = [found["photos"]["agreement"]] if "photos" in found else []
    real = [one["per_au"] for one in [*photos, *found.get("videos", [])]]
    known = {label: [one[label] for one in real if np.isfinite(one[label])] for label in LABELS}
    return {label: max(values) for label, values in known.items() if values}


def _baseline(
    run: Run,
    faces: Any,
    people: Mapping[str, Sequence[str]],
    known: Known,
    groups: dict[str, Array] | None = None,
) -> dict[str, Any]:
    parts = {name: faces.subset(names) for name, names in people.items()}
    kept = run.path.parent / "baseline"
    shapes = {name: blendshape_baseline.blendshapes(part, kept) for name, part in parts.items()}
    train, validation = (
        (shapes[name], run.labels(parts[name])) for name in ("train", "validation")
    )
    ridge = blendshape_baseline.fitted(train, validation, LABELS)
    answers = ridge(shapes["test"])
    masks = groups or cross_rig.rig_groups(known)
    missed = int(np.isnan(answers[:, 0]).sum())
    return {"groups": cross_rig.by_group(known, answers, masks), "missed": missed}


def _as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(plain(dict(found)), indent=1, allow_nan=False) + "\n"


def _float16(run: Path) -> Path:
    found = sorted(run.glob("fau_*_float16.tflite"))
    if not found:
        raise FileNotFoundError(
            f"{run}: must hold fau_*_float16.tflite. Received: none. Train it, or give --model."
        )
    return found[0]


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run to judge")
    parser.add_argument("--cross-rig", type=Path, nargs="+", help="runs on one rig alone")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where face records are")
    parser.add_argument("--photos", type=Path, help="folder of dlib's annotated example faces")
    parser.add_argument("--videos", type=Path, nargs="+", help="of one face each")
    parser.add_argument("--model", type=Path, help="for real faces; by default the run's float16")
    parser.add_argument("--no-baseline", action="store_true", help="leave the baseline out")
    parser.add_argument("--quick", action="store_true", help="20 people of each part")
    parser.add_argument("--out", type=Path, help="draw the photos into this folder")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}, README.md")
    options = parser.parse_args(argv)
    if options.write and (options.quick or options.no_baseline):
        parser.error("--write publishes: leave --quick and --no-baseline out")
    return options


if __name__ == "__main__":
    sys.exit(main())
