"""`python train_keras.py` as a user starts it, tiny; and the ways in which it can be stopped."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
TINY = {
    "model.preset": "tiny",
    "data.subjects": "20",
    "data.faces_per_subject": "2",
    "data.record_size": "80",
    "data.processes": "1",
    "training.epochs": "3",
    "training.batch_size": "8",
    "training.threads": "1",
    "training.warmup_steps": "2",  # of 12
    "training.checkpoint_seconds": "0",  # a checkpoint after each of the 12 steps
    "run.name": "tiny",
}
DEADLINE = 600  # seconds; a run takes 15 on an idle machine


class MainJob:
    """Runs in `folder`/runs/tiny over faces in `folder`/data.

    Args:
        folder: Where it works.
        changes: Settings other than `TINY`'s.
    """

    def __init__(self, folder, **changes):
        self.folder, self.run = folder, folder / "runs" / "tiny"
        settings = TINY | {name.replace("__", "."): value for name, value in changes.items()}
        sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        places = ["--runs", str(folder / "runs"), "--data", str(folder / "data")]
        self.command = [sys.executable, "train_keras.py", *places, *sets]
        self.process = None

    def start(self, *more, **options):
        """Return the process; what it prints goes into `folder`/log."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*self.command, *more], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, **options
            )

    def until(self, reached, number=signal.SIGKILL, *more):
        """Start; send the signal once `reached()`; return the exit code."""
        process = self.process = self.start(*more)
        try:
            wait_for(reached, process)
            if process.poll() is None:
                os.kill(process.pid, number)
            return process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()

    def log(self):
        """Return all that was printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def checkpoint_step(self):
        """Return the step of the checkpoint, 0 without one."""
        try:
            with np.load(self.run / "checkpoint.npz") as file:
                return json.loads(file["progress"].tobytes())["step"]
        except FileNotFoundError:
            return 0

    def writing_checkpoint(self):
        """Return whether a checkpoint is half written."""
        return any(path.stat().st_size for path in self.run.glob(".partial-*.npz"))

    def saves_on_signals(self):
        """Return whether the training that `until` started ends with a checkpoint on a signal.

        It does from the moment at which it handles SIGTERM, which nothing before it does.
        """
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        [caught] = [line.split()[1] for line in lines if line.startswith("SigCgt:")]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def trained(self):
        """Return whether training is over, and what it needed to go on is gone.

        The checkpoint goes last: whoever is killed just before leaves it to the next start.
        """
        over = (self.run / "trained.json").is_file()
        return over and not (self.run / "checkpoint.npz").exists()

    def result(self):
        """Return the bytes of the weights and of the history."""
        with zipfile.ZipFile(self.run / "best.keras") as file:
            return file.read("model.weights.h5"), (self.run / "history.csv").read_bytes()


def wait_for(reached, process):
    """Return once `reached()`, or the process has ended."""
    end = time.monotonic() + DEADLINE
    while process.poll() is None and not _true(reached):
        if time.monotonic() > end:
            raise TimeoutError(f"must be reached within {DEADLINE} s")
        time.sleep(0.0005)


def _true(reached):
    try:
        return reached()
    except FileNotFoundError:  # a file renamed while it was looked at
        return False
