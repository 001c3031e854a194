"""Mean and standard deviation over folds, seeds and networks."""

import json
import math
import statistics

import numpy as np
import pytest

from fau_tf.evaluation.comparison.spread import spread, spread_table, write_spread
from fau_tf.evaluation.predictions import Predictions
from fau_tf.metrics import agreement
from fau_tf.training.run_dir import RunDir

LABELS = ["AU06", "AU12"]


def predictions(seed, rare=False, labels=LABELS):
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 6, (60, 2)).astype(np.float32)
    if rare:
        coded[:, 1] = np.minimum(coded[:, 1], 1)  # F1 is undefined
    predicted = (coded + rng.normal(0, 1, coded.shape)).astype(np.float32)
    return Predictions(coded, predicted, [f"p{i % 6}" for i in range(60)], labels)


def test_mean_and_sd_are_those_of_a_plain_loop():
    parts = {f"fold{i}": predictions(i, rare=i == 3) for i in (1, 2, 3)}
    found = spread(parts)
    for metric in agreement.METRICS:
        for label in LABELS:
            values = [
                agreement.summary(one.coded, one.predicted, LABELS)["per_au"][label][metric]
                for one in parts.values()
            ]
            known = [value for value in values if not math.isnan(value)]
            assert len(known) == (2 if (metric, label) == ("f1", "AU12") else 3)
            assert found["count"]["per_au"][label][metric] == len(known)
            mean, sd = found["mean"]["per_au"][label], found["sd"]["per_au"][label]
            assert mean[metric] == pytest.approx(statistics.mean(known), rel=1e-12)
            assert sd[metric] == pytest.approx(statistics.stdev(known), rel=1e-9)
        means = [found["parts"][name]["mean"][metric] for name in parts]
        assert found["mean"]["mean"][metric] == pytest.approx(statistics.mean(means), rel=1e-12)
        assert found["sd"]["mean"][metric] == pytest.approx(statistics.stdev(means), rel=1e-9)
    lines = spread_table(found)
    assert "of fewer than 3, as a figure was undefined: AU12" in lines


def test_a_single_value_has_no_sd_and_none_no_mean():
    found = spread({"seed1": predictions(1, rare=True)})
    assert math.isnan(found["sd"]["mean"]["icc"])
    assert math.isfinite(found["mean"]["mean"]["icc"])
    assert math.isnan(found["mean"]["per_au"]["AU12"]["f1"])
    assert "nan where no frame is coded so: AU12" in spread_table(found)


def test_other_aus_are_refused():
    with pytest.raises(ValueError, match=r"same AUs: got \[\['AU06', 'AU12'\], \['AU06', 'AU17'"):
        spread({"a": predictions(1), "b": predictions(2, labels=["AU06", "AU17"])})


def test_it_is_printed_and_kept(tmp_path, capsys):
    with RunDir(tmp_path / "run") as run:
        parts = {f"seed{i}": predictions(i) for i in (1, 2)}
        found = write_spread(run, parts, "seeds", "run, disfa")
    printed = capsys.readouterr().out
    mean, sd = (found[name]["mean"]["icc"] for name in ("mean", "sd"))
    assert f"{mean:.3f} ± {sd:.3f}" in printed
    kept = json.loads((tmp_path / "run" / "seeds.json").read_text())
    assert kept["sd"]["mean"]["icc"] == sd
    assert "icc,sd," in (tmp_path / "run" / "seeds.csv").read_text()
    assert " & sd & " in (tmp_path / "run" / "seeds.tex").read_text()
