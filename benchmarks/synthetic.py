"""How many synthetic faces a second one core renders, and where the time goes.

python benchmarks/synthetic.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"  # one core
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fau_tf.data.record import MARGIN, jpeg
from fau_tf.face import align
from fau_tf.synthetic import generate

FACES = 5  # of each person, as the default settings have


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size in turn, person by person; print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 people instead of 30")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(argv)
    rig = generate.canonical_rig()
    spent: dict[int, list[float]] = {128: [], 160: []}
    encode: list[float] = []
    for person in range(4 if options.quick else 30):
        for size, seconds in spent.items():
            # Another person for each size: the second size must not find the first's atlas.
            start = time.process_time()
            for face in range(FACES):
                scene = generate.sample_scene(rig, person_seed=person * 1000 + size, face_seed=face)
                view = align.crop_matrix(generate.landmarks(scene), size, margin=MARGIN)
                image = generate.render(scene, size=size, view=view)
            seconds.append((time.process_time() - start) / FACES)
            start = time.process_time()
            jpeg(image)
            encode.append(time.process_time() - start)
    table = [
        {"size": size, "faces_per_core_second": 1 / median(seconds), "ms": 1000 * median(seconds)}
        for size, seconds in spent.items()
    ]
    for row in table:
        rate, cost = row["faces_per_core_second"], row["ms"]
        print(f"{row['size']} px: {rate:.0f} faces a second per core, {cost:.1f} ms each")
    print(f"JPEG: {1000 * median(encode):.2f} ms")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
