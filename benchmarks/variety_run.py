"""One training of `variety.py`: variety_run.py FOLDER --tests FILE --set section.key=value ...

Trains on the people of the settings, judges on other sets, writes FOLDER/<run.name>/variety.json.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import tensorflow as tf

from fau_tf.data import datasets
from fau_tf.metrics import agreement
from fau_tf.models import heatmap_net
from fau_tf.training import fit, run_state, setup
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir

DATA = Path("data")


def main() -> None:
    """See the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--tests", type=Path, help="JSON: name of a set -> its settings")
    parser.add_argument("--only-faces", action="store_true", help="render, don't train")
    parser.add_argument("--asked", default="", help="kept in the result, to tell stale ones")
    options = parser.parse_args()
    config = load_config(None, options.set)
    with RunDir(options.folder / config.run.name) as run:
        tests = {
            name: setup.prepare_faces(load_config(None, changes), DATA, run.log)
            for name, changes in json.loads(options.tests.read_text()).items()
        }
        faces = setup.prepare_faces(config, DATA, run.log)
        if options.only_faces:
            return
        tf.config.threading.set_inter_op_parallelism_threads(1)
        setup.make_deterministic(config)
        split = datasets.random_subsets(faces, config.data_seed)
        learned = (*split["train"].subjects, *split["test"].subjects)  # others judge
        parts = {"train": faces.subset(learned), "validation": split["validation"]}
        fit.fit(heatmap_net.build(config.model), config, parts, run)
        (run / run_state.CHECKPOINT).unlink()
        net = keras.saving.load_model(run / run_state.BEST)
        (run / run_state.BEST).unlink()
        found = {name: judged(net, config, test) for name, test in tests.items()}
        run.write_json("variety.json", {"asked": options.asked, "tests": found})


def judged(net: keras.Model, config: Any, faces: datasets.FaceDataset) -> dict[str, Any]:
    """Return the agreement on all faces of a set."""
    spec, targets = config.model, setup.make_targets(config)
    part = faces.subset(faces.subjects)
    predicted = predict_intensity(net, spec, part.batches(targets, batch_size=64))
    return agreement.summary(part.labels(targets), predicted, spec.labels)


if __name__ == "__main__":
    main()
