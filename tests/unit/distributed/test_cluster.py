"""Errors without Ray or without a cluster."""

import builtins
import contextlib
import os
import socket
import time
from pathlib import Path

import pytest

from fau_tf.cli import predict
from fau_tf.distributed import cluster as clusters
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(model, out, address):
    return predict.main(["x.png", "--cluster", address, "--model", str(model), "--out", str(out)])


def test_a_missing_ray_is_reported_with_its_extra(model, tmp_path, monkeypatch, capfd):
    real = builtins.__import__

    def missing(name, *arguments, **named):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert run(model, tmp_path, "local") == 2
    said = capfd.readouterr().err
    assert "No module named 'ray'" in said
    assert "`pip install '.[cluster]'` in the checkout of fau_tf" in said


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
def test_a_missing_cluster_is_reported_with_the_next_step(model, tmp_path, monkeypatch, capfd):
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    start = time.monotonic()
    assert run(model, tmp_path, f"127.0.0.1:{free_port()}") == 2
    # Not Ray's own patience, which is a minute.
    assert time.monotonic() - start < 20
    said = capfd.readouterr().err
    assert "no Ray cluster answers at 127.0.0.1" in said
    assert "ray start --head" in said


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
def test_a_ray_that_does_not_start_is_reported_in_one_line(model, tmp_path, monkeypatch, capfd):
    ray = pytest.importorskip("ray")

    def refuse(**_):
        raise RuntimeError("Timed out waiting for file gcs_server_port.\nmore")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    assert run(model, tmp_path, "local") == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert "not start on this machine: Timed out waiting for file gcs_server_port. Leave" in said


@pytest.mark.parametrize("address", ["", "here", "ray://head:10001", "head:port", "a b:6379"])
def test_an_address_is_local_or_host_and_port(address):
    with pytest.raises(clusters.ClusterError, match="expected local or HOST:PORT"):
        clusters._require_answer(address)


@pytest.mark.parametrize("before", ["/somewhere", None])
def test_only_rays_processes_get_another_home(monkeypatch, tmp_path, before):
    if before is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", before)
    with contextlib.suppress(ZeroDivisionError), clusters._home(str(tmp_path)):
        assert Path("~/ray_bootstrap_config.yaml").expanduser().is_file()
        _ = 1 / 0
    assert os.environ.get("HOME") == before
