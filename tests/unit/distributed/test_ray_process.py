"""Ray's processes get a home of their own; this process keeps its own."""

import contextlib
import os
from pathlib import Path

import pytest

from fau_tf.distributed.ray_process import home


@pytest.mark.parametrize("before", ["/somewhere", None])
def test_only_rays_processes_get_another_home(monkeypatch, tmp_path, before):
    if before is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", before)
    with contextlib.suppress(ZeroDivisionError), home(str(tmp_path)):
        assert Path("~/ray_bootstrap_config.yaml").expanduser().is_file()
        _ = 1 / 0
    assert os.environ.get("HOME") == before
