"""Tests that need a fresh process: XLA crashed beside others' libraries; threads are set once."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSIDE = "FAU_TEST_IN_OWN_PROCESS"


def passed_in_own_process(request):
    """Run the requesting test in a new pytest process; return False if this is that process.

    Raises:
        AssertionError: If it fails there.
    """
    if os.environ.get(INSIDE):
        return False
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--run-integration", request.node.nodeid],
        cwd=ROOT,
        env=os.environ | {INSIDE: "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout
    return True
