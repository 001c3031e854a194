import fcntl

import pytest

from tests.helpers.main_job import MainJob


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished run of train_keras.py, made once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "trained"
    folder.mkdir(exist_ok=True)
    job = MainJob(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "log").exists():
            assert job.start().wait(300) == 0, job.log()
    return job
