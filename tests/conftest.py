import contextlib
import importlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# As TensorFlow has it by itself on CPUs with AVX-512: the same arithmetic on all.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Two workers share two cores; more threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest

OPT_IN = ("integration", "slow", "data", "gpu")

# Derandomized: the same examples every time, so that a red run can be repeated.
hypothesis.settings.register_profile("ci", derandomize=True, max_examples=200, deadline=None)
hypothesis.settings.load_profile("ci")


def pytest_addoption(parser):
    for name in OPT_IN:
        parser.addoption(f"--run-{name}", action="store_true", help=f"also run {name} tests")


def pytest_configure(config):
    if config.getoption("--run-integration"):
        # before TensorFlow: a process that loads Mitsuba after it aborts at its exit (134)
        with contextlib.suppress(ImportError):
            importlib.import_module("drjit")


def pytest_collection_modifyitems(config, items):
    for item in items:
        for name in OPT_IN:
            if item.get_closest_marker(name) and not config.getoption(f"--run-{name}"):
                item.add_marker(pytest.mark.skip(reason=f"needs --run-{name}"))
