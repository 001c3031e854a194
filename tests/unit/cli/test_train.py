"""Exit codes and last lines of train_keras.py."""

import pytest
import tensorflow as tf

from fau_tf.cli.train import Outcome, exit_code
from fau_tf.training.callbacks import Stopped


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (Outcome(0), 0, []),
        (Outcome(3), 1, ["3 frames were left out", "data.accept_dropped=true"]),
        (Outcome(0, ["   runs/x, float16: a reason"]), 1, ["not written:", "float16: a reason"]),
        (Outcome(2, ["   runs/x, int8: why"]), 1, ["int8: why", "2 frames were left out"]),
    ],
)
def test_what_is_left_to_be_said_ends_with_1(outcome, code, said, capsys):
    assert exit_code(lambda: outcome) == code
    printed = capsys.readouterr().err
    assert all(text in printed for text in said)
    assert bool(printed) == bool(said)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("a setting\nis wrong"), 2, "error: a setting is wrong"),
        (OSError("no place"), 2, "error: no place"),
        (tf.errors.DataLossError(None, None, "a record"), 2, "error: a record"),
        (Stopped("saved at step 3", 15), 143, "saved at step 3"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on"),
    ],
)
def test_what_ends_it_early_is_said_in_one_line(error, code, line, capsys):
    def work():
        raise error

    assert exit_code(work) == code
    assert capsys.readouterr().err == f"{line}\n"
