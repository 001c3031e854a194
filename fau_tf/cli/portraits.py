"""Make a set of portraits from folders of photos of faces."""

import argparse
from collections import Counter
from pathlib import Path

from fau_tf.cli.command import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER",
        help="folder of photos with portraits.toml, or a TOML file that names the folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="SET", help="folder of the set to write"
    )
    parser.add_argument(
        "--size", type=int, default=160, metavar="PX",
        help="rows and columns of a portrait, as data.record_size (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Write the set and print its card."""
    from fau_tf.data.record import MARGIN
    from fau_tf.face.landmarker import FaceLandmarker
    from fau_tf.portraits.build import PAGE, REFUSED, SHEET, build_set

    if options.size < 64:
        raise ValueError(f"--size must be at least 64 px. Received: {options.size}")
    with FaceLandmarker(num_faces=3, divisions=(1, 2)) as landmarker:
        found = build_set(
            options.folders, options.out, find=landmarker.find, size=options.size, margin=MARGIN,
            log=log,
        )  # fmt: skip
    log((options.out / PAGE).read_text(encoding="utf-8"))
    names = Counter(one.part for one in found)
    log(f"{dict(names)} in {options.out}; look at {options.out / SHEET}")
    log(f"refused photos and reasons in {options.out / REFUSED}")
