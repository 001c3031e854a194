"""The layer on JAX and PyTorch, against TensorFlow. `make test-backends` installs them apart."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.layer_checks import assert_close

PYTHON = "FAU_BACKENDS_PYTHON"
pytestmark = pytest.mark.skipif(
    not os.environ.get(PYTHON),
    reason=f"{PYTHON} names no Python with JAX and PyTorch: run `make test-backends`",
)


def outputs(python: str, backend: str, folder: Path) -> dict[str, np.ndarray]:
    path = folder / f"{backend}.npz"
    done = subprocess.run(
        [python, "-m", "tests.backends.scc_case", str(path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(np.load(path))


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return outputs(sys.executable, "tensorflow", tmp_path_factory.mktemp("tensorflow"))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_gives_what_tensorflow_gives(
    backend: str, tensorflow: dict[str, np.ndarray], tmp_path: Path
) -> None:
    got = outputs(os.environ[PYTHON], backend, tmp_path)
    assert got.pop("backend") == backend
    assert set(got) == set(tensorflow) - {"backend"}
    for name, value in got.items():
        if name.endswith("neighbors"):
            assert (value == tensorflow[name]).all(), f"{name}: {backend} chose others"
        else:
            # float32 sums in another order; a step of gradient descent does not add to it
            assert_close(value, tensorflow[name], 1e-5, f"{backend} {name}")
