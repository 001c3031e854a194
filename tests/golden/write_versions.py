"""Write what tests/golden/test_versions.py compares with: python tests/golden/write_versions.py."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np

from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record
from fau_tf.synthetic.sample import GENERATOR_VERSION
from fau_tf.training import fit, setup
from fau_tf.training.config import load_config
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import TRAINING_VERSION
from tests.helpers.ict_miniature import write_file
from tests.helpers.records import write_subsets

FACES = Path(__file__).with_name("generator_version.npz")
LOSS = Path(__file__).with_name("training_version.npz")
SEED, PEOPLE, SIDE = 7, (0, 1, 2), 80
SETTINGS = (
    "model.preset=tiny", "model.aus=disfa_bp4d", "data.record_size=80", "training.epochs=3",
    "training.batch_size=8", "training.warmup_steps=2", "training.threads=1",
)  # fmt: skip


def rendered_faces(rig, folder, seed=SEED):
    """Return (3, 80, 80, 3) uint8 records of three people of a rig."""
    ict = write_file(folder / "ict.npz") if rig == "ict" else None
    settings = SyntheticSet(
        people=10, faces_per_person=1, record_size=SIDE, seed=seed, rigs=(rig,), ict=ict
    )
    return np.stack([synthetic_record(settings, person, 0).image for person in PEOPLE])


def first_epochs(folder):
    """Return the training loss of three epochs of four steps."""
    parts = write_subsets(folder / "faces")
    config = load_config(None, SETTINGS)
    keras.utils.set_random_seed(1)
    with RunDir(folder / "run") as run:
        progress = fit.fit(setup.make_network(config), config, parts, run)
    return np.array([row["loss"] for row in progress.rows])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faces = {rig: rendered_faces(rig, folder) for rig in ("canonical", "ict", "anny")}
        np.savez_compressed(FACES, version=GENERATOR_VERSION, **faces)
        loss = first_epochs(folder)
        np.savez_compressed(LOSS, version=TRAINING_VERSION, loss=loss)


if __name__ == "__main__":
    main()
