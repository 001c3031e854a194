"""Faces per core-hour with each rig and renderer, and faces per second of a whole set.

python benchmarks/synthetic.py [--quick] [--processes N] [--ict FILE] [--json FILE]

Rows of the ICT rig need a converted ICT-FaceKit, rows of the path tracer the extra `render`.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"  # one core
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fau_tf.data.record import jpeg
from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record

FACES = 5  # per subject, as in the default settings
PEOPLE = {"fast": 30, "path": 6}
QUICK = {"fast": 4, "path": 1}
SIZE = 160  # px


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each combination in turn, subject by subject; print medians."""
    options = _parse(argv)
    people = QUICK if options.quick else PEOPLE
    traced = importlib.util.find_spec("mitsuba") is not None
    sets = {
        (rig, renderer): SyntheticSet(
            people=100, faces_per_person=FACES, record_size=SIZE, seed=77, rigs=(rig,),
            renderers=(renderer,), ict=options.ict,
        )
        for rig, renderer in product(
            ("canonical", "ict") if options.ict else ("canonical",),
            ("fast", "path") if traced else ("fast",),
        )
    }  # fmt: skip
    table = [
        {"rig": rig, "renderer": renderer, "size": SIZE, "ms": 1000 * seconds,
         "faces_per_core_hour": round(3600 / seconds)}
        for (rig, renderer), seconds in _core_seconds(sets, people).items()
    ]  # fmt: skip
    print("| rig | renderer | ms per face | faces per core-hour |\n|---|---|---|---|")
    for row in table:
        cost = f"{row['ms']:.0f} | {row['faces_per_core_hour']}"
        print(f"| {row['rig']} | {row['renderer']} | {cost} |")
    if options.processes:
        for (rig, renderer), settings in sets.items():
            rate = _set_rate(replace(settings, people=10 * people[renderer]), options.processes)
            print(f"{rig}, {renderer}: {rate:.1f} faces/s with {options.processes} processes")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


def _core_seconds(
    sets: dict[tuple[str, str], SyntheticSet], people: dict[str, int]
) -> dict[tuple[str, str], float]:
    """Return the median CPU time of sampling, rendering, aligning and encoding a face."""
    for settings in sets.values():
        synthetic_record(settings, 99, 0)  # fills the caches
    spent: dict[tuple[str, str], list[float]] = {key: [] for key in sets}
    for person in range(max(people.values())):
        for key, settings in sets.items():
            if person < people[key[1]]:
                start = time.process_time()
                for face in range(FACES):
                    jpeg(synthetic_record(settings, person, face).image)
                spent[key].append((time.process_time() - start) / FACES)
    return {key: median(seconds) for key, seconds in spent.items()}


def _set_rate(settings: SyntheticSet, processes: int) -> float:
    """Return the faces per second of a generated set, the start of the processes included."""
    from fau_tf.data.synthetic_generate import generate

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate(settings, Path(folder), processes=processes, log=lambda _line: None)
        return settings.people * settings.faces_per_person / (time.perf_counter() - start)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="4 subjects instead of 30")
    parser.add_argument("--processes", type=int, default=0, help="also generate sets with so many")
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
