"""Measure whether the sides of the face differ as they should.

python -m fau_tf.cli.sides [--portraits SET] [--write]

Shows each AU, even and one-sided, on synthetic subjects of two rigs and on the neutral portraits of
validation subjects of a set (python -m fau_tf.cli.data portraits), and compares the model's
left less right with the true one. --write publishes docs/experiments/sides.md.

Exit codes: 0 done, 2 usage or input error (nothing is written), 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow loads

from fau_tf.cli.command import exit_code, log, options_used, require_checkout, require_least
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import table

if TYPE_CHECKING:
    from fau_tf.evaluation.sides import Agreement

_ROOT: Final = Path(__file__).resolve().parents[2]
_PAGE: Final = Path("docs/experiments/sides.md")
_OPTIONS: Final = {
    "portraits": "--portraits SET",
    "credit": "--credit TEXT",
    "subjects": "--subjects {}",
    "model": "--model FILE",
    "write": "--write",
}
"""Options that the page names."""
_HEADS: Final = (
    "AU",
    "correlation of L - R with the truth (95 % CI)",
    "slope",
    "stronger side told",
    "L - R of even sides",
    "the model's own",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _options(argv)
    return exit_code(lambda: _measure(options), "stopped; nothing was written")


def _measure(options: argparse.Namespace) -> None:
    _check(options)
    from fau_tf.data.record import least_record_size
    from fau_tf.evaluation import sides
    from fau_tf.inference.interpreter import AUInterpreter
    from fau_tf.inference.model_info import default_model
    from fau_tf.portraits.portrait_set import load_set
    from fau_tf.synthetic.rigs.anny.rig import anny_rig
    from fau_tf.synthetic.sample import canonical_rig

    model = options.model or default_model()
    interpreter = AUInterpreter(model)
    aus = sides.comparable_aus(interpreter.info)
    size = least_record_size(interpreter.info.image_size)
    found = {}
    if options.portraits:
        portraits = load_set(options.portraits)
        subjects = set(portraits.subject[sides.neutral_validation(portraits)].tolist())
        title = f"Edited portraits of {len(subjects)} validation subjects"
        found[title] = sides.agreement(interpreter, sides.edited(portraits, aus, size))
        log(f"{title}: done")
    for rig in (canonical_rig(), anny_rig()):
        title = f"Synthetic faces of {options.subjects} subjects, rig {rig.name}"
        examples = sides.rendered(rig, aus, options.subjects, size)
        found[title] = sides.agreement(interpreter, examples)
        log(f"{title}: done")
    page = _page(model.name, found, options)
    print(page)
    if options.write:
        with replacing(_ROOT / _PAGE) as unfinished:
            unfinished.write_text(page, encoding="utf-8")


def _check(options: argparse.Namespace) -> None:
    """Find out before minutes of work whether the options can be met."""
    require_least(options, subjects=1)
    if options.write:
        require_checkout(_ROOT, _PAGE)


def _page(
    model: str, found: dict[str, tuple["Agreement", ...]], options: argparse.Namespace
) -> str:
    from fau_tf.evaluation.sides import LEANS, LEVEL

    tables = [f"## {title}\n\n{_table(rows)}\n" for title, rows in found.items()]
    credits = f"Photos: {options.credit}\n\n" if options.credit else ""
    newline = "\n"
    leans = ", ".join(f"{lean:g}" for lean in LEANS)
    return f"""# Left and right

Written by `python -m fau_tf.cli.sides {options_used(options, _OPTIONS)}`: `{model}`,
[`--sides`](../guide/predict.md#left-and-right).

Each AU is shown alone at {LEVEL:g}, the mean of both sides, and leans to one side by {leans}: a
point of the face moves by 1 - lean x tanh(x / 1.5 cm), x to the image's right. Truth is the
intensity times the difference of that factor at the AU's two centers, up to 4.5. Furrows lean with
the movement in edits and stay even on rigs. The crops are made with the true landmarks. AU45 leans
in another way: one eye stays at {LEVEL:g} and the other is opened by the lean, so that the true
difference is {LEVEL:g} x lean; the rigs shut both eyes alike, so AU45 is not among their AUs.

- **Correlation**: Pearson's r of predicted with true L - R over all pictures of an AU.
- **Slope**: share of the true difference that is predicted; 1 would be all of it.
- **Stronger side told**: share of pictures with a lean of 0.9 whose stronger side has the higher
  intensity; 50 % is chance.
- **L - R of even sides**: mean absolute value where the lean is 0. People's own faces are not quite
  even.
- **The model's own**: mean absolute half of the sum of L - R of an even picture and of its mirrored
  copy, which is 0 in a symmetric model. It may exceed the column before, where it can cancel with
  what is in the face.

{credits}{newline.join(tables)}"""


def _table(rows: tuple["Agreement", ...]) -> str:
    def mean(name: str) -> float:
        return float(sum(getattr(one, name) for one in rows) / len(rows))

    formats = {"slope": ".2f", "stronger": ".0%", "even": ".2f", "bias": ".2f"}
    lines = [
        [
            one.label,
            f"{one.correlation:.2f} ({one.interval[0]:.2f} to {one.interval[1]:.2f})",
            *(format(getattr(one, name), form) for name, form in formats.items()),
        ]
        for one in rows
    ]
    means = (format(mean(name), form) for name, form in formats.items())
    return table(_HEADS, [*lines, ["mean", f"{mean('correlation'):.2f}", *means]])


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fau_tf.cli.sides",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--portraits", type=Path, metavar="SET", help="a set of portraits")
    parser.add_argument("--credit", default="", help="what the page says of its photos")
    parser.add_argument("--subjects", type=int, default=10, help="synthetic subjects a rig (10)")
    parser.add_argument("--model", type=Path, help=".tflite (the packaged one)")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE}")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
