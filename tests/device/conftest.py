import pytest

from export.checks.gpu_check import NO_DRIVER, software_driver


@pytest.fixture(autouse=True, scope="session")
def driver():
    """Fail without a driver: skipped device tests would look as if they had passed."""
    found = software_driver()
    if found is None:
        pytest.fail(NO_DRIVER)
    return found
