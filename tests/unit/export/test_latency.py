"""Structure and arithmetic of the measurement; times are not tested."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export import latency
from export.latency import caller, cpu_latency, figures, in_child, in_turn
from tests.helpers.tiny_model import SIZE, write_tiny_model

ROOT = Path(__file__).parents[3]
IMAGE = np.full((1, SIZE, SIZE, 3), 128, np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def test_every_model_is_timed_with_every_number_of_threads(model):
    found = cpu_latency({"a": model, "b": model.read_bytes()}, IMAGE, threads=(1, 2), rounds=2)
    assert list(found) == ["a", "b"]
    for row in found.values():
        assert list(row) == [1, 2]
        for taken in row.values():
            assert set(taken) == {"median_ms", "p90_ms"}
            assert all(map(math.isfinite, taken.values()))
            assert 0 < taken["median_ms"] <= taken["p90_ms"]


def test_the_child_works_where_tensorflow_is_missing(model, tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    task = {
        "models": {"a": str(model)},
        "image": str(tmp_path / "image.npy"),
        "threads": [1],
        "rounds": 1,
    }
    hidden = (
        "import sys\nsys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'matplotlib')))\n"
    )
    code = f"{hidden}from export.latency import main\nmain({task!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('{"a": {"1": {"median_ms": ')


def test_functions_take_turns_and_every_other_round_goes_backwards():
    order = []
    runs = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = in_turn(runs, rounds=2, burst=2)
    # two warm-up calls each; then a round of one untimed and two timed calls each, and back
    assert "".join(order) == "aabb" + "aaabbb" + "bbbaaa"
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 4, "b": 4}


def test_only_the_burst_is_timed(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    assert in_turn({"a": lambda: None}, rounds=2, burst=3) == {"a": [1] * 6}
    assert next(clock) == 12  # two readings for each of six calls, none for the untimed ones


def test_figures_are_median_and_ninetieth_percentile_in_milliseconds():
    seconds = [n / 1000 for n in range(11)]  # 0 to 10 ms
    found = figures(seconds[::-1])
    assert found["median_ms"] == pytest.approx(5)
    assert found["p90_ms"] == pytest.approx(9)


def test_an_image_of_another_size_is_refused(model):
    with pytest.raises(ValueError, match=r"must be \(1, 64, 64, 3\): got \(1, 32, 32, 3\)"):
        caller(model, 1, np.zeros((1, 32, 32, 3), np.float32))


@pytest.mark.parametrize(
    "change", [{"models": {}}, {"threads": ()}, {"threads": (0,)}, {"rounds": 0}], ids=str
)
def test_nothing_to_measure_is_refused(change, model):
    with pytest.raises(ValueError, match=r"at least 1: got "):
        cpu_latency(**({"models": {"a": model}, "image": IMAGE} | change))


def test_a_model_that_does_not_run_is_named_by_its_error(tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    with pytest.raises(RuntimeError, match="exit code 0: got 1, ValueError"):
        cpu_latency({"broken": broken}, IMAGE, rounds=1)


def test_a_child_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="no_such_module"):
        in_child("no_such_module", {})
