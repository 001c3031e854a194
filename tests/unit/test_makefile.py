"""Which run each target of the Makefile takes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("target", "default"), [("assets", "release"), ("export", "synthetic")])
def test_run_is_taken_from_the_command_line_and_from_the_environment(target, default):
    given = {"RUN", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"}  # also by the make that runs the tests
    bare = {name: value for name, value in os.environ.items() if name not in given}

    def shown(*variables, **environment):
        # What would be run, with the environment taken as made.
        command = ["make", "--no-print-directory", "-n", "-o", ".venv/.export", target, *variables]
        done = subprocess.run(
            command, cwd=ROOT, env=bare | environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert f'--run "runs/{default}"' in shown()
    assert '--run "runs/mine"' in shown("RUN=runs/mine")
    assert '--run "runs/mine"' in shown(RUN="runs/mine")
    assert '--run "runs/yours"' in shown("RUN=runs/yours", RUN="runs/mine")
