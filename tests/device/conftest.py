import pytest

from export.checks.gpu_run import NO_DRIVER, software_driver


@pytest.fixture(autouse=True, scope="session")
def driver():
    """A device test that finds no driver fails: skipped, it would look passed."""
    found = software_driver()
    if found is None:
        pytest.fail(NO_DRIVER)
    return found
