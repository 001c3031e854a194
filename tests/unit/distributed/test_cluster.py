"""Errors without Ray or without a cluster."""

import builtins
import logging
import os
import socket
from types import SimpleNamespace

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


def require_ray():
    pytest.importorskip("ray")
    return clusters.require_ray()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
def test_a_missing_cluster_is_reported_with_the_next_step(model, tmp_path, monkeypatch, capfd):
    ray = require_ray()
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    # Ray's own patience is a minute.
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was asked"))
    assert run(model, tmp_path, f"127.0.0.1:{free_port()}") == 2
    said = capfd.readouterr().err
    assert "no Ray cluster answers at 127.0.0.1" in said
    assert "ray start --head" in said
    assert "set RAY_AUTH_MODE=token" in said


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
def test_a_ray_that_does_not_start_is_reported_in_one_line(model, tmp_path, monkeypatch, capfd):
    ray = require_ray()

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


@pytest.fixture
def started(monkeypatch):
    """Return what `ray.init` found when it was called; it starts nothing."""
    ray = require_ray()
    from ray._private import ray_constants, services

    found = {}

    def init(**_):
        found["address"] = services.get_node_ip_address()
        found["for workers"] = os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]
        os.environ["RAY_AUTH_MODE"] = "token"

    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray._private.worker, "_global_node", None)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 1})
    yield found
    assert ray_constants.ENABLE_RAY_CLUSTER
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
@pytest.mark.parametrize("before", ["disabled", None])
def test_a_local_cluster_stays_on_this_machine(started, monkeypatch, before):
    """Whenever Ray was imported; and afterwards the process is as it was."""
    if before is None:
        monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    else:
        monkeypatch.setenv("RAY_AUTH_MODE", before)
    with clusters.start_cluster("local", 1):
        pass
    assert started == {"address": "127.0.0.1", "for workers": "0"}
    assert os.environ.get("RAY_AUTH_MODE") == before


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
@pytest.mark.usefixtures("started")
def test_the_secret_of_a_local_cluster_goes_to_no_other():
    with clusters.start_cluster("local", 1):
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(clusters.ClusterError, match="in another process"),
            clusters.start_cluster(address, 1),
        ):
            pass


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
@pytest.mark.usefixtures("started")
def test_a_path_that_is_too_long_for_sockets_is_reported(monkeypatch):
    def refuse(**_):
        raise OSError("AF_UNIX path length cannot exceed 107 bytes")

    monkeypatch.setattr(require_ray(), "init", refuse)
    with (
        pytest.raises(clusters.ClusterError, match=r"107 bytes\. Leave .* set TMPDIR to a folder"),
        clusters.start_cluster("local", 1),
    ):
        pass


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray's own modules
@pytest.mark.usefixtures("started")
def test_a_program_keeps_its_cluster_and_its_settings(monkeypatch):
    ray = require_ray()
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    monkeypatch.setattr(context, "enable_progress_bars", True)
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    runtime = SimpleNamespace(gcs_address="127.0.0.1:6379")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: runtime)
    for address in ("local", "127.0.0.1:6379"):
        with clusters.start_cluster(address, 1):
            assert not context.enable_progress_bars
        assert context.enable_progress_bars
        assert logger.level == logging.INFO
    with (
        pytest.raises(clusters.ClusterError, match=r"uses the Ray cluster at 127\.0\.0\.1:6379"),
        clusters.start_cluster("head:6379", 1),
    ):
        pass
