"""Measure the quality score under degradations, and train its occlusion network.

python -m fau_tf.cli.quality measure [--photos FOLDER] [--no-face FILE ...] [--write]
python -m fau_tf.cli.quality train [--photos FOLDER] --out fau_tf/inference/occlusion.npz

`measure` reads synthetic faces, and the photos of a folder, clean and degraded, and compares the
change of the AUs with the score. --write publishes docs/experiments/quality.md and its picture.
`train` renders synthetic faces and paints occluders over them and over the photos of a folder.

Exit codes: 0 done, 2 usage or input error (nothing is written), 130 interrupted.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from fau_tf.cli.command import (
    exit_code,
    log,
    options_used,
    require_checkout,
    require_file,
    require_least,
)
from fau_tf.utils.files import replacing
from fau_tf.utils.json_safe import plain

_ROOT: Final = Path(__file__).resolve().parents[2]
_DOCS: Final = Path("docs")
_PAGE: Final = Path("docs/experiments/quality.md")
_SAMPLE: Final = Path("docs/sample/astronaut.png")
_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp")
_OPTIONS: Final = {
    "subjects": "--subjects {}",
    "photos": "--photos FOLDER",
    "data": "--data TEXT",
    "no_face": "--no-face FILE...",
    "model": "--model FILE",
    "write": "--write",
}
"""Options of `measure` that its page names."""
_HELD_OUT: Final = 2
"""Subjects of `train` that are held out, at least."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _options(argv)
    return exit_code(lambda: options.run_command(options), "stopped; nothing was written")


def _measure(options: argparse.Namespace) -> None:
    require_least(options, subjects=1)
    from fau_tf.evaluation.quality import report, score_table
    from fau_tf.inference.model_info import default_model

    require_file("--json", options.json)
    if options.write:
        require_checkout(_ROOT, _PAGE, _DOCS / report.PICTURE)
    model = options.model or default_model()
    photos = _files(options.photos) if options.photos else []
    found: dict[str, Any] = {"model": model.stem, "sets": {}}
    with score_table.Reader(model) as reader:
        pictures = score_table.rendered_pictures(options.subjects)
        found["sets"]["Synthetic faces"] = score_table.score_table(reader, pictures) | {
            "data": f"{options.subjects} synthetic subjects that no data set has."
        }
        log("synthetic faces: done")
        if photos:
            pictures = score_table.photo_pictures([_ROOT / _SAMPLE, *photos], reader)
            found["sets"]["Photos"] = score_table.score_table(reader, pictures) | {
                "data": f"The sample photo and {options.data or 'photos of a folder'}."
            }
            log("photos: done")
        found["no_face"] = [score_table.without_face(reader, file) for file in options.no_face]
    as_json = json.dumps(plain(found), indent=1, allow_nan=False) + "\n"
    page = report.page(found, options_used(options, _OPTIONS))
    print(page)
    texts = {options.json: as_json} if options.json else {}
    if options.write:
        texts[_ROOT / _PAGE] = page
    for path, text in texts.items():
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    if options.write:
        report.draw(_ROOT / _DOCS / report.PICTURE, found)


def _train(options: argparse.Namespace) -> None:
    require_least(options, subjects=_HELD_OUT + 1, each=1, epochs=1)
    from fau_tf.evaluation.quality import occlusion_training as training

    require_file("--out", options.out)
    held_out = max(_HELD_OUT, options.subjects // 12)
    log(f"rendering {options.subjects} subjects, of whom {held_out} are held out")
    sources = list(training.rendered_sources(options.subjects))
    learned, kept = sources[: -2 * held_out], sources[-2 * held_out :]
    examples = [training.make_examples(learned, options.each, seed=1)]
    if options.photos:
        photos = training.photo_sources(_files(options.photos))
        log(f"{len(photos)} photos with a face")
        examples.append(training.make_examples(photos, 4 * options.each, seed=2))
    weights = training.train(training.joined(examples), options.epochs, seed=1)
    figures = training.agreement(weights, training.make_examples(kept, 2, seed=3))
    log(f"held-out subjects: {json.dumps(plain(figures))}")
    training.save_weights(options.out, weights)


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise ValueError(f"{folder}: no picture found. Give a folder of {', '.join(_ENDINGS)}.")
    return found


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    measure = commands.add_parser("measure", help="error of the AUs and score under degradations")
    measure.set_defaults(run_command=_measure)
    measure.add_argument("--subjects", type=int, default=24, help="synthetic subjects (24)")
    measure.add_argument("--photos", type=Path, help="folder of photos of one face each")
    measure.add_argument("--data", help="what the page calls those photos")
    measure.add_argument(
        "--no-face", type=Path, nargs="+", default=[], help="pictures without a human face"
    )
    measure.add_argument("--model", type=Path, help=".tflite (the packaged one)")
    measure.add_argument("--json", type=Path, help="write the figures into this file too")
    measure.add_argument("--write", action="store_true", help=f"write {_PAGE} and its picture")
    train = commands.add_parser("train", help="the network that sees what hides a face")
    train.set_defaults(run_command=_train)
    train.add_argument("--subjects", type=int, default=1200, help="synthetic subjects (1200)")
    train.add_argument("--each", type=int, default=5, help="examples of each picture (5)")
    train.add_argument("--epochs", type=int, default=30)
    train.add_argument("--photos", type=Path, help="folder of photos of one uncovered face each")
    train.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
