"""How many made faces a core renders in an hour, with each rig and renderer.

python benchmarks/synthetic.py [--quick] [--ict FILE] [--json FILE]

Rows of the ICT rig need a converted ICT-FaceKit, rows of the path tracer the extra `render`.
"""

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"  # one core
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fau_tf.data.record import jpeg
from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record

FACES = 5  # of each person, as the default settings have
PEOPLE = {"fast": 30, "path": 6}
SIZE = 160


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each combination in turn, person by person; print medians."""
    options = _options(argv)
    rigs = ("canonical", "ict") if options.ict else ("canonical",)
    traced = importlib.util.find_spec("mitsuba") is not None
    sets = {
        (rig, renderer): SyntheticSet(
            people=100, faces_per_person=FACES, record_size=SIZE, seed=77, rigs=(rig,),
            renderers=(renderer,), ict=options.ict,
        )
        for rig, renderer in product(rigs, ("fast", "path") if traced else ("fast",))
    }  # fmt: skip
    for settings in sets.values():
        synthetic_record(settings, 99, 0)  # what is made once is not a face's cost
    spent: dict[tuple[str, str], list[float]] = {key: [] for key in sets}
    encode = []
    for person in range(4 if options.quick else max(PEOPLE.values())):
        for key, settings in sets.items():
            if person >= (1 if options.quick else PEOPLE[key[1]]) and key[1] == "path":
                continue
            start = time.process_time()
            records = [synthetic_record(settings, person, face) for face in range(FACES)]
            spent[key].append((time.process_time() - start) / FACES)
            start = time.process_time()
            jpeg(records[0].image)
            encode.append(time.process_time() - start)
    table = [
        {
            "rig": rig,
            "renderer": renderer,
            "size": SIZE,
            "ms": 1000 * median(seconds),
            "faces_per_core_hour": round(3600 / median(seconds)),
        }
        for (rig, renderer), seconds in spent.items()
    ]
    print("| rig | renderer | ms a face | faces a core-hour |\n|---|---|---|---|")
    for row in table:
        cost = f"{row['ms']:.0f} | {row['faces_per_core_hour']}"
        print(f"| {row['rig']} | {row['renderer']} | {cost} |")
    print(f"\n{SIZE} px, drawing, rendering and aligning; JPEG {1000 * median(encode):.2f} ms more")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="4 people instead of 30")
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
