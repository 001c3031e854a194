"""Evaluate a trained model, cross-rig runs and the blendshape baseline on test subjects.

python -m fau_tf.cli.evaluate --run runs/release --cross-rig runs/on_canonical runs/on_ict
                              [--photos FOLDER] [--videos FILE ...] [--write]
python -m fau_tf.cli.evaluate --run runs/synthetic --quick
python -m fau_tf.cli.evaluate real-faces FOLDER [--part validation] [--model FILE]
                                         [--compare FILE] [--write]
python -m fau_tf.cli.evaluate compare RUN_A RUN_B [--out FOLDER]
python -m fau_tf.cli.evaluate alignment [--photos FOLDER] [--rigs canonical ict] [--ict FILE]

--run takes runs on synthetic faces; real faces have no labels here. Figures of a run on other data
are in its metrics.json, and train_keras.py --evaluate makes those on any data. With
--cross-rig, --photos or RUN/real_faces.json, which `real-faces --json` writes, and without --quick,
the command writes RUN/accuracy.json, from which `python -m export` takes the low-reliability AUs.
Cross-rig runs, photos and videos of an earlier call stay in it until they are measured anew.
--write publishes the figures in the checkout: docs/experiments/accuracy.md, its picture and
README.md's table.

real-faces reads neutral and smiling photos: a folder that portraits.toml describes, or a copy of
the Face Research Lab London Set. Its test part is read once for a release.

compare gives the differences of two runs on the same test subjects, with 95 % CIs.

Exit codes: 0 done, 2 usage, settings or input error (nothing is written), 130 interrupted.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from fau_tf.cli import compare
from fau_tf.cli.command import exit_code, options_used, require_checkout, require_file
from fau_tf.portraits.collection import PARTS
from fau_tf.synthetic.registry import RIGS
from fau_tf.utils.files import replacing
from fau_tf.utils.json_safe import plain
from fau_tf.utils.markdown_tables import filled

_ROOT: Final = Path(__file__).resolve().parents[2]
_README: Final = Path("README.md")
_DOCS: Final = Path("docs")
_PAGE: Final = Path("docs/experiments/accuracy.md")
_REAL_FACES_PAGE: Final = Path("docs/experiments/real_faces.md")
_SAMPLE: Final = Path("docs/sample/astronaut.png")
_REAL_FACES_OPTIONS: Final = {
    "part": "--part {}",
    "model": "--model FILE",
    "compare": "--compare FILE",
    "write": "--write",
}
"""Options of `real-faces` that its page names."""
_SOURCES: Final = {"cross_rig", "photos"}
"""Figures beside those on test subjects from which the low-reliability AUs are taken."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _options(argv)
    return exit_code(lambda: options.run_command(options), "stopped; nothing was written")


def _evaluate_model(options: argparse.Namespace) -> None:
    from fau_tf.evaluation import cross_rig, model_report
    from fau_tf.evaluation.low_reliability import (
        earlier_figures,
        low_reliability,
        real_faces_edits,
    )
    from fau_tf.evaluation.synthetic_test_set import SyntheticRun
    from fau_tf.training.run_state import ACCURACY

    run = SyntheticRun.load(options.run, quick=options.quick)
    others = [SyntheticRun.load(path, quick=options.quick) for path in options.cross_rig]
    for other in others:
        cross_rig.require_other_rig(other)
        cross_rig.require_same_aus(run, other)
    _require_outputs(options)
    edits = real_faces_edits(run.path)
    earlier = {} if options.quick else earlier_figures(run.path)
    baseline = not options.no_baseline
    found = cross_rig.evaluate_run(run, options.data, baseline=baseline)
    if others:
        found["cross_rig"] = [
            cross_rig.evaluate_cross_rig(other, options.data, baseline=baseline) for other in others
        ]
    found |= _evaluate_real_faces(run.path, options)
    kept = {name: figures for name, figures in earlier.items() if name not in found}
    if kept:
        print(f"measured before, from {run.path / ACCURACY}: {', '.join(kept)}\n")
    found |= kept
    if not options.quick:
        found |= edits
    if not options.quick and found.keys() & (_SOURCES | {"real_faces"}):
        found["low_reliability"] = low_reliability(found)
    print(model_report.report_page(found))
    _write_figures(found, options)


def _require_outputs(options: argparse.Namespace) -> None:
    """Find out before hours of work whether the figures can be made and written."""
    from fau_tf.evaluation import model_report

    require_file("--json", options.json)
    if options.write:
        require_checkout(_ROOT, _PAGE, _DOCS / model_report.PICTURE)
        _filled_readme("")
    if (options.photos or options.videos) and not options.model:
        _exported_model(options.run)


def _write_figures(found: dict[str, Any], options: argparse.Namespace) -> None:
    from fau_tf.evaluation import model_report
    from fau_tf.evaluation.figures import draw_model_report
    from fau_tf.training.run_state import ACCURACY

    texts = {}
    as_json = json.dumps(plain(found), indent=1, allow_nan=False) + "\n"
    if "low_reliability" in found:
        texts[options.run / ACCURACY] = as_json
    if options.json:
        texts[options.json] = as_json
    if options.write:
        texts[_ROOT / _README] = _filled_readme(model_report.readme_table(found))
        texts[_ROOT / _PAGE] = model_report.report_page(found)
    _write_texts(texts)
    if options.write:
        draw_model_report(_ROOT / _DOCS / model_report.PICTURE, found)


