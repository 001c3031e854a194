"""How good is a trained model? One judge for it, for its halves on the other rig and for the peer.

python -m fau_tf.evaluation.accuracy --run runs/release --photos FOLDER --videos FILE --write
    --crossed runs/on_canonical runs/on_ict      runs that learned from one rig alone
python -m fau_tf.evaluation.accuracy --run runs/synthetic --quick

Test people only. Figures on made faces are synthetic; real faces have no labels here. Writes
RUN/accuracy.json, which `python -m export` takes the weak AUs from, if it has looked for some: with
--crossed or --photos, without --quick. --write: docs/accuracy.md, its picture, README.md's table.
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

from fau_tf.evaluation import blendshape_baseline, cross_rig, model_figure, model_report
from fau_tf.evaluation.cross_rig import LABELS, Array, Known, Run
from fau_tf.training.calibrate import coverage
from fau_tf.training.run_dir import write_text
from fau_tf.training.run_state import ACCURACY
from fau_tf.utils.json_safe import plain
from fau_tf.utils.markdown_tables import filled

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "accuracy.md"
PICTURE: Final = ROOT / "docs" / model_report.PICTURE
README: Final = ROOT / "README.md"
WEAK_CROSSED: Final = 0.40
"""Mean ICC on the other rig below which an AU is marked; Cicchetti's `poor` (Psychological
Assessment 6(4), 1994)."""
WEAK_PAINTED: Final = 0.5
"""Median rise on real faces, of an AU that was painted on, below which it is marked."""
WEAK_REAL: Final = 0.20
"""Correlation with its blendshapes that an AU must reach on the photos or on a video."""


def main(argv: Sequence[str] | None = None) -> int:
    """Judge; print the page."""
    options = _options(argv)
    run = Run.of(options.run)
    halves = [_on_one_rig(Run.of(path)) for path in options.crossed or ()]
    found: dict[str, Any] = {"run": run.path.name, "epochs": run.config.training.epochs}
    how = {"peer": not options.no_peer, "quick": options.quick}
    found |= judged(run, options.data, **how)
    if halves:
        found["crossed"] = crossed(halves, options.data, **how)
    found |= _on_real_faces(run, options)
    whole = not options.quick and ("crossed" in found or "photos" in found)
    if whole:  # else nobody has looked for weak AUs
        found["weak"] = weak(found)
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


def judged(run: Run, data: Path, *, peer: bool, quick: bool) -> dict[str, Any]:
    """Return the run's figures on its own test people, and the peer's on the same ones."""
    faces = run.faces(data)
    people = _people(run, quick)
    test = faces.part(people["test"])
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
    if peer:
        found["peer"] = _peer(run, faces, people, known)
    return found


def crossed(runs: Sequence[Run], data: Path, *, peer: bool, quick: bool) -> list[dict[str, Any]]:
    """Return what runs on one rig read on each rig, beside the baseline of the same."""
    rows = []
    for run in runs:
        faces, people = run.faces(data), _people(run, quick)
        test = faces.part(people["test"])
        known, answers = cross_rig.known(test, run), run.answers(test)
        masks = {str(rig): known.rig == rig for rig in dict.fromkeys(known.rig)}
        row = {
            "learned_from": list(run.config.data.learn_rigs),
            "epochs": run.config.training.epochs,
            "groups": cross_rig.by_group(known, answers, masks),
        }
        rows.append(row | ({"peer": _peer(run, faces, people, known, masks)} if peer else {}))
    return rows


def _on_one_rig(run: Run) -> Run:
    """Return a run that may be judged on the rig that it has not seen."""
    seen, rigs = run.config.data.learn_rigs, run.config.data.rigs
    if not seen or not set(rigs) - set(seen):
        raise ValueError(
            f"{run.path}: --crossed needs a run on some of its rigs. Received: data.learn_rigs = "
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


def weak(found: dict[str, Any]) -> dict[str, str]:
    """Return AU label -> why its readings should not be relied on."""
    reasons: dict[str, list[str]] = {}
    other = [
        group["per_au"]
        for row in found.get("crossed", [])
        for rig, group in row["groups"].items()
        if rig not in row["learned_from"]
    ]
    for label in LABELS if other else []:
        icc = float(np.mean([group[label]["icc"] for group in other]))
        if not icc >= WEAK_CROSSED:
            reasons.setdefault(label, []).append(f"ICC {icc:.2f} on faces of another face model")
    for label in LABELS:
        rises = [
            row["aus"][label]
            for row in found.get("photos", {}).get("painted", [])
            if label in row["aus"]
        ]
        if rises and not max(rises) >= WEAK_PAINTED:
            reasons.setdefault(label, []).append(
                f"rises by {max(rises):.2f} on real photos where it is painted on"
            )
        real = [found["photos"]["agreement"]] if "photos" in found else []
        known = [one["per_au"][label] for one in [*real, *found.get("videos", [])]]
        known = [value for value in known if np.isfinite(value)]
        if known and max(known) < WEAK_REAL:
            reasons.setdefault(label, []).append(
                f"moves with its blendshape by r = {max(known):.2f} at most on real faces"
            )
    return {label: "; ".join(why) for label, why in reasons.items()}


def _peer(
    run: Run,
    faces: Any,
    people: Mapping[str, Sequence[str]],
    known: Known,
    groups: dict[str, Array] | None = None,
) -> dict[str, Any]:
    parts = {name: faces.part(names) for name, names in people.items()}
    kept = run.path.parent / "peer"
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
    parser.add_argument("--crossed", type=Path, nargs="+", help="runs on one rig alone")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where face records are")
    parser.add_argument("--photos", type=Path, help="folder of dlib's annotated example faces")
    parser.add_argument("--videos", type=Path, nargs="+", help="of one face each")
    parser.add_argument("--model", type=Path, help="for real faces; by default the run's float16")
    parser.add_argument("--no-peer", action="store_true", help="leave the peer out")
    parser.add_argument("--quick", action="store_true", help="20 people of each part")
    parser.add_argument("--out", type=Path, help="draw the photos into this folder")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}, README.md")
    options = parser.parse_args(argv)
    if options.write and (options.quick or options.no_peer):
        parser.error("--write publishes: leave --quick and --no-peer out")
    return options


if __name__ == "__main__":
    sys.exit(main())
