"""Make faces that nobody owns.

python -m fau_tf.cli.synthesize generate CONFIG [--set section.key=value ...] [--data FOLDER]
python -m fau_tf.cli.synthesize convert-ict FOLDER FILE.npz
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _options(argv)
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is complete", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, BrokenProcessPool) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _generate(options: argparse.Namespace) -> None:
    from fau_tf.data.config import SYNTHETIC
    from fau_tf.data.synthetic_generate import CARD_PAGE, generate
    from fau_tf.data.synthetic_set import SyntheticSet
    from fau_tf.training.config import load_config

    config = load_config(options.config, options.set)
    if config.data.dataset != SYNTHETIC:
        raise ValueError(f"`data.dataset` must be {SYNTHETIC}. Received: {config.data.dataset}")
    settings = SyntheticSet.of(config.data, config.data_seed)
    processes = config.data.processes or os.cpu_count() or 1
    done = generate(settings, options.data, processes=processes, say=_say)
    _say((done.place / CARD_PAGE).read_text(encoding="utf-8"))
    _say(f"records and card in {done.place}")


def _convert(options: argparse.Namespace) -> None:
    from fau_tf.synthetic.rigs.ict.convert import convert

    convert(options.folder, options.file)
    _say(f"{options.file} is there; use it with --set data.ict={options.file}")


def _say(line: str) -> None:
    print(line, flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.synthesize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("generate", help="write a set of face records with its card")
    one.add_argument("config", type=Path, help="TOML file of settings, e.g. configs/release.toml")
    one.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting"
    )
    one.add_argument("--data", type=Path, default=Path("data"), help="where face records go")
    one.set_defaults(run=_generate)
    two = commands.add_parser("convert-ict", help="make one file of a download of ICT-FaceKit")
    two.add_argument("folder", type=Path, help="of ICT-FaceKit, which holds FaceXModel")
    two.add_argument("file", type=Path, help="the .npz to write")
    two.set_defaults(run=_convert)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