def _evaluate_real_faces(run: Path, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not (options.photos or options.videos):
        return found
    from fau_tf.evaluation.real_faces import photos, videos

    model = options.model or _exported_model(run)
    if options.photos:
        sample = _ROOT / _SAMPLE if (_ROOT / _SAMPLE).is_file() else None
        found["photos"] = photos.evaluate_photos(
            model, options.photos, sample, options.pictures, options.data
        )
    if options.videos:
        found["videos"] = [videos.video_blendshapes(model, path) for path in options.videos]
    return found


def _measure_alignment(options: argparse.Namespace) -> None:
    from fau_tf.evaluation import alignment_error

    errors = []
    if options.photos:
        errors.append(("annotated", alignment_error.annotated_errors(options.photos)))
    for name in options.rigs:
        rig = RIGS[name](options.ict)
        found = alignment_error.rendered_errors(rig, options.faces)
        errors.append((f"rendered, {name}", found))
    print(alignment_error.table(errors))


def _evaluate_photo_folder(options: argparse.Namespace) -> None:
    from fau_tf.evaluation.real_faces import evaluate
    from fau_tf.evaluation.real_faces.report import page as report
    from fau_tf.inference.model_info import default_model

    require_file("--json", options.json)
    if options.write:
        require_checkout(_ROOT, _REAL_FACES_PAGE, _DOCS / report.PICTURE)
    found = evaluate.evaluate_folder(
        options.model or default_model(),
        options.folder,
        options.part,
        other=options.compare,
        kept=options.data,
        pictures=options.pictures,
    )
    page = report.report_page(found, options_used(options, _REAL_FACES_OPTIONS))
    print(page)
    texts = {}
    if options.json:
        texts[options.json] = json.dumps(plain(found), indent=1, allow_nan=False) + "\n"
    if options.write:
        texts[_ROOT / _REAL_FACES_PAGE] = page
    _write_texts(texts)
    if options.write:
        from fau_tf.evaluation.real_faces.report.picture import draw_report

        draw_report(_ROOT / _DOCS / report.PICTURE, found)


def _write_texts(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _filled_readme(table: str) -> str:
    """Return the checkout's README.md with a table in its accuracy block."""
    from fau_tf.evaluation.model_report import BLOCK

    return filled((_ROOT / _README).read_text(encoding="utf-8"), BLOCK, table)


def _exported_model(run: Path) -> Path:
    found = sorted(run.glob("fau_*_float16.tflite"))
    if not found:
        raise ValueError(
            f"{run}: no fau_*_float16.tflite found. Train the run to its end, or give --model."
        )
    return found[0]


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model_options(parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    alignment = commands.add_parser(
        "alignment", help="error of the aligned crop of detected landmarks"
    )
    alignment.add_argument("--photos", type=Path, help="folder of dlib's annotated example faces")
    alignment.add_argument("--faces", type=int, default=150, help="rendered faces a rig (150)")
    alignment.add_argument("--rigs", nargs="+", choices=RIGS, default=["canonical"])
    alignment.add_argument("--ict", type=Path, help="a converted ICT-FaceKit, for rig `ict`")
    alignment.set_defaults(run_command=_measure_alignment)
    _add_real_faces_options(commands)
    compare.add_arguments(
        commands.add_parser("compare", help="differences of two runs on the same test subjects")
    )
    options = parser.parse_args(argv)
    if options.run_command is _evaluate_model:
        if options.run is None:
            parser.error("--run is required")
        if options.write and (options.quick or options.no_baseline):
            parser.error("--write publishes the figures: leave out --quick and --no-baseline")
    return options


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run_command=_evaluate_model)
    parser.add_argument("--run", type=Path, help="the run to evaluate")
    parser.add_argument(
        "--cross-rig", type=Path, nargs="+", default=[], help="runs trained on some rigs only"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of face records")
    parser.add_argument("--photos", type=Path, help="folder of dlib's annotated example faces")
    parser.add_argument(
        "--videos", type=Path, nargs="+", default=[], help="videos of one face each"
    )
    parser.add_argument("--model", type=Path, help=".tflite for real faces (the run's float16)")
    parser.add_argument("--no-baseline", action="store_true", help="leave out the baseline")
    parser.add_argument("--quick", action="store_true", help="20 subjects of each part")
    parser.add_argument("--pictures", type=Path, help="write the annotated photos into this folder")
    parser.add_argument("--json", type=Path, help="write the figures into this file too")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE}, README.md")


def _add_real_faces_options(commands: Any) -> None:
    parser = commands.add_parser("real-faces", help="neutral and smiling photos of real people")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of photos")
    parser.add_argument(
        "--part",
        choices=(*PARTS, "all"),
        default="validation",
        help="subjects (validation); test and all only for a release",
    )
    parser.add_argument("--model", type=Path, help="an exported .tflite (the packaged one)")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="a second .tflite: differences to the first on the same photos, with intervals",
    )
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder that keeps landmarks (data)"
    )
    parser.add_argument("--pictures", type=Path, help="write a sheet of edited faces there")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--write", action="store_true", help=f"write {_REAL_FACES_PAGE}")
    parser.set_defaults(run_command=_evaluate_photo_folder)


if __name__ == "__main__":
    sys.exit(main())
