"""Run models on an emulated ARM processor; needs only LiteRT and NumPy.

    python arm_child.py INPUTS.npy OUT MODEL...

INPUTS is (N, 1, S, S, 3); OUT/<model>.<output>.npy gets (N, 1, ...) for each output.
"""

import platform
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(inputs: str, out: str, *models: str) -> None:
    for model in map(Path, models):
        run = Interpreter(model_path=str(model), num_threads=1).get_signature_runner()
        results = [run(image=image) for image in np.load(inputs)]
        for name in results[0]:
            values = np.stack([result[name] for result in results])
            np.save(Path(out, f"{model.stem}.{name}.npy"), values)
    print(platform.machine())  # noqa: T201 - tells the parent where this ran


if __name__ == "__main__":
    main(*sys.argv[1:])
