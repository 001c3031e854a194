"""A training with edited portraits beside rendered faces."""

import numpy as np
import pytest

from fau_tf.training import calibrate, fit, run_state, setup
from fau_tf.training.config import load_config
from fau_tf.training.run_dir import RunDir
from tests.helpers.own_process import passed_in_own_process
from tests.helpers.portraits import write_portraits

SETTINGS = (
    "model.preset=tiny", "data.subjects=10", "data.faces_per_subject=2", "data.record_size=80",
    "data.processes=1", "training.epochs=1", "training.batch_size=4", "training.imagenet=false",
    "training.threads=1", "augment.gray=0.3",
)  # fmt: skip


@pytest.mark.integration
def test_a_run_with_portraits_is_reproducible_and_reused_by_content(tmp_path, request):
    if passed_in_own_process(request):  # threads can be set before TensorFlow has computed
        return
    for name in ("one", "two"):
        write_portraits(tmp_path / name, size=80)
    rows = []
    for name in ("one", "two"):
        config = load_config(
            None, [*SETTINGS, f"run.name={name}", f'data.portraits=["{tmp_path / name}"]']
        )
        setup.make_deterministic(config)
        with RunDir(tmp_path / "runs" / name, alone=True) as run:
            faces = setup.prepare_faces(config, tmp_path / "data", run.log)
            subsets = setup.make_subsets(config, faces, setup.make_folds(config, faces)[0])
            setup.make_deterministic(config)
            rows.append(figures(fit.train(setup.make_network(config), config, subsets, run)))
            again = fit.train(setup.make_network(config), config, subsets, run)
            assert figures(again) == rows[-1]
    assert rows[0] == rows[1]
    assert rows[0][0][0] > 0


@pytest.mark.integration
def test_the_calibration_reads_portraits_of_validation_people_too(tmp_path, monkeypatch):
    write_portraits(tmp_path / "set", size=80)
    config = load_config(None, [*SETTINGS, f'data.portraits=["{tmp_path / "set"}"]'])
    monkeypatch.setattr(calibrate, "_PAIRS", 16)
    whole, given = calibrate.calibrate, []

    def keep(coded, peaks, subjects, *rest, **options):
        given.append((coded, peaks, subjects))
        return whole(coded, peaks, subjects, *rest, **options)

    monkeypatch.setattr(calibrate, "calibrate", keep)
    with RunDir(tmp_path / "run", alone=True) as run:
        faces = setup.prepare_faces(config, tmp_path / "data", run.log)
        subsets = setup.make_subsets(config, faces, setup.make_folds(config, faces)[0])
        setup.make_network(config).save(run / run_state.BEST)
        calibrate.calibrate_run(config, run, subsets["validation"])
    ((coded, peaks, subjects),) = given
    rendered = len(subsets["validation"].face_subjects())
    assert len(coded) == len(peaks) == len(subjects) == rendered + 32
    assert set(subjects[rendered:]) == {"c"}  # the only one of that part
    assert np.isfinite(coded[rendered:]).any()


def figures(done):
    """Return loss and MAE of each epoch; a correlation may be NaN, which equals nothing."""
    return [(row["loss"], row["mae"]) for row in done.rows]
